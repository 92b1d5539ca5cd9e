"""The studio: loaded networks, lanes of jobs, results, and figures, behind all requests."""

import asyncio
import importlib.util
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from impasto.errors import ImpastoError
from impasto.models.default_network import AUTO, FALLBACK
from impasto.models.gallery import gallery_names
from impasto.models.network import network_path
from impasto.server.jobs import Job, Kind, Result
from impasto.server.lanes import Lane, be_nice
from impasto.server.metrics import Metrics
from impasto.server.problems import Problem
from impasto.server.settings import ServerSettings
from impasto.server.store import JobStore
from impasto.stylizer import Stylizer

FIRST_RATE = 1_000_000.0  # pixels a second of a network that has not painted yet
RATE_WEIGHT = 0.3  # of the newest picture in the mean
WARM_UP_SIDE = 64  # pixels
READERS = 2  # requests whose files are read into memory at a time

logger = logging.getLogger("impasto.server")


class Studio:
    """All that outlives a request.

    Pictures and long jobs (videos, training, optimization) have a lane each: a picture does not
    wait for a video. Both share the loaded networks.

    Args:
        settings: of the server.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.pictures = Lane("pictures", settings.queue)
        self.long = Lane("long", settings.queue)
        self.store = JobStore()
        self.metrics = Metrics(self)
        self.is_warm = not settings.warm_up
        self.is_draining = False
        self._stylizers: dict[str, Stylizer] = {}
        self._rates: dict[str, float] = {}
        self._lock = threading.Lock()
        self.reading = asyncio.Semaphore(READERS)
        self._warming = ThreadPoolExecutor(1, "impasto-warm-up", be_nice)
        if settings.warm_up:
            self._warming.submit(self._warm_up)

    def __repr__(self) -> str:
        return f"Studio({self.pictures!r}, {self.long!r})"

    @property
    def lanes(self) -> tuple[Lane, Lane]:
        """All lanes."""
        return self.pictures, self.long

    @property
    def networks(self) -> list[str]:
        """The networks of the gallery in use."""
        return [name for name in ("base", "small", "large") if network_path(name).is_file()]

    @property
    def default_network(self) -> str:
        """The network of a picture where neither request nor server names one."""
        return FALLBACK if self.settings.network == AUTO else self.settings.network

    def lane_of(self, kind: Kind) -> Lane:
        """Return the lane that does this kind of work."""
        return self.pictures if kind in ("stylize", "predict") else self.long

    def stylizer(self, network: str) -> Stylizer:
        """Load a network, once for all requests.

        Raises:
            NetworkError: it does not exist, or cannot be loaded.
        """
        settings = self.settings
        with self._lock:
            if network not in self._stylizers:
                self._stylizers[network] = Stylizer(
                    network,
                    settings.engine,
                    settings.threads,
                    settings.precision,
                    settings.device,
                )
            return self._stylizers[network]

    def _warm_up(self) -> None:
        """Load the default network and paint a small picture, so that the first request is fast."""
        try:
            black = np.zeros((WARM_UP_SIDE, WARM_UP_SIDE, 3), np.uint8)
            self.stylizer(self.default_network).stylize(black, gallery_names()[0])
        except (ImpastoError, RuntimeError) as error:
            logger.error("cannot warm up: %s", error)
        self.is_warm = True

    def estimate(self, network: str | None, pixels: int) -> float:
        """Estimate the seconds of painting so many pixels, by the pictures painted so far."""
        name = self.default_network if network in (None, AUTO) else str(network)
        return pixels / self._rates.get(name, FIRST_RATE)

    def measured(self, network: str, pixels: int, seconds: float) -> None:
        """Take note of the time that a picture took."""
        rate = pixels / max(seconds, 1e-6)
        with self._lock:
            last = self._rates.get(network, rate)
            self._rates[network] = (1 - RATE_WEIGHT) * last + RATE_WEIGHT * rate
        self.metrics.painted(network, pixels, seconds)

    def check_room(self, kind: Kind, key: str | None) -> None:
        """Check that there is a place in a queue, before files are read into memory.

        A request with an idempotency key may ask for a job that is done, and needs none.

        Raises:
            Problem: 503, as there is none.
        """
        lane = self.lane_of(kind)
        if lane.is_full and key is None:
            raise lane.refusal()

    def check_ready(self) -> None:
        """Check that the server can take a picture now.

        Raises:
            Problem: 503, as it shuts down, warms up, or the queue is full.
        """
        if self.is_draining:
            raise Problem(503, "cannot take requests: impasto shuts down")
        if not self.is_warm:
            raise Problem(503, "cannot take requests yet: impasto loads its networks")
        if self.pictures.is_full:
            raise self.pictures.refusal()

    def submit(
        self,
        kind: Kind,
        work: Callable[[Job], Result],
        seconds: float,
        *,
        listed: bool,
        key: str | None = None,
        digest: str = "",
    ) -> Job:
        """Put work into the queue of its lane, or find the job of an earlier request of its key.

        Args:
            kind: the kind of work.
            work: does it, in the thread of the lane.
            seconds: that it will take, as estimated.
            listed: whether clients may ask for the job by its id.
            key: idempotency key of the request.
            digest: hash of all that the request says.

        Raises:
            Problem: 503, as the queue is full; 422, as another request had the same key.
        """
        if key and (known := self.store.find(key, digest)):
            known.listed = known.listed or listed
            return known
        job = Job(kind, work, seconds, listed)
        self.lane_of(kind).submit(job)
        self.store.add(job, key, digest)
        return job

    def cancel(self, job: Job) -> None:
        """Cancel a job that waits or is in work."""
        self.lane_of(job.kind).cancel(job)

    def drain(self) -> None:
        """Take no more work, drop all that waits, and finish what a client waits for."""
        self.is_draining = True
        for lane in self.lanes:
            lane.close(lambda job: not job.listed)

    @property
    def is_idle(self) -> bool:
        """Whether no lane works."""
        return not any(lane.running for lane in self.lanes)

    def close(self, timeout: float = 5.0) -> None:
        """Cancel all work, wait for the threads, and free the results."""
        self.is_draining = True
        for lane in self.lanes:
            lane.close(lambda _: False)
        end = time.monotonic() + timeout
        for lane in self.lanes:
            lane.join(max(0.0, end - time.monotonic()))
        self._warming.shutdown(wait=False, cancel_futures=True)
        self.store.clear()


def has_torch() -> bool:
    """Tell whether PyTorch is installed, without loading it."""
    return importlib.util.find_spec("torch") is not None
