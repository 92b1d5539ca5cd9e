"""Pictures in and out."""
from pathlib import Path
from dataclasses import dataclass
import numpy as np
from PIL import Image, ImageOps
EXTENSIONS = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif", ".gif", ".heic", ".heif"}
@dataclass
class Picture:
    rgb: np.ndarray
def read(path):
    return Picture(np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB")))
