"""All verbs of the command line, gathered."""

import math
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from impasto import __version__
from impasto.cli import (
    EXIT_INTERRUPTED,
    benchmark,
    compare,
    console,
    doctor,
    evaluate,
    export,
    import_checkpoint,
    optimize,
    raise_interrupts,
    styles,
    stylize,
    train,
    webcam,
)

# typer has click inside itself or beside it, by its version
UsageError: type[Any] = typer.BadParameter.__bases__[0]


class _Verbs(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Run a verb; here and not around the app, since what typer makes of Ctrl-C differs by its
        version."""
        raise_interrupts()
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            console.fail("interrupted")
            raise typer.Exit(EXIT_INTERRUPTED) from None


class _Verb(TyperCommand):
    def invoke(self, ctx: Any) -> Any:
        """Run it, with numbers: NaN passes where there are no bounds and, by older typers, all
        bounds."""
        for param in self.params:
            value = ctx.params.get(param.name)
            if isinstance(value, float) and math.isnan(value):
                raise typer.BadParameter(_no_number(value, param), ctx, param)  # type: ignore[arg-type]  # typer's own click
        return super().invoke(ctx)


def explained(error: Any) -> str:
    """A usage error in a line. By newer typers, pydantic checks values, and its words name neither
    the value nor its bounds."""
    if hasattr(error.__cause__, "errors"):
        wrong = error.__cause__.errors()[0]
        whole = wrong["type"].startswith("int")
        chosen = wrong.get("ctx", {}).get("error")  # of what is chosen by name
        error.message = str(chosen or _no_number(wrong["input"], error.param, whole))
    return error.format_message().rstrip(".")


def _no_number(value: object, param: Any, whole: bool = False) -> str:
    bounded = getattr(param, "type", param)  # click's types know their bounds
    low, high = getattr(bounded, "min", None), getattr(bounded, "max", None)
    bounds = (
        "" if low is None else f" from {low:g} up" if high is None else f" from {low:g} to {high:g}"
    )
    return f"{str(value)!r} is not a {'whole ' if whole else ''}number{bounds}"


app = typer.Typer(
    cls=_Verbs,
    name="impasto",
    help="Paint photographs in the manner of a picture, in real time on an ordinary CPU; learn a new manner in minutes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"impasto {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


for verb in (
    stylize.stylize,
    webcam.webcam,
    compare.compare,
    styles.styles,
    train.train,
    optimize.optimize,
    evaluate.evaluate,
    benchmark.benchmark,
    import_checkpoint.import_,
    export.export,
    doctor.doctor,
):
    app.command(verb.__name__.rstrip("_"), cls=_Verb)(verb)
