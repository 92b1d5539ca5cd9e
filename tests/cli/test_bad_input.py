"""Bad input: one clear line each, no traceback, the right exit code, other inputs go on, nothing
half written."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import Run, python, surroundings
from pictures import UInt8, photo
from PIL import Image

from impasto.batch.ordered_pool import ITEMS_PER_WORKER
from impasto.batch.painter import EXTRA_THREADS
from impasto.images.reading import read
from impasto.inference import file_pipeline, tile_grid
from impasto.inference.prepared_style import PreparedStyle
from impasto.models.gallery import gallery_style
from impasto.models.style import Style

STYLE = ("--style", "starry-night")


def jpeg(path: Path, height: int = 48, width: int = 64) -> bytes:
    noise = np.random.default_rng(0).integers(0, 60, (height, width, 3), np.uint8)
    Image.fromarray(photo(height, width) // 2 + noise).save(path)
    return path.read_bytes()


def truncated(path: Path) -> None:
    path.write_bytes(jpeg(path)[:-900])


def no_picture(path: Path) -> None:
    path.write_text("Dear Sir or Madam,\n")


def empty(path: Path) -> None:
    path.touch()


def missing(path: Path) -> None:
    pass


def folder(path: Path) -> None:
    path.mkdir()


BAD: list[tuple[Callable[[Path], None], str]] = [
    (missing, "no such file"),
    (folder, "holds no pictures"),
    (no_picture, "it is no picture"),
    (truncated, "cut short"),
    (empty, "empty"),
]


@pytest.mark.parametrize(("make", "reason"), BAD)
def test_a_bad_input_is_one_line_and_the_others_go_on(
    impasto: Run, photo_file: Path, make: Callable[[Path], None], reason: str
) -> None:
    bad, other = photo_file.with_name("bad.jpg"), photo_file.with_name("other.jpg")
    make(bad)
    jpeg(other)
    before = set(photo_file.parent.iterdir())
    done = impasto("stylize", photo_file, bad, other, *STYLE, "--json")
    assert done.code == 1
    message = done.only_error()
    assert str(bad) in message
    assert reason in message
    good = [record for record in done.records if "output" in record]
    assert [record["input"] for record in good] == [str(photo_file), str(other)]
    (failure,) = [record for record in done.records if "output" not in record]
    assert list(failure) == ["input", "error"]
    assert failure == {"input": str(bad), "error": message}
    assert {path.name for path in set(photo_file.parent.iterdir()) - before} == {
        "photo.starry-night.jpg",
        "other.starry-night.jpg",
    }


@pytest.mark.parametrize(("make", "reason"), BAD)
def test_a_bad_input_alone(
    impasto: Run, tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    make(tmp_path / "bad.jpg")
    done = impasto("stylize", tmp_path / "bad.jpg", *STYLE)
    assert (done.code, done.out) == (1, "")
    assert reason in done.only_error()


@pytest.mark.parametrize(
    "text", ["x" * 300 + ".jpg", "x" * 5000, "*.nothing", "/dev/null", "", "photo.jpg/within.jpg"]
)
def test_odd_inputs(
    impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(photo_file.parent)
    if text == "":
        photo_file.unlink()
    done = impasto("stylize", text, *STYLE)
    assert done.code == 1
    assert len(done.only_error()) > 10


@pytest.mark.process
def test_a_real_process_says_one_line(tmp_path: Path) -> None:
    """Here what Pillow and its libraries say would come through too."""
    for make, _ in BAD:
        make(tmp_path / f"{make.__name__}.jpg")
    for form in ("png", "webp", "tif", "avif", "gif"):
        path = tmp_path / f"cut.{form}"
        Image.fromarray(photo(64, 64)).save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5])
    exif = (
        b"Exif\0\0II*\0\x08\0\0\0\x09\0" + b"\x12\x01\x03\0\xff\xff\xff\xff\x06\0\0\0" * 3
    )  # entries that are not there
    Image.fromarray(photo(48, 64)).save(tmp_path / "odd.jpg", exif=exif)
    paths = sorted(tmp_path.iterdir())
    done = python(
        "-m", "impasto", "stylize", *map(str, paths), str(tmp_path / "missing.jpg"), *STYLE
    )
    assert done.code == 1
    assert all(line.startswith("error: ") for line in done.errors), done.err
    assert len(done.errors) == len(paths)  # all but odd.jpg, and missing.jpg
    assert done.out.startswith(str(tmp_path / "odd.starry-night.jpg"))
    assert len(done.out.splitlines()) == 1


@pytest.mark.slow
def test_a_strip_40000_pixels_long_is_painted(impasto: Run, tmp_path: Path) -> None:
    size = (40_000, 16)
    Image.effect_noise(size, 90).convert("RGB").save(tmp_path / "strip.png")
    done = impasto(
        "stylize", tmp_path / "strip.png", *STYLE, "-o", tmp_path / "out.png", "--network", "base"
    )
    assert (done.code, done.err) == (0, "")
    with Image.open(tmp_path / "out.png") as painted:
        assert painted.size == size


@pytest.mark.slow
def test_a_strip_of_single_pixels_is_painted(impasto: Run, tmp_path: Path) -> None:
    Image.effect_noise((1, 40_000), 90).convert("RGB").save(tmp_path / "strip.png")
    done = impasto(
        "stylize", tmp_path / "strip.png", *STYLE, "-o", tmp_path / "out.png", "--network", "small"
    )
    assert (done.code, done.err) == (0, "")
    with Image.open(tmp_path / "out.png") as painted:
        assert painted.size == (1, 40_000)


def huge(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as one too large for memory."""
    pytest.importorskip("pyvips")
    monkeypatch.setattr(file_pipeline, "MIN_STREAMED_PIXELS", 0)
    monkeypatch.setattr(tile_grid, "MAX_UNTILED_PIXELS", 0)
    monkeypatch.setattr(tile_grid, "TILE_SIDE", 256)
    Image.effect_noise((300, 500), 90).convert("RGB").save(path)
    return path


def test_a_huge_file_that_is_cut_short(
    impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = huge(tmp_path / "huge.tif", monkeypatch)
    path.write_bytes(path.read_bytes()[:-100_000])
    done = impasto("stylize", path, *STYLE)
    assert done.code == 1
    assert f"cannot read {path}: it is broken or cut short" in done.only_error()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_ctrl_c_in_a_huge_file(
    impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, target = huge(tmp_path / "huge.png", monkeypatch), tmp_path / "out.png"
    target.write_bytes(b"the old one")
    paint, tiles = PreparedStyle.paint, list[int]()

    def stopped(prepared: PreparedStyle, tile: UInt8, *place: int) -> UInt8:
        tiles.append(len(tile))
        if len(tiles) == 5:
            raise KeyboardInterrupt
        return paint(prepared, tile, *place)

    monkeypatch.setattr(PreparedStyle, "paint", stopped)
    done = impasto("stylize", path, *STYLE, "-n", "base", "-o", target, "--overwrite")
    assert (done.code, done.only_error()) == (130, "interrupted")
    assert target.read_bytes() == b"the old one"
    assert sorted(tmp_path.iterdir()) == [path, target]


def test_a_painting_that_its_format_cannot_hold(impasto: Run, tmp_path: Path) -> None:
    Image.new("RGB", (70_000, 2)).save(tmp_path / "strip.png")
    done = impasto(
        "stylize",
        tmp_path / "strip.png",
        "-s",
        "photo",
        "-o",
        tmp_path / "out.jpg",
        "--strength",
        "0",
    )
    assert done.code == 1
    assert ".png" in done.only_error()
    assert not (tmp_path / "out.jpg").exists()


def test_too_many_pixels(impasto: Run, photo_file: Path) -> None:
    done = impasto("stylize", photo_file, *STYLE, "--max-pixels", "3071")
    assert done.code == 1
    assert "--max-pixels 3072" in done.only_error()
    assert impasto("stylize", photo_file, *STYLE, "--max-pixels", "3072").code == 0


@pytest.mark.parametrize(
    "failure", [MemoryError(), RuntimeError("Check failed\nat src/memory.cpp:12\nbad_alloc")]
)
def test_memory_that_does_not_suffice(
    impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(PreparedStyle, "paint", fail)
    done = impasto("stylize", photo_file, *STYLE)
    assert done.code == 1
    assert f"cannot paint {photo_file}: painting failed" in done.only_error()


# Styles


def test_an_unknown_style(impasto: Run, photo_file: Path) -> None:
    done = impasto("stylize", photo_file, "--style", "stary-nigth")
    assert (done.code, done.out) == (2, "")
    assert "did you mean starry-night" in done.only_error()


def foreign(path: Path) -> None:
    style = gallery_style("starry-night")
    replace(style, hashes=dict(style.hashes) | {"base": "0123456789abcdef"}).save(path)


def corrupt(path: Path) -> None:
    gallery_style("starry-night").save(path)
    path.write_bytes(path.read_bytes()[:-100])


def of_nan(path: Path) -> None:
    style = gallery_style("starry-night")
    replace(style, embeddings={"base": np.full_like(style.embeddings["base"], np.nan)}).save(path)


def with_a_broken_network(path: Path) -> None:
    from impasto.models.network import Network

    own = Network("own", "f00d", 3, b"Dear Sir or Madam,", {})
    Style("mine", {"own": np.ones(3, np.float32)}, {"own": "f00d"}, {}, own).save(path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (missing, "does not exist"),
        (empty, "broken or no safetensors file"),
        (no_picture, "broken or no safetensors file"),
        (corrupt, "broken or no safetensors file"),
        (folder, "broken or no safetensors file"),
        (
            foreign,
            "was made for another base network (0123456789abcdef of gallery",
        ),
        (of_nan, "finite numbers"),
        (with_a_broken_network, "it holds no ONNX graph; get it anew"),
    ],
)
def test_a_bad_style_file(
    impasto: Run, photo_file: Path, make: Callable[[Path], None], reason: str
) -> None:
    path = photo_file.with_name("style.safetensors")
    make(path)
    done = impasto("stylize", photo_file, photo_file.parent, "--style", path, "-n", "base")
    assert (done.code, done.out) == (2, "")
    assert reason in done.only_error()
    assert len(list(photo_file.parent.glob("*.jpg"))) == 1


@pytest.mark.parametrize(
    ("make", "reason"),
    [(missing, "no such file"), (empty, "it is empty"), (no_picture, "no picture")],
)
def test_a_bad_picture_as_style(
    impasto: Run, photo_file: Path, make: Callable[[Path], None], reason: str
) -> None:
    path = photo_file.with_name("style.png")
    make(path)
    done = impasto("stylize", photo_file, "--style", path)
    assert (done.code, done.out) == (2, "")
    assert reason in done.only_error()


@pytest.mark.parametrize(
    "style",
    ["starry-night:-1", "starry-night:0", "starry-night:nan", "starry-night:much", "", ",", ":"],
)
def test_bad_mixes(impasto: Run, photo_file: Path, style: str) -> None:
    done = impasto("stylize", photo_file, f"--style={style}")
    assert done.code == 2
    done.only_error()


def test_an_engine_that_cannot(impasto: Run, photo_file: Path) -> None:
    pytest.importorskip("onnxruntime")
    done = impasto(
        "stylize", photo_file, photo_file, *STYLE, "--engine", "onnxruntime", "--precision", "bf16"
    )
    assert (done.code, done.out) == (2, "")
    assert "--precision f32" in done.only_error()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strength", "1.5"], "--strength"),
        (["--strength", "much"], "--strength"),
        (["--quality", "0"], "--quality"),
        (["--threads", "0"], "--threads"),
        (["--max-pixels", "0"], "--max-pixels"),
        (["--stroke", "0.1"], "--stroke"),
        (["--stroke", "nan"], "--stroke"),
        (["--size", "0"], "--size"),
        (["--engine", "tensorrt"], "openvino"),
        (["--network", "huge"], "small"),
        (["--precision", "f8"], "bf16"),
        (["--brush", "big"], "--brush"),
    ],
)
def test_wrong_usage(impasto: Run, photo_file: Path, arguments: list[str], message: str) -> None:
    done = impasto("stylize", photo_file, *STYLE, *arguments)
    assert message in done.usage()
    assert done.out == ""


def test_nothing_to_paint_or_no_style(impasto: Run, photo_file: Path) -> None:
    assert "nothing to paint" in impasto("stylize", *STYLE).usage()
    assert "--style" in impasto("stylize", photo_file).usage()


# Ctrl-C


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_in_a_batch(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    data = jpeg(photos / "0.jpg", 240, 320)
    for number in range(1, 200):
        (photos / f"{number}.jpg").write_bytes(data)
    with (tmp_path / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "impasto",
                "stylize",
                str(photos),
                *STYLE,
                "-o",
                str(tmp_path / "out"),
                "--threads",
                "1",
            ],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=surroundings(),
            preexec_fn=lambda: signal.signal(
                signal.SIGINT, signal.SIG_DFL
            ),  # a shell's background job would ignore it
        )
    assert process.stdout
    reported = [process.stdout.readline() for _ in range(3)]
    process.send_signal(signal.SIGINT)
    reported += process.stdout.readlines()
    process.stdout.close()
    assert process.wait(60) == 130
    note, error = (tmp_path / "stderr").read_text().splitlines()
    assert re.fullmatch(
        r"(1 output is|\d+ outputs are) done, (1 is|\d+ are) not; the same command goes on", note
    )
    assert error == "error: interrupted"
    painted = sorted((tmp_path / "out").iterdir())
    assert {path.suffix for path in painted} == {".jpg"}
    assert 3 <= len(painted) < 200
    # those in work are finished, and no longer printed
    assert 0 <= len(painted) - len(reported) <= ITEMS_PER_WORKER * (1 + EXTRA_THREADS)
    for path in painted:
        assert read(path).width == 320


def test_ctrl_c_by_any_verb(impasto: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("impasto.cli.doctor.examine", interrupt)
    done = impasto("doctor")
    assert (done.code, done.only_error()) == (130, "interrupted")


def test_text_is_neither_a_picture_nor_a_video(impasto: Run, tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    no_picture(path)
    expected = f"cannot read {path}: it is neither a picture nor a video"
    assert expected in impasto("stylize", path, *STYLE).only_error()


@pytest.mark.parametrize(
    "verb",
    [
        ("stylize", "ADDRESS", *STYLE),
        ("stylize", "PHOTO", "--style", "ADDRESS"),
        ("stylize", "PHOTO", *STYLE, "--mask", "ADDRESS"),
        ("compare", "ADDRESS", *STYLE),
        ("styles", "ADDRESS"),
    ],
    ids=" ".join,
)
def test_addresses_are_not_downloaded(
    impasto: Run, photo_file: Path, verb: tuple[str, ...]
) -> None:
    given = {"ADDRESS": "https://example.org/a.jpg", "PHOTO": str(photo_file)}
    message = impasto(*(given.get(word, word) for word in verb)).only_error()
    assert "cannot read https://example.org/a.jpg: impasto does not download" in message
