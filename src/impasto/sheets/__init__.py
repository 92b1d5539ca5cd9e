"""Sheets of many pictures: contact sheets, comparisons and sweeps."""
