"""impasto import: networks of the PyTorch examples made styles."""

from pathlib import Path
from typing import Annotated

import typer

from impasto.cli import console, options
from impasto.cli.requirements import require_learning
from impasto.models.style import SUFFIX, name_of


def import_(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT", help="A state dict: .pth, .model or .safetensors, of any width."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Style file to write. [default: CHECKPOINT.safetensors here]"
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the style. [default: from the output, or from CHECKPOINT]"),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output if it exists.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Make a style of a fast_neural_style checkpoint of the PyTorch examples (TransformerNet).

    The style owns its network, so it paints pictures and videos as it did, whatever --network says,
    and mixes with other styles by pixels. Checkpoints are loaded as tensors alone: one that wants
    to run code is refused. What the style paints is compared with the checkpoint in PyTorch, and
    the largest difference is told.

    Examples:

      impasto import candy.pth && impasto stylize photo.jpg --style candy.safetensors

      impasto import epoch_2.model -o styles/feathers.safetensors --name feathers

      impasto stylize clip.mp4 --style candy.safetensors

      impasto benchmark --style candy.safetensors
    """
    target = output or Path(f"{checkpoint.stem}{SUFFIX}")
    if target.suffix.lower() != SUFFIX:
        raise typer.BadParameter(f"-o {target} does not end in {SUFFIX}, as style files do")
    if target.exists() and checkpoint.exists() and target.samefile(checkpoint):
        raise typer.BadParameter(
            f"{target} is the checkpoint itself, which is never overwritten; give another -o"
        )
    if target.exists() and not overwrite:
        raise typer.BadParameter(f"{target} exists; --overwrite replaces it, or give another -o")
    require_learning("read checkpoints")
    from impasto.learning.conversion import pytorch_examples

    imported = pytorch_examples.import_checkpoint(
        checkpoint, name or name_of((output or checkpoint).stem)
    )
    imported.style.save(target)
    record = {
        "output": str(target),
        "name": imported.style.name,
        "widths": imported.widths,
        "blocks": imported.blocks,
    }
    difference = f"largest difference to PyTorch, of pixels in 0..1: {imported.difference:.2g}"
    line = f"{target} ({imported.described}; {difference})"
    console.result(line, record | {"largest_difference": imported.difference}, json)
