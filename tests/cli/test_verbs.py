"""impasto --version, styles, doctor, benchmark, and the errors of train."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import Run, python
from conftest import SHIPPED
from pictures import photo
from PIL import Image

import impasto as package
from impasto.engines import base
from impasto.images.reading import read
from impasto.models.gallery import gallery_names, gallery_style
from impasto.models.network import load_shipped
from impasto.models.style import Style, encode_picture
from impasto.stylizer import Stylizer


@pytest.mark.process
def test_version(impasto: Run) -> None:
    assert impasto("--version").out == f"impasto {package.__version__}\n"
    assert python("-m", "impasto", "--version").out == f"impasto {package.__version__}\n"


@pytest.mark.parametrize(
    "verb",
    [
        "stylize",
        "styles",
        "train",
        "evaluate",
        "benchmark",
        "doctor",
        "webcam",
        "compare",
        "import",
        "export",
    ],
)
def test_help(impasto: Run, verb: str) -> None:
    done = impasto(verb, "-h")
    assert (done.code, done.err) == (0, "")
    assert f"impasto {verb}" in done.out
    assert verb in impasto("--help").out


def test_an_unknown_verb(impasto: Run) -> None:
    assert "paint" in impasto("paint").usage()


# styles


def test_the_list_of_styles(impasto: Run) -> None:
    lines = impasto("styles").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(gallery_names())
    starry = next(line for line in lines if line.startswith("starry-night"))
    assert "Gogh" in starry
    assert "1889" in starry


def test_the_list_as_json(impasto: Run) -> None:
    records = impasto("styles", "--json").records
    assert [record["name"] for record in records] == list(gallery_names())
    for record in records[:-1]:
        assert all(
            isinstance(record[key], str) and record[key]
            for key in ("title", "artist", "year", "source")
        )
        for network in SHIPPED:
            assert record["networks"][network]["hash"]


def measured(path: Path) -> Path:
    """A style file with measures for one of its two networks."""
    facts = {"title": "Tulip [1]", "artist": "N. N.", "year": "2024", "source": "tulip"}
    facts |= {"base.C": "0.5", "base.S": "0.125", "base.J": "1.125", "base.steps": "300"}
    embedding = np.ones(3, np.float32)
    Style(
        "tulip", {"base": embedding, "small": embedding}, {"base": "cafe", "small": "beef"}, facts
    ).save(path)
    return path


def test_measures_are_listed_by_network(impasto: Run, tmp_path: Path) -> None:
    path = measured(tmp_path / "tulip.safetensors")
    (record,) = impasto("styles", path, "--json").records
    assert [record[key] for key in ("name", "title", "artist", "year", "source")] == [
        "tulip",
        "Tulip [1]",
        "N. N.",
        "2024",
        "tulip",
    ]
    assert record["networks"] == {
        "base": {"hash": "cafe", "C": 0.5, "S": 0.125, "J": 1.125, "steps": "300"},
        "small": {"hash": "beef"},
    }
    shown = impasto("styles", path).out
    places = [
        shown.index(word)
        for word in ("Tulip [1]", "N. N.", "2024", "cafe", "0.125", "1.125", "300", "beef")
    ]
    assert places == sorted(places)  # whatever the order in the file, which is none


def test_measures_that_are_no_numbers(impasto: Run, tmp_path: Path) -> None:
    facts = {"base.J": "very good"}
    Style("tulip", {"base": np.ones(3, np.float32)}, {"base": "cafe"}, facts).save(
        tmp_path / "a.safetensors"
    )
    (record,) = impasto("styles", tmp_path / "a.safetensors", "--json").records
    assert record["networks"]["base"]["J"] == "very good"


def test_a_remembered_picture_is_shown(impasto: Run, tmp_path: Path) -> None:
    """As people may want to know before they give the file away."""
    style = Style(
        "tulip",
        {"base": np.ones(3, np.float32)},
        {"base": "cafe"},
        {"base.gallery": "1"},
        None,
        encode_picture(photo(40, 50)),
    )
    style.save(tmp_path / "tulip.safetensors")
    (record,) = impasto("styles", tmp_path / "tulip.safetensors", "--json").records
    assert record == {
        "name": "tulip",
        "picture": "50x40",
        "networks": {"base": {"hash": "cafe", "gallery": "1"}},
    }


def test_one_style_in_detail(impasto: Run) -> None:
    shown = impasto("styles", "great-wave").out
    assert "Hokusai" in shown
    assert gallery_style("great-wave").hashes["base"] in shown
    assert "did you mean great-wave" in impasto("styles", "great-wav").only_error()


@pytest.mark.slow
def test_a_sheet_of_a_photograph(impasto: Run, photo_file: Path) -> None:
    target = photo_file.with_name("sheet.png")
    done = impasto("styles", "--sheet", target, "--photo", photo_file, "-n", "small")
    assert (done.code, done.out, done.err) == (0, f"{target}\n", "")
    sheet = read(target).rgb
    assert min(sheet.shape[:2]) > 600
    assert sheet.std() > 20
    arguments = (
        "styles",
        "starry-night",
        "udnie",
        "--sheet",
        target,
        "--photo",
        photo_file,
        "--json",
    )
    assert f"--sheet {target} exists; --overwrite replaces it" in impasto(*arguments).usage()
    (record,) = impasto(*arguments, "--overwrite").records
    height, width = read(target).rgb.shape[:2]
    assert record == {
        "output": str(target),
        "styles": ["starry-night", "udnie"],
        "width": width,
        "height": height,
    }
    assert width > 3 * 320  # photograph and both in one row
    missing = impasto(
        "styles", "--sheet", target, "--photo", photo_file.with_name("absent.jpg"), "--overwrite"
    )
    assert "no such file" in missing.only_error()
    assert (
        "never overwritten"
        in impasto(
            "styles", "--sheet", photo_file, "--photo", photo_file, "--overwrite"
        ).only_error()
    )
    assert "--sheet gallery.png" in impasto("styles", "--photo", photo_file).usage()
    assert "unsupported extension .txt" in impasto("styles", "--sheet", "sheet.txt").usage()


def test_a_sheet_of_previews(impasto: Run, tmp_path: Path) -> None:
    target = tmp_path / "sheet.jpg"
    (record,) = impasto("styles", "--sheet", target, "--json").records
    assert record["styles"] == list(gallery_names()[:-1])
    assert read(target).rgb.shape == (record["height"], record["width"], 3)
    assert (
        "cannot show photo: it has no preview; paint a photograph in it"
        in impasto("styles", "photo", "--sheet", target, "--overwrite").err
    )


def test_folders_of_styles(impasto: Run, tmp_path: Path) -> None:
    """A gallery's and others', with pictures and names beside them."""
    assert "holds no style files" in impasto("styles", tmp_path).only_error()
    embeddings = {"base": np.ones(3, np.float32)}
    for path in ("mine/b.safetensors", "mine/styles/a.safetensors"):
        Style(
            Path(path).stem, embeddings, {"base": "cafe"}, remembered=encode_picture(photo(40, 50))
        ).save(tmp_path / path)
    Image.fromarray(photo(40, 50)).save(tmp_path / "tulip.png")
    arguments = ("styles", tmp_path / "mine", "udnie", tmp_path / "tulip.png")
    names = ["b", "a", "udnie", "tulip"]
    assert [record["name"] for record in impasto(*arguments, "--json").records] == names
    assert [line.split()[0] for line in impasto(*arguments).out.splitlines()[1:]] == names
    (record,) = impasto(*arguments, "--sheet", tmp_path / "sheet.png", "--json").records
    assert record["styles"] == names


# doctor


def test_a_report_has_what_is_needed_and_no_paths(
    impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "somebody" / "weights"
    weights.mkdir(parents=True)
    (weights / "vgg19.safetensors").write_bytes(b"")
    monkeypatch.setenv("IMPASTO_WEIGHTS", str(weights))
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "somebody" / "cache"))
    done = impasto("doctor", "--report", tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    assert done.code == 0 and str(tmp_path / "report.md") in done.out
    assert all(
        part in text
        for part in (
            "python: ",
            "openvino",
            "vgg19.safetensors",
            load_shipped("base").hash,
            "IMPASTO_HOME set",
        )
    )
    assert "somebody" not in text and str(Path.home()) not in text
    # engines agree, and each paints
    lines = [line for line in text.splitlines() if "deviation" in line]
    assert len(lines) == 2 * len(base.available_engines())
    means = {line.split(", ")[1].split(":")[0]: set[float]() for line in lines}
    for line in lines:
        means[line.split(", ")[1].split(":")[0]].add(float(line.split("mean ")[1].split(",")[0]))
    assert all(max(each) - min(each) < 0.1 for each in means.values())
    monkeypatch.setattr(
        Stylizer,
        "stylize",
        lambda *_: (_ for _ in ()).throw(ValueError("lost /home/somebody/x.png")),
    )
    impasto("doctor", "--report", tmp_path / "report.md")
    assert "ValueError: lost .../x.png" in (tmp_path / "report.md").read_text()


def test_doctor(impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "weights").mkdir(parents=True)
    (home / "weights" / "vgg19-dcbb9e9d.pth").write_bytes(b"12345")
    monkeypatch.setenv("IMPASTO_HOME", str(home))
    done = impasto("doctor", "--json")
    (found,) = done.records
    assert (done.code, done.err) == (0, "")
    assert found["impasto"] == package.__version__
    assert found["engines"]
    assert found["cores"] >= 1
    assert found["styles"] == len(gallery_names())
    assert found["gallery"] == {name: load_shipped(name).gallery for name in SHIPPED}
    assert found["versions"]["numpy"] == np.__version__
    assert str(home / "weights" / "vgg19-dcbb9e9d.pth") in found["weights"]
    assert (found["cache"], found["cache_bytes"]) == (str(home), 5)
    shown = impasto("doctor").out
    assert all(f"{key} " in shown for key in found if key != "advice")
    assert all(f"- {line}" in shown for line in found["advice"])


def test_doctor_tells_what_to_do(
    impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "absent"))
    monkeypatch.delenv("IMPASTO_WEIGHTS", raising=False)
    monkeypatch.setattr("impasto.cli.doctor.available_engines", list)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (found,) = impasto("doctor", "--json").records
    assert (found["weights"], found["cache_bytes"], found["engines"]) == ([], 0, [])
    advice = "\n".join(found["advice"])
    assert all(
        word in advice
        for word in (
            "no engine is installed",
            "impasto[train]",
            "impasto[heic]",
            "impasto[flow]",
            "vgg19",
        )
    )
    assert found["versions"]["torch"] is None
    shown = dict(
        line.split(maxsplit=1) for line in impasto("doctor").out.splitlines()
    )  # no line is a key without a value
    assert shown["weights"] == shown["engines"] == "none"


# benchmark


@pytest.mark.slow
def test_benchmark(impasto: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.cli.benchmark.NETWORKS", tuple(SHIPPED))
    quick = ("--runs", "1", "--threads", "1", "--engine", base.available_engines()[0])
    done = impasto(
        "benchmark", "--size", "64x80", "--size", "64x64", "--against", "none", "--json", *quick
    )
    assert (done.code, done.err) == (0, "")
    assert [(r["network"], r["width"], r["height"]) for r in done.records] == [
        (n, 64, h) for h in (80, 64) for n in SHIPPED
    ]
    for record in done.records:
        assert record["fps"] == pytest.approx(1000 / record["ms"], rel=0.02)
        assert "times_faster_than_johnson" not in record
        if sys.platform != "win32":
            assert 20 < record["peak_mb"] < 2000


def test_benchmark_by_itself_times_all_engines_and_int8(
    impasto: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setattr("impasto.cli.benchmark.NETWORKS", ("small",))
    done = impasto(
        "benchmark", "--size", "64x64", "--against", "none", "--runs", "1", "--no-memory", "--json"
    )
    ways = [record["engine"].split() for record in done.records]
    assert [engine for engine, _ in ways] == [*base.available_engines(), "openvino"]
    assert ways[-1] == ["openvino", "int8"]


def test_benchmark_against_johnson(impasto: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.cli.benchmark.NETWORKS", tuple(SHIPPED[:1]))
    arguments = (
        "benchmark",
        "--size",
        "64x64",
        "--runs",
        "1",
        "--no-memory",
        "--engine",
        base.available_engines()[0],
    )
    ours, theirs = impasto(*arguments, "--json").records
    assert (theirs["network"], theirs["times_faster_than_johnson"]) == ("johnson", 1)
    assert ours["times_faster_than_johnson"] == pytest.approx(theirs["ms"] / ours["ms"], rel=0.1)
    assert "peak_mb" not in ours
    assert "times the speed of johnson" in impasto(*arguments).out


@pytest.mark.parametrize("size", ["512", "512x", "63x64", "8x8", "-64x64", "axb", "1x2x3"])
def test_sizes_that_are_none(impasto: Run, size: str) -> None:
    assert "multiples of 8" in impasto("benchmark", f"--size={size}").usage()


# train: the errors. What it learns is tested with the learning half.


@pytest.fixture
def second(photo_file: Path) -> Path:
    path = photo_file.with_name("second.jpg")
    Image.fromarray(photo(64, 64)).save(path)
    return path


def test_two_pictures_are_a_gallery(impasto: Run, photo_file: Path, second: Path) -> None:
    assert "need --gallery FOLDER" in impasto("train", photo_file, second).usage()


def test_steps_and_minutes(impasto: Run, photo_file: Path) -> None:
    assert (
        "--steps or --minutes, not both"
        in impasto("train", photo_file, "--steps", "3", "--minutes", "1").usage()
    )


@pytest.mark.parametrize(
    "arguments",
    [[], ["--steps", "0"], ["--minutes", "0"], ["--crop", "1"], ["--perceptual", "vgg"]],
)
def test_wrong_usage_of_train(impasto: Run, photo_file: Path, arguments: list[str]) -> None:
    said = impasto("train", *([photo_file, *arguments] if arguments else [])).usage()
    assert (arguments[0] if arguments else "PICTURE") in said


def test_pictures_that_cannot_be_learned(
    impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(photo_file.parent)
    photo_file.with_name("letter.jpg").write_text("Dear Sir or Madam,")
    for name, reason in (
        ("absent.jpg", "no such file"),
        ("letter.jpg", "no picture"),
        (".", "folder"),
    ):
        done = impasto("train", name, "--steps", "1", "-o", "out.safetensors")
        assert (done.code, done.out) == (1, "")
        assert reason in done.only_error()
    assert sorted(path.name for path in photo_file.parent.iterdir()) == ["letter.jpg", "photo.jpg"]


def test_what_is_there_is_kept(
    impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photo_file.parent)
    Path("photo.safetensors").write_bytes(b"mine")
    assert (
        "photo.safetensors exists; --overwrite replaces it" in impasto("train", photo_file).usage()
    )
    Path("other.safetensors.base.checkpoint").write_bytes(b"a run")
    assert (
        "--resume goes on with it"
        in impasto("train", photo_file, "-o", "other.safetensors").usage()
    )
    Path("mine/networks").mkdir(parents=True)
    Path("mine/networks/base.safetensors").write_bytes(b"a network")
    assert (
        "mine has a network base already"
        in impasto("train", photo_file, "--gallery", "mine").usage()
    )
    assert Path("photo.safetensors").read_bytes() == b"mine"


def test_json_is_one_object_a_line(impasto: Run, photo_file: Path) -> None:
    lines = impasto("stylize", photo_file, "-s", "great-wave", "--json").out.splitlines()
    assert [json.loads(line)["input"] for line in lines] == [str(photo_file)]


def test_a_network_of_its_own_is_listed(impasto: Run, tmp_path: Path) -> None:
    known = load_shipped("small")
    own = replace(known, name="own", predictor=b"", photo=None)
    embedding = gallery_style("udnie").embedding(known)
    Style("mine", {"own": embedding}, {"own": known.hash}, {}, own).save(
        tmp_path / "mine.safetensors"
    )
    (record,) = impasto("styles", tmp_path / "mine.safetensors", "--json").records
    assert record["networks"] == {"own": {"hash": known.hash}}
