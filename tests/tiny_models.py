"""Networks and graphs for tests, made of those that ship."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from impasto.models import validation
from impasto.models.network import Network


def changed(graph: bytes, change: Callable[[Any], object]) -> bytes:
    """A graph, serialized, after a change of its model."""
    model = onnx.load_model_from_string(graph)
    change(model)
    return model.SerializeToString()


def older(network: Network) -> Network:
    """A network of an older gallery: nothing that ships belongs to it. It has one weight more,
    which nothing takes."""
    unused = numpy_helper.from_array(np.ones(1, np.float16), f"unused{validation.HALF}")
    graph = changed(network.graph, lambda model: model.graph.initializer.append(unused))
    code = validation.weights_hash(onnx.load_model_from_string(graph))
    assert code and code != network.hash
    return replace(network, graph=graph, hash=code, photo=None)
