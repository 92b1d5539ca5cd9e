"""Outputs of impasto stylize: where paintings go, and what is kept."""

import os
from pathlib import Path

import pytest
from clips import make_clip
from commands import Paint, Run
from pictures import copies, names, photo
from PIL import Image

from impasto.images.reading import read

# Where paintings go


def test_output_is_a_file(paint: Paint, photo_file: Path) -> None:
    target = photo_file.parent / "new" / "out.png"
    paint(photo_file, "-o", target)
    with Image.open(target) as painted:
        assert painted.format == "PNG"


@pytest.mark.parametrize("exists", [True, False])
def test_output_is_a_folder(paint: Paint, photo_file: Path, exists: bool) -> None:
    folder = photo_file.parent / "out"
    if exists:
        folder.mkdir()
    paint(photo_file, "-o", folder if exists else f"{folder}/")
    assert names(folder) == ["photo.starry-night.jpg"]


@pytest.mark.slow
def test_several_inputs(paint: Paint, photo_file: Path) -> None:
    (second,) = copies(photo_file, "second.jpg")
    out = photo_file.parent / "out.d"
    done = paint(photo_file, second, photo_file, "-o", out, "--json")
    assert names(out) == ["photo.starry-night.jpg", "second.starry-night.jpg"]
    assert [record["input"] for record in done.records] == [str(photo_file), str(second)]


@pytest.mark.parametrize(
    ("pattern", "count"), [("in/*.jpg", 2), ("**/*.jpg", 4), ("in/[a].jpg", 1), ("in/?.jpg", 2)]
)
def test_a_glob_as_input(paint: Paint, photo_file: Path, pattern: str, count: int) -> None:
    copies(photo_file, "in/b.jpg", "in/a.jpg", "in/deeper/c.jpg")
    paint(photo_file.parent / pattern, "-o", f"{photo_file.parent / 'out'}/")
    assert len(names(photo_file.parent / "out")) == count


@pytest.mark.slow
def test_a_folder_painted_again_is_as_it_was(paint: Paint, photo_file: Path) -> None:
    """Paintings of the first run are no photographs of the second."""
    paint(photo_file.parent)
    after_one = {name: (photo_file.parent / name).read_bytes() for name in names(photo_file.parent)}
    done = paint(photo_file.parent)
    assert {
        name: (photo_file.parent / name).read_bytes() for name in names(photo_file.parent)
    } == after_one
    assert "kept" in done.out
    paint(photo_file.parent, "--overwrite")
    assert names(photo_file.parent) == list(after_one)


@pytest.mark.slow
def test_paintings_in_other_styles_are_no_photographs(impasto: Run, photo_file: Path) -> None:
    for style in ("starry-night", "udnie", "starry-night"):
        done = impasto("stylize", photo_file.parent, "-s", style, "--overwrite")
        assert done.code == 0
    assert names(photo_file.parent) == ["photo.jpg", "photo.starry-night.jpg", "photo.udnie.jpg"]


def test_a_comma_is_said_to_mix(impasto: Run, photo_file: Path) -> None:
    said = "a comma mixes styles: 2 styles in equal parts; repeat --style to paint in each of them"
    mixed = impasto("stylize", photo_file, "-n", "small", "-s", "udnie,great-wave")
    assert said in mixed.errors
    weighed = impasto("stylize", photo_file, "-n", "small", "-s", "udnie:0.2,great-wave:0.8")
    assert weighed.code == 0 and said not in weighed.err


def test_a_painting_that_is_named_is_left_out_aloud(impasto: Run, photo_file: Path) -> None:
    (painting,) = copies(photo_file, "photo.udnie.jpg")
    done = impasto("stylize", photo_file, painting, "-s", "great-wave")
    assert f"left out, as the name is that of a painting; to paint it, rename it: {painting}" in (
        done.err
    )
    inside = impasto("stylize", photo_file.parent, "-s", "great-wave", "--overwrite").err
    assert "left out" in inside and str(painting) in inside
    assert names(photo_file.parent) == ["photo.great-wave.jpg", "photo.jpg", "photo.udnie.jpg"]


@pytest.mark.slow
def test_a_photograph_with_the_name_of_a_style_is_one(impasto: Run, photo_file: Path) -> None:
    (one,) = copies(photo_file, "alone/holiday.udnie.jpg")
    impasto("stylize", one.parent, "-s", "great-wave")
    assert names(one.parent) == ["holiday.udnie.great-wave.jpg", "holiday.udnie.jpg"]


@pytest.mark.parametrize("output", ["painted", "painted.xyz"])
def test_an_output_that_is_no_file_name(impasto: Run, photo_file: Path, output: str) -> None:
    """Found before anything is painted, with how to say it."""
    target = photo_file.parent / output
    message = impasto("stylize", photo_file, "-s", "udnie", "-o", target).usage()
    assert f"{target}/" in message and ".jpg" in message


def test_several_inputs_do_not_go_into_one_file(impasto: Run, photo_file: Path) -> None:
    other = photo_file.with_name("other.png")
    Image.fromarray(photo(20, 30)).save(other)
    message = impasto(
        "stylize",
        photo_file,
        other,
        "--style",
        "starry-night",
        "-o",
        photo_file.with_name("one.png"),
    ).usage()
    assert "one.png: it is one file" in message and "one.png/" in message
    assert not photo_file.with_name("one.png").exists()


# What is there is kept


def test_an_existing_output_is_kept(paint: Paint, photo_file: Path) -> None:
    target = photo_file.with_name("photo.starry-night.jpg")
    target.write_bytes(b"mine")
    os.utime(target, (1, 1))
    assert "kept: the output exists; --overwrite paints it anew" in paint(photo_file).out
    (record,) = paint(photo_file, "--json").records
    assert "--overwrite" in record["skipped"]
    assert (target.read_bytes(), target.stat().st_mtime) == (b"mine", 1)
    paint(photo_file, "--overwrite")
    assert read(target).width == 64


@pytest.mark.parametrize("way", ["photo.jpg", "./photo.jpg", "link.jpg", "hard.jpg"])
def test_the_photograph_itself_is_never_overwritten(
    impasto: Run, photo_file: Path, way: str
) -> None:
    photo_file.with_name("link.jpg").symlink_to(photo_file)
    photo_file.with_name("hard.jpg").hardlink_to(photo_file)
    before = photo_file.read_bytes()
    done = impasto(
        "stylize",
        photo_file,
        "-s",
        "starry-night",
        "-o",
        f"{photo_file.parent}/{way}",
        "--overwrite",
    )
    assert done.code == 1
    assert "the photograph itself" in done.only_error()
    assert photo_file.read_bytes() == before
    assert names(photo_file.parent) == ["hard.jpg", "link.jpg", "photo.jpg"]


def test_a_wrong_extension_of_a_photo_lists_those_of_pictures(
    impasto: Run, photo_file: Path
) -> None:
    of_photo = impasto("stylize", photo_file, "-s", "udnie", "-o", "painted.xyz").only_error()
    assert "unsupported extension .xyz; use one of .avif .bmp .jpeg .jpg .png" in of_photo
    assert ".mp4" not in of_photo
    clip = make_clip(photo_file.with_name("clip.mp4"))
    of_clip = impasto("stylize", clip, "-s", "udnie", "-o", "painted.xyz").only_error()
    assert ".mp4" in of_clip and ".bmp" not in of_clip
