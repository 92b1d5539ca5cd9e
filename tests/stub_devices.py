"""Graphics cards that this machine does not have: real engines on the CPU that say otherwise."""

from collections.abc import Callable
from typing import Any

import pytest

from impasto.engines import base
from impasto.engines.devices import Device

Change = Callable[[Any], Any]


class StubEngine:
    """An engine of the CPU under the name of a device, with its paintings changed."""

    def __init__(self, real: base.Engine, device: str, precision: str, change: Change) -> None:
        self.name, self.inputs = real.name, real.inputs
        self.device, self.precision = device, precision
        self._real, self._change = real, change

    def run(self, *inputs: Any) -> Any:
        return self._change(self._real.run(*inputs))


class StubDevices:
    """Makes devices appear, and notes what is loaded on them.

    Attributes:
        loaded: device, precision and whether pixels are taken, of each engine.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.loaded: list[tuple[str, str, bool]] = []
        self._devices: list[Device] = []
        self._changes: dict[tuple[str, str], Change] = {}
        real = base.load_engine

        def load_engine(
            graph: bytes,
            engine: str = "auto",
            threads: int | None = None,
            precision: str = "auto",
            pixels: bool = False,
            *more: Any,
            device: str = "cpu",
            **options: Any,
        ) -> Any:
            if device == "cpu":
                return real(graph, engine, threads, precision, pixels, *more, **options)
            self.loaded.append((device, precision, pixels))
            change = self._changes[device, "f16" if precision == "auto" else precision]
            loaded = real(graph, "auto", threads, "f32", pixels)
            return StubEngine(loaded, device, precision, change)

        patch.setattr(base, "load_engine", load_engine)
        patch.setattr(
            "impasto.engines.devices.find_devices",
            lambda engine="auto", thorough=True, doubtful=False: [
                device for device in self._devices if engine in ("auto", device.engine)
            ],
        )
        patch.delenv("IMPASTO_DEVICE", raising=False)

    def add(self, device: Device, change: Change = lambda x: x, f32: Change | None = None) -> None:
        """Add a device whose paintings are changed: in float16, and otherwise in float32."""
        self._devices.append(device)
        self._changes |= {(device.name, each): change for each in ("f16", "bf16")}
        self._changes[device.name, "f32"] = f32 or change
