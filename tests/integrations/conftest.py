"""A stand-in for ComfyUI: what the pack imports of it, and no more."""

import importlib.util
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

PACK = Path(__file__).parents[2] / "integrations" / "comfyui"


@dataclass(frozen=True)
class Slot:
    """An input or output of a node."""

    type: str
    id: str = ""
    options: dict[str, Any] = field(default_factory=dict)


def slot_type(name: str) -> Any:
    """A type of the schema, such as `io.Image`."""
    return SimpleNamespace(
        Input=lambda id, **options: Slot(name, id, options),
        Output=lambda display_name="", **options: Slot(name, display_name, options),
    )


class NodeOutput:
    def __init__(self, *values: Any) -> None:
        self.values = values


@dataclass
class Comfy:
    """What happened in the stand-in.

    Attributes:
        pack: the module of the nodes.
        models: the folder of models.
        progress: all calls of `set_progress`.
        cancelled: whether the user has pressed Cancel.
    """

    pack: Any
    models: Path
    progress: list[tuple[float, float, Any]]
    cancelled: bool = False


class Interrupted(BaseException):
    """As that of ComfyUI, which is no Exception."""


@pytest.fixture
def comfy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Comfy]:
    """The pack, loaded as ComfyUI loads it."""
    pytest.importorskip("torch")
    state = Comfy(None, tmp_path / "models", [])

    def set_progress(value: float, max_value: float, preview_image: Any = None) -> None:
        state.progress.append((value, max_value, preview_image))

    def throw_exception_if_processing_interrupted() -> None:
        if state.cancelled:
            raise Interrupted

    types = ("Image", "Mask", "Combo", "Float", "Int", "Boolean", "String")
    io = SimpleNamespace(
        **{name: slot_type(name.upper()) for name in types},
        Custom=slot_type,
        Input=Slot,
        Schema=lambda **facts: SimpleNamespace(**facts),
        ComfyNode=object,
        NodeOutput=NodeOutput,
    )
    api = SimpleNamespace(execution=SimpleNamespace(set_progress=set_progress))
    modules: dict[str, dict[str, Any]] = {
        "folder_paths": {"models_dir": str(state.models)},
        "comfy": {},
        "comfy.model_management": {
            "throw_exception_if_processing_interrupted": throw_exception_if_processing_interrupted
        },
        "comfy_api": {},
        "comfy_api.latest": {
            "io": io,
            "ComfyAPISync": lambda: api,
            "ComfyExtension": type("ComfyExtension", (), {}),
        },
    }
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    state.pack = load_pack(monkeypatch)
    yield state


def load_pack(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load the folder as a package of its own, and return its module of nodes."""
    name = "comfyui_pack"
    for known in [module for module in sys.modules if module.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, known)
    spec = importlib.util.spec_from_file_location(
        name, PACK / "__init__.py", submodule_search_locations=[str(PACK)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    assert inspect.iscoroutinefunction(module.comfy_entrypoint)
    return sys.modules[f"{name}.nodes"]
