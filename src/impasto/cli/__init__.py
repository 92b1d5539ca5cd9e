"""The command line, thin: parse, call, report. One verb a job; progress on stderr, results on stdout."""

import sys

EXIT_OK, EXIT_SOME_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


def main() -> None:
    """Run the command line; errors that a user can mend are one line, without a traceback."""
    from impasto.cli.app import app
    from impasto.cli.report import fail
    from impasto.errors import ImpastoError, NetworkError, StyleError

    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        fail("interrupted")
        sys.exit(EXIT_INTERRUPTED)
    except ImpastoError as error:
        fail(str(error))
        sys.exit(EXIT_USAGE if isinstance(error, (StyleError, NetworkError)) else EXIT_SOME_FAILED)
    except BrokenPipeError:  # of `impasto styles | head`
        sys.stderr.close()
        sys.exit(EXIT_OK)
