"""Paint a folder of photographs, and go on where one of them is broken.

python examples/06_many_files.py [FOLDER]
"""

from example_pictures import draw_photo, output_folder

import impasto

folder = output_folder()
photos = folder / "photos"
photos.mkdir(exist_ok=True)
for number in range(3):
    draw_photo(256 + 64 * number, 256).save(photos / f"{number}.jpg")
(photos / "broken.jpg").write_bytes(b"not a photograph")

paths = sorted(photos.iterdir())
for result in impasto.stylize_files(paths, "reverie", folder / "painted"):
    if result.error:
        print(f"skipped {result.source}: {result.error}")
    elif result.skipped:
        print(f"kept {result.target}, which was there already")
    else:
        print(f"wrote {result.target}, {result.width}x{result.height}, {result.seconds:.1f} s")
