"""Paint a photograph in three styles of the gallery.

python examples/01_stylize_photo.py [FOLDER]
"""

from example_pictures import draw_photo, output_folder

import impasto

folder = output_folder()
print(f"The gallery has {len(impasto.list_styles())} styles.")
photo = draw_photo()
for style in ("starry-night", "great-wave", "the-scream"):
    painting = impasto.stylize(photo, style)
    path = folder / f"photo.{style}.jpg"
    painting.save(path)
    print(f"wrote {path}")
