"""impasto evaluate: what comes out, that it agrees with what was saved, that a run goes on, and
what it says of bad input.

Judged by `lite`, which ships, on pictures of 64 pixels, so that no weights are needed.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Outcome, Run

torch = pytest.importorskip("torch")
pytest.importorskip("skimage")
pytest.importorskip("matplotlib")

from learning.tiny import inception_tensors, squeeze_tensors, texture, vgg_tensors
from PIL import Image
from safetensors.torch import save_file

from impasto.cli import evaluate
from impasto.images.image import Picture
from impasto.images.reading import read
from impasto.images.writing import write
from impasto.learning.evaluation import (
    baselines,
    flaws,
    scorer,
    summary,
)
from impasto.learning.evaluation.scorer import ObjectiveScorer
from impasto.learning.networks import pretrained
from impasto.stylizer import Stylizer

WAVE = "hokusai_great_wave"  # the source of a style of the gallery
BASELINES = "recolored,double-exposure,painting"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two photographs and one painting that the gallery has a style of; no weights
    but what ships."""
    monkeypatch.delenv("IMPASTO_WEIGHTS", raising=False)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    for folder, names in (("photos", ("a", "b")), ("paintings", (WAVE,))):
        (tmp_path / folder).mkdir()
        for seed, name in enumerate(names):
            Image.fromarray(texture(seed + len(folder), 70, 80)).save(
                tmp_path / folder / f"{name}.png"
            )
    return tmp_path


@pytest.fixture
def run(impasto: Run, place: Path) -> Run:
    def evaluated(methods: str, *more: object) -> Outcome:
        places = (place / "paintings", "--photos", place / "photos", "-o", place / "out")
        small = ("--size", "64", "--perceptual", "lite", "--precision", "f32", "--threads", "1")
        return impasto(
            "evaluate", *places, *small, "-m", methods, "--measures", "canonical,ssim", *more
        )

    return evaluated


def scores(place: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place / "out" / "scores.jsonl").read_text().splitlines()]


def results(place: Path) -> dict[str, dict[str, Any]]:
    return {
        each["method"]: each
        for each in json.loads((place / "out" / "results.json").read_text())["methods"]
    }


@pytest.mark.slow
def test_another_network_of_the_same_name(
    impasto: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file(vgg_tensors(), place / "vgg19.safetensors")
    monkeypatch.setenv("IMPASTO_WEIGHTS", str(place))
    places = (
        place / "paintings",
        "--photos",
        place / "photos",
        "-o",
        place / "out",
        "--measures",
        "canonical",
    )
    done = impasto("evaluate", *places, "--size", "64", "-m", "recolored")
    assert done.code == 0
    assert "figures compare with each other, not with those of the Oxford VGG-19" in " ".join(
        done.err.split()
    )


@pytest.mark.slow
def test_what_comes_out(run: Run, place: Path) -> None:
    done = run(f"base@gallery,{BASELINES},lbfgs-1,lbfgs-3", "--json")
    assert done.code == 0
    labels = ["base@gallery", *BASELINES.split(","), "lbfgs-1", "lbfgs-3"]
    assert [record["method"] for record in done.records] == labels
    assert list(results(place)) == labels
    for record in done.records:
        assert record["pairs"] == 2
        assert record["conditions"]["short side"] == "64 pixels"
        assert record["conditions"]["measures"]["canonical"].startswith("lite-")
        assert record["J"]["mean"] == pytest.approx(
            record["C"]["mean"] + 5 * record["S"]["mean"], rel=1e-3
        )
        assert record["J"]["p10"] <= record["J"]["median"] <= record["J"]["p90"]
        assert ("milliseconds" in record) == record["method"].startswith(("base", "lbfgs"))
    found = results(place)
    assert found["painting"]["S"]["mean"] < min(
        found[label]["S"]["mean"] for label in labels if label != "painting"
    )
    assert found["lbfgs-3"]["worth"] in (3, None)  # null where rounding to 8 bits cost a little
    assert found["base@gallery"]["minutes"] > 1
    names = {path.name for path in (place / "out").iterdir()}
    assert {
        "results.md",
        "results.json",
        "scores.jsonl",
        "sheet.png",
        "style-against-content.png",
    } <= names
    assert {"quality-against-time.png", "quality-against-training.png"} <= names
    table = (place / "out" / "results.md").read_text()
    assert all(f"| {label} |" in table for label in labels)
    assert all(word in table for word in ("64 pixels", "pairs: 2", "lite-", "SSIM"))
    sheet = read(place / "out" / "sheet.png").rgb
    assert sheet.shape[1] > 8 * 256  # photograph, painting, six methods


@pytest.mark.slow
def test_what_optimize_paints_is_measured_as_another_method(run: Run, place: Path) -> None:
    assert run("optimized-1,optimized-6").code == 0
    found = results(place)
    assert found["optimized-6"]["J"]["mean"] < 0.8 * found["optimized-1"]["J"]["mean"]
    assert found["optimized-6"]["milliseconds"]["mean"] > 0
    before = (place / "out" / "scores.jsonl").read_text()
    assert run("optimized-6").code == 0
    assert (place / "out" / "scores.jsonl").read_text() == before  # nothing is painted again


@pytest.mark.slow
def test_figures_are_those_of_the_pictures_that_were_saved(run: Run, place: Path) -> None:
    run("base@gallery,double-exposure")
    judge = ObjectiveScorer(pretrained.load_perceptual("lite"), 64)
    painting = place / "paintings" / f"{WAVE}.png"
    seen = 0
    for line in scores(place):
        if line["measure"] != "canonical":
            continue
        photo = place / "photos" / f"{line['photo']}.png"
        picture = read(
            place / "out" / "pictures" / "64" / line["method"] / f"{photo.stem}.{WAVE}.png"
        ).rgb
        expected = judge.score(picture, photo, painting)
        assert line["values"] == pytest.approx(vars(expected), rel=1e-4)
        seen += 1
    assert seen == 4
    baseline = baselines.double_exposure(
        scorer.load_picture(place / "photos" / "a.png", 64), scorer.load_picture(painting, 64)
    )
    np.testing.assert_array_equal(
        read(place / "out/pictures/64/double-exposure" / f"a.{WAVE}.png").rgb, baseline
    )


def test_mean_and_median_are_over_pairs(run: Run, place: Path) -> None:
    run("recolored")
    totals = [line["values"]["J"] for line in scores(place) if line["measure"] == "canonical"]
    spread = results(place)["recolored"]["J"]
    assert spread["mean"] == pytest.approx(np.mean(totals), rel=1e-4)
    assert spread["deviation"] == pytest.approx(np.std(totals), rel=1e-3)


@pytest.mark.slow
def test_a_run_goes_on_where_it_was(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    stopped, stylize = {"after": 1}, Stylizer.stylize
    painted: list[Any] = []

    def until(self: Stylizer, picture: Any, style: Any, strength: float = 1.0) -> Any:
        if len(painted) > stopped["after"]:  # the first is painted twice, once to warm up
            raise KeyboardInterrupt
        painted.append(style)
        return stylize(self, picture, style, strength)

    monkeypatch.setattr(Stylizer, "stylize", until)
    done = run("base@gallery,recolored")
    assert done.code == 130
    assert "the same command continues" in done.err
    before = scores(place)
    assert {line["photo"] for line in before} == {"a"}
    with (place / "out" / "scores.jsonl").open("a") as file:
        file.write('{"photo": "b", "pain')  # as a process that is killed leaves it
    stopped["after"], painted[:] = 99, []
    assert run("base@gallery,recolored").code == 0
    assert len(painted) == 2  # b alone, and the warm-up
    assert scores(place)[: len(before)] == before
    whole = scores(place)
    painted.clear()
    assert run("base@gallery,recolored").code == 0
    assert (painted, scores(place)) == ([], whole)
    (place / "out" / "pictures" / "64" / "base@gallery" / f"a.{WAVE}.png").unlink()
    assert run("base@gallery,recolored").code == 0
    assert len(painted) == 2
    painted.clear()
    assert run("base@gallery,recolored", "--overwrite").code == 0
    assert len(painted) == 3


def test_another_photograph_under_the_same_name_is_painted_anew(run: Run, place: Path) -> None:
    run("recolored")
    before = results(place)["recolored"]["J"]["mean"]
    Image.fromarray(texture(77, 70, 80)).save(place / "photos" / "a.png")
    run("recolored")
    assert results(place)["recolored"]["J"]["mean"] != before


@pytest.mark.slow
def test_a_style_that_is_predicted_otherwise_is_painted_anew(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from impasto.inference import predictor

    run("base")
    before, predict = results(place)["base"]["J"]["mean"], predictor.predict
    run("base")
    assert results(place)["base"]["J"]["mean"] == before
    monkeypatch.setattr(predictor, "predict", lambda *given: predict(*given) / 2)
    run("base")
    assert results(place)["base"]["J"]["mean"] != before


def test_a_measure_that_is_asked_for_later_is_taken_of_what_was_saved(
    run: Run, place: Path
) -> None:
    run("recolored")
    before = scores(place)
    assert run("recolored", "--measures", "canonical,ssim,adain,cfsd").code == 0
    after = scores(place)
    assert after[: len(before)] == before
    assert {line["measure"] for line in after[len(before) :]} == {"adain", "cfsd"}
    assert {"AdaIN content", "AdaIN style", "CFSD", "SSIM"} <= results(place)["recolored"].keys()


FLAWS = "canonical,repetition,residue,halo,palette"


def test_flaws_stand_in_every_table(run: Run, place: Path) -> None:
    """And are those of the pictures that were saved."""
    done = run(BASELINES, "--measures", FLAWS)
    assert done.code == 0
    assert "residue detailed 0.9" in done.out and "palette" in done.out
    out, painting = place / "out", scorer.load_picture(place / "paintings" / f"{WAVE}.png", 64)
    by_painting = json.loads((out / "results.json").read_text())["paintings"][WAVE]
    table = (out / "results.md").read_text()
    for label, found in results(place).items():
        pictures = out / "pictures" / "64" / label
        smooth = {
            f"repetition {name}": flaws.repetition(read(pictures / f"smooth-{name}.{WAVE}.png").rgb)
            for name in ("flat", "gradient")
        }
        residues, distances = [], []
        for name in "ab":
            picture = read(pictures / f"{name}.{WAVE}.png").rgb
            photo = scorer.load_picture(place / "photos" / f"{name}.png", 64)
            residues.append(flaws.residue(picture, photo))
            distances.append(flaws.palette_distance(picture, painting))
        expected = {
            **smooth,
            "repetition style": flaws.repetition(painting),
            "residue detailed": np.mean([residue.detailed for residue in residues]),
            "residue flat": np.mean([residue.flat for residue in residues]),
            "evenness": np.mean([residue.evenness for residue in residues]),
            "palette": np.mean(distances),
        }
        means = {column: found[column]["mean"] for column in expected}
        assert means == pytest.approx(expected, rel=1e-4, abs=1e-4)
        assert by_painting[label].items() >= means.items()
        assert "repetition sky" not in found  # the photographs are noise all over
    assert all(f"| {column} |" in table for column in ("repetition gradient", "evenness"))
    assert results(place)["painting"]["palette"]["mean"] < 3
    assert results(place)["recolored"]["residue detailed"]["mean"] > 0.9


def test_flaws_without_the_canonical_objective(run: Run, place: Path) -> None:
    done = run("recolored", "--measures", "residue,halo", "--json")
    assert done.code == 0
    assert not {"C", "J", "palette"} & done.records[0].keys() and "evenness" in done.records[0]
    assert not (place / "out" / "smooth").exists()  # as repetition is not asked for
    assert "canonical" not in (place / "out" / "results.md").read_text()


@pytest.mark.slow
def test_smooth_pictures_are_painted_once(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[tuple[int, ...]] = []

    def stylize(self: Stylizer, picture: Any, style: Any) -> Any:
        painted.append(picture.shape)
        return 255 - picture

    monkeypatch.setattr(Stylizer, "stylize", stylize)
    assert run("base", "--measures", FLAWS).code == 0
    # a photograph, both smooth pictures, the other photograph; another size is painted twice
    assert painted == [(64, 73, 3)] * 2 + [(64, 80, 3)] * 3 + [(64, 73, 3)] * 2
    before = scores(place)
    columns = [column for line in before for column in line["values"]]
    assert columns.count("repetition gradient") == columns.count("repetition flat") == 1
    assert run("base", "--measures", FLAWS).code == 0
    assert (len(painted), scores(place)) == (7, before)
    assert "repetition gradient" in results(place)["base"]


def test_another_tool_may_lack_smooth_pictures(run: Run, place: Path) -> None:
    theirs = place / "theirs"
    theirs.mkdir()
    for name in "ab":
        photo = scorer.load_picture(place / "photos" / f"{name}.png", 64)
        write(theirs / f"{name}.{WAVE}.png", Picture(photo))
    assert run(f"theirs={theirs},recolored", "--measures", FLAWS).code == 0
    found = results(place)
    assert "repetition gradient" in found["recolored"] and "residue flat" in found["theirs"]
    assert "repetition gradient" not in found["theirs"]
    assert found["theirs"]["residue detailed"]["mean"] == pytest.approx(1)
    smooth = read(place / "out" / "smooth" / "64" / "smooth-gradient.png")
    write(theirs / f"smooth-gradient.{WAVE}.png", smooth)
    assert run(f"theirs={theirs},recolored", "--measures", FLAWS).code == 0
    assert results(place)["theirs"]["repetition gradient"]["mean"] < 0.2


def test_a_photograph_cannot_be_called_as_a_smooth_picture(run: Run, place: Path) -> None:
    (place / "photos" / "a.png").rename(place / "photos" / "smooth-flat.png")
    done = run("recolored")
    assert done.code == 1
    assert "two pictures are called smooth-flat" in done.err


def test_pictures_of_another_tool(run: Run, place: Path) -> None:
    theirs = place / "theirs"
    theirs.mkdir()
    for name in "ab":  # the photographs themselves, at another size
        photo = scorer.load_picture(place / "photos" / f"{name}.png", 64)
        write(
            theirs / f"{name}.{WAVE}.png",
            Picture(np.array(Image.fromarray(photo).resize((146, 128)))),
        )
    assert run(f"theirs={theirs},recolored").code == 0
    assert results(place)["theirs"]["C"]["mean"] < 0.1
    (theirs / f"b.{WAVE}.png").unlink()
    done = run(f"theirs={theirs},recolored")
    assert done.code == 1
    assert f"b.{WAVE}.png does not exist" in done.err
    assert {each["pairs"] for each in results(place).values()} == {
        1
    }  # figures are over the same pairs


@pytest.mark.slow
def test_styles_in_a_folder_are_found_by_their_source(run: Run, place: Path) -> None:
    from impasto.models.gallery import gallery_style

    (place / "mine").mkdir()
    gallery_style("great-wave").save(place / "mine" / "x.safetensors")
    assert run(f"base@gallery,base@{place / 'mine'}").code == 0
    assert results(place)["base@mine"]["J"] == results(place)["base@gallery"]["J"]


@pytest.mark.slow
def test_without_a_folder_the_stylizer_gets_the_painting(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Stylizer,
        "stylize",
        lambda self, picture, style: 255 - picture if Path(style).is_file() else None,
    )
    assert run("base").code == 0
    photo = scorer.load_picture(place / "photos" / "a.png", 64)
    np.testing.assert_array_equal(
        read(place / "out/pictures/64/base" / f"a.{WAVE}.png").rgb, 255 - photo
    )


@pytest.mark.slow
def test_fid_and_lpips_with_the_weights_they_need(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_WEIGHTS", str(place))
    Image.fromarray(texture(9)).save(place / "paintings" / "another.png")
    save_file(squeeze_tensors(), place / "squeezenet1_1.safetensors")
    heads = {
        f"lin{i}.model.1.weight": torch.rand(1, c, 1, 1)
        for i, c in enumerate((64, 128, 256, 384, 384, 512, 512))
    }
    torch.save(heads, place / "squeeze.pth")
    torch.save(inception_tensors(), place / "inception.pth")
    more = ("--measures", "lpips", "--inception", place / "inception.pth")
    assert run("recolored,painting", *more, "--lpips-heads", place / "squeeze.pth").code == 0
    for found in results(place).values():
        assert found["ArtFID"] == pytest.approx(
            (1 + found["LPIPS"]["mean"]) * (1 + found["FID"]), rel=1e-3
        )
    assert results(place)["painting"]["FID"] < results(place)["recolored"]["FID"]
    assert "fid-inception-" in (place / "out" / "results.md").read_text()
    assert run("recolored", *more, "--limit", "1").code == 0
    assert "LPIPS-style (no heads)" in results(place)["recolored"]


def test_what_is_missing_is_left_out_and_said(run: Run, place: Path) -> None:
    done = run("recolored", "--measures", "ssim,lpips", "--every", "2")
    assert done.code == 0
    assert "lpips is left out: cannot load SqueezeNet: it is not on this machine" in done.err
    assert results(place)["recolored"]["pairs"] == 1


@pytest.mark.slow
def test_a_failed_pair_is_one_line(run: Run, place: Path) -> None:
    (place / "photos" / "b.png").write_text("Dear Sir or Madam,")
    Image.fromarray(texture(9)).save(place / "paintings" / "unknown.png")
    done = run("base@gallery,recolored")
    errors = [line for line in done.errors if line.startswith("error: ")]
    assert done.code == 1
    assert len(errors) == 2
    assert any("no style in gallery has the source unknown" in line for line in errors)
    assert any("b.png" in line for line in errors)
    assert results(place)["recolored"]["pairs"] == 1
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "methods, said",
    [("lbfgs", "no method"), ("recolored,recolored", "two methods"), ("x=absent/", "no folder")],
)
def test_methods_that_are_none(run: Run, methods: str, said: str) -> None:
    assert said in run(methods).usage()


def test_the_flaws_that_are_shown_are_measured() -> None:
    assert set(evaluate.SHOWN_FLAWS) <= set(summary.FLAW_COLUMNS)


def test_measures_that_are_none(run: Run) -> None:
    assert (
        "no measure is called 'psnr'; use canonical"
        in run("recolored", "--measures", "psnr").usage()
    )


def test_photographs_that_are_not_there(impasto: Run, place: Path) -> None:
    done = impasto(
        "evaluate",
        place / "paintings",
        "--photos",
        place / "home2",
        "-o",
        place / "out",
        "--perceptual",
        "lite",
    )
    assert done.code == 1
    assert not (place / "out" / "smooth").exists()  # which take as long as photographs
    (place / "empty").mkdir()
    done = impasto(
        "evaluate", place / "paintings", "--photos", place / "empty", "-o", place / "out"
    )
    assert (done.code, "holds no pictures" in done.only_error()) == (1, True)


def test_two_pictures_of_one_stem(run: Run, place: Path) -> None:
    Image.fromarray(texture(9)).save(place / "photos" / "a.jpg")
    done = run("recolored")
    assert done.code == 1
    assert "two pictures are called a" in done.only_error()


def test_a_folder_that_holds_something_else(run: Run, place: Path) -> None:
    (place / "out").mkdir()
    (place / "out" / "scores.jsonl").write_text("my golf scores\n")
    done = run("recolored")
    assert done.code == 1
    assert "is no record of scores" in done.only_error()
    assert (place / "out" / "scores.jsonl").read_text() == "my golf scores\n"
