"""impasto talks to nobody: no socket, no process, and files in its own places only."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clips import make_clip
from commands import Outcome, python

# Python reports these events before they happen (PEP 578); an exception would be caught by some.
WATCH = """
import os, sys
ALLOWED = [os.path.realpath(folder) for folder in sys.argv.pop(1).split(os.pathsep)]

def watch(event, arguments):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind",
                         "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork",
                         "os.spawn", "urllib.")):
        os.write(2, f"FORBIDDEN {event} {arguments}\\n".encode())
    if event in ("open", "os.mkdir", "os.rename"):
        path, mode = arguments[0], arguments[1]
        writes = event != "open" or (isinstance(mode, str) and set(mode) & set("wax+"))
        if writes and isinstance(path, (str, bytes, os.PathLike)):
            place = os.path.realpath(os.fsdecode(path))
            if not place.startswith(tuple(ALLOWED)) and not place.startswith("/dev/"):
                os.write(2, f"FORBIDDEN {event} {place}\\n".encode())

sys.addaudithook(watch)
"""
CLI = f"{WATCH}\nfrom impasto.cli import main\nmain()"
VERBS = {
    "stylize a picture": ("stylize", "photo.jpg", "-s", "starry-night", "-n", "small"),
    "stylize in a picture": ("stylize", "photo.jpg", "-s", "photo.jpg", "-o", "own.png"),
    "stylize a video": ("stylize", "clip.mp4", "-s", "starry-night", "-n", "small"),
    "styles": ("styles",),
    "doctor": ("doctor", "--json"),
    "compare": ("compare", "photo.jpg", "-s", "starry-night", "-n", "small", "-o", "sheet.png"),
    "export": ("export", "starry-night", "-o", "starry.onnx"),
    "export to OpenVINO": ("export", "starry-night", "-o", "starry.xml"),
}
LEARNING = {
    "train": ("train", "photo.jpg", "--steps", "1", "-o", "learned.safetensors"),
    "optimize": ("optimize", "photo.jpg", "photo.jpg", "--iterations", "1", "-o", "slow.png"),
    "evaluate": (
        *("evaluate", "photo.jpg", "--photos", "photo.jpg", "-o", "scores"),
        *("-m", "recolored", "--measures", "canonical", "--perceptual", "lite"),
    ),
}


def run(code: str, folder: Path, *arguments: str) -> Outcome:
    """Run code in a folder, with a fresh home in it, and watch it."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    # `python` runs in the folder of the tests: paths are made absolute
    paths = [str(folder / text) if "." in text or text == "scores" else text for text in arguments]
    environment = {
        "HOME": str(home),
        "IMPASTO_HOME": "",
        "XDG_CACHE_HOME": "",
        "MPLCONFIGDIR": "",
        "TMPDIR": str(folder),
        # which PyTorch sets in the process of the tests, for the processes that it starts
        "TORCHINDUCTOR_CACHE_DIR": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        # as users run it: ONNX Runtime reports nothing where tests run
        "CI": "",
        "ORT_DISABLE_TELEMETRY": "",
    }
    return python("-c", code, str(folder), *paths, **environment)


@pytest.fixture
def folder(tmp_path: Path, photo_file: Path) -> Path:
    make_clip(tmp_path / "clip.mp4")
    return tmp_path


def check(outcome: Outcome, folder: Path) -> None:
    assert outcome.code == 0, outcome.err
    assert "FORBIDDEN" not in outcome.err
    places = {path.relative_to(folder / "home") for path in (folder / "home").rglob("*")}
    assert {place.parts[:2] for place in places} <= {(".cache",), (".cache", "impasto")}


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_verbs_open_no_socket_and_start_no_process(verb: str, folder: Path) -> None:
    check(run(CLI, folder, *VERBS[verb]), folder)


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("verb", LEARNING)
def test_verbs_that_learn_open_no_socket_and_start_no_process(verb: str, folder: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    check(run(CLI, folder, *LEARNING[verb]), folder)


@pytest.mark.process
def test_the_library_opens_no_socket_and_starts_no_process(folder: Path) -> None:
    code = f"""{WATCH}
import impasto
impasto.stylize(sys.argv[1], "starry-night", network="small")
import impasto.engines.base, impasto.video.reader, impasto.webcam.sources
"""
    check(run(code, folder, "photo.jpg"), folder)


@pytest.mark.process
def test_openvino_loads_without_its_telemetry() -> None:
    pytest.importorskip("openvino")
    for module in ("impasto.engines.openvino", "impasto.engines.int8", "impasto.export"):
        code = (
            f"import sys, {module}, openvino\n"
            "print([name for name in sys.modules if name.startswith('openvino_telemetry')"
            " and sys.modules[name]])"
        )
        assert python("-c", code).out.strip() == "[]"


@pytest.mark.process
@pytest.mark.parametrize("module", ["impasto.engines.onnxruntime", "impasto.export"])
def test_onnx_runtime_loads_without_its_telemetry(folder: Path, module: str) -> None:
    pytest.importorskip("onnxruntime")
    check(run(f"{WATCH}\nimport {module}, onnxruntime", folder), folder)


@pytest.mark.process
@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_the_system_sees_no_connection_and_no_look_up(folder: Path) -> None:
    """Native code opens sockets without Python's knowledge."""
    trace = folder / "trace.txt"
    code = "import sys, impasto; impasto.stylize(sys.argv[1], 'starry-night', network='small')"
    command = ["strace", "-f", "-qq", "-e", "trace=network,execve", "-o", str(trace)]
    command += [sys.executable, "-c", code, str(folder / "photo.jpg")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    if "ptrace" in done.stderr.lower():
        pytest.skip("this system forbids to trace")
    assert done.returncode == 0, done.stderr
    lines = trace.read_text().splitlines()
    assert not [line for line in lines if "AF_INET" in line or "connect(" in line]
    assert sum("execve(" in line for line in lines) == 1  # of Python itself
