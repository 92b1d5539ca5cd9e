"""The public API: its names, the kinds of its arguments, and the examples of its pages."""

import dataclasses
import doctest
import inspect
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import make_clip
from commands import python
from pictures import UInt8, photo
from PIL import Image

import impasto
from impasto import api, stylizer
from impasto.batch import ray
from impasto.errors import ArgumentError, PictureError, StyleError, VideoError

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference" / "python.md"


@pytest.mark.process
def test_dir_lists_the_api_and_nothing_else() -> None:
    out = python("-c", "import impasto; print(*dir(impasto))").out.split()
    assert out == sorted(impasto.__all__)


def test_the_reference_page_has_a_section_for_each_name() -> None:
    sections = re.findall(r"^## `(\w+)`", REFERENCE.read_text(encoding="utf-8"), re.M)
    assert sorted(sections) == sorted(impasto.__all__)


def test_signatures_on_the_reference_page_are_complete() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    shown = re.findall(r"^```py\n(?:impasto\.)?(\w+)\(([^()]*(?:\(\)[^()]*)*)\)\n```", text, re.M)
    assert {"stylize", "stylize_files", "stylize_dataset", "ClusterOptions"} <= {
        name for name, _ in shown
    }
    for name, arguments in shown:
        named = [re.split(r"[=\s]", one.strip())[0] for one in arguments.split(",")]
        if name == "Stylizer":  # an example of it, with few of its arguments
            continue
        function = getattr(impasto if name in impasto.__all__ else ray, name)
        parameters = inspect.signature(function).parameters
        assert sorted(set(named) - {"*"}) == sorted(parameters), name


def test_fields_of_results_are_on_the_reference_page() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    for kind in (impasto.FileResult, impasto.VideoResult, impasto.Progress, impasto.Region):
        section = text.partition(f"## `{kind.__name__}`")[2].partition("\n## ")[0]
        fields = {field.name for field in dataclasses.fields(kind)}
        assert fields <= set(re.findall(r"`\.?(\w+)`", section)), kind


def test_missing_files_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(impasto.ImpastoError, match="no such file"):
        impasto.stylize(tmp_path / "absent.jpg", "starry-night")


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        (impasto.stylize, {"photo": "a.jpg", "stylizer": 3}),
        *(
            (impasto.stylize_files, {"paths": "a.jpg", name: 3})
            for name in ("paths", "output", "report", "shard", "stylizer", "on_progress")
        ),
        *((impasto.stylize_files, {"paths": paths}) for paths in (None, b"a.jpg", ["a.jpg", 3])),
        *(
            (impasto.stylize_video, {"source": "a.mp4", "target": "b.mp4", name: value})
            for name, value in {
                **dict.fromkeys(("source", "target", "stylizer", "on_progress"), 3),
                **dict.fromkeys(("start", "end"), b"1"),
            }.items()
        ),
    ],
)
def test_a_wrong_type_is_an_argument_error(verb: Any, arguments: dict[str, Any]) -> None:
    (name,) = [key for key, value in arguments.items() if not isinstance(value, str)]
    with pytest.raises(ArgumentError, match=rf"cannot use .* as {name}: .*; give "):
        verb(**arguments, style="udnie")


def test_wrong_types_of_other_functions_are_argument_errors() -> None:
    with pytest.raises(ArgumentError, match="as painting"):
        impasto.read_settings(3)  # type: ignore[arg-type]
    wrong: list[dict[str, Any]] = [{"name": 3}, {"photos": 3}, {"seed": "x"}, {"on_progress": 3}]
    for arguments in wrong:
        with pytest.raises(ArgumentError, match=f"as {next(iter(arguments))}"):
            impasto.train_style("a.jpg", steps=1, **arguments)


def test_every_name_is_there_and_has_a_docstring() -> None:
    for name in impasto.__all__:
        value = getattr(impasto, name)
        assert value is not None
        assert name == "__version__" or value.__doc__
    with pytest.raises(AttributeError, match="paint"):
        impasto.paint  # noqa: B018


def sources(pixels: UInt8, folder: Path) -> list[Any]:
    """One image in all forms that a photo may have."""
    path = folder / "image.png"
    Image.fromarray(pixels).save(path)
    return [
        str(path),
        path,
        path.read_bytes(),
        io.BytesIO(path.read_bytes()),
        Image.fromarray(pixels),
        pixels,
    ]


@pytest.mark.parametrize("shape", [(40, 56), (40, 56, 1), (40, 56, 3), (40, 56, 4)])
def test_photos_may_have_any_form(shape: tuple[int, ...], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    forms = [pixels] if shape[-1] == 1 else sources(pixels, tmp_path)
    stylizer = impasto.Stylizer("small")
    paintings = [stylizer.stylize(form, "udnie") for form in forms]
    forms = [pixels] if shape[-1] == 1 else sources(pixels, tmp_path)
    paintings += [np.asarray(impasto.stylize(form, "udnie", stylizer=stylizer)) for form in forms]
    assert all(np.array_equal(paintings[0], each) for each in paintings)
    assert paintings[0].shape == (40, 56, 4 if shape[-1] == 4 else 3)


def test_styles_may_have_any_form(tmp_path: Path) -> None:
    stylizer = impasto.Stylizer("small")
    forms = sources(photo(80, 90), tmp_path)
    paintings = [stylizer.stylize(photo(48, 64), form) for form in forms]
    assert all(np.array_equal(paintings[0], each) for each in paintings)


def test_masks_may_have_any_form(tmp_path: Path) -> None:
    stylizer = impasto.Stylizer("small")
    forms = sources(np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1)), tmp_path)
    paintings = [stylizer.stylize(photo(48, 64), "udnie", mask=form) for form in forms]
    assert all(np.array_equal(paintings[0], each) for each in paintings)
    assert not np.array_equal(paintings[0], stylizer.stylize(photo(48, 64), "udnie"))


@pytest.mark.parametrize(
    "photo_", [None, 7, np.zeros((4, 4), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_photos_that_are_none(photo_: Any) -> None:
    with pytest.raises(PictureError, match="cannot read"):
        impasto.stylize(photo_, "udnie", network="small")


@pytest.mark.parametrize("style", [None, 7, np.zeros((4, 4), np.float32)])
def test_styles_that_are_none(style: Any) -> None:
    with pytest.raises(StyleError):
        impasto.stylize(photo(8, 8), style, network="small")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that examples name, as the working folder."""
    from clips import EVEN, make_clip

    Image.fromarray(photo(48, 64)).save(tmp_path / "photo.jpg")
    for name in ("a.jpg", "b.jpg", "tulip.jpg", "sky.png"):
        Image.fromarray(photo(60, 64)).save(tmp_path / name)
    make_clip(tmp_path / "clip.mp4", EVEN[:3])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.usefixtures("files")
def test_the_examples_of_docstrings() -> None:
    for module in (impasto, api, stylizer):
        failures, _ = doctest.testmod(
            module, extraglobs={name: getattr(impasto, name) for name in impasto.__all__}
        )
        assert not failures, module.__name__


@pytest.mark.slow
@pytest.mark.usefixtures("files")
def test_the_examples_of_the_reference_page() -> None:
    pytest.importorskip("torch")
    # signatures stand in blocks of the language `py`
    examples = re.findall(
        r"^```python\n(.*?)^```", REFERENCE.read_text(encoding="utf-8"), re.M | re.S
    )
    names: dict[str, Any] = {"impasto": impasto, "array": photo(48, 64)}
    for example in examples:
        exec(re.sub(r"(minutes|steps)=\d+", "steps=2", example), names)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"strength": wrong} for wrong in (2, -1, float("nan"), "x", None)),
        *({"stroke": wrong} for wrong in (0, 17, float("nan"), "x", None)),
        *({"size": wrong} for wrong in (0, -1, float("nan"), "x")),
        {"wrap": "vertical"},
        {"wrap": None},
        {"wrap": []},
    ],
    ids=str,
)
def test_wrong_values_are_errors_of_impasto_and_value_errors(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    for function in (impasto.stylize, stylizer.Stylizer("small").stylize):
        with pytest.raises(impasto.ImpastoError, match=f"as {name}: .*; give ") as raised:
            function(photo(16, 16), "udnie", **wrong)
        assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    "wrong",
    [{"strength": 2}, {"stroke": 17}, {"size": 0}, {"quality": 0}, {"quality": "x"}],
    ids=str,
)
def test_wrong_values_for_files_are_told_once(photo_file: Path, wrong: dict[str, Any]) -> None:
    """They are wrong for all files, so no file fails of them."""
    (name,) = wrong
    with pytest.raises(impasto.ImpastoError, match=f"as {name}: "):
        list(impasto.stylize_files([photo_file], "udnie", network="small", **wrong))


@pytest.mark.parametrize(
    "wrong",
    [{"minutes": value} for value in (0, -1, float("nan"), "x")]
    + [{"steps": value} for value in (0, -1, 2.5, "x")]
    + [{"network": "x"}],
    ids=str,
)
def test_wrong_lengths_of_training(wrong: dict[str, Any]) -> None:
    pytest.importorskip("torch")
    with pytest.raises(impasto.ImpastoError, match=r"; (give|there are)"):
        impasto.train_style(photo(64, 64), **wrong)


@pytest.mark.parametrize("network", [5, None, "x"])
def test_wrong_networks(network: Any) -> None:
    with pytest.raises(impasto.ImpastoError, match="network"):
        impasto.stylize(photo(16, 16), "udnie", network=network)


def test_a_picture_is_no_video_and_a_video_no_picture(photo_file: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"it is a picture; .* `impasto.stylize` paint pictures"):
        impasto.stylize_video(photo_file, tmp_path / "painted.mp4", "udnie")
    assert not (tmp_path / "painted.mp4").exists()
    clip = make_clip(tmp_path / "clip.mp4")
    for source in (clip, clip.read_bytes()):
        with pytest.raises(PictureError, match=r"it is a video, .* `impasto.stylize_video` paint"):
            impasto.stylize(source, "udnie", network="small")
