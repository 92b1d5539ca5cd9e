"""The verb `impasto import`: checkpoints of the PyTorch examples as styles."""

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
            "--output", "-o", help="Write this style file. [default: CHECKPOINT.safetensors here]"
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name the style. [default: from the output, or from CHECKPOINT]"),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output if it exists.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Import a fast_neural_style checkpoint of the PyTorch examples (TransformerNet) as a style.

    The style owns its network: it paints pictures and videos as the checkpoint does, whatever
    --network says. It mixes with other styles by pixels. impasto loads the tensors of a checkpoint
    only, and refuses one that would run code. It compares the painting of the style with that of
    the checkpoint in PyTorch, and prints the largest difference.

    Examples:
      impasto import candy.pth && impasto stylize photo.jpg --style candy.safetensors

      impasto import epoch_2.model -o styles/feathers.safetensors --name feathers

      impasto stylize clip.mp4 --style candy.safetensors

      impasto benchmark --style candy.safetensors
    """
    target = output or Path(f"{checkpoint.stem}{SUFFIX}")
    if target.suffix.lower() != SUFFIX:
        raise typer.BadParameter(
            f"cannot write -o {target}: style files end in {SUFFIX}; give such a name"
        )
    if target.exists() and checkpoint.exists() and target.samefile(checkpoint):
        raise typer.BadParameter(
            f"cannot write {target}: it is the checkpoint itself, which is never overwritten; give "
            "another -o"
        )
    if target.exists() and not overwrite:
        raise typer.BadParameter(
            f"cannot write {target}: it exists; --overwrite replaces it, or give another -o"
        )
    options.check_writable([target])
    require_learning("import checkpoints")
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
        "largest_difference": imported.difference,
    }
    difference = f"largest difference to PyTorch, of pixels in 0..1: {imported.difference:.2g}"
    console.result(f"{target} ({imported.described}; {difference})", record, json)
