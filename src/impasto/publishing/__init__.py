"""Styles and networks for others: model cards, and uploads to the Hugging Face Hub."""
