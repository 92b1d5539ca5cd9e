"""Paint a part of a photograph, and paint different parts in different styles.

In a mask, white is stylized, black is kept, and gray is blended.

  python examples/05_masks_and_regions.py [FOLDER]
"""

import numpy as np
from example_pictures import draw_photo, output_folder
from PIL import Image

import impasto

folder, photo = output_folder(), draw_photo()

upper_half = np.zeros((photo.height, photo.width), np.uint8)
upper_half[: photo.height // 2] = 255
mask = folder / "upper-half.png"
Image.fromarray(upper_half).save(mask)

paintings = {
    "masked": impasto.stylize(photo, "starry-night", mask=upper_half),
    "gradient": impasto.stylize(photo, "starry-night", mask="left-right"),
    "regions": impasto.stylize(photo, "great-wave", regions=[f"{mask}=starry-night"]),
}
for name, painting in paintings.items():
    path = folder / f"{name}.jpg"
    painting.save(path)
    print(f"wrote {path}")
