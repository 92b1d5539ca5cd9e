"""Export the graphs that tests need and keep them here: python tests/assets/make.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import exports
from exports import graph_of, modules, path_of, without_weights

from impasto.learning.conversion import onnx_export, pytorch_examples
from impasto.learning.networks.johnson import Johnson


def main() -> None:
    for old in exports.ASSETS.glob("*.onnx"):
        old.unlink()
    for module in modules():
        graph = graph_of(module)
        path = path_of(onnx_export.stored_tensors(graph)[1])
        whole = pytorch_examples.StyledJohnson(module) if isinstance(module, Johnson) else module
        path.write_bytes(without_weights(graph, whole))
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
