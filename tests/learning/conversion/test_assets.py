"""The graphs that are kept for tests are those that are exported now."""

import exports
import numpy as np
import onnx
import pytest
import torch

from impasto.engines.base import load_engine
from impasto.learning.conversion import onnx_export
from impasto.learning.networks.johnson import Johnson
from impasto.learning.networks.transformer import TransformerNetwork

from ..tiny import johnson, pictures


def random_module(number: int) -> TransformerNetwork | Johnson:
    """Of a kind that is kept; other weights than those that it was exported with."""
    torch.manual_seed(1)
    made = exports.modules()[number]
    number -= len(exports.NETWORKS)
    return made if number < 0 else johnson(*exports.IMPORTED[number], seed=1)


@pytest.mark.slow
@pytest.mark.export
@pytest.mark.parametrize("number", range(len(exports.NETWORKS) + len(exports.IMPORTED)))
def test_what_is_kept_is_what_is_exported(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    module = random_module(number)
    fresh = exports.graph_of(module)
    monkeypatch.setattr(onnx_export, "exported", exports.kept)
    kept = exports.graph_of(module)
    one, other = (onnx.load_model_from_string(graph) for graph in (fresh, kept))
    for model in (one, other):
        del model.graph.metadata_props[:]  # ranges of sides, in an order that varies
    if (
        one.producer_version == other.producer_version
    ):  # other versions of PyTorch may say it in other words
        assert one == other
    said = onnx_export.stored_tensors(kept)[1]
    assert said == onnx_export.stored_tensors(fresh)[1]
    given = [pictures(1, height=72, width=96), 0.5 + torch.rand(1, int(said["embedding_size"]))]
    if any(each.name == "noise" for each in one.graph.input):
        given.append(torch.rand(1, 1, 36, 48))
    found, expected = (
        load_engine(graph, threads=1, precision="f32").run(*(each.numpy() for each in given))
        for graph in (kept, fresh)
    )
    assert expected.std() > 0.03
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_files_are_kept_for_nothing_else() -> None:
    assert len(list(exports.ASSETS.glob("*.onnx"))) == len(exports.NETWORKS) + len(exports.IMPORTED)


def test_what_is_not_kept_is_told() -> None:
    with pytest.raises(AssertionError, match=r"imported-4-4-4-2\.onnx is not kept"):
        exports.graph_of(johnson((4, 4, 4), 2))
