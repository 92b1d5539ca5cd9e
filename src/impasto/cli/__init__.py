"""The command line, thin: parse, call, report. One verb a job; progress on stderr, results on
stdout."""

import contextlib
import os
import signal
import sys
import warnings
from typing import Any

EXIT_OK, EXIT_SOME_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


def main() -> None:
    """Run the command line; errors that a user can mend are one line, without a traceback."""
    if (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):  # else it is ignored, as in the background
        signal.signal(signal.SIGINT, _end)
    try:
        _run()
    finally:
        raise_interrupts()


def _end(*_: Any) -> None:
    """Ctrl-C while modules load: the process ends at once, as libraries make all kinds of errors of
    an exception then."""
    os.write(2, b"error: interrupted\n")
    os._exit(EXIT_INTERRUPTED)


def raise_interrupts() -> None:
    """From here on Ctrl-C is an exception, as verbs expect it."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _run() -> None:
    warnings.filterwarnings(
        "ignore", module=r"PIL\..*"
    )  # of damaged metadata, which are no reason to stop or to speak
    from impasto.cli.app import UsageError, app, explained
    from impasto.cli.console import fail, show_warning
    from impasto.errors import (
        ColorError,
        ImpastoError,
        MaskError,
        NetworkError,
        RemadeStyleWarning,
        StyleError,
    )

    warnings.simplefilter("always", RemadeStyleWarning)
    warnings.showwarning = show_warning
    try:
        sys.exit(app(standalone_mode=False))
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help text
            error.show()
        else:
            command = error.ctx.command_path if error.ctx else "impasto"
            fail(f"{explained(error)}; `{command} --help` tells more")
        sys.exit(EXIT_USAGE)
    except ImpastoError as error:
        fail(str(error))
        sys.exit(
            EXIT_USAGE
            if isinstance(error, (ColorError, MaskError, NetworkError, StyleError))
            else EXIT_SOME_FAILED
        )
    except OSError as error:  # such as a full disk under stdout
        fail(str(error))
        with contextlib.suppress(OSError):  # what is left in the buffer would fail again at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_SOME_FAILED)
