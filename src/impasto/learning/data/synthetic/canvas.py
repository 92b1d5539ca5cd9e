"""A canvas for drawn scenes: shapes of lit and textured materials, back to front."""

import functools
import math
import random
from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Array = np.ndarray
Color = tuple[float, float, float]  # RGB in [0, 1]
Point = tuple[float, float]  # (x, y) in sides of the scene, y down

TILE = 512  # pixels, side of a texture


def _rgb(code: str) -> Color:
    red, green, blue = bytes.fromhex(code)
    return red / 255, green / 255, blue / 255


PALETTES: tuple[tuple[Color, ...], ...] = tuple(
    tuple(_rgb(word) for word in words.split())
    for words in (
        "24301d 4a5d2f 7f8f4a b8ab6d e3d9b8 7d9cbf 3b2c20",  # meadow
        "1b2430 3c5a78 7fa6c4 c9d9df f0ead8 a08a68 51422f",  # sea and sand
        "3a1d14 7a3218 b8622a d99a45 efd9a0 59633a 252b33",  # autumn
        "222326 4b4c50 7c7a76 aca69c d8d2c6 8a4a3a 3f556b",  # town
        "2b1a14 6b4130 a8755a d4a98a f0dccb 5a6b7a 8c2f2a",  # indoors
        "0c0f1a 1d2740 3b4a6b 8a7a6a e0b060 5b2d3a 101814",  # night
        "3d5230 7d9a4c c83f4a e88a9a f2d04a f4efe4 5a4a90",  # garden
        "4a3b2a 8a6f4a b89a6a d8c49a efe6d0 6a7f8a a04a30",  # desert
        "f2f4f5 cfd8de 9fb0bd 5f7486 2f3a44 7a6a58 b04030",  # snow
        "101010 3a3a3a 6a6a6a 9a9a9a c8c8c8 f0f0f0 505860",  # gray
    )
)


def _noise(rng: np.random.Generator, slope: float, stretch: float = 1.0) -> Array:
    """Make tileable noise of power f^-slope and deviation 1, `stretch` times as long along x."""
    fy, fx = np.meshgrid(np.fft.fftfreq(TILE), np.fft.fftfreq(TILE), indexing="ij")
    frequency = np.hypot(fy, fx * stretch)
    frequency[0, 0] = np.inf
    noise = np.fft.ifft2(
        np.fft.fft2(rng.normal(size=(TILE, TILE))) * frequency ** (-slope / 2)
    ).real
    return np.asarray(noise / noise.std())


GRAIN, CLOUD, FUR, LEAVES, STRIPES, BRICKS = 0, 2, 4, 5, 6, 9  # indices into textures()


@functools.cache
def textures() -> Array:
    """Make tileable textures, float32 (count, TILE, TILE), each of mean 0 and deviation 1."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:TILE, :TILE] * (2 * math.pi / TILE)
    cloud = _noise(rng, 3.2)
    bricks = np.maximum(
        np.cos(32 * y) > 0.85, np.cos(16 * x + math.pi * (np.floor(16 * y / math.pi) % 2)) > 0.96
    )
    stack = [
        _noise(rng, 0.4),  # grain
        _noise(rng, 2.0),
        cloud,
        _noise(rng, 1.3),
        _noise(rng, 2.2, stretch=9),  # fur, water
        np.tanh(2 * _noise(rng, 1.8)),  # leaves
        np.sign(np.sin(24 * y)) + 0.3 * cloud,  # stripes
        np.sin(20 * y + 1.5 * cloud) + 0.4 * _noise(rng, 1.5, stretch=6),  # wood
        np.sign(np.sin(16 * x) * np.sin(16 * y)) + 0.3 * cloud,  # checks
        -1.0 * bricks + 0.25 * cloud,
        (np.cos(18 * x) * np.cos(18 * y) > 0.45) + 0.1 * cloud,  # dots
    ]
    return np.stack([(t - t.mean()) / t.std() for t in stack]).astype(np.float32)


@functools.cache
def outlines() -> list[Array]:
    """Make shapes of radius about 1, each (corners, 2): disks, polygons and smooth blobs."""
    rng = np.random.default_rng(1)
    turn = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    shapes = []
    for kind in range(72):
        corners = np.linspace(0, 2 * math.pi, 3 + kind % 4, endpoint=False)
        angle = (turn, corners, turn)[kind % 3]
        waves = [
            rng.normal(0, 0.28 / k) * np.cos(k * turn + rng.uniform(0, 6.3)) for k in range(2, 8)
        ]
        radius = 1 + sum(waves) if kind % 3 == 2 else np.ones_like(angle)
        stretched = np.stack(
            [radius * np.cos(angle), radius * np.sin(angle) * rng.uniform(0.35, 1)], -1
        )
        shapes.append(stretched @ _rotation(rng.uniform(0, 6.3)))
    return shapes


def _rotation(angle: float) -> Array:
    return np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])


class Canvas:
    """A scene as a map of labels, drawn back to front.

    Each label is a material, and all are filled and lit at once. A higher label is nearer, which
    gives shadows and depth of field at no cost.

    Args:
        side: of the picture, pixels.
        rng: draws everything random.
        least: smallest side of the whole scene, pixels; the picture shows a part of it.
    """

    def __init__(self, side: int, rng: random.Random, least: float = 0) -> None:
        self.side, self.rng = side, rng
        # pixels a side of the scene, of which a part may be seen
        self.scale = max(side, least) * max(1, rng.uniform(0.5, 1.7))
        self.corner = tuple(rng.uniform(0, 1 - side / self.scale) for _ in range(2))
        self.palette = rng.choice(PALETTES)
        self.labels = Image.new("I", (side, side))
        self.pen = ImageDraw.Draw(self.labels)
        self.materials: list[tuple[float, ...]] = []
        self.focus = 0  # labels below it are out of focus
        self.paint(self.color())  # label 0 is everywhere

    def color(self, index: int | None = None) -> Color:
        """Vary a color of the palette: darker or lighter, and a little off.

        Args:
            index: of the color in the palette; by default a random one.
        """
        base = self.rng.choice(self.palette) if index is None else self.palette[index]
        red, green, blue = scaled(base, self.rng.lognormvariate(0, 0.25))
        return red + self.rng.gauss(0, 0.03), green, blue + self.rng.gauss(0, 0.03)

    def paint(
        self,
        color: Color,
        center: Point = (0.5, 0.5),
        radius: float = 0.7,
        *,
        texture: int | None = None,
        amount: float | None = None,
        other: Color | None = None,
        blend: float = 0.0,
        relief: float = 0.3,
        shade: float = 0.45,
    ) -> int:
        """Add a material in front of all others.

        Args:
            color: of the material.
            center: of its shading and its texture.
            radius: of its shading, in sides of the scene.
            texture: index into `textures()`; by default a random one.
            amount: share of the `other` color that the texture mixes in; by default random.
            other: second color; by default one of the palette.
            blend: share of the `other` color that is added from the center down.
            relief: 0, flat, to 1, a ball.
            shade: depth of the shadow that falls on it, 0..1.

        Returns:
            Its label.
        """
        rng = self.rng
        change = [b - a for a, b in zip(color, other or self.color(), strict=True)]
        turn, zoom = rng.uniform(0, 6.3), rng.uniform(0.5, 1.3)
        texture = rng.randrange(len(textures())) if texture is None else texture
        amount = min(0.6, rng.expovariate(5)) if amount is None else amount
        place = (
            *self.pixels(center),
            1 / (radius * self.scale),
            zoom * math.cos(turn),
            zoom * math.sin(turn),
        )
        self.materials.append((*color, *change, *place, texture, amount, blend, relief, shade))
        return len(self.materials) - 1

    def pixels(self, points: Array | Iterable[Point] | Point) -> list[float]:
        """Convert points of the scene to pixels of the picture: x, y, x, y, ..."""
        pixels: list[float] = ((np.asarray(points) - self.corner) * self.scale).ravel().tolist()
        return pixels

    def polygon(self, points: Array | Iterable[Point], label: int) -> None:
        """Draw a polygon with these corners."""
        self.pen.polygon(self.pixels(points), fill=label)

    def box(self, left: float, top: float, right: float, bottom: float, label: int) -> None:
        """Draw an upright box."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], label)

    def ellipse(self, center: Point, width: float, height: float, label: int) -> None:
        """Draw an ellipse whose radii are `width` and `height`."""
        x, y = center
        self.pen.ellipse(
            self.pixels([(x - width, y - height), (x + width, y + height)]), fill=label
        )

    def line(self, start: Point, end: Point, width: float, label: int) -> None:
        """Draw a straight line, of one pixel or more."""
        self.pen.line(
            self.pixels([start, end]), fill=label, width=max(1, round(width * self.scale))
        )

    def blob(self, center: Point, radius: float, label: int) -> None:
        """Draw a random shape of `outlines()`."""
        self.polygon(self.rng.choice(outlines()) * radius + center, label)

    def render(self) -> Image.Image:
        """Fill the scene and light it from one side: RGB (side, side)."""
        labels = np.asarray(self.labels)
        planes = np.array(self.materials, np.float32).T[:, labels]
        *colors, cx, cy, nearness, along, across, texture, amount, blend, relief, shade = planes
        y, x = np.mgrid[: self.side, : self.side].astype(np.float32)
        x, y = x - cx, y - cy
        u, v = (along * x - across * y).astype(np.int32), (across * x + along * y).astype(np.int32)
        mix = amount * textures()[texture.astype(np.int32), v % TILE, u % TILE]
        x, y = x * nearness, y * nearness
        mix = (mix + blend * y).clip(-0.3, 1)
        angle = self.rng.uniform(-2.8, -0.3)  # the light comes from above
        light = 1 + relief * (
            0.5 * (x * math.cos(angle) + y * math.sin(angle)) - 0.35 * (x * x + y * y)
        )
        light = light.clip(0.4, 1.5) * (1 - shade * self._shadow(labels, angle))
        picture = np.stack([(colors[i] + mix * colors[i + 3]) * light for i in range(3)], -1)
        return self._focused(Image.fromarray((picture.clip(0, 1) * 255).astype(np.uint8)), labels)

    def _shadow(self, labels: Array, angle: float) -> Array:
        """Compute shadows, 0..1 with soft borders.

        A place is in shadow (1) where a nearer material stands between it and the light.
        """
        at, reach = np.arange(self.side), 0.015 * self.scale
        rows, columns = (
            np.clip(at + round(reach * part), 0, self.side - 1)
            for part in (math.sin(angle), math.cos(angle))
        )
        hidden = labels[np.ix_(rows, columns)] > labels
        return np.asarray(_mask(hidden).filter(ImageFilter.BoxBlur(reach / 2)), np.float32) / 255

    def _focused(self, picture: Image.Image, labels: Array) -> Image.Image:
        blurred = (
            picture.filter(ImageFilter.BoxBlur(self.scale * self.rng.uniform(0.003, 0.01)))
            if self.focus
            else picture
        )
        return Image.composite(
            blurred, picture, _mask(labels < self.focus).filter(ImageFilter.BoxBlur(1))
        )


def _mask(where: Array) -> Image.Image:
    return Image.fromarray(where.astype(np.uint8) * 255)


def scaled(color: Color, factor: float) -> Color:
    """Multiply a color by a factor of brightness."""
    red, green, blue = color
    return red * factor, green * factor, blue * factor
