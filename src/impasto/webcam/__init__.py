"""Live painting: the newest frame of a camera is painted and shown in a window with keys.

One thread reads and keeps the newest frame only. The main thread paints it and shows it. Another
thread records. No thread waits for another: frames that arrive too soon are dropped.
"""
