"""impasto styles pull: fetch styles from the Hugging Face Hub, to paint with them offline."""

from typing import Annotated

import typer

from impasto.cli import EXIT_SOME_FAILED, console, options
from impasto.errors import ImpastoError
from impasto.hub import list_files, parse_reference
from impasto.publishing.files import pull_file


def styles_pull(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="REPO[/STYLE][@REVISION]...",
            help="Fetch these styles or networks, or all of a repository.",
        ),
    ],
    json: options.Json = False,
) -> None:
    """Fetch styles from the Hugging Face Hub, check them, and print their names.

    The names hold the commit, so that they always mean the same files, and work offline. Fetching
    beforehand is not needed: `--style hf:user/repo/style` does it. It needs
    `pip install 'impasto[hub]'`. `impasto styles --pulled` lists what was fetched.

    Examples:

      impasto styles pull user/styles

      impasto styles pull user/styles/tulip@main

      impasto stylize photo.jpg --style hf:user/styles/tulip
    """  # noqa: D412  # blank lines part paragraphs of the help text
    failed = False
    for name in names:
        reference = parse_reference(name, whole=True)
        for one in [reference] if reference.path else list_files(reference):
            try:
                pinned, file = pull_file(one)
            except ImpastoError as error:
                console.failed(console.failure(str(one), error), json)
                failed = True
                continue
            facts = {"input": str(one), "name": str(pinned), "style": file.name}
            console.result(str(pinned), facts, json)
    if failed:
        raise typer.Exit(EXIT_SOME_FAILED)
