"""Output of the command line: bars of files in work."""

import io

from rich.console import Console
from rich.progress import Progress as Bar

from impasto.cli.console import file_progress
from impasto.progress import Progress


def test_the_bar_shows_the_file_in_work() -> None:
    """A picture in per cent, a video in frames, and each file from its beginning."""
    bar = Bar(console=Console(file=io.StringIO()))
    show = file_progress(bar)
    (task,) = bar.tasks
    assert not task.visible
    show(Progress(0.25, 1, "a.jpg", unit="file"))
    assert (task.visible, task.description, task.completed, task.total) == (True, "a.jpg", 25, 100)
    show(Progress(0.5, 2, "clip.mp4", 10, 20, "frame"))
    assert (task.description, task.completed, task.total) == (
        "clip.mp4, 5.0 frames a second",
        10,
        20,
    )
    show(Progress(0.0, 3, "b.jpg", unit="file"))
    assert (task.description, task.completed, task.total) == ("b.jpg", 0, 100)
