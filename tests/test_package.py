"""The package as it is installed: what its wheel carries, how it starts, what it needs."""

import os
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
MAX_WHEEL_MB = 25  # 19.6 of version 0.2.0
MAX_BASE_MB = 600  # 441 of version 0.2.0 with Python 3.11, of which OpenVINO is 185 and PyAV 107
MAX_BASE_PACKAGES = 30  # 22 of version 0.2.0
# without a network, where a test may take it away
OFFLINE = ["unshare", "--net"] if sys.platform == "linux" and os.geteuid() == 0 else []


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
    assert wheel.stat().st_size < MAX_WHEEL_MB * 1e6
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, code: str) -> str:
    """Run code with the unpacked wheel before everything else; the repository is not on the
    path."""
    code = f"import sys; sys.path.insert(0, {str(installed)!r})\n{code}"
    command = [*OFFLINE, sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=installed)
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
def test_command_line_starts_without_engines(installed: Path) -> None:
    heavy = {"torch", "openvino", "onnxruntime", "onnx", "av", "fastapi"}
    code = f"""
from impasto.cli import main
sys.argv = ["impasto", "--version"]
try:
    main()
except SystemExit:
    print(sorted({heavy} & set(sys.modules)))
"""
    assert run(installed, code).splitlines()[1:] == ["[]"]


def base_packages() -> dict[str, Distribution]:
    """Return what `pip install impasto` installs besides it: needs without an extra, and theirs."""
    found: dict[str, Distribution] = {}
    waiting = [(Requirement("impasto"), {""})]  # with the extras for which each may be needed
    while waiting:
        needed, extras = waiting.pop()
        if needed.marker and not any(needed.marker.evaluate({"extra": one}) for one in extras):
            continue
        if needed.name.lower() not in found:
            package = found[needed.name.lower()] = distribution(needed.name)
            own = needed.extras or {""}
            waiting += [(Requirement(line), own) for line in package.requires or ()]
    del found["impasto"]
    return found


def test_base_install_is_small() -> None:
    packages = base_packages()
    files = [file for package in packages.values() for file in package.files or ()]
    sizes = (
        path.stat().st_size for path in map(Path, (f.locate() for f in files)) if path.exists()
    )
    assert {"numpy", "pillow", "typer", "av"} <= set(packages)
    assert "torch" not in packages
    assert len(packages) <= MAX_BASE_PACKAGES
    assert sum(sizes) < MAX_BASE_MB * 1e6


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
