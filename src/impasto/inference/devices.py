"""Choose the device that paints, and test it against the CPU before it paints anything."""

import os
import time
import warnings
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from impasto.engines import base
from impasto.engines.devices import AUTO, CPU, Device, list_candidates
from impasto.errors import DeviceWarning, NetworkError, one_line
from impasto.models.network import NOISE, Network
from impasto.models.noise import noise_at

VARIABLE = "IMPASTO_DEVICE"  # a device to take where none is named
TEST_SIDE = 64  # pixels of the test picture
# Largest difference of any pixel to the CPU, of 255 levels, in the precision that is chosen by
# itself and in f32, on the test picture. On larger ones, single pixels differ more.
MAX_LEVELS = 2
# The same for the mean, where another precision was asked for: bf16 comes within 3. What is broken
# is black, or noise.
MAX_MEAN_LEVELS = 4
# Seconds of the second run, from which "auto" prefers the CPU. A GPU takes milliseconds; drivers
# that compute in software, as Mesa and browsers have, take seconds.
MAX_TEST_SECONDS = 0.5


class Choice(NamedTuple):
    """The device that paints, and in which precision.

    Attributes:
        engine: name of the engine, or "auto".
        device: name of the device.
        precision: as `impasto.engines.base.load_engine` takes it.
    """

    engine: str
    device: str
    precision: str

    @property
    def measuring_precision(self) -> str:
        """Precision for statistics: they overflow in float16."""
        return self.precision if self.device == CPU else "f32"


def choose_device(
    network: Network, engine: str, device: str, precision: str, threads: int | None = None
) -> Choice:
    """Choose the first device that paints a test picture as the CPU does.

    The CPU itself is not tested.

    Args:
        network: the network that will paint.
        engine: "auto", or the name of an engine.
        device: "auto" (a GPU that is worth it, else the CPU, with a warning if a GPU fails), or
            the name of a device. The environment variable `IMPASTO_DEVICE` names another default
            than "auto".
        precision: "auto" (f16 where it comes near the CPU, else f32), or the name of one.
        threads: threads to compute with on the CPU.

    Raises:
        NetworkError: the device that was asked for is missing or fails, and why.
    """
    if device == AUTO:
        device = os.environ.get(VARIABLE) or AUTO
    failures: list[str] = []
    test = _SelfTest(network, threads)
    for candidate in list_candidates(engine, device, precision):
        if candidate.name == CPU:
            _warn(failures)
            return Choice(engine, CPU, precision)
        try:
            chosen = test.find_precision(candidate, precision, in_time=device == AUTO)
        except NetworkError as error:
            failures.append(f"{candidate} cannot paint: {error}")
        else:
            if device == AUTO:
                _warn(failures, str(candidate))
            return Choice(candidate.engine, candidate.name, chosen)
    raise NetworkError(f"{'; '.join(failures)}; use --device cpu, or see `impasto doctor`")


def _warn(failures: list[str], chosen: str = "the CPU") -> None:
    for failure in failures:
        message = f"{failure}; painting on {chosen} instead (--device cpu avoids the test)"
        warnings.warn(message, DeviceWarning, stacklevel=4)


class _SelfTest:
    """Paints a test picture on a device and on the CPU, and compares."""

    def __init__(self, network: Network, threads: int | None) -> None:
        self._network, self._threads = network, threads

    def find_precision(self, device: Device, precision: str, in_time: bool) -> str:
        """Return the first precision in which a device passes.

        Args:
            device: the device to test.
            precision: the precision that was asked for.
            in_time: whether a device that takes long fails.

        Raises:
            NetworkError: there is none, and why.
        """
        tried = list(_precisions(device, precision))
        for place, candidate in enumerate(tried):
            try:
                self._compare(device, candidate, in_time)
            except NetworkError:
                if place == len(tried) - 1:
                    raise
            else:
                return candidate
        raise AssertionError("no precision to try")

    def _compare(self, device: Device, precision: str, in_time: bool) -> None:
        """Raise NetworkError if a device does not paint the test picture as the CPU does."""
        try:
            painted, seconds = self._paint(device.engine, device.name, precision)
        except NetworkError:
            raise
        except Exception as error:  # drivers and engines raise what they like
            raise NetworkError(f"it failed in a test ({one_line(error)})") from error
        if painted.shape != self._expected.shape:
            raise NetworkError(f"it painted {painted.shape} in a test")
        difference = np.abs(painted.astype(int) - self._expected)
        largest, mean = int(difference.max()), float(difference.mean())
        strict = precision in ("f16", "f32")
        if (largest > MAX_LEVELS) if strict else (mean > MAX_MEAN_LEVELS):
            raise NetworkError(
                f"in {precision} it painted a test picture {largest} of 255 levels off the CPU,"
                f" {mean:.1f} on average"
            )
        if in_time and seconds > MAX_TEST_SECONDS:
            raise NetworkError(
                f"it takes {seconds:.1f} s for {TEST_SIDE}x{TEST_SIDE} pixels, as drivers do that"
                " compute in software"
            )

    @cached_property
    def _expected(self) -> Any:
        """The test picture as the CPU paints it, int (1, H, W, 3)."""
        return self._paint(AUTO, CPU, "f32")[0].astype(int)

    def _paint(self, engine: str, device: str, precision: str) -> tuple[base.Array, float]:
        """Paint the test picture, uint8 (1, H, W, 3), in a style of random numbers, twice.

        Returns:
            The painting, and the seconds of the second run.
        """
        network = self._network
        loaded = base.load_engine(
            network.graph, engine, self._threads, precision, pixels=True, cache=True, device=device
        )
        y, x = np.mgrid[:TEST_SIDE, :TEST_SIDE]
        picture = np.stack([4 * x, 4 * y, x ^ y], axis=-1).astype(np.uint8)[None]
        style = np.random.default_rng(0).normal(0.5, 0.3, (1, network.embedding_size))
        noise = [noise_at(TEST_SIDE, TEST_SIDE)] if NOISE in loaded.inputs else []
        inputs: list[base.Array] = [picture, style.astype(np.float32), *noise]
        loaded.run(*inputs)  # the first run may compile
        began = time.perf_counter()
        painted: base.Array = loaded.run(*inputs)
        return painted, time.perf_counter() - began


def _precisions(device: Device, precision: str) -> Iterator[str]:
    """List the precisions to try on a device, fastest first."""
    if precision != AUTO:
        yield precision
    else:
        yield "f16"
        if device.kind != "npu":  # which has no other
            yield "f32"
