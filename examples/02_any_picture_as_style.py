"""Paint in the style of any picture, which impasto has never seen before.

A `Stylizer` loads its network once, and then paints array by array.

  python examples/02_any_picture_as_style.py [FOLDER]
"""

import numpy as np
from example_pictures import draw_photo, draw_poster, output_folder
from PIL import Image

import impasto

folder = output_folder()
poster = folder / "poster.png"
draw_poster().save(poster)
stylizer = impasto.Stylizer("small")
for width in (256, 384):
    photo = np.asarray(draw_photo(width, 256))
    painting = stylizer.stylize(photo, poster)  # uint8 (H, W, 3)
    path = folder / f"photo-{width}.poster.jpg"
    Image.fromarray(painting).save(path)
    print(f"wrote {path}")
