"""impasto export: networks for other programs."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from impasto import export as exporting
from impasto.cli import console, options
from impasto.cli.requirements import require_learning
from impasto.errors import ImpastoError
from impasto.export import ExportResult
from impasto.files import os_reason, write_atomically
from impasto.models.network import Network
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
            help="A gallery name, any picture, a style file or a mix; or base, small or a network file, without a style.",
        ),
    ],
    form: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="[default: by the suffix of the output, or onnx]"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write. [default: STYLE.NETWORK and the suffix of the format, here]",
        ),
    ] = None,
    network: options.Network = "base",
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Of onnx and openvino: 8-bit pixels in and out.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that exist.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Write a network with one style inside, for other programs. What it paints is compared with
    what paints here.

    onnx (.onnx) and openvino (.xml, and .bin beside it) take `image`, float32 (1, 3, height,
    width), RGB in 0..1, and give `picture`, the same; with --pixels they take `pixels`, uint8 (1,
    height, width, 3), RGB, and give `painted`, the same. Height and width are multiples of 8, from
    16 on. `impasto stylize` mirrors 24 pixels or more beyond each edge first, as `numpy.pad(...,
    mode="symmetric")` does, and cuts them off afterwards; with that, the same comes out.

    A network without a style also takes `embedding`, float32 (1, size): the tensor
    `embedding.NETWORK` of a style file.

    pytorch (.pth, .pt, .safetensors) is a state dict for
    `impasto.learning.networks.transformer.TransformerNetwork`, in float32, and `embedding` (size,)
    beside it, which is taken out before it is loaded:

      network = TransformerNetwork(ARCHITECTURES["base"]).eval()

      state = torch.load("starry-night.base.pth", weights_only=True)

      embedding = state.pop("embedding")

      network.load_state_dict(state)

      picture = network(image, embedding[None], network.noise(height, width))

    Of an imported style, it is the state dict of the PyTorch examples: RGB in 0..255 in and out.

    Examples:

      impasto export starry-night -o starry-night.onnx

      impasto export tulip.jpg --network small --pixels -o tulip.onnx

      impasto export my-style.safetensors --format openvino -o my-style.xml

      impasto export starry-night:0.7,great-wave:0.3 --format pytorch -o mixed.pth

      impasto export small -o small.onnx
    """
    suffix = output.suffix.lower() if output else SUFFIXES[form or "onnx"][0]
    chosen = form or next((name for name, suffixes in SUFFIXES.items() if suffix in suffixes), None)
    if not chosen or suffix not in SUFFIXES[chosen]:
        known = SUFFIXES[chosen] if chosen else sum(SUFFIXES.values(), ())
        raise typer.BadParameter(f"-o {output} ends in none of {' '.join(known)}")
    if pixels and chosen == "pytorch":
        raise typer.BadParameter(
            "--pixels is of onnx and openvino; a network of PyTorch takes RGB in 0..1"
        )
    found, embedding, name = exporting.find_export(style, network)
    target = output or Path(
        f"{name}.{found.name}{suffix}" if embedding is not None else f"{name}{suffix}"
    )
    written = [target, target.with_suffix(".bin")] if chosen == "openvino" else [target]
    for path in written:
        if path.exists() and not overwrite:
            raise typer.BadParameter(f"{path} exists; --overwrite replaces it, or give another -o")
    exported = _exported(chosen, found, embedding, pixels, suffix)
    for each, data in exported.files.items():
        path = target.with_suffix(each)
        try:
            write_atomically(path, data)
        except OSError as error:
            raise ImpastoError(f"cannot write {path}: {os_reason(error)}") from error
    record: dict[str, Any] = {
        "output": str(target),
        "files": [str(path) for path in written],
        "format": chosen,
    }
    record |= {
        "style": None if embedding is None else name,
        "network": found.name,
        "hash": found.hash,
    }
    files, rounding = " and ".join(map(str, written)), ", with rounding to 8 bits" if pixels else ""
    line = f"{files} ({chosen}; largest difference, of pixels in 0..1{rounding}: {exported.difference:.2g})"
    console.result(line, record | {"largest_difference": exported.difference}, json)


def _exported(
    form: str, network: Network, embedding: Embedding | None, pixels: bool, suffix: str
) -> ExportResult:
    if form != "pytorch":
        return (exporting.onnx_files if form == "onnx" else exporting.openvino_files)(
            network, embedding, pixels
        )
    require_learning("write files of PyTorch")
    from impasto.learning.conversion import state_dict

    return state_dict.files(network, embedding, suffix)
