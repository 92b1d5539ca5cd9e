"""Run the command line by `python -m impasto`."""

from impasto.cli import main

main()
