"""The package as it is installed: what its wheel carries, how it starts, what it needs."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built and unpacked: a folder as site-packages would have it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, code: str) -> str:
    """Run code with the unpacked wheel before everything else; the repository is not on the
    path."""
    code = f"import sys; sys.path.insert(0, {str(installed)!r})\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=installed
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.process
def test_wheel_carries_gallery_and_lite(installed: Path) -> None:
    package = installed / "impasto"
    assert (package / "py.typed").exists()
    assert {path.stem for path in (package / "gallery/networks").iterdir()} == {
        "large",
        "base",
        "small",
    }
    styles = {path.stem for path in (package / "gallery/styles").glob("*.safetensors")}
    assert len(styles) > 40
    assert {path.stem for path in (package / "gallery/previews").glob("*.webp")} == styles - {
        "photo"
    }
    assert (package / "learning/networks/lite.safetensors").stat().st_size < 1.5e6


@pytest.mark.process
def test_wheel_paints(installed: Path) -> None:
    code = """
import impasto, numpy as np
assert impasto.__file__.startswith(sys.path[0]), impasto.__file__
picture = (np.random.default_rng(0).random((70, 90, 3)) * 255).astype(np.uint8)
painted = impasto.stylize(picture, style="starry-night")
print(painted.size, np.abs(np.asarray(painted).astype(int) - picture).mean() > 10)
"""
    assert run(installed, code) == "(90, 70) True"


@pytest.mark.process
def test_import_is_light(installed: Path) -> None:
    heavy = ("torch", "openvino", "onnxruntime", "PIL", "numpy")
    code = f"import impasto; print([name for name in {heavy} if name in sys.modules])"
    assert run(installed, code) == "[]"


@pytest.mark.process
def test_torch_is_open_in_metadata_and_absent_from_the_base(installed: Path) -> None:
    (metadata,) = installed.glob("impasto-*.dist-info/METADATA")
    lines = [
        line
        for line in metadata.read_text().splitlines()
        if line.startswith("Requires-Dist: torch")
    ]
    assert lines
    assert all("extra ==" in line and "==2" not in line for line in lines)
