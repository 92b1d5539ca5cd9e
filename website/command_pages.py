"""Pages of the command line, from the help texts."""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import typer

from impasto.cli.app import app

ARGUMENTS = "Arguments"


def command_pages() -> dict[str, str]:
    """Return a page in Markdown for each verb, by its name."""
    group: Any = typer.main.get_command(app)
    with group.make_context("impasto", [], resilient_parsing=True) as root:
        return {name: _page(verb, root) for name, verb in group.commands.items()}


def _page(verb: Any, root: Any) -> str:
    with verb.make_context(verb.name, [], parent=root, resilient_parsing=True) as context:
        verb = context.command  # loaded now
        usage = verb.get_usage(context).removeprefix("Usage: ")
        tables = "\n".join(_tables(verb, context))
    head = f"# impasto {verb.name}\n\n{verb.short_help}\n\n```sh\n{usage}\n```"
    return f"{head}\n\n{_help(verb.help)}\n\n{tables}\n"


def _help(text: str) -> str:
    """Return a help text without its first line, and its indented examples as code."""
    parts = text.split("\n\n")[1:]
    blocks = []
    for is_code, block in groupby(parts, key=lambda part: part.startswith("  ")):
        if is_code:
            examples = "\n".join(part.removeprefix("  ") for part in block)
            blocks.append(f"```sh\n{examples}\n```")
        else:
            blocks.extend(block)
    return "\n\n".join(blocks)


def _tables(verb: Any, context: Any) -> Iterator[str]:
    """Yield the lines of a table for each panel of options."""
    panels: dict[str, list[tuple[str, str]]] = {}
    for param in verb.get_params(context):
        record = param.get_help_record(context)
        if record and not getattr(param, "hidden", False):
            panel = ARGUMENTS if param.param_type_name == "argument" else param.rich_help_panel
            panels.setdefault(panel or "Options", []).append(record)
    for panel in sorted(panels, key=lambda name: name != ARGUMENTS):
        kind = "Argument" if panel == ARGUMENTS else "Option"
        yield f"## {panel}\n\n| {kind} | Meaning |\n|---|---|"
        for names, text in panels[panel]:
            yield f"| <code>{_plain(names)}</code> | {_plain(text)} |"
        yield ""


def _plain(text: str) -> str:
    """Write a text for a cell of a table so that no character of it is a mark of Markdown."""
    return re.sub(r"[|\[\]*_<>&`]", lambda mark: f"&#{ord(mark[0])};", " ".join(text.split()))
