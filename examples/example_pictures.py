"""Pictures for the examples, drawn here, so that nothing has to be downloaded."""

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent / "demo"))
import demo_pictures


def output_folder() -> Path:
    """Return the folder of the first argument, or examples-out; it is made."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "examples-out")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def draw_photo(width: int = 384, height: int = 256) -> Image.Image:
    """Draw a landscape with a house, in place of a photograph."""
    return Image.fromarray(demo_pictures.draw_scene((width, height)))


def draw_poster(size: int = 256) -> Image.Image:
    """Draw an abstract poster, as a style picture."""
    return Image.fromarray(demo_pictures.draw_style(size))
