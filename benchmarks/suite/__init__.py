"""Benchmarks whose results are kept, by asv; see benchmarks/README.md.

They count CPU seconds, not seconds, so that other work on the machine hardly shows.
"""
