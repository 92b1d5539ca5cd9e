"""Paint a short video. Still parts stay still: impasto keeps neighboring frames steady.

python examples/07_video.py [FOLDER]
"""

from example_pictures import draw_photo, output_folder

import impasto

FRAMES = 12

folder = output_folder()
scene = draw_photo(384, 192)
frames = [scene.crop((4 * number, 0, 4 * number + 256, 192)) for number in range(FRAMES)]
clip, target = folder / "clip.gif", folder / "clip.starry-night.gif"
frames[0].save(clip, save_all=True, append_images=frames[1:], duration=80, loop=0)


def show(progress: impasto.Progress) -> None:
    """Print every fourth frame."""
    if progress.step % 4 == 0:
        print(f"{progress.fraction:.0%} done, {progress.seconds_left:.0f} s left")


result = impasto.stylize_video(clip, target, "starry-night", on_progress=show)
print(f"wrote {target}: {result.frames} frames of {result.width}x{result.height}")
