"""The verbs of the command line: their names, and where each is, without loading any."""

from typing import NamedTuple

PAINT, LEARN, MEASURE = "Paint", "Styles and training", "Measure and check"


class Verb(NamedTuple):
    """A verb, as the help text of the program lists it.

    Attributes:
        name: what the user types; it may have two words.
        place: its module in `impasto.cli` and its function, as "module.function".
        panel: its section in the help text.
        line: its line there.
    """

    name: str
    place: str
    panel: str
    line: str


# in the order of the help text
VERBS = (
    Verb("stylize", "stylize.stylize", PAINT, "Paint photographs and videos in a style."),
    Verb("webcam", "webcam.webcam", PAINT, "Paint the camera's picture live."),
    Verb("serve", "serve.serve", PAINT, "Serve the page that paints, and the HTTP API."),
    Verb(
        "compare",
        "compare.compare",
        PAINT,
        "Compare styles, strengths, colors and networks on one sheet.",
    ),
    Verb(
        "info",
        "info.info",
        PAINT,
        "Show the settings in a painting, and the command that repeats it.",
    ),
    Verb(
        "optimize",
        "optimize.optimize",
        PAINT,
        "Paint one photograph slowly, by optimization (needs PyTorch).",
    ),
    Verb(
        "report merge",
        "report.report_merge",
        PAINT,
        "Put reports of batches together, and say what is missing.",
    ),
    Verb("styles", "styles.styles", LEARN, "List the styles, or show them on a sheet."),
    Verb("styles push", "styles_push.styles_push", LEARN, "Upload styles to the Hugging Face Hub."),
    Verb(
        "styles pull", "styles_pull.styles_pull", LEARN, "Fetch styles from the Hugging Face Hub."
    ),
    Verb("train", "train.train", LEARN, "Learn a style from a picture (needs PyTorch)."),
    Verb(
        "import",
        "import_checkpoint.import_",
        LEARN,
        "Make a style of a checkpoint of another program.",
    ),
    Verb("export", "export.export", LEARN, "Export a style as a network for other programs."),
    Verb("evaluate", "evaluate.evaluate", MEASURE, "Measure the quality of paintings."),
    Verb("benchmark", "benchmark.benchmark", MEASURE, "Measure the speed on this machine."),
    Verb("doctor", "doctor.doctor", MEASURE, "Check the installation."),
)
