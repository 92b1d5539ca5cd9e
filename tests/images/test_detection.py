"""The content of a file decides what it is, and not its suffix."""

import io
from fractions import Fraction
from pathlib import Path

import pytest
from clips import make_clip
from pictures import photo
from PIL import Image
from raw_files import preview, raw_file

from impasto.batch.inputs import find_files
from impasto.images.detection import FileKind, detect_kind, is_picture
from impasto.images.reading import read
from impasto.inference.masks import parse_mask
from impasto.models.gallery import find_style
from impasto.models.mix import find_mix
from impasto.video.clip import TimeSpan
from impasto.video.formats import is_clip
from impasto.video.image_sequences import SequenceReader


def encoded(form: str) -> bytes:
    data = io.BytesIO()
    if form == "HEIF":
        heif = pytest.importorskip("pillow_heif")
        heif.from_pillow(Image.fromarray(photo(64, 64))).save(data)
    else:
        Image.fromarray(photo(64, 64)).save(data, form)
    return data.getvalue()


FORMS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF", "BMP", "HEIF"]
SUFFIXES = [
    "",
    ".jpg",
    ".jfif",
    ".png",
    ".hif",
    ".HIF",
    ".dat",
    ".mp4",
    ".safetensors",
    ".txt",
    ".ts",
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_of_any_name_is_a_picture(tmp_path: Path, form: str, suffix: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / f"a{suffix}"
    path.write_bytes(encoded(form))
    assert detect_kind(path) is FileKind.PICTURE and is_picture(path) and not is_clip(path)
    assert read(path).rgb.shape == (64, 64, 3)
    assert [file.path for file in find_files([str(folder)])[0]] == [path]
    assert find_style(path).pixels is not None and find_mix(str(path)).name == "a"
    assert parse_mask(path).pixels is not None
    sequence = SequenceReader(folder, TimeSpan(), Fraction(25), 10**6)
    assert sequence.count == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".mov", ".ts", ".webm"])
@pytest.mark.parametrize("name", ["clip", "clip.jpg", "clip.png", "clip.dat", "clip.HIF"])
def test_a_video_of_any_name_is_a_video(tmp_path: Path, suffix: str, name: str) -> None:
    codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
    folder = tmp_path / "in"
    folder.mkdir()
    path = make_clip(tmp_path / f"clip{suffix}", codec=codec).rename(folder / name)
    assert detect_kind(path) is FileKind.VIDEO and is_clip(path) and not is_picture(path)
    assert [file.path for file in find_files([str(folder)])[0]] == [path]


def test_a_folder_says_what_it_leaves_out(tmp_path: Path) -> None:
    contents: dict[str, bytes] = {
        "photo": encoded("JPEG"),
        "raw.nef": raw_file(".nef", preview()),
        "layers.psd": b"8BPS\0\1" + bytes(30),
        "next.jxl": b"\xff\x0a" + bytes(30),
        "drawing": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
        "portable.ppm": b"P6\n1 1\n255\n\0\0\0",
        "paint.tga": bytes(50),
        "notes.txt": b"no picture",
        "code.ts": b"const a: number = 1;" * 40,
        "song.ogg": b"OggS" + bytes(60),
        "song.m4a": b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42" + bytes(60),
        ".hidden": encoded("JPEG"),
        "empty": b"",
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    unread: list[Path] = []
    files, failures = find_files([str(tmp_path)], unread=unread)
    assert [file.path.name for file in files] == ["photo", "raw.nef"] and failures == []
    assert sorted(path.name for path in unread) == [
        *("drawing", "layers.psd", "next.jxl", "paint.tga", "portable.ppm")
    ]


def test_broken_files_of_known_names_stay_inputs(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    (tmp_path / "b.png").write_bytes(b"")
    (tmp_path / "c.mp4").write_bytes(b"")
    files, _ = find_files([str(tmp_path)])
    assert [(file.path.name, file.is_clip) for file in files] == [
        ("a.jpg", False),
        ("b.png", False),
        ("c.mp4", True),
    ]


def test_training_pictures_count_by_content(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from impasto.learning.data.photos import PhotoFolder

    for name in ("a.jfif", "b", "c.HIF", "d.dat"):
        (tmp_path / name).write_bytes(encoded("JPEG"))
    (tmp_path / "notes.txt").write_text("no picture")
    assert [path.name for path in PhotoFolder(tmp_path).paths] == ["a.jfif", "b", "c.HIF", "d.dat"]
