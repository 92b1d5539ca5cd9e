"""Keep the colors of the photograph, wholly or in part.

python examples/04_keep_colors.py [FOLDER]
"""

from example_pictures import draw_photo, output_folder

import impasto

folder, photo = output_folder(), draw_photo()
for color in ("style", "luminance", "luminance:0.5", "linear-mkl"):
    path = folder / f"color-{color.replace(':', '-')}.jpg"
    impasto.stylize(photo, "the-scream", color=color).save(path)
    print(f"wrote {path}")
