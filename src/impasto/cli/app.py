"""The verbs of the command line, gathered in one app."""

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
    info,
    optimize,
    options,
    raise_interrupts,
    report,
    serve,
    styles,
    styles_pull,
    styles_push,
    stylize,
    train,
    webcam,
)

# typer has click inside itself or beside it, by its version
UsageError: type[Any] = typer.BadParameter.__bases__[0]


class _Verbs(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Run a verb.

        Ctrl-C is handled here and not around the app, since typer's handling of it differs by its
        version.
        """
        raise_interrupts()
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


class _Verb(TyperCommand):
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
        return option


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
    rich_markup_mode="markdown",
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


PAINT, LEARN, MEASURE = "Paint", "Styles and training", "Measure and check"

# verbs in the order of the help text, each with its panel and its line there
VERBS = (
    (stylize.stylize, PAINT, "Paint photographs and videos in a style."),
    (webcam.webcam, PAINT, "Paint the camera's picture live."),
    (serve.serve, PAINT, "Serve the page that paints, and the HTTP API."),
    (compare.compare, PAINT, "Compare styles, strengths, colors and networks on one sheet."),
    (info.info, PAINT, "Show the settings in a painting, and the command that repeats it."),
    (optimize.optimize, PAINT, "Paint one photograph slowly, by optimization (needs PyTorch)."),
    (report.report_merge, PAINT, "Put reports of batches together, and say what is missing."),
    (styles.styles, LEARN, "List the styles, or show them on a sheet."),
    (styles_push.styles_push, LEARN, "Upload styles to the Hugging Face Hub."),
    (styles_pull.styles_pull, LEARN, "Fetch styles from the Hugging Face Hub."),
    (train.train, LEARN, "Learn a style from a picture (needs PyTorch)."),
    (import_checkpoint.import_, LEARN, "Make a style of a checkpoint of another program."),
    (export.export, LEARN, "Export a style as a network for other programs."),
    (evaluate.evaluate, MEASURE, "Measure the quality of paintings."),
    (benchmark.benchmark, MEASURE, "Measure the speed on this machine."),
    (doctor.doctor, MEASURE, "Check the installation."),
)
for verb, panel, line in VERBS:
    name = verb.__name__.rstrip("_").replace("_", " ")
    app.command(name, cls=_Verb, short_help=line, rich_help_panel=panel)(verb)
