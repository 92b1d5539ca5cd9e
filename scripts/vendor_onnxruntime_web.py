"""Put ONNX Runtime Web into the package: its WebAssembly engine compressed, its notices beside it.

    python scripts/vendor_onnxruntime_web.py

The script downloads one version from the npm registry, and its licenses from the wheel of the same
version of ONNX Runtime on PyPI. It checks both by hash. `tests/studio/test_site.py` compares the
files in the package with the hashes of the list `vendored.json` that this script writes.
"""

import base64
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from pathlib import Path

VERSION = "1.30.0"
TARBALL = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
TARBALL_SHA512 = (  # `npm view onnxruntime-web@1.30.0 dist.integrity`
    "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
WHEEL = "manylinux_2_28_x86_64", "311"  # platform and Python version
WHEEL_SHA256 = "fd54b314ea385bcecac69ab431f020ba503e3878dad4ebb645fec5a24b041242"
# The engine on the CPU for every browser; and the engine that also has WebGPU, for browsers with
# JavaScript Promise Integration. Each is glue (.mjs) and WebAssembly.
FILES = (
    "ort.wasm.bundle.min.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.jspi.bundle.min.mjs",
    "ort-wasm-simd-threaded.jspi.wasm",
)
NOTICES = ("LICENSE", "ThirdPartyNotices.txt")
FOLDER = (
    Path(__file__).parents[1] / "src/impasto/server/static/vendor" / f"onnxruntime-web-{VERSION}"
)


def main() -> None:
    """Download, check, compress and write all files."""
    with urllib.request.urlopen(os.environ.get("ONNXRUNTIME_WEB", TARBALL)) as response:
        tarball = response.read()
    check("the npm package", base64.b64encode(hashlib.sha512(tarball).digest()), TARBALL_SHA512)
    with tarfile.open(fileobj=io.BytesIO(tarball)) as archive:
        contents = {name: read_member(archive, f"package/dist/{name}") for name in FILES}
    contents |= download_notices()
    FOLDER.mkdir(parents=True, exist_ok=True)
    hashes = {}
    for name, content in contents.items():
        hashes[name] = hashlib.sha512(content).hexdigest()
        if name.endswith((".wasm", ".txt")):
            # not by the host: many serve files as they are
            (FOLDER / f"{name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
        else:
            (FOLDER / name).write_bytes(content)
    text = json.dumps({"version": VERSION, "sha512": hashes}, indent=2)
    (FOLDER / "vendored.json").write_text(text + "\n")
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.stat().st_size:>9,} {path.name}")


def read_member(archive: tarfile.TarFile, name: str) -> bytes:
    """Read one file of an archive."""
    member = archive.extractfile(name)
    assert member is not None, name
    return member.read()


def download_notices() -> dict[str, bytes]:
    """Read the license and the notices of others from the wheel of ONNX Runtime."""
    platform, python = WHEEL
    with tempfile.TemporaryDirectory() as folder:
        command = f"-m pip download --quiet --no-deps --only-binary :all: --dest {folder}"
        command += f" --platform {platform} --python-version {python} onnxruntime=={VERSION}"
        subprocess.run([sys.executable, *command.split()], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        content = wheel.read_bytes()
    check("the wheel", hashlib.sha256(content).hexdigest().encode(), WHEEL_SHA256)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(f"onnxruntime/{name}") for name in NOTICES}


def check(what: str, actual: bytes, expected: str) -> None:
    """Exit if a download is another one than expected."""
    if actual.decode() != expected:
        raise SystemExit(f"cannot use {what}: its hash is {actual.decode()}, not {expected}")


if __name__ == "__main__":
    main()
