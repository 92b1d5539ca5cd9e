"""Run the command line by `python -m impasto`."""

from impasto.cli import run

run()
