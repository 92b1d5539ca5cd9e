"""The command line as one app, which loads a verb when it is called."""

import importlib
import math
import types
import typing
from functools import cached_property
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from impasto import __version__
from impasto.cli import EXIT_INTERRUPTED, console, options, raise_interrupts
from impasto.cli.verbs import VERBS, Verb

# typer has click inside itself or beside it, by its version
UsageError: type[Any] = typer.BadParameter.__bases__[0]


class _Verbs(TyperGroup):
    """All verbs, of which none is loaded before it is called.

    Typer has no means of its own for this. The usual way is that of "Lazily loading subcommands" in
    the documentation of click; here help and completion of names load no verb either.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for verb in VERBS:
            self.add_command(_LateVerb(verb))

    def invoke(self, ctx: Any) -> Any:
        """Run a verb.

        Ctrl-C is handled here and not around the app, since typer's handling of it differs by its
        version.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            console.fail("interrupted")
            raise typer.Exit(EXIT_INTERRUPTED) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb; those of two words, such as `styles push`, are verbs of their own."""
        if (verb := " ".join(args[:2])) in self.commands:
            args = [verb, *args[2:]]
        return super().resolve_command(ctx, args)

    def get_help_option(self, ctx: Any) -> Any:
        """Return --help."""
        option = super().get_help_option(ctx)
        if option is not None:
            _spare_checks(option)
        return option

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section of the help text for each panel of verbs."""
        for panel in dict.fromkeys(verb.panel for verb in VERBS):
            with formatter.section(panel):
                formatter.write_dl([(one.name, one.line) for one in VERBS if one.panel == panel])


class _LateVerb(TyperCommand):
    """The name and the line of a verb, which is loaded when a context is made for it."""

    def __init__(self, verb: Verb) -> None:
        super().__init__(verb.name, short_help=verb.line, rich_help_panel=verb.panel)
        self._place = verb.place

    @cached_property
    def command(self) -> Any:
        """The verb itself."""
        module, _, function = self._place.partition(".")
        loaded = importlib.import_module(f"impasto.cli.{module}")
        alone = typer.Typer(
            add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown"
        )
        alone.command(self.name, cls=_Verb, short_help=self.short_help)(getattr(loaded, function))
        return typer.main.get_command(alone)

    def make_context(self, *args: Any, **settings: Any) -> Any:
        """Make a context of the verb itself, which runs, shows help and completes options in it."""
        command = self.command
        raise_interrupts()
        return command.make_context(*args, **settings)


class _Verb(TyperCommand):
    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        kinds = typing.get_type_hints(self.callback)
        for param in self.params:
            _spare_checks(param, _is_text(kinds.get(param.name)))

    def invoke(self, ctx: Any) -> Any:
        """Run the verb, unless a number is NaN.

        NaN passes where an option has no bounds and, by older typers, all bounds.
        """
        for param in self.params:
            value = ctx.params.get(param.name)
            if isinstance(value, float) and math.isnan(value):
                raise typer.BadParameter(_bounds_message(value, param), ctx, param)  # type: ignore[arg-type]  # typer's own click
        return super().invoke(ctx)

    def get_help_option(self, ctx: Any) -> Any:
        """Return --help in the last panel, so that the common options come first."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.rich_help_panel = options.OTHER
            _spare_checks(option)
        return option


def _spare_checks(param: Any, is_text: bool = False) -> None:
    """Let an option take its default, and any text if it is one, without a check of the type.

    Newer typers check values by pydantic, which takes as long to load as typer itself.
    """
    check = param.process_value

    def take(context: Any, value: Any) -> Any:
        is_missing = value is None or value in ((), [])
        if (is_text or value is param.default) and not (param.required and is_missing):
            return value
        return check(context, value)

    if "process_value" not in vars(param):  # --help is asked for several times
        param.process_value = take


def _is_text(kind: Any) -> bool:
    """Tell whether a type is `str`, a list of it, or one of them or None."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return all(_is_text(one) for one in typing.get_args(kind) if one is not types.NoneType)
    return kind in (str, list[str])


def explain(error: Any) -> str:
    """Say a usage error in one line.

    Newer typers check values by pydantic, whose words name neither the value nor its bounds.
    """
    if hasattr(error.__cause__, "errors"):
        reason = error.__cause__.errors()[0]
        is_integer = reason["type"].startswith("int")
        choice = reason.get("ctx", {}).get("error")  # of what is chosen by name
        error.message = str(choice or _bounds_message(reason["input"], error.param, is_integer))
    return error.format_message().rstrip(".")


def _bounds_message(value: object, param: Any, is_integer: bool = False) -> str:
    bounded = getattr(param, "type", param)  # click's types know their bounds
    low, high = getattr(bounded, "min", None), getattr(bounded, "max", None)
    bounds = ""
    if low is not None:
        bounds = f" from {low:g} up" if high is None else f" from {low:g} to {high:g}"
    return f"{str(value)!r} is not a {'whole ' if is_integer else ''}number{bounds}"


app = typer.Typer(
    cls=_Verbs,
    name="impasto",
    help="Repaint photos and videos in the style of any picture, on an ordinary CPU.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes as long to load as all else that this help text needs
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"impasto {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass
