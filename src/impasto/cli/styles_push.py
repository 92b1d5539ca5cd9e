"""impasto styles push: upload styles to the Hugging Face Hub."""

from pathlib import Path
from typing import Annotated

import typer

from impasto.cli import console, options
from impasto.models.style import Style
from impasto.publishing.files import collect_files
from impasto.publishing.model_card import LICENSES, check_license
from impasto.publishing.push import parse_repository, push


def styles_push(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Style files, network files, gallery names, or folders: a whole gallery.",
        ),
    ],
    repository: Annotated[
        str, typer.Argument(metavar="REPO", help="Name the repository: user/repo.")
    ],
    license: Annotated[
        str | None,
        typer.Option(
            "--license",
            metavar="ID",
            help=f"State what others may do with the styles (required): {', '.join(LICENSES)}, or"
            " another license of the Hub.",
            rich_help_panel=options.COMMON,
        ),
    ] = None,
    private: Annotated[
        bool,
        typer.Option(
            "--private", help="Make a new repository private.", rich_help_panel=options.COMMON
        ),
    ] = False,
    keep_pictures: Annotated[
        bool,
        typer.Option(
            help="Upload the pictures that styles were learned from, which are in their files: a"
            " style without its picture cannot be remade for other networks.",
            rich_help_panel=options.COMMON,
        ),
    ] = True,
    photo: Annotated[
        Path | None,
        typer.Option(
            "--photo",
            help="Paint this photograph as the preview of each style. [default: the previews of a"
            " gallery, or the pictures that the files keep]",
            rich_help_panel=options.COMMON,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Upload styles to the Hugging Face Hub, with a model card.

    The repository is made if it does not exist. A style file keeps the picture that it was learned
    from, so upload only what you may publish. It needs `pip install 'impasto[hub]'`, and a token
    that may write: `hf auth login`.

    Examples:

      impasto styles push tulip.safetensors you/styles --license cc-by-4.0

      impasto styles push my-gallery/ you/gallery --license cc0-1.0 --photo photo.jpg --private

      impasto stylize photo.jpg --style hf:you/styles/tulip
    """  # noqa: D412  # blank lines part paragraphs of the help text
    if check_license(license) not in LICENSES:
        console.note(
            f"the license {license} is none of {', '.join(LICENSES)}; the Hub refuses it unless"
            " it knows it"
        )
    parse_repository(repository)
    collected = collect_files(files, keep_pictures)
    keepers = [
        style.name
        for style in collected.values()
        if isinstance(style, Style) and style.remembered is not None
    ]
    if keepers:
        console.note(
            f"uploading the pictures that these styles were learned from: {', '.join(keepers)};"
            " they are in the files, and --no-keep-pictures leaves them out"
        )
    result = push(collected, repository, license, private=private, photo=photo)
    facts = {"repository": result.repository, "commit": result.commit, "url": result.url}
    for name in result.names:
        console.result(name, {"name": name, **facts}, json)
