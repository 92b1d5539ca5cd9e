"""Paint from many threads with one stylizer, and compare with single calls, byte by byte.

  python trials/threads.py [--threads 8] [--pictures 40] [--engine openvino]

Sizes, styles, strengths, strokes, colors and predictions are mixed. Prints how many of all
paintings are equal to those of single calls, and the time beside that of one thread.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import data

from impasto import Stylizer
from impasto.engines.base import available_engines

SIZES = (48, 64), (64, 48), (90, 120), (100, 100), (128, 96), (130, 170), (33, 77)
STYLES = "starry-night", "great-wave", "udnie", "starry-night:0.5,great-wave:0.5"


def calls(count: int) -> list[dict[str, Any]]:
    """Arguments for `count` calls of `Stylizer.stylize`, no two alike."""
    photo, picture = data.astronaut(), data.coffee()[:200, :300]
    generator = np.random.default_rng(0)
    made = []
    for number in range(count):
        height, width = SIZES[number % len(SIZES)]
        top, left = generator.integers(0, 300, 2)
        made.append(
            {
                "photo": np.ascontiguousarray(photo[top : top + height, left : left + width]),
                "style": picture if number % 7 == 3 else STYLES[number % len(STYLES)],
                "strength": 0.6 if number % 3 == 0 else 1.0,
                "stroke": (1.0, 2.0, 0.5)[number % 5 % 3],
                "color": (None, "luminance", "linear-mkl")[number % 6 % 3],
            }
        )
    return made


def run(engine: str, threads: int, count: int) -> bool:
    """Paint in one thread and in many, report, and tell whether all paintings are equal."""
    pictures, stylizer = calls(count), Stylizer("small", engine)
    alone = [stylizer.stylize(**call) for call in pictures]
    start = time.perf_counter()
    for call in pictures:
        stylizer.stylize(**call)
    single = time.perf_counter() - start

    order = np.random.default_rng(1).permutation(threads * count) % count
    shared = Stylizer("small", engine)

    def paint(number: int) -> NDArray[np.uint8]:
        return shared.stylize(**pictures[number])

    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        painted = list(pool.map(paint, order))
    seconds = time.perf_counter() - start
    equal = sum(np.array_equal(alone[n], each) for n, each in zip(order, painted, strict=True))
    print(
        f"{engine}: {equal} of {len(order)} equal; {seconds:.1f} s by {threads} threads, "
        f"{threads * single:.1f} s by one"
    )
    return equal == len(order)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--pictures", type=int, default=40, help="calls for each thread")
    parser.add_argument("--engine", choices=available_engines(), action="append")
    options = parser.parse_args()
    engines = options.engine or available_engines()
    equal = [run(engine, options.threads, options.pictures) for engine in engines]
    raise SystemExit(0 if all(equal) else 1)


if __name__ == "__main__":
    main()
