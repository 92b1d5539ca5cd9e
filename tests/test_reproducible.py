"""The same command gives the same bytes in another process, whose hashes of words are others; with
another seed, others."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from clips import make_clip
from commands import surroundings
from pictures import photo
from PIL import Image

TINY = "-n small --batch 1 --crop 64 --style-size 64 --preview-every 0"
COMMANDS = {
    "any-picture": "stylize photo.png -s style.png -n small --stroke 2 -o out.webp",
    "onnxruntime": "stylize photo.png -s udnie -n small --engine onnxruntime -o out.png",
    "mixture": "stylize photo.png -s udnie:0.3,starry-night:0.7 --mask left-right --color linear-mkl -o out.jpg",
    "video": "stylize clip.mp4 -s udnie -n small -o out.mp4",
    "compare": "compare photo.png -s udnie,style.png -n small --strengths 0.5,1 -o out.png",
    "export": "export udnie -n small -o out.onnx",
}
SEEDED = {
    "train": f"train style.png {TINY} --steps 2 -o out.safetensors",
    "optimize": "optimize photo.png style.png --style-loss sliced --iterations 2 --size 64 --preview-every 0 -o out.png",
}


def made(folder: Path, command: str, hashes: int) -> bytes:
    """What a command makes of files that are always the same, in a folder of its own.

    No previews: a slow run would leave one beside it.
    """
    folder.mkdir()
    Image.fromarray(photo(96, 128)).save(folder / "photo.png")
    Image.fromarray(photo(80, 70)[::-1]).save(folder / "style.png")
    if "clip.mp4" in command:
        make_clip(folder / "clip.mp4", range(0, 1500, 300))
    own = surroundings({"PYTHONHASHSEED": str(hashes), "IMPASTO_HOME": str(folder / "home")})
    words = [sys.executable, "-m", "impasto", *command.split()]
    done = subprocess.run(
        words, cwd=folder, env=own, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    (out,) = folder.glob("out.*")
    return re.sub(rb"\d\.\d minutes", b"", out.read_bytes())  # how long it took is no part of it


@pytest.mark.process
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_the_same_command_gives_the_same_bytes(command: str, tmp_path: Path) -> None:
    assert made(tmp_path / "1", command, 1) == made(tmp_path / "2", command, 2)


@pytest.mark.process
@pytest.mark.parametrize("command", SEEDED.values(), ids=SEEDED)
def test_the_same_seed_gives_the_same_bytes(command: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    first = made(tmp_path / "1", f"{command} --seed 3", 1)
    assert first == made(tmp_path / "2", f"{command} --seed 3", 2)
    assert first != made(tmp_path / "3", f"{command} --seed 4", 1)
