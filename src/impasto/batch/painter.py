"""Paint pictures in several threads at once, as many as cores and memory allow."""

import threading

from impasto.batch.budget import Budget
from impasto.batch.outputs import FileTask
from impasto.inference.file_pipeline import FileOptions, FilePainting, PaintedFile
from impasto.inference.tile_grid import MAX_UNTILED_PIXELS, TILE_SIDE, pixels_in_memory
from impasto.progress import Advance
from impasto.stylizer import Stylizer

# Pixels of the largest picture that is painted beside others. A larger one has all cores and the
# memory for itself, so that it is done as soon as may be.
MAX_SHARED_PIXELS = 24_000_000
# Pixels of all pictures that are held at once: at least these, three large photographs, and eight
# times those that are painted in the free memory. A pixel that is held takes about 9 bytes, and
# one that is painted 220.
MIN_HELD_PIXELS = 3 * MAX_SHARED_PIXELS
HELD_PER_PAINTED = 8
EXTRA_THREADS = 2  # that read and write while all cores paint


class StoppedError(BaseException):
    """Ends a painting in work when its run ends, past all handlers."""


class PicturePainter:
    """Reads, paints and writes pictures, each in the thread that calls.

    A picture is painted by one of the threads of a CPU while others paint other pictures: that
    takes less time for all than to paint one after the other with all threads.

    Args:
        stylizer: the loaded network.
        options: how pictures are read and written.
        pictures: number of pictures of the run.

    Attributes:
        threads: number of threads that keep all cores busy.
        stop: when it is set, `paint` begins no painting, and gives up what needs more than one run
            of a network.
    """

    def __init__(self, stylizer: Stylizer, options: FileOptions, pictures: int) -> None:
        capacity = max(1, pixels_in_memory(options.memory))
        streams = max(1, min(stylizer.threads, pictures, capacity // TILE_SIDE**2))
        self._options = options
        self._alone, self._shared = stylizer, stylizer.in_streams(streams)
        self._painted = Budget(capacity)
        self._held = Budget(max(MIN_HELD_PIXELS, HELD_PER_PAINTED * capacity))
        self._capacity = capacity
        self.threads = streams + EXTRA_THREADS
        self.stop = threading.Event()

    def __repr__(self) -> str:
        return f"PicturePainter({self._alone!r}, threads={self.threads})"

    def paint(self, task: FileTask, advance: Advance) -> PaintedFile:
        """Paint a picture, when there is memory for it.

        Args:
            task: the file to read, the file to write, and how it is painted.
            advance: called with the fraction of work done since the last call.

        Raises:
            Exception: as of `FilePainting`, `FilePainting.read` and `FilePainting.paint`.
            StoppedError: the run ends.
        """
        painting = FilePainting(task.source, task.target, self._options)
        is_alone = painting.pixels > MAX_SHARED_PIXELS
        stylizer = self._alone if is_alone else self._shared
        # a small stroke is painted on an enlarged picture
        painted = min(
            MAX_UNTILED_PIXELS, round(painting.pixels / min(1, task.settings.stroke) ** 2)
        )
        with self._held.take(painting.pixels):
            painting.read()
            with self._painted.take(self._capacity if is_alone else painted):
                self._check()
                write = painting.paint(stylizer, task.settings, self._stoppable(advance))
            return write()

    def _stoppable(self, advance: Advance) -> Advance:
        done = 0.0

        def advance_or_stop(share: float) -> None:
            nonlocal done
            advance(share)
            done += share
            if done < 1 - 1e-6:  # what is painted is written
                self._check()

        return advance_or_stop

    def _check(self) -> None:
        if self.stop.is_set():
            raise StoppedError
