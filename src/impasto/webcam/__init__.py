"""Live: the newest frame of a camera painted and shown, in a window with keys.

A thread reads and keeps the newest frame only; the main thread paints it, shows it and hands it to
a thread that records.
Nobody waits for another: what comes too soon is dropped.
"""
