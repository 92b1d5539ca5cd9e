"""The verb `impasto export`: networks for other programs."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from impasto import export as exporting
from impasto.cli import console, options
from impasto.cli.requirements import require_learning
from impasto.errors import ImpastoError
from impasto.export import ExportResult
from impasto.files import os_reason, write_atomically
from impasto.models.network import MULTIPLE, Network
from impasto.models.style import Embedding

Format = Literal["onnx", "pytorch", "openvino"]
SUFFIXES: dict[Format, tuple[str, ...]] = {
    "onnx": (".onnx",),
    "pytorch": (".pth", ".pt", ".safetensors"),
    "openvino": (".xml",),
}


def export(
    style: Annotated[
        str,
        typer.Argument(
            metavar="STYLE|NETWORK",
            help="A gallery name, any picture, a style file or a mix; or large, base, small or a "
            "network file, for a network without a style.",
        ),
    ],
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            "-f",
            help="Choose the format. [default: by the suffix of the output, or onnx]",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write this file. [default: STYLE.NETWORK and the suffix of the format, here]",
        ),
    ] = None,
    network: options.Network = "base",
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Take and give 8-bit pixels; onnx and openvino only.")
    ] = False,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="WxH",
            help="Export for pictures of this width and height only, with all constants computed;"
            " onnx and openvino only. OpenCV and others without dynamic shapes need it.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that exist.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Write a network with one style inside, for other programs.

    impasto compares the painting of the export with its own, and prints the largest difference.

    onnx (.onnx) and openvino (.xml, and .bin beside it) take `image`, float32 (1, 3, height,
    width), RGB in 0..1, and give `picture`, the same; with --pixels they take `pixels`, uint8 (1,
    height, width, 3), RGB, and give `painted`, the same. Height and width are multiples of 16,
    from 32 on. `impasto stylize` mirrors 32 pixels or more beyond each edge first, as
    `numpy.pad(..., mode="symmetric")` does, and cuts them off afterwards. Do the same
    for the same painting.

    With --size, height and width are fixed, and the graph holds no nodes that count from them;
    this needs ONNX Runtime (pip install 'impasto[onnxruntime]').

    A network without a style also takes `embedding`, float32 (1, size): the tensor
    `embedding.NETWORK` of a style file.

    pytorch (.pth, .pt, .safetensors) is a state dict for
    `impasto.learning.networks.transformer.TransformerNetwork`, in float32, and `embedding` (size,)
    beside it. Take the embedding out before you load the network:

      network = TransformerNetwork(ARCHITECTURES["base"]).eval()

      state = torch.load("starry-night.base.pth", weights_only=True)

      embedding = state.pop("embedding")

      network.load_state_dict(state)

      picture = network(image, embedding[None], network.noise(height, width))

    For an imported style, it is the state dict of the PyTorch examples: RGB in 0..255 in and out.

    Examples:
      impasto export starry-night -o starry-night.onnx

      impasto export tulip.jpg --network small --pixels -o tulip.onnx

      impasto export my-style.safetensors --format openvino -o my-style.xml

      impasto export starry-night:0.7,great-wave:0.3 --format pytorch -o mixed.pth

      impasto export starry-night --size 640x480 -o for-opencv.onnx

      impasto export small -o small.onnx
    """
    chosen, suffix = _choose_format(form, output)
    if pixels and chosen == "pytorch":
        raise typer.BadParameter(
            "cannot use --pixels with pytorch: its networks take RGB in 0..1; use --format onnx or "
            "openvino"
        )
    sides = _parse_size(size) if size else None
    if sides and chosen == "pytorch":
        raise typer.BadParameter(
            "cannot use --size with pytorch: its networks take any size; use --format onnx or "
            "openvino"
        )
    source, embedding, name = exporting.find_export(style, network)
    target = output or Path(
        f"{name}.{source.name}{suffix}" if embedding is not None else f"{name}{suffix}"
    )
    paths = [target, target.with_suffix(".bin")] if chosen == "openvino" else [target]
    for path in paths:
        if path.exists() and not overwrite:
            raise typer.BadParameter(
                f"cannot write {path}: it exists; --overwrite replaces it, or give another -o"
            )
    options.check_writable(paths)
    exported = _export(chosen, source, embedding, pixels, suffix, sides)
    _write_files(exported, target)
    record: dict[str, Any] = {
        "output": str(target),
        "files": [str(path) for path in paths],
        "format": chosen,
        "style": None if embedding is None else name,
        "network": source.name,
        "hash": source.hash,
        "largest_difference": exported.difference,
    }
    rounding = ", with rounding to 8 bits" if pixels else ""
    difference = f"largest difference, of pixels in 0..1{rounding}: {exported.difference:.2g}"
    console.result(f"{' and '.join(map(str, paths))} ({chosen}; {difference})", record, json)


def _parse_size(text: str) -> tuple[int, int]:
    """Parse WIDTHxHEIGHT; return height and width.

    Raises:
        BadParameter: it is no size that networks take.
    """
    match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text.strip())
    size = (int(match[2]), int(match[1])) if match else (0, 0)
    if any(side % MULTIPLE or side < exporting.MIN_EXPORT_SIDE for side in size):
        raise typer.BadParameter(
            f"cannot use --size {text}: it is no WIDTHxHEIGHT of multiples of {MULTIPLE}, from"
            f" {exporting.MIN_EXPORT_SIDE} up; write --size 640x480"
        )
    return size


def _choose_format(form: Format | None, output: Path | None) -> tuple[Format, str]:
    """Choose the format, by the output where none is named, and the suffix of the file.

    Raises:
        BadParameter: the output does not end in a suffix of the format.
    """
    suffix = output.suffix.lower() if output else SUFFIXES[form or "onnx"][0]
    chosen = form or next((name for name, suffixes in SUFFIXES.items() if suffix in suffixes), None)
    if not chosen or suffix not in SUFFIXES[chosen]:
        known = SUFFIXES[chosen] if chosen else sum(SUFFIXES.values(), ())
        seen = f"unsupported extension {suffix}" if suffix else "it has no extension"
        raise typer.BadParameter(f"cannot write -o {output}: {seen}; use {' '.join(known)}")
    return chosen, suffix


def _export(
    form: Format,
    network: Network,
    embedding: Embedding | None,
    pixels: bool,
    suffix: str,
    size: tuple[int, int] | None,
) -> ExportResult:
    """Export to one of the formats."""
    if form == "onnx":
        return exporting.export_onnx(network, embedding, pixels, size)
    if form == "openvino":
        return exporting.export_openvino(network, embedding, pixels, size)
    require_learning("write files of PyTorch")
    from impasto.learning.conversion import state_dict

    return state_dict.export_state_dict(network, embedding, suffix)


def _write_files(exported: ExportResult, target: Path) -> None:
    """Write the files of an export beside each other.

    Raises:
        ImpastoError: the disk or the folder takes no file.
    """
    for suffix, data in exported.files.items():
        path = target.with_suffix(suffix)
        try:
            write_atomically(path, data)
        except OSError as error:
            raise ImpastoError(f"cannot write {path}: {os_reason(error)}") from error
