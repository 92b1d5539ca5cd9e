"""Neural style transfer that works at once."""

__version__ = "0.1.0"
