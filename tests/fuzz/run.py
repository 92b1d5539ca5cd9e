"""Fuzzing of what is read from files: pictures, masks, style files. Looks for anything but a result
or an error of impasto's.

  python tests/fuzz/run.py --seconds 600 [--findings FOLDER]

By atheris, in one process: guided by what each input reaches in Pillow's Python and in impasto's.
Whatever is found (another exception, a crash, more than 2 GB, more than 30 seconds) is kept as a
file in FOLDER and ends it with another code than 0; that file, given instead of the options, is
tried again.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))
with atheris.instrument_imports(include=["PIL", "impasto"]):
    from corpus import Case, corpus
    from PIL import Image

    Image.init()  # the plugins too

    from impasto.errors import ImpastoError
    from impasto.images.reading import read, read_header
    from impasto.inference.frozen_norm import freeze_norms
    from impasto.inference.masks import parse_mask
    from impasto.models.gallery import gallery_style
    from impasto.models.network import Network, load_shipped
    from impasto.models.style import Style, encode_picture, read_style

import numpy as np
from onnx import helper, numpy_helper
from pictures import photo

PIXELS = 250_000  # more take time, and nothing else
BYTES = 1 << 17  # of an input


def try_file(path: Path) -> None:
    """Read a file as all that it may be. Raises nothing where all is well."""
    data = path.read_bytes()[:9]
    with contextlib.suppress(ImpastoError):
        if data[8:] == b"{":
            style = read_style(path)
            _ = style.picture
            if style.own:
                freeze_norms(style.own.graph)
                style.embedding(style.own)
            return
        header = read_header(path)
        if header.width * header.height <= PIXELS:
            read(path)
            parse_mask(str(path))


def seeds() -> Iterator[Case]:
    """What fuzzing begins with: sound pictures, some that are hostile already, and style files."""
    yield from (
        case
        for case in corpus(flips=0, bombs=False)
        if len(case.data) <= BYTES and not case.name.startswith("cut")
    )
    style = gallery_style("udnie")
    with tempfile.TemporaryDirectory() as folder:
        for name, each in {
            "gallery": style,
            "picture": Style(
                "tulip", {}, {}, {"title": "Tulip"}, remembered=encode_picture(photo(40, 30))
            ),
            "own": Style("tulip", {"own": np.ones(4, np.float32)}, {"own": "cafe"}, {}, tiny()),
            "normalized": replace(style, embeddings={}, hashes={}),
        }.items():
            path = Path(folder) / f"{name}.safetensors"
            each.save(path)
            yield Case(path.name, path.read_bytes())


def tiny() -> Network:
    """A network of a few operations: a convolution that is normalized, scaled and shifted."""
    weights: dict[str, Any] = {
        "kernel": np.ones((2, 3, 3, 3), np.float32),
        "back": np.ones((3, 2, 1, 1), np.float32),
        **{
            name: np.array(value, np.int64)
            for name, value in {"start": [0], "end": [4], "axis": [1], "axes": [2, 3]}.items()
        },
        **{name: np.full(2, value, np.float32) for name, value in {"one": 1, "none": 0}.items()},
    }
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["features"], pads=[1, 1, 1, 1]),
        helper.make_node(
            "InstanceNormalization", ["features", "one", "none"], ["normal"], epsilon=1e-5
        ),
        helper.make_node("Slice", ["embedding", "start", "end", "axis"], ["part"]),
        helper.make_node("Unsqueeze", ["part", "axes"], ["spread"]),
        helper.make_node("Split", ["spread"], ["scale", "shift"], axis=1, num_outputs=2),
        helper.make_node("Mul", ["normal", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["shifted"]),
        helper.make_node("Conv", ["shifted", "back"], ["picture"]),
    ]
    sides: dict[str, Any] = {
        "image": [1, 3, "h", "w"],
        "embedding": [1, 4],
        "picture": [1, 3, "h", "w"],
    }
    values = {name: helper.make_tensor_value_info(name, 1, shape) for name, shape in sides.items()}
    held_in = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(
        nodes, "tiny", [values["image"], values["embedding"]], [values["picture"]], held_in
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    return replace(
        load_shipped("small"),
        name="own",
        hash="cafe",
        embedding_size=4,
        graph=model.SerializeToString(),
        predictor=b"",
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument(
        "--findings",
        type=Path,
        default=Path(),
        help="folder for what is found. [default: this one]",
    )
    parser.add_argument("again", type=Path, nargs="?", help="a finding, to be tried again")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.again:
        try_file(options.again)
        return
    options.findings.mkdir(parents=True, exist_ok=True)
    if child := os.fork():
        # in a child, as libFuzzer limits the peak of memory, which otherwise is that of what
        # started this, if that is more
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "seeds").mkdir()
        for case in seeds():
            (folder / "seeds" / case.name).write_bytes(case.data)
        path = folder / "tried"

        def one_input(data: bytes) -> None:
            path.write_bytes(data)
            try_file(path)

        limits = [
            f"-max_total_time={options.seconds}",
            f"-max_len={BYTES}",
            "-timeout=30",
            "-rss_limit_mb=2048",
        ]
        where = f"-artifact_prefix={options.findings.resolve()}/"
        atheris.Setup(
            [sys.argv[0], *limits, where, "-print_final_stats=1", str(folder / "seeds")], one_input
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
