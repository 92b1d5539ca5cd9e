"""impasto serve: the page that paints, and the HTTP API."""

import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from impasto.cli import console, options
from impasto.cli.requirements import require_serving

if TYPE_CHECKING:
    from impasto.server.settings import ServerSettings

LISTENING = "Address and access"
LIMITS = "Limits"
PAGE = "Page"
TOKEN_VARIABLE = "IMPASTO_TOKEN"


def serve(
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Listen at this address. Any other than this machine's own needs a token.",
            rich_help_panel=LISTENING,
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            help="Listen at this port; 0 is any free one.",
            rich_help_panel=LISTENING,
        ),
    ] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar=TOKEN_VARIABLE,
            help="Ask for this secret; better set the variable, as others see command lines."
            " [default: none on this machine; else impasto makes one up and prints it]",
            rich_help_panel=LISTENING,
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-origin",
            metavar="ORIGIN",
            help="Let pages of this origin call the API, such as https://example.org. May be"
            " repeated.",
            rich_help_panel=LISTENING,
        ),
    ] = None,
    queue: Annotated[
        int,
        typer.Option(
            "--queue",
            min=1,
            max=1000,
            help="Let so many requests wait for the painter; more are refused with 503.",
            rich_help_panel=LIMITS,
        ),
    ] = 8,
    max_upload: Annotated[
        float,
        typer.Option(
            "--max-upload",
            metavar="MB",
            min=0.001,
            help="Refuse requests of more megabytes.",
            rich_help_panel=LIMITS,
        ),
    ] = 256,
    max_pixels: Annotated[
        int,
        typer.Option("--max-pixels", min=1, help="Refuse larger pictures.", rich_help_panel=LIMITS),
    ] = 50_000_000,
    open_page: Annotated[
        bool | None,
        typer.Option(
            "--open/--no-open",
            help="Open the page in a browser. [default: where impasto runs in a terminal]",
            rich_help_panel=PAGE,
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="DIR",
            help="Write the page to a folder, for any host of static files, and end. There it"
            " paints in the browser.",
            rich_help_panel=PAGE,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Write into the folder of --export if it is not empty.",
            rich_help_panel=PAGE,
        ),
    ] = False,
    network: Annotated[
        Literal["auto", "base", "large", "small"],
        typer.Option(
            "--network",
            "-n",
            help="Paint with this network where a request names none; auto takes large for styles"
            " of the gallery, and base for videos and for pictures as styles.",
            rich_help_panel=options.ENGINE,
        ),
    ] = "auto",
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    json: options.Json = False,
) -> None:
    """Serve the page that paints, and the HTTP API.

    Ctrl-C ends the server: it takes no more requests, and finishes the painting in work.

    Examples:

      impasto serve

      impasto serve --port 9000 --network small --no-open

      IMPASTO_TOKEN=a-long-secret-word impasto serve --host 0.0.0.0

      impasto serve --export public/

      curl -F image=@photo.jpg -F style=starry-night localhost:8000/v1/stylize -o painted.jpg
    """  # noqa: D412  # blank lines part paragraphs of the help text
    if export is not None:
        _export(export, overwrite, json)
        return
    require_serving()
    # here, as other verbs do without the extra
    from impasto.server.run import serve as run
    from impasto.server.settings import ServerSettings, choose_token

    settings = ServerSettings(
        host=host,
        port=port,
        token=choose_token(host, token),
        network=network,
        queue=queue,
        max_upload=int(max_upload * 1e6),
        max_pixels=max_pixels,
        engine=engine,
        device=device,
        precision=precision,
        threads=threads,
        allow_origins=_origins(allow_origin or []),
    )
    opens = sys.stderr.isatty() if open_page is None else open_page
    run(settings, lambda address: _report(settings, address, opens, token is None, json))


def _report(
    settings: "ServerSettings", address: str, opens: bool, is_new: bool, json: bool
) -> None:
    """Print where the server is, and open the page."""
    shown = address if is_new else address.partition("?")[0]
    record = {"address": shown, "token_required": settings.token is not None}
    console.result(f"impasto serves {shown}", record, json)
    if settings.token and is_new:
        console.note(f"the token was made up; set {TOKEN_VARIABLE} to keep one")
    console.note("Ctrl-C ends the server")
    if opens:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _origins(origins: list[str]) -> tuple[str, ...]:
    """Check origins as browsers send them."""
    for origin in origins:
        scheme, separator, host = origin.partition("://")
        if scheme not in ("http", "https") or not separator or not host or "/" in host:
            raise typer.BadParameter(
                f"--allow-origin {origin}: it is no origin; write it as https://example.org"
            )
    return tuple(origins)


def _export(folder: Path, overwrite: bool, json: bool) -> None:
    """Write the page to a folder."""
    from impasto.server.site import export_site

    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise typer.BadParameter(
            f"cannot write --export {folder}: it is not empty; --overwrite writes into it"
        )
    paths = export_site(folder)
    size = sum(path.stat().st_size for path in paths)
    line = f"{folder} ({len(paths)} files, {size / 1e6:.1f} MB)"
    console.result(line, {"output": str(folder), "files": len(paths), "bytes": size}, json)
