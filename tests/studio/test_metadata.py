"""Settings in picture files: the page and the command line read what the other wrote."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pictures import photo, ramp
from PIL import Image

from impasto.images import vips
from impasto.images.image import Header, Picture
from impasto.images.rows import ArrayRows
from impasto.images.writing import write
from impasto.inference.record import read_record
from impasto.server.site import STATIC

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node.js")

RECORD = {
    "styles": [
        {"id": "gallery:great-wave", "weight": 1, "title": "<Die \"große\" Welle> & 'mehr' 漢"}
    ],
    "strength": 0.5,
    "stroke": "auto",
    "color": "style",
    "network": "base",
    "size": None,
}
SCRIPT = """
import { readFile, writeFile } from "node:fs/promises";
const [module, action, source, target, record] = process.argv.slice(2);
const { readSettings, writeSettings } = await import(module);
const blob = new Blob([await readFile(source)]);
if (action === "read") console.log(JSON.stringify(await readSettings(blob)));
else {
  const written = await writeSettings(blob, JSON.parse(record));
  await writeFile(target, Buffer.from(await written.arrayBuffer()));
}
"""


@pytest.fixture
def page(tmp_path: Path) -> Any:
    """Run `readSettings` or `writeSettings` of the page in Node.js."""
    script, module = tmp_path / "run.mjs", tmp_path / "js" / "metadata.mjs"
    script.write_text(SCRIPT)
    module.parent.mkdir()
    shutil.copy(STATIC / "js" / "studio" / "metadata.js", module)

    def run(*arguments: object) -> str:
        command = [str(NODE), *map(str, (script, module, *arguments))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_the_page_reads_what_is_written_here(page: Any, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    write(file, Picture(photo(20, 30), ramp(20, 30), settings=json.dumps(RECORD)))
    assert json.loads(page("read", file)) == RECORD


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_the_page_reads_large_files_too(page: Any, tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("pyvips")
    file, header = tmp_path / f"a{suffix}", Header("PNG", 30, 20)
    vips.write(file, ArrayRows(photo(20, 30)), None, header, 95, json.dumps(RECORD))
    assert json.loads(page("read", file)) == RECORD


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_what_the_page_writes_is_read_here(page: Any, tmp_path: Path, suffix: str) -> None:
    plain, file = tmp_path / f"plain{suffix}", tmp_path / f"a{suffix}"
    Image.fromarray(photo(20, 30)).save(plain)
    page("write", plain, file, json.dumps(RECORD))
    assert read_record(file) == RECORD
