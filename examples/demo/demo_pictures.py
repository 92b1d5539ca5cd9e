"""Draw two pictures for demonstrations without a download: a style poster and a scene.

python examples/demo/demo_pictures.py FOLDER
"""

import argparse
import math
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Array = np.ndarray
Point = tuple[float, float]

SUPERSAMPLING = 3
CREAM, BLACK, VERMILION, ULTRAMARINE = "#f2e6cc", "#17140f", "#d93a1f", "#1f3c9b"
OCHRE, TEAL, ROSE, SKY, BROWN = "#e3a11c", "#1d7874", "#e9a08f", "#7fb2d1", "#6b3a20"


class Sheet:
    """A drawing in units of its height, x to the right and y down, with smooth edges."""

    def __init__(self, size: tuple[int, int], ground: str) -> None:
        self.size = size
        self.unit = size[1] * SUPERSAMPLING
        self.image = Image.new("RGB", (size[0] * SUPERSAMPLING, self.unit), ground)
        self.pen = ImageDraw.Draw(self.image)

    def polygon(self, points: Sequence[Point], fill: str, outline: float = 0) -> None:
        """Draw a polygon, with an outline of a width if one is given."""
        corners = [(x * self.unit, y * self.unit) for x, y in points]
        self.pen.polygon(corners, fill=fill)
        if outline:
            self.line([*points, points[0], points[1]], outline)

    def disk(self, x: float, y: float, radius: float, fill: str, flat: float = 1) -> None:
        """A disk, or an ellipse `flat` times as high as wide."""
        left, _, right, _ = self._around(x, y, radius)
        _, top, _, bottom = self._around(x, y, radius * flat)
        self.pen.ellipse((left, top, right, bottom), fill=fill)

    def ring(
        self,
        x: float,
        y: float,
        radius: float,
        width: float,
        fill: str = BLACK,
        turn: Point = (0, 360),
    ) -> None:
        """A ring, or the part of it between two angles in degrees, clockwise from the right."""
        self.pen.arc(self._around(x, y, radius), *turn, fill=fill, width=round(width * self.unit))

    def wedge(self, x: float, y: float, radius: float, turn: Point, fill: str) -> None:
        """Draw a sector between two angles in degrees."""
        self.pen.pieslice(self._around(x, y, radius), *turn, fill=fill)

    def line(self, points: Sequence[Point], width: float, fill: str = BLACK) -> None:
        """Draw a line through points."""
        places = [(x * self.unit, y * self.unit) for x, y in points]
        self.pen.line(places, fill=fill, width=round(width * self.unit), joint="curve")

    def bar(self, x: float, y: float, length: float, width: float, angle: float, fill: str) -> None:
        """A rectangle around (x, y), turned by `angle` in degrees."""
        ax, ay = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        ends = ((-length, -width), (length, -width), (length, width), (-length, width))
        self.polygon(
            [(x + (a * ax - b * ay) / 2, y + (a * ay + b * ax) / 2) for a, b in ends], fill
        )

    def finished(self) -> Array:
        """uint8 (height, width, 3)."""
        return np.asarray(self.image.resize(self.size, Image.Resampling.BOX))

    def _around(self, x: float, y: float, radius: float) -> tuple[float, float, float, float]:
        left, top, right, bottom = (
            (c * self.unit) for c in (x - radius, y - radius, x + radius, y + radius)
        )
        return left, top, right, bottom


def draw_style(size: int = 512) -> Array:
    """A poster of disks, wedges, bars and stripes in strong flat colours, uint8 (size, size, 3)."""
    sheet = Sheet((size, size), CREAM)
    _poster_fields(sheet)
    _poster_disks(sheet)
    _poster_bars(sheet)
    _poster_signs(sheet)
    return sheet.finished()


def _poster_fields(sheet: Sheet) -> None:
    """The large fields of colour, parted by thick lines."""
    sheet.polygon([(0, 0), (0.46, 0), (0.2, 0.42), (0, 0.34)], OCHRE)
    sheet.polygon([(0.46, 0), (1, 0), (1, 0.3), (0.56, 0.2)], ULTRAMARINE)
    sheet.polygon([(0.72, 0.25), (1, 0.3), (1, 0.72), (0.8, 0.62)], ROSE)
    sheet.polygon([(0, 0.34), (0.2, 0.42), (0.3, 0.72), (0, 0.8)], TEAL)
    sheet.polygon([(0, 0.8), (0.3, 0.72), (0.46, 1), (0, 1)], VERMILION)
    sheet.polygon([(0.8, 0.62), (1, 0.72), (1, 1), (0.62, 1)], OCHRE)
    sheet.polygon([(0.3, 0.72), (0.8, 0.62), (0.62, 1), (0.46, 1)], SKY)
    for line in (
        [(0.46, 0), (0.2, 0.42), (0.3, 0.72), (0.46, 1)],
        [(0.46, 0), (0.56, 0.2), (1, 0.3)],
        [(0, 0.34), (0.2, 0.42)],
        [(0, 0.8), (0.3, 0.72), (0.62, 0.66), (0.8, 0.62)],
        [(0.72, 0.25), (0.8, 0.62), (0.62, 1)],
        [(0.8, 0.62), (1, 0.72)],
    ):
        sheet.line(line, 0.011)


def _poster_disks(sheet: Sheet) -> None:
    """Targets, half disks and rings, from large to small."""
    sheet.disk(0.47, 0.44, 0.215, BLACK)
    for radius, colour in (
        (0.203, VERMILION),
        (0.15, CREAM),
        (0.135, BLACK),
        (0.125, OCHRE),
        (0.075, ULTRAMARINE),
        (0.03, CREAM),
    ):
        sheet.disk(0.47, 0.44, radius, colour)
    sheet.wedge(0.47, 0.44, 0.203, (200, 265), BLACK)
    sheet.wedge(0.47, 0.44, 0.15, (20, 85), TEAL)
    sheet.disk(0.86, 0.14, 0.095, OCHRE)
    sheet.wedge(0.86, 0.14, 0.095, (120, 300), VERMILION)
    sheet.ring(0.86, 0.14, 0.1, 0.01)
    sheet.disk(0.15, 0.15, 0.1, CREAM)
    sheet.wedge(0.15, 0.15, 0.1, (-40, 140), BLACK)
    sheet.disk(0.15, 0.15, 0.045, VERMILION)
    sheet.disk(0.13, 0.6, 0.08, ROSE)
    sheet.wedge(0.13, 0.6, 0.08, (60, 240), ULTRAMARINE)
    sheet.ring(0.13, 0.6, 0.085, 0.01)
    sheet.disk(0.84, 0.84, 0.105, ULTRAMARINE)
    for radius in (0.105, 0.078, 0.051):
        sheet.ring(0.84, 0.84, radius, 0.011, CREAM)
    sheet.disk(0.84, 0.84, 0.026, VERMILION)
    for radius, colour in ((0.14, BLACK), (0.11, OCHRE), (0.08, BLACK), (0.05, CREAM)):
        sheet.wedge(0.53, 1.0, radius, (180, 360), colour)


def _poster_bars(sheet: Sheet) -> None:
    """Bars that cross everything, stripes and a checkerboard."""
    sheet.bar(0.6, 0.35, 0.9, 0.022, -52, BLACK)
    sheet.bar(0.68, 0.31, 0.34, 0.03, -52, VERMILION)
    sheet.bar(0.27, 0.36, 0.5, 0.016, 22, BLACK)
    sheet.bar(0.33, 0.83, 0.3, 0.035, 28, BLACK)
    sheet.bar(0.355, 0.79, 0.18, 0.022, 28, CREAM)
    for i in range(6):
        sheet.bar(0.62 + 0.022 * i, 0.545 + 0.012 * i, 0.16 - 0.012 * i, 0.01, 118, BLACK)
    for i in range(5):
        sheet.bar(0.04 + 0.026 * i, 0.9 + 0.01 * i, 0.15, 0.011, -62, CREAM if i % 2 else BLACK)
    for row, column in np.ndindex(4, 5):
        if (row + column) % 2 == 0:
            sheet.bar(
                0.875 + 0.028 * column, 0.41 + 0.028 * row + 0.004 * column, 0.028, 0.028, 8, BLACK
            )
    for i in range(4):
        sheet.bar(0.525 + 0.025 * i, 0.075 + 0.012 * i, 0.1, 0.01, 75, SKY)
    for row, column in np.ndindex(4, 5):
        sheet.disk(
            0.63 + 0.024 * column - 0.006 * row, 0.03 + 0.024 * row + 0.006 * column, 0.006, CREAM
        )
        sheet.disk(
            0.2 + 0.02 * row + 0.004 * column, 0.58 + 0.024 * column - 0.01 * row, 0.006, CREAM
        )
    for start, drop, colour in ((0.76, 0.44, ULTRAMARINE), (0.765, 0.465, BLACK)):
        sheet.line(
            [(start + 0.016 * i, drop + (0.02 if i % 2 else 0)) for i in range(6)], 0.007, colour
        )
    for i in range(7):
        sheet.bar(0.05 + 0.02 * i, 0.275 + 0.008 * i, 0.035 + 0.005 * i, 0.006, 112, BLACK)
    for i in range(3):
        sheet.ring(0.66, 0.84, 0.06 + 0.025 * i, 0.009, turn=(-70, 70))


def _poster_signs(sheet: Sheet) -> None:
    """Small triangles, dots, crosses and arcs in what is still empty."""
    triangles = (
        ((0.27, 0.06), (0.36, 0.1), (0.29, 0.17), VERMILION),
        ((0.04, 0.42), (0.13, 0.47), (0.04, 0.51), OCHRE),
        ((0.69, 0.66), (0.78, 0.71), (0.69, 0.76), VERMILION),
        ((0.93, 0.56), (0.985, 0.65), (0.895, 0.625), TEAL),
        ((0.36, 0.68), (0.41, 0.76), (0.32, 0.765), OCHRE),
        ((0.7, 0.13), (0.755, 0.19), (0.675, 0.2), CREAM),
        ((0.22, 0.88), (0.3, 0.93), (0.22, 0.97), OCHRE),
    )
    for a, b, c, colour in triangles:
        sheet.polygon([a, b, c], colour, outline=0.008)
    for x, y, radius, colour in (
        (0.4, 0.13, 0.024, BLACK), (0.035, 0.235, 0.02, ULTRAMARINE),
        (0.25, 0.27, 0.03, TEAL), (0.225, 0.53, 0.022, OCHRE),
        (0.77, 0.36, 0.03, ULTRAMARINE), (0.77, 0.36, 0.013, CREAM),
        (0.96, 0.35, 0.022, VERMILION), (0.96, 0.76, 0.018, BLACK),
        (0.71, 0.96, 0.024, VERMILION), (0.53, 0.78, 0.04, VERMILION),
        (0.53, 0.78, 0.02, CREAM), (0.06, 0.72, 0.018, CREAM),
        (0.4, 0.93, 0.02, VERMILION), (0.97, 0.97, 0.03, BLACK),
        (0.52, 0.07, 0.02, OCHRE), (0.6, 0.245, 0.018, TEAL),
        (0.345, 0.225, 0.014, CREAM), (0.69, 0.42, 0.016, OCHRE), (0.17, 0.74, 0.016, OCHRE),
    ):  # fmt: skip
        sheet.disk(x, y, radius, colour)
    for x, y, turn in ((0.33, 0.61, (90, 270)), (0.86, 0.34, (0, 180)), (0.1, 0.37, (180, 360))):
        sheet.ring(x, y, 0.035, 0.009, turn=turn)
        sheet.ring(x, y, 0.055, 0.009, turn=turn)
    for x, y in ((0.07, 0.04), (0.45, 0.745), (0.235, 0.47), (0.84, 0.56), (0.93, 0.71)):
        sheet.bar(x, y, 0.05, 0.009, 35, BLACK)
        sheet.bar(x, y, 0.05, 0.009, 125, BLACK)


def draw_scene(size: tuple[int, int] = (768, 512)) -> Array:
    """A house by a lake below mountains, uint8 (height, width, 3); `size` is (width, height)."""
    sheet = Sheet(size, "#000000")
    wide = size[0] / size[1]
    rng = random.Random(1)
    _sky(sheet, wide)
    _hills(sheet, wide, rng)
    _lake(sheet, wide, rng)
    _meadow(sheet, wide, rng)
    _house(sheet, wide * 0.2, 0.76, 0.24)
    for x, foot, height in (
        (0.05, 0.8, 0.42),
        (0.4, 0.77, 0.3),
        (0.47, 0.8, 0.22),
        (0.88, 0.97, 0.7),
    ):
        _tree(sheet, x * wide, foot, height, rng)
    _flowers(sheet, wide, rng)
    return _grained(sheet.finished())


def _blend(a: str, b: str, share: float) -> str:
    pairs = zip(bytes.fromhex(a[1:]), bytes.fromhex(b[1:]), strict=True)
    return "#" + bytes(round(p + (q - p) * share) for p, q in pairs).hex()


def _sky(sheet: Sheet, wide: float) -> None:
    for i in range(120):
        sheet.polygon(
            [(0, i / 200), (wide, i / 200), (wide, 0.7), (0, 0.7)],
            _blend("#3f7fc4", "#f6dcae", (i / 120) ** 0.8),
        )
    for radius, share in ((0.125, 0.82), (0.1, 0.6), (0.08, 0.3), (0.065, 0.0)):
        sheet.disk(wide * 0.68, 0.22, radius, _blend("#fff3cf", "#c4cbbd", share))
    rng = random.Random(4)
    for x, y, length in ((0.12, 0.12, 0.3), (0.45, 0.2, 0.24), (0.86, 0.1, 0.3), (0.3, 0.3, 0.2)):
        for light in (0.35, 0.0):  # the shaded under side first
            for _ in range(30):
                along = rng.uniform(-0.8, 0.8)
                radius = length * 0.13 * math.exp(-along * along * 2) * rng.uniform(0.5, 1)
                sheet.disk(
                    x * wide + along * length,
                    y + light * 0.06 - radius * 0.4,
                    radius,
                    _blend("#fdf6e8", "#a8b4c4", light * 2),
                )
    sheet.image = sheet.image.filter(ImageFilter.GaussianBlur(sheet.unit / 160))
    sheet.pen = ImageDraw.Draw(sheet.image)


def _line(wide: float, height: float, rough: float, rng: random.Random) -> list[Point]:
    waves = [(rng.gauss(0, rough / k), k * 2.6, rng.uniform(0, 6.3)) for k in range(1, 14)]
    return [
        (wide * i / 120, height + sum(a * math.sin(f * wide * i / 120 + p) for a, f, p in waves))
        for i in range(121)
    ]


def _hills(sheet: Sheet, wide: float, rng: random.Random) -> None:
    for height, rough, colour in (
        (0.4, 0.07, "#8fa3bd"),
        (0.46, 0.05, "#6f8ea0"),
        (0.52, 0.03, "#557c70"),
        (0.555, 0.016, "#3f6648"),
    ):
        line = _line(wide, height, rough, rng)
        sheet.polygon([*line, (wide, 0.7), (0, 0.7)], colour)
        for i in range(2, 118, 2):  # the side away from the sun
            top = line[i], line[i + 2]
            if top[0][1] > top[1][1]:
                foot = [(x - 0.02, y + 1.3 * (height - y) * 0.6 + 0.02) for x, y in reversed(top)]
                sheet.polygon([*top, *foot], _blend(colour, "#2a3a52", 0.14))


def _lake(sheet: Sheet, wide: float, rng: random.Random) -> None:
    sheet.polygon([(0, 0.58), (wide, 0.58), (wide, 1), (0, 1)], "#6f9fb8")
    for _ in range(260):
        depth = rng.random() ** 1.6
        x, y, length = rng.uniform(0, wide), 0.582 + 0.26 * depth, 0.03 + 0.12 * depth
        colour = rng.choice(("#4f86a6", "#88b4c4", "#3f7396", "#a9c8cc"))
        near_sun = abs(x - wide * 0.68) < 0.05 + 0.05 * depth
        sheet.line(
            [(x, y), (x + length, y)], 0.002 + 0.004 * depth, "#fbe6b4" if near_sun else colour
        )


def _meadow(sheet: Sheet, wide: float, rng: random.Random) -> None:
    shore = [
        (0, 0.68),
        (0.25 * wide, 0.69),
        (0.5 * wide, 0.74),
        (0.62 * wide, 0.82),
        (0.8 * wide, 0.87),
        (wide, 0.84),
    ]
    sheet.polygon([*shore, (wide, 1), (0, 1)], "#6d8f3c")
    sheet.line(shore, 0.012, "#c9b780")
    for _ in range(2200):
        x, y = rng.uniform(0, wide), rng.uniform(0.7, 1.0)
        edge = np.interp(x, [p[0] for p in shore], [p[1] for p in shore])
        if y > edge + 0.012:
            blade = 0.012 + 0.06 * (y - 0.68)
            colour = rng.choice(("#86a848", "#55782f", "#a3b455", "#456a2c", "#7b9a3e"))
            sheet.line([(x, y), (x + rng.gauss(0, 0.006), y - blade)], 0.003, colour)
    _path(sheet, wide * 0.205)


def _path(sheet: Sheet, x: float) -> None:
    """A winding path from a door at `x`, wider the nearer."""
    way = [
        (x + 0.16 * t**0.7 + 0.09 * math.sin(4.5 * t), 0.755 + 0.26 * t, 0.016 + 0.06 * t)
        for t in np.linspace(0, 1, 30)
    ]
    for share, colour in ((1.25, "#b89a62"), (1.0, "#dcc593")):
        left, right = ([(px + side * share * w, py) for px, py, w in way] for side in (-1, 1))
        sheet.polygon([*left, *reversed(right)], colour)


def _house(sheet: Sheet, x: float, foot: float, width: float) -> None:
    """A house of a front and a lit side, its foot at (x, foot)."""
    sheet.disk(x - width * 0.3, foot - 0.004, width * 0.5, "#4a6b2c", flat=0.1)  # its shadow
    left, middle, right, eaves = (
        x - width * 0.35,
        x + width * 0.25,
        x + width * 0.8,
        foot - width * 0.48,
    )
    peak = (left + middle) / 2, eaves - width * 0.38
    sheet.polygon([(left, foot), (left, eaves), peak, (middle, eaves), (middle, foot)], "#d9cbb0")
    sheet.polygon([(middle, foot), (middle, eaves), (right, eaves), (right, foot)], "#f4ead2")
    far = peak[0] + right - middle, peak[1]
    sheet.polygon(
        [(middle - 0.012, eaves + 0.02), peak, far, (right + 0.02, eaves + 0.02)], "#b4452c"
    )
    for i in range(1, 6):
        share = i / 6
        start, end = (
            (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] + 0.02 - a[1]) * share)
            for a, b in ((peak, (middle, eaves)), (far, (right, eaves)))
        )
        sheet.line([start, end], 0.003, "#8e3220")
    sheet.line(
        [(left - 0.016, eaves + 0.022), peak, (middle + 0.002, eaves + 0.022)], 0.011, "#7d2c1c"
    )
    sheet.polygon(
        [
            (x + width * 0.4, peak[1] - 0.04),
            (x + width * 0.5, peak[1] - 0.04),
            (x + width * 0.5, peak[1] + 0.04),
            (x + width * 0.4, peak[1] + 0.04),
        ],
        "#93604a",
    )
    for wx, wy in (
        (left + width * 0.12, 0.3),
        (middle + width * 0.1, 0.33),
        (middle + width * 0.34, 0.33),
    ):
        top, w = foot - width * wy, width * 0.13
        sheet.polygon(
            [(wx, top), (wx + w, top), (wx + w, top + w * 1.2), (wx, top + w * 1.2)],
            "#2f4457",
            outline=0.005,
        )
        sheet.line([(wx + w / 2, top), (wx + w / 2, top + w * 1.2)], 0.004, "#f4ead2")
        sheet.line([(wx, top + w * 0.6), (wx + w, top + w * 0.6)], 0.004, "#f4ead2")
    door = left + width * 0.36
    sheet.polygon(
        [
            (door, foot),
            (door, foot - width * 0.3),
            (door + width * 0.14, foot - width * 0.3),
            (door + width * 0.14, foot),
        ],
        "#3f6f78",
        outline=0.004,
    )


def _tree(sheet: Sheet, x: float, foot: float, height: float, rng: random.Random) -> None:
    trunk = height * 0.05
    sheet.disk(x - height * 0.12, foot, height * 0.25, "#4a6b2c", flat=0.12)  # its shadow
    top = foot - height * 0.55
    sheet.polygon(
        [(x - trunk, foot), (x - trunk * 0.5, top), (x + trunk * 0.5, top), (x + trunk, foot)],
        "#4d3524",
    )
    for side in (-1, 1):
        sheet.line(
            [(x, foot - height * 0.38), (x + side * height * 0.17, foot - height * 0.62)],
            trunk * 0.6,
            "#4d3524",
        )
    for colour, shift, count in (
        ("#23431f", 0.03, 240),
        ("#38602a", 0.0, 190),
        ("#5d8535", -0.035, 130),
        ("#8fae4a", -0.07, 60),
    ):
        for _ in range(count):
            angle, far = rng.uniform(0, 2 * math.pi), math.sqrt(rng.random())
            cx = x + height * (0.25 * far * math.cos(angle) - shift * 0.6)
            cy = foot - height * 0.68 + height * (0.3 * far * math.sin(angle) + shift)
            sheet.disk(cx, cy, height * rng.uniform(0.012, 0.036), colour)


def _flowers(sheet: Sheet, wide: float, rng: random.Random) -> None:
    for _ in range(130):
        x, y = rng.uniform(0, wide), rng.uniform(0.88, 1)
        colour = rng.choice(("#e2452b", "#f3c53a", "#f6efe2", "#c65b9b"))
        sheet.disk(x, y, 0.004 + 0.05 * (y - 0.86), colour)


def _grained(picture: Array) -> Array:
    noise = np.random.default_rng(0).normal(0, 3, (*picture.shape[:2], 1))
    return (picture + noise).clip(0, 255).astype(np.uint8)


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where style.png and scene.png go")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_style()).save(folder / "style.png")
    Image.fromarray(draw_scene()).save(folder / "scene.png")


if __name__ == "__main__":
    main()
