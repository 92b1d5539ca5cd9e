"""The command line, thin: parse, call, report. One verb a job; progress on stderr, results on stdout."""

import contextlib
import os
import sys
import warnings

EXIT_OK, EXIT_SOME_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


def main() -> None:
    """Run the command line; errors that a user can mend are one line, without a traceback."""
    try:
        _run()
    except KeyboardInterrupt:  # while modules load; a verb tells of its own
        sys.exit(EXIT_INTERRUPTED)


def _run() -> None:
    warnings.filterwarnings("ignore", module=r"PIL\..*")  # of damaged metadata, which are no reason to stop or to speak
    from impasto.cli.app import UsageError, app
    from impasto.cli.report import fail, show_warning
    from impasto.errors import ImpastoError, NetworkError, RemadeStyleWarning, StyleError

    warnings.simplefilter("always", RemadeStyleWarning)
    warnings.showwarning = show_warning
    try:
        sys.exit(app(standalone_mode=False))
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help text
            error.show()
        else:
            command = error.ctx.command_path if error.ctx else "impasto"
            fail(f"{error.format_message().rstrip('.')}; `{command} --help` tells more")
        sys.exit(EXIT_USAGE)
    except ImpastoError as error:
        fail(str(error))
        sys.exit(EXIT_USAGE if isinstance(error, (StyleError, NetworkError)) else EXIT_SOME_FAILED)
    except OSError as error:  # such as a full disk under stdout
        fail(str(error))
        with contextlib.suppress(OSError):  # what is left in the buffer would fail again at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_SOME_FAILED)
