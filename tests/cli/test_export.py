"""The verb `impasto export`: files, records and messages; `test_export` compares paintings."""

from pathlib import Path

import pytest
from commands import Run, python

from impasto.models.network import load_shipped


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_a_style_as_onnx(impasto: Run, folder: Path) -> None:
    done = impasto("export", "starry-night", "--network", "small")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(
        "starry-night.small.onnx (onnx; largest difference, of pixels in 0..1: "
    )
    assert names(folder) == ["starry-night.small.onnx"]
    message = impasto("export", "starry-night", "--network", "small").usage()
    expected = "starry-night.small.onnx: it exists; --overwrite replaces it, or give another -o"
    assert f"cannot write {expected}" in message
    assert impasto("export", "starry-night", "--network", "small", "--overwrite").code == 0


@pytest.mark.slow
def test_the_record(impasto: Run, folder: Path) -> None:
    (record,) = impasto(
        "export", "great-wave", "-n", "small", "--pixels", "-o", "wave.onnx", "--json"
    ).records
    assert record.pop("largest_difference") == pytest.approx(
        0.00196, abs=1e-4
    )  # rounding to 8 bits
    hash = load_shipped("small").hash
    assert record == {
        "output": "wave.onnx",
        "files": ["wave.onnx"],
        "format": "onnx",
        "style": "great-wave",
        "network": "small",
        "hash": hash,
    }


@pytest.mark.slow
def test_openvino_writes_two_files(impasto: Run, folder: Path) -> None:
    pytest.importorskip("openvino")
    Path("wave.bin").touch()
    assert (
        "cannot write wave.bin: it exists"
        in impasto("export", "great-wave", "-n", "small", "-o", "wave.xml").usage()
    )
    Path("wave.bin").unlink()
    done = impasto("export", "great-wave", "-n", "small", "-o", "wave.xml")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("wave.xml and wave.bin (openvino; ")
    assert names(folder) == ["wave.bin", "wave.xml"]


@pytest.mark.parametrize("output", ["wave.pth", "wave.safetensors"])
def test_pytorch(impasto: Run, folder: Path, output: str) -> None:
    pytest.importorskip("torch")
    (record,) = impasto("export", "great-wave", "-n", "small", "-o", output, "--json").records
    assert record["largest_difference"] < 1e-4
    assert names(folder) == [output]


def test_a_network_alone(impasto: Run, folder: Path) -> None:
    (record,) = impasto("export", "small", "--json").records
    assert (record["output"], record["style"], record["network"]) == ("small.onnx", None, "small")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ["starry-night", "-o", "a.tflite"],
            "unsupported extension .tflite; use .onnx .pth .pt .safetensors .xml",
        ),
        (
            ["starry-night", "-f", "openvino", "-o", "a.onnx"],
            "unsupported extension .onnx; use .xml",
        ),
        (["starry-night", "-f", "pytorch", "--pixels"], "cannot use --pixels with pytorch"),
        (["starry-nigth"], "did you mean starry-night?"),
        (["absent.safetensors"], "does not exist"),
        (["starry-night", "-n", "huge"], "no network is called 'huge'"),
        (["starry-night", "-f", "tflite"], "tflite"),
    ],
)
def test_what_is_asked_wrongly(
    impasto: Run, folder: Path, arguments: list[str], reason: str
) -> None:
    done = impasto("export", *arguments)
    assert (done.code, done.out) == (2, "")
    assert reason in done.only_error()
    assert names(folder) == []


def test_a_place_that_takes_no_file(impasto: Run, folder: Path) -> None:
    Path("file").touch()
    done = impasto("export", "starry-night", "-n", "small", "-o", "file/a.onnx")
    assert done.code == 2
    assert done.only_error().startswith("cannot write file/a.onnx: ")


@pytest.mark.process
def test_onnx_needs_no_torch(folder: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; from impasto.cli import main; main()"
    done = python("-c", code, "export", "starry-night", "--network", "small")
    assert (done.code, done.err) == (0, "")
    assert (
        "impasto[train]"
        in python("-c", code, "export", "starry-night", "--format", "pytorch").only_error()
    )
    assert "impasto[train]" in python("-c", code, "import", "a.pth").only_error()


def test_an_export_for_one_size(impasto: Run, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    target = tmp_path / "a.onnx"
    done = impasto("export", "starry-night", "-n", "small", "--size", "64x48", "-o", target)
    assert done.code == 0, done.err
    (value,) = onnxruntime.InferenceSession(str(target)).get_inputs()
    assert value.shape == [1, 3, 48, 64]
    for size in ("64", "72x48", "16x16", "axb"):
        done = impasto("export", "starry-night", "--size", size, "-o", tmp_path / "b.onnx")
        assert "multiples of 16" in done.usage()
    done = impasto("export", "starry-night", "--size", "64x48", "-o", tmp_path / "b.pth")
    assert "pytorch" in done.usage()
