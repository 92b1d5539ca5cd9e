"""Uploads: files of a request, which are looked at before they are decoded."""

import asyncio
import hashlib
import io
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from fastapi import UploadFile

from impasto.errors import StyleError, VideoError
from impasto.images.detection import HEADER_BYTES, FileKind, kind_of
from impasto.images.opening import open_bytes
from impasto.images.reading import check_pixels
from impasto.models.style import SUFFIX, Style, read_style
from impasto.server.problems import Problem
from impasto.video.formats import ANIMATED_PICTURES, ANIMATIONS, CONTAINERS, EXTENSIONS_READ

MAX_NAME = 80  # characters of the name of an upload, in errors and in names of results
MAX_STYLE_BYTES = 64_000_000  # of a style file; one with a network of its own has 7 MB
MEMORY_BYTES = 8_000_000  # of the largest result that stays in memory
VIDEO_SUFFIXES = {*CONTAINERS, *ANIMATIONS, *ANIMATED_PICTURES, *EXTENSIONS_READ}

# Two threads look at headers: hostile ones take time, and must not stop all else.
_inspectors = ThreadPoolExecutor(2, "impasto-headers")


@dataclass(frozen=True, eq=False)
class Upload:
    """A file of a request, in memory.

    Attributes:
        name: of the file as the client calls it, for messages; never a path.
        data: its bytes.
    """

    name: str
    data: bytes

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem

    @property
    def digest(self) -> str:
        """SHA-256 of its bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, eq=False)
class VideoUpload:
    """A video of a request, in a file without a name.

    Attributes:
        name: as of `Upload`.
        file: open for reading.
        digest: SHA-256 of its bytes.
    """

    name: str
    file: IO[bytes]
    digest: str

    def __del__(self) -> None:
        """Close the file when no job needs it any more."""
        self.file.close()

    @property
    def suffix(self) -> str:
        """The suffix of its name, if it is one of videos; else empty."""
        suffix = PurePosixPath(self.name).suffix.lower()
        return suffix if suffix in VIDEO_SUFFIXES else ""

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem


def clean_name(name: str | None, default: str) -> str:
    """Return the last part of a name from outside, for messages: short, and printable."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    plain = "".join(character for character in last if character.isprintable()).strip(". ")
    return plain[-MAX_NAME:] or default


async def read_upload(file: UploadFile, default: str = "the picture") -> Upload:
    """Read a file of a request into memory."""
    return Upload(clean_name(file.filename, default), await file.read())


async def read_picture(
    file: UploadFile, max_pixels: int, default: str = "the picture"
) -> tuple[Upload, int]:
    """Read a picture of a request into memory, and count its pixels by its header.

    Raises:
        PictureError: it is no picture, or has too many pixels.
    """
    upload = await read_upload(file, default)
    loop = asyncio.get_running_loop()
    return upload, await loop.run_in_executor(_inspectors, _count_pixels, upload, max_pixels)


def _count_pixels(upload: Upload, max_pixels: int) -> int:
    with open_bytes(upload.data, upload.name) as image:
        check_pixels(upload.name, image.size, max_pixels)
        return image.size[0] * image.size[1]


async def take_video(file: UploadFile) -> VideoUpload:
    """Take a video out of a request, which else closes it at its end.

    Raises:
        VideoError: its first bytes are not those of a video or an animation. A playlist, which
            names other files, is none.
    """
    name = clean_name(file.filename, "the video")
    start = await file.read(HEADER_BYTES)
    if kind_of(start) not in (FileKind.VIDEO, FileKind.PICTURE):
        raise VideoError(
            f"cannot read {name}: it is no video in a format that impasto reads, or it is cut"
            " short; get a fresh copy"
        )
    taken, file.file = file.file, io.BytesIO()
    digest = await asyncio.get_running_loop().run_in_executor(_inspectors, _digest, taken)
    return VideoUpload(name, taken, digest)


def _digest(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    file.seek(0)
    return digest.hexdigest()


def read_style_upload(upload: Upload) -> Style:
    """Read a style file, checked as one on disk is.

    Raises:
        StyleError: it is broken, no style, or owns a network that should not be run.
    """
    if len(upload.data) > MAX_STYLE_BYTES:
        raise StyleError(
            f"cannot read {upload.name}: it has {len(upload.data):,} bytes, and"
            f" {MAX_STYLE_BYTES:,} are the most; get or make it anew"
        )
    with work_folder() as folder:
        path = folder / f"style{SUFFIX}"
        path.write_bytes(upload.data)
        try:
            style = read_style(path)
        except StyleError as error:
            raise StyleError(str(error).replace(str(path), upload.name)) from error
    return Style(
        style.name,
        style.embeddings,
        style.hashes,
        style.metadata,
        style.own,
        style.remembered,
        file=Path(upload.name),
        digest=upload.digest,
    )


@contextmanager
def work_folder() -> Iterator[Path]:
    """Make a folder for the work of one job; nothing of it is left afterwards."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="impasto-", ignore_cleanup_errors=True)
    except OSError as error:
        raise Problem(507, f"cannot store the upload: {error.strerror}; free some space") from error
    with folder as name:
        yield Path(name)


def keep_file(path: Path) -> tuple[IO[bytes], int]:
    """Keep a file whose folder vanishes: in memory, or in a file without a name if it is large.

    Returns:
        The file, and its size in bytes.
    """
    size = path.stat().st_size
    if size <= MEMORY_BYTES:
        return io.BytesIO(path.read_bytes()), size
    kept = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the result
    with path.open("rb") as file:
        shutil.copyfileobj(file, kept, 1 << 20)
    return kept, size
