"""Mix two styles, and paint them with more or less strength.

python examples/03_mix_and_strength.py [FOLDER]
"""

from example_pictures import draw_photo, output_folder

import impasto

folder, photo = output_folder(), draw_photo()
for weight in (0.25, 0.75):
    mix = f"starry-night:{weight},great-wave:{1 - weight}"
    path = folder / f"mix-{weight}.jpg"
    impasto.stylize(photo, mix).save(path)
    print(f"wrote {path}")
for strength in (0.3, 0.6, 1.0):
    path = folder / f"strength-{strength}.jpg"
    impasto.stylize(photo, "the-scream", strength=strength).save(path)
    print(f"wrote {path}")
