"""All verbs of the command line, gathered."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from impasto import __version__
from impasto.cli import EXIT_INTERRUPTED, benchmark, compare, doctor, evaluate, report, styles, stylize, train, webcam

# typer has click inside itself or beside it, by its version
UsageError: type[Any] = typer.BadParameter.__bases__[0]


class _Verbs(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Run a verb; here and not around the app, since what typer makes of Ctrl-C differs by its version."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            report.fail("interrupted")
            raise typer.Exit(EXIT_INTERRUPTED) from None


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
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    pass


app.command("stylize")(stylize.stylize)
app.command("webcam")(webcam.webcam)
app.command("compare")(compare.compare)
app.command("styles")(styles.styles)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("benchmark")(benchmark.benchmark)
app.command("doctor")(doctor.doctor)
