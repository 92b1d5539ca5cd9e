"""What becomes of hostile files: each is read in a process of its own, whose time and memory are
counted.

Run as a program, it reads the files that standard input names, one a line, and says of each, as a
line of JSON, how that went.
"""

import contextlib
import gc
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

Ending = Literal["read", "error", "traceback", "hang", "crash"]
Kind = Literal["picture", "mask", "style"]  # what a file is read as

HANG = 120  # seconds of CPU from which it hangs, on a busy machine too
GUARD = (
    6 << 30
)  # bytes of address space beyond what a process starts with, so that nothing else has to make room


class Trial(NamedTuple):
    """How a file was read: what came of it, in words, and what it took."""

    name: str
    kind: Kind
    ending: Ending
    said: str
    seconds: float  # of CPU
    megabytes: float  # most that was resident, beyond the process itself


def trials(paths: Iterable[Path], kind: Kind = "picture") -> list[Trial]:
    """Read each of these files as a picture, a mask or a style."""
    names = "\n".join(map(str, paths))
    command = [sys.executable, str(Path(__file__).resolve()), kind]
    done = subprocess.run(command, input=names, capture_output=True, text=True, check=True)
    return [Trial(*json.loads(line)) for line in done.stdout.splitlines()]


def summary(found: Sequence[Trial]) -> dict[str, Any]:
    """Counts by ending, and the most that a file took."""
    counts = {ending: sum(each.ending == ending for each in found) for ending in Ending.__args__}  # type: ignore[attr-defined]
    slow, large = (
        max(found, key=lambda each: each.seconds),
        max(found, key=lambda each: each.megabytes),
    )
    most = {"longest": [slow.name, slow.seconds], "largest": [large.name, large.megabytes]}
    return {"files": len(found), **counts, **most}


def _readers() -> dict[str, Callable[[Path], object]]:
    from impasto.images.reading import read, read_header
    from impasto.inference.masks import parse_mask
    from impasto.models.gallery import find_style

    return {
        "picture": lambda path: (read_header(path), read(path)),
        "mask": lambda path: parse_mask(str(path)),
        "style": lambda path: find_style(path).picture,
    }


def main(kind: str) -> None:
    import warnings

    from impasto.errors import ImpastoError

    warnings.simplefilter("ignore")
    reader = _readers()[kind]
    _load()
    gc.collect()
    gc.freeze()  # memory that a child need not copy
    for line in sys.stdin.read().splitlines():
        path = Path(line)
        source, sink = os.pipe()
        child = os.fork()
        if not child:
            os.close(source)
            with contextlib.suppress(BaseException):
                _try(reader, path, sink, ImpastoError)
            os._exit(0)
        os.close(sink)
        with open(source, "rb") as pipe:  # noqa: PTH123  # a descriptor
            said = pipe.read()
        _, status, used = os.wait4(child, 0)
        if os.WIFSIGNALED(status):
            ending = "hang" if os.WTERMSIG(status) in (9, 24) else "crash"
            said = f"signal {os.WTERMSIG(status)}".encode()
        elif not said:
            ending = "crash"
        else:
            ending, _, words = said.decode(errors="replace").partition(" ")
            said = words.encode()
        trial = (
            path.name,
            kind,
            ending,
            said.decode(),
            used.ru_utime + used.ru_stime,
            _beyond(used.ru_maxrss),
        )
        print(json.dumps(trial), flush=True)


def _load() -> None:
    """Load all that reading takes, so that no child has to."""
    from PIL import Image, ImageCms

    from impasto.images.reading import from_pil

    Image.init()
    image = Image.new("RGB", (8, 8))
    from_pil(
        ImageCms.profileToProfile(
            image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("sRGB")
        )
        or image
    )
    with contextlib.suppress(ImportError):
        import pillow_heif  # noqa: F401


def _beyond(resident: int) -> float:
    """Megabytes of a child beyond those of this process, which it starts with."""
    own = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
    return round(max(0.0, resident / 1024 - own), 1)


def _try(
    reader: Callable[[Path], object], path: Path, sink: int, expected: type[Exception]
) -> None:
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + GUARD, taken + GUARD))
    resource.setrlimit(resource.RLIMIT_CPU, (HANG, HANG))
    try:
        reader(path)
        said = "read "
    except expected as error:
        said = f"error {error}"
    except BaseException as error:
        said = f"traceback {type(error).__name__}: {error}"
    os.write(sink, said[:4000].encode(errors="replace"))


if __name__ == "__main__":
    main(sys.argv[1])
