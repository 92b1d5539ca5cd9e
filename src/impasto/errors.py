"""Errors and warnings of impasto: each message names the problem, its reason and a remedy."""

import math
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any


class ImpastoError(Exception):
    """An error that the caller can mend.

    The command line prints it as one line, without a traceback.
    """


class ArgumentError(ImpastoError, ValueError):
    """An argument has a value out of range, or of a wrong type."""


class PictureError(ImpastoError):
    """A picture cannot be read or written."""


class VideoError(ImpastoError):
    """A video cannot be read or written."""


class DisplayError(ImpastoError):
    """A window cannot be opened."""


class StyleError(ImpastoError):
    """A style is unknown, broken, or made for another network."""


class ColorError(ImpastoError):
    """A color mode is unknown or unavailable."""


class MaskError(ImpastoError):
    """A mask cannot be read, or it selects nothing."""


class RemadeStyleWarning(UserWarning):
    """A style was made for another network, so impasto predicts it from its remembered picture."""


class DeviceWarning(UserWarning):
    """A GPU is there and cannot be used, so impasto paints on another device."""


class NetworkError(ImpastoError):
    """A network graph is missing or broken, or the chosen engine cannot run it."""


class WeightsError(ImpastoError):
    """Weights of a perceptual network are missing or have another checksum."""


class TrainingError(ImpastoError):
    """Training cannot start or had to stop."""


class LostCheckpointWarning(UserWarning):
    """The last checkpoint of a run is broken or missing; the run resumes from the one before."""


class HubError(ImpastoError):
    """The Hugging Face Hub cannot be reached, refuses, or does not have what a name says."""


class OutputError(ImpastoError):
    """An output file, folder or report cannot be written as asked."""


def check_number(
    name: str, value: Any, allowed: str, low: float, high: float = math.inf, whole: bool = False
) -> None:
    """Check that an argument is a number within a range.

    Args:
        name: of the argument.
        value: its value.
        allowed: the values that are allowed, in words, as in "0 (the photo) to 1 (the full style)".
        low: least value.
        high: greatest value.
        whole: whether it must be a whole number.

    Raises:
        ArgumentError: it is not.
    """
    kind = Integral if whole else Real
    if not isinstance(value, kind):
        reason = f"it is not a {'whole ' if whole else ''}number"
    elif not low <= float(value) <= high:  # nan too
        reason = "it is out of range"
    else:
        return
    raise ArgumentError(f"cannot use {value!r} as {name}: {reason}; give {allowed}")


def check_type(name: str, value: object, kinds: type | tuple[type, ...], allowed: str) -> None:
    """Check that an argument has one of some types.

    Args:
        name: of the argument.
        value: its value.
        kinds: the types.
        allowed: what is allowed, in words, as in "a path".

    Raises:
        ArgumentError: it has another type.
    """
    if not isinstance(value, kinds):
        raise ArgumentError(
            f"cannot use {value!r:.100} as {name}: it is of type {type(value).__name__}; give"
            f" {allowed}"
        )


def check_paths(name: str, value: Any) -> list[str | Path]:
    """Return the paths of an argument that is a path, or several.

    Raises:
        ArgumentError: it is neither.
    """
    if isinstance(value, str | Path):
        return [value]
    if isinstance(value, bytes) or not isinstance(value, Iterable):
        check_type(name, value, (str, Path), "a path, or several in a list")
    paths = list(value)
    for path in paths:
        check_type(name, path, (str, Path), "paths, as text or Path objects")
    return paths


def first_line(error: BaseException) -> str:
    """Return the first line of an engine's error, which may have many, or none without memory."""
    return next(iter(str(error).strip().splitlines()), "out of memory")


def one_line(error: BaseException) -> str:
    """Return the message of an error in one line, or the name of its class if it has none."""
    return " ".join(str(error).split()) or type(error).__name__
