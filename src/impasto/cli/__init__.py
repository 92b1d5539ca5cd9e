"""The command line: each verb parses, calls and reports.

Progress goes to stderr, results go to stdout.
"""

import atexit
import contextlib
import gc
import os
import signal
import sys
import warnings
from typing import Any

EXIT_OK, EXIT_SOME_FAILED, EXIT_USAGE, EXIT_INTERRUPTED, EXIT_TERMINATED = 0, 1, 2, 130, 143

MAX_NEW_OBJECTS = 50_000  # since the last search for garbage

_is_terminated = False  # whether SIGTERM was received


def run() -> None:
    """Run the command line, and end the process without freeing all that it holds.

    Freeing engines and modules one by one takes a tenth of the time of painting a small picture.
    Functions registered by `atexit` run all the same.
    """
    # Modules make many objects that stay: looking for garbage among them again and again takes a
    # twentieth of the time to start.
    gc.set_threshold(MAX_NEW_OBJECTS)
    try:
        main()
    except SystemExit as stop:
        if stop.code is not None and not isinstance(stop.code, int):
            raise
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError, ValueError):  # such as a full disk: Python reports it
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
            os._exit(stop.code or EXIT_OK)
        raise


def main() -> None:
    """Run the command line; errors that a user can mend are one line, without a traceback."""
    global _is_terminated
    _is_terminated = False
    # any other handler: Ctrl-C is ignored, as in the background, or is the business of the caller
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit_at_once)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit_at_once)
    try:
        _run()
    except SystemExit as stop:
        if _is_terminated and stop.code == EXIT_INTERRUPTED:
            sys.exit(EXIT_TERMINATED)
        raise
    finally:
        raise_interrupts()
        if signal.getsignal(signal.SIGTERM) is terminate:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _exit_at_once(number: int, _: Any) -> None:
    """End the process on Ctrl-C or SIGTERM while modules load.

    Libraries would make all kinds of errors of an exception then.
    """
    os.write(2, b"error: interrupted\n")
    os._exit(EXIT_TERMINATED if number == signal.SIGTERM else EXIT_INTERRUPTED)


def terminate(*_: Any) -> None:
    """End a verb on SIGTERM as Ctrl-C does, with an exit code of its own."""
    global _is_terminated
    _is_terminated = True
    raise KeyboardInterrupt


terminate.interrupts = True  # type: ignore[attr-defined]  # training waits for the end of a step


def raise_interrupts() -> None:
    """Make Ctrl-C and SIGTERM exceptions from here on, as verbs expect them."""
    if signal.getsignal(signal.SIGINT) is _exit_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGTERM) is _exit_at_once:
        signal.signal(signal.SIGTERM, terminate)


def _run() -> None:
    # OpenVINO's converter of models of other programs is not used here, and takes as long to load
    # as OpenVINO itself, which does without it
    if "openvino" not in sys.modules:
        sys.modules["openvino.tools.ovc"] = None  # type: ignore[assignment]  # `import` then fails
    # damaged metadata are no reason to stop or to warn
    warnings.filterwarnings("ignore", module=r"PIL\..*")
    from impasto.cli.app import UsageError, app, explain
    from impasto.cli.console import escape_unwritable, fail, show_warning
    from impasto.errors import (
        ArgumentError,
        ColorError,
        DeviceWarning,
        ImpastoError,
        MaskError,
        NetworkError,
        OutputError,
        RemadeStyleWarning,
        StyleError,
    )

    escape_unwritable()
    usage_errors = (ArgumentError, ColorError, MaskError, NetworkError, OutputError, StyleError)
    warnings.simplefilter("always", RemadeStyleWarning)
    warnings.simplefilter("once", DeviceWarning)
    warnings.showwarning = show_warning
    try:
        sys.exit(app(standalone_mode=False))
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help text
            error.show()
        else:
            command = error.ctx.command_path if error.ctx else "impasto"
            fail(f"{explain(error)}; see `{command} --help`")
        sys.exit(EXIT_USAGE)
    except ImpastoError as error:
        fail(str(error))
        sys.exit(EXIT_USAGE if isinstance(error, usage_errors) else EXIT_SOME_FAILED)
    except OSError as error:  # such as a full disk under stdout
        fail(str(error))
        with contextlib.suppress(OSError):  # what is left in the buffer would fail again at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_SOME_FAILED)
