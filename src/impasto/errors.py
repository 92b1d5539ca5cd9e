"""The errors that a user can mend: each message names what was seen, what is allowed and what to
do."""


class ImpastoError(Exception):
    """Something the caller can mend. The command line prints it as one line, without a
    traceback."""


class PictureError(ImpastoError):
    """A picture that cannot be read or written."""


class VideoError(ImpastoError):
    """A video that cannot be read or written."""


class DisplayError(ImpastoError):
    """A window that cannot be opened."""


class StyleError(ImpastoError):
    """A style that is unknown, broken, or made for another network."""


class ColorError(ImpastoError):
    """A color mode that is unknown, or cannot be had."""


class MaskError(ImpastoError):
    """A mask that cannot be read, or that says nothing."""


class RemadeStyleWarning(UserWarning):
    """A style was not made for the network that paints, and is painted as predicted from the
    picture it remembers."""


class NetworkError(ImpastoError):
    """A network graph that is missing, broken, or cannot be run by the engine asked for."""


class WeightsError(ImpastoError):
    """Weights of a perceptual network that are missing or are not what they should be."""


class TrainingError(ImpastoError):
    """Training that cannot start or had to stop."""


class LostCheckpointWarning(UserWarning):
    """The last checkpoint of a run is broken or gone, and the run goes on from the one before."""


class OutputError(ImpastoError):
    """An output file, folder or report cannot be written as asked."""


def first_line(error: BaseException) -> str:
    """Return the first line of an engine's error, which may have many, or none without memory."""
    return next(iter(str(error).strip().splitlines()), "out of memory")


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
