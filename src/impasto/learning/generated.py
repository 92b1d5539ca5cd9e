"""Pictures to train on when there is no dataset: drawn ones, and crops of the photographs that installed packages carry."""

import functools
import importlib.util
import math
import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from impasto.images import read
from impasto.learning.content import random_crop

Array = np.ndarray
Colour = tuple[float, float, float]  # RGB in [0, 1]
Point = tuple[float, float]  # (x, y) in sides of the scene, y down

# photographs inside the wheels of scikit-image (which would download others) and scikit-learn
CARRIED = (
    *(f"skimage/data/{name}.png" for name in ("astronaut", "camera", "chelsea", "coffee", "motorcycle_left")),
    *(f"skimage/data/{name}.jpg" for name in ("hubble_deep_field", "rocket")),
    *(f"sklearn/datasets/images/{name}.jpg" for name in ("china", "flower")),
)
CARRIED_SHARE = 0.4  # of the crops, where all of them are installed
SCALE = (256, 640)  # pixels, short side of a carried photograph: few of them, so a wider range than in Photos
SCENE = 256  # pixels, least side of a drawn scene, so that its objects have the same sizes in small crops
SUPERSAMPLING = 1.5
TILE = 512  # pixels, side of a texture


def _rgb(code: str) -> Colour:
    red, green, blue = bytes.fromhex(code)
    return red / 255, green / 255, blue / 255


PALETTES: tuple[tuple[Colour, ...], ...] = tuple(
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
        "101010 3a3a3a 6a6a6a 9a9a9a c8c8c8 f0f0f0 505860",  # grey
    )
)


class Generated:
    """Photograph-like pictures without a dataset, as `impasto.learning.content.Content`.

    Most are drawn: dead leaves (Lee, Mumford and Huang 2001, "Occlusion models for natural images": opaque shapes whose sizes
    follow r^-3 hide each other), and landscapes, streets, portraits and still lifes made of such shapes, lit from one side.
    That drawn pictures can train a network to see is shown by Baradad et al. 2021, "Learning to see by looking at noise".

    Where scikit-image or scikit-learn is installed, up to 40 % are crops of the photographs inside those packages, so the same
    (seed, number, size) gives the same picture as long as the same packages are installed. Nothing is ever downloaded.
    """

    def __init__(self, seed: int = 0, pool: int = 1024) -> None:
        self.seed, self.pool = seed, pool
        self.description = "generated pictures and what installed packages carry"
        self.broken: set[str] = set()
        self.photos = carried_photos()
        # fewer photographs, smaller share: none of them comes more often than it would if all were there
        self.share = CARRIED_SHARE * (len(self.photos) / len(CARRIED))

    def crop(self, number: int, size: int) -> Array:
        """Picture `number`, uint8 (size, size, 3)."""
        rng = random.Random(f"{self.seed}/{number}")
        if rng.random() < self.share:
            scale_range = (max(size, SCALE[0]), max(size, SCALE[1]))
            return random_crop(_photo(rng.choice(self.photos)), size, np.random.default_rng([self.seed, number]), scale_range)
        return draw(size, rng)


def carried_photos() -> list[Path]:
    """The photographs of `CARRIED` that are on this disk."""
    specs = {package: importlib.util.find_spec(package) for package in {name.split("/")[0] for name in CARRIED}}
    folders = {package: Path(spec.origin).parents[1] for package, spec in specs.items() if spec and spec.origin}
    paths = [folders[package] / name for name in CARRIED if (package := name.split("/")[0]) in folders]
    return [path for path in paths if path.is_file()]


@functools.cache
def _photo(path: Path) -> Image.Image:
    return Image.fromarray(read(path).rgb)


def draw(size: int, rng: random.Random) -> Array:
    """One drawn picture, uint8 (size, size, 3)."""
    scene = rng.choices((_dead_leaves, _landscape, _street, _portrait, _still_life), (4, 3, 2, 2, 2))[0]
    canvas = Canvas(round(size * SUPERSAMPLING), rng, least=SCENE * SUPERSAMPLING)
    scene(canvas)
    picture = canvas.render().resize((size, size), Image.Resampling.HAMMING)
    return _develop(np.asarray(picture, np.float32) / 255, rng)


def _develop(picture: Array, rng: random.Random) -> Array:
    """What a camera adds: contrast, exposure, a cast of colour, and a little grain."""
    picture = (picture - 0.45) * rng.uniform(0.75, 1.15) + 0.42 + rng.uniform(-0.06, 0.08)
    picture *= np.array([1 + rng.gauss(0, 0.04), 1, 1 + rng.gauss(0, 0.05)], np.float32)
    rows, columns = ((np.arange(len(picture)) + rng.randrange(TILE)) % TILE for _ in range(2))
    picture += textures()[GRAIN][np.ix_(rows, columns)][..., None] * rng.uniform(0, 0.015)
    return (picture.clip(0, 1) * 255).astype(np.uint8)


# ---- what things are made of


def _noise(rng: np.random.Generator, slope: float, stretch: float = 1.0) -> Array:
    """Tileable noise of power f^-slope and deviation 1, drawn out `stretch` times along x."""
    fy, fx = np.meshgrid(np.fft.fftfreq(TILE), np.fft.fftfreq(TILE), indexing="ij")
    frequency = np.hypot(fy, fx * stretch)
    frequency[0, 0] = np.inf
    noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(TILE, TILE))) * frequency ** (-slope / 2)).real
    return np.asarray(noise / noise.std())


GRAIN, CLOUD, FUR, LEAVES, STRIPES, BRICKS = 0, 2, 4, 5, 6, 9  # indices into textures()


@functools.cache
def textures() -> Array:
    """Tileable textures, float32 (count, TILE, TILE), each of mean 0 and deviation 1."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:TILE, :TILE] * (2 * math.pi / TILE)
    cloud = _noise(rng, 3.2)
    bricks = np.maximum(np.cos(32 * y) > 0.85, np.cos(16 * x + math.pi * (np.floor(16 * y / math.pi) % 2)) > 0.96)
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
    """Shapes of radius about 1, each (corners, 2): disks, polygons and smooth blobs."""
    rng = np.random.default_rng(1)
    turn = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    shapes = []
    for kind in range(72):
        corners = np.linspace(0, 2 * math.pi, 3 + kind % 4, endpoint=False)
        angle = (turn, corners, turn)[kind % 3]
        waves = [rng.normal(0, 0.28 / k) * np.cos(k * turn + rng.uniform(0, 6.3)) for k in range(2, 8)]
        radius = 1 + sum(waves) if kind % 3 == 2 else np.ones_like(angle)
        stretched = np.stack([radius * np.cos(angle), radius * np.sin(angle) * rng.uniform(0.35, 1)], -1)
        shapes.append(stretched @ _rotation(rng.uniform(0, 6.3)))
    return shapes


def _rotation(angle: float) -> Array:
    return np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])


class Canvas:
    """A scene as a map of labels, drawn back to front; every label is a material, and all are filled and lit at once.

    A higher label is nearer, which gives shadows and depth of field for nothing.
    """

    def __init__(self, side: int, rng: random.Random, least: float = 0) -> None:
        self.side, self.rng = side, rng
        self.scale = max(side, least) * max(1, rng.uniform(0.5, 1.7))  # pixels a side of the scene, of which a part may be seen
        self.corner = tuple(rng.uniform(0, 1 - side / self.scale) for _ in range(2))
        self.palette = rng.choice(PALETTES)
        self.labels = Image.new("I", (side, side))
        self.pen = ImageDraw.Draw(self.labels)
        self.materials: list[tuple[float, ...]] = []
        self.focus = 0  # labels below it are out of focus
        self.paint(self.colour())  # label 0 is everywhere

    def colour(self, index: int | None = None) -> Colour:
        """A colour of the palette, by chance or the one at `index`, darker or lighter and a little off."""
        base = self.rng.choice(self.palette) if index is None else self.palette[index]
        red, green, blue = scaled(base, self.rng.lognormvariate(0, 0.25))
        return red + self.rng.gauss(0, 0.03), green, blue + self.rng.gauss(0, 0.03)

    def paint(
        self,
        colour: Colour,
        centre: Point = (0.5, 0.5),
        radius: float = 0.7,
        *,
        texture: int | None = None,  # index into textures(), else by chance
        amount: float | None = None,  # how much of the `other` colour the texture mixes in, else by chance
        other: Colour | None = None,
        blend: float = 0.0,  # how much of the `other` colour is added from the centre down
        relief: float = 0.3,  # from 0, flat, to 1, a ball
        shade: float = 0.45,  # depth of the shadow that falls on it
    ) -> int:
        """A new material, in front of all others; returns its label."""
        rng = self.rng
        change = [b - a for a, b in zip(colour, other or self.colour(), strict=True)]
        turn, zoom = rng.uniform(0, 6.3), rng.uniform(0.5, 1.3)
        texture = rng.randrange(len(textures())) if texture is None else texture
        amount = min(0.6, rng.expovariate(5)) if amount is None else amount
        place = (*self.pixels(centre), 1 / (radius * self.scale), zoom * math.cos(turn), zoom * math.sin(turn))
        self.materials.append((*colour, *change, *place, texture, amount, blend, relief, shade))
        return len(self.materials) - 1

    def pixels(self, points: Array | Iterable[Point] | Point) -> list[float]:
        """The place of points in the picture: x, y, x, y, ..."""
        pixels: list[float] = ((np.asarray(points) - self.corner) * self.scale).ravel().tolist()
        return pixels

    def polygon(self, points: Array | Iterable[Point], label: int) -> None:
        self.pen.polygon(self.pixels(points), fill=label)

    def box(self, left: float, top: float, right: float, bottom: float, label: int) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], label)

    def ellipse(self, centre: Point, width: float, height: float, label: int) -> None:
        x, y = centre
        self.pen.ellipse(self.pixels([(x - width, y - height), (x + width, y + height)]), fill=label)

    def line(self, start: Point, end: Point, width: float, label: int) -> None:
        self.pen.line(self.pixels([start, end]), fill=label, width=max(1, round(width * self.scale)))

    def blob(self, centre: Point, radius: float, label: int) -> None:
        self.polygon(self.rng.choice(outlines()) * radius + centre, label)

    def render(self) -> Image.Image:
        """The scene, filled and lit from one side, RGB (side, side)."""
        labels = np.asarray(self.labels)
        planes = np.array(self.materials, np.float32).T[:, labels]
        *colours, cx, cy, nearness, along, across, texture, amount, blend, relief, shade = planes
        y, x = np.mgrid[: self.side, : self.side].astype(np.float32)
        x, y = x - cx, y - cy
        u, v = (along * x - across * y).astype(np.int32), (across * x + along * y).astype(np.int32)
        mix = amount * textures()[texture.astype(np.int32), v % TILE, u % TILE]
        x, y = x * nearness, y * nearness
        mix = (mix + blend * y).clip(-0.3, 1)
        angle = self.rng.uniform(-2.8, -0.3)  # the light comes from above
        light = 1 + relief * (0.5 * (x * math.cos(angle) + y * math.sin(angle)) - 0.35 * (x * x + y * y))
        light = light.clip(0.4, 1.5) * (1 - shade * self._shadow(labels, angle))
        picture = np.stack([(colours[i] + mix * colours[i + 3]) * light for i in range(3)], -1)
        return self._focused(Image.fromarray((picture.clip(0, 1) * 255).astype(np.uint8)), labels)

    def _shadow(self, labels: Array, angle: float) -> Array:
        """1 where something nearer stands between a place and the light, 0 where not, soft between."""
        at, reach = np.arange(self.side), 0.015 * self.scale
        rows, columns = (np.clip(at + round(reach * part), 0, self.side - 1) for part in (math.sin(angle), math.cos(angle)))
        hidden = labels[np.ix_(rows, columns)] > labels
        return np.asarray(_mask(hidden).filter(ImageFilter.BoxBlur(reach / 2)), np.float32) / 255

    def _focused(self, picture: Image.Image, labels: Array) -> Image.Image:
        blurred = picture.filter(ImageFilter.BoxBlur(self.scale * self.rng.uniform(0.003, 0.01))) if self.focus else picture
        return Image.composite(blurred, picture, _mask(labels < self.focus).filter(ImageFilter.BoxBlur(1)))


def _mask(where: Array) -> Image.Image:
    return Image.fromarray(where.astype(np.uint8) * 255)


def scaled(colour: Colour, factor: float) -> Colour:
    red, green, blue = colour
    return red * factor, green * factor, blue * factor


# ---- what there is to see

SKIES = (  # at the zenith, at the horizon
    ((0.35, 0.55, 0.82), (0.85, 0.9, 0.95)),
    ((0.62, 0.7, 0.78), (0.85, 0.84, 0.8)),
    ((0.3, 0.3, 0.45), (0.95, 0.7, 0.45)),
)
FOLIAGE = ((0.2, 0.32, 0.12), (0.35, 0.42, 0.15), (0.55, 0.32, 0.1))


def _leaves(canvas: Canvas, count: int, top: float = 0.0, smallest: float = 0.012, largest: float = 0.4) -> None:
    """Shapes whose radii follow r^-3, nearer ones over farther ones, below the height `top`."""
    rng = canvas.rng
    for _ in range(count):
        radius = (smallest**-2 + rng.random() * (largest**-2 - smallest**-2)) ** -0.5  # inverse of the distribution
        centre = rng.random(), rng.uniform(top, 1.05)
        canvas.blob(centre, radius, canvas.paint(canvas.colour(), centre, radius, relief=rng.random()))


def _dead_leaves(canvas: Canvas) -> None:
    rng = canvas.rng
    _leaves(canvas, 12, smallest=0.2, largest=0.6)
    middle = len(canvas.materials)
    _leaves(canvas, rng.randint(80, 260), smallest=rng.choice((0.012, 0.02, 0.04)))
    if rng.random() < 0.35:
        canvas.focus = rng.randint(middle, len(canvas.materials))


def _sky(canvas: Canvas) -> None:
    zenith, haze = (scaled(colour, canvas.rng.uniform(0.8, 1.1)) for colour in canvas.rng.choice(SKIES))
    clouds = canvas.rng.uniform(0, 0.35)
    sky = canvas.paint(zenith, (0.5, 0.1), 0.6, texture=CLOUD, amount=clouds, other=haze, blend=0.8, relief=0, shade=0)
    canvas.box(0, 0, 1, 1, sky)


def _ridge(canvas: Canvas, height: float, near: float) -> None:
    """Ground below a hilly line, paler the farther (`near` in 0 to 1)."""
    rng = canvas.rng
    colour = canvas.colour(rng.randrange(4))
    red, green, blue = (near * part + (1 - near) * haze for part, haze in zip(colour, (0.7, 0.75, 0.82), strict=True))
    texture = rng.choice((GRAIN, CLOUD, FUR, LEAVES))
    ground = canvas.paint((red, green, blue), (0.5, height + 0.2), 0.6, texture=texture, amount=0.3 * near, shade=0.2)
    rough = rng.uniform(0.01, 0.07)
    waves = [(rng.gauss(0, rough / k), k * rng.uniform(2, 5), rng.uniform(0, 6.3)) for k in range(1, 7)]
    line = [(x / 40, height + sum(a * math.sin(f * x / 40 + phase) for a, f, phase in waves)) for x in range(41)]
    canvas.polygon([*line, (1, 1.1), (0, 1.1)], ground)


def _tree(canvas: Canvas, foot: Point, height: float) -> None:
    rng = canvas.rng
    bark = canvas.paint((0.25, 0.2, 0.15), foot, height, texture=FUR, amount=0.2)
    tips: list[Point] = []

    def grow(start: Point, angle: float, length: float, forks: int) -> None:
        end = start[0] + length * math.cos(angle), start[1] + length * math.sin(angle)
        canvas.line(start, end, length * 0.16, bark)
        tips.append(end)
        for turn in (-0.5, 0.45) if forks else ():
            grow(end, angle + turn + rng.gauss(0, 0.2), length * rng.uniform(0.6, 0.8), forks - 1)

    grow(foot, rng.gauss(-math.pi / 2, 0.1), height * 0.38, 4)
    colour = rng.choice(FOLIAGE)
    for light in (0.6, 1.0, 1.4) if rng.random() < 0.75 else ():  # or bare
        leaves = canvas.paint(scaled(colour, light), tips[0], height / 2, texture=LEAVES, amount=0.35)
        for x, y in rng.sample(tips[2:], 18):
            canvas.blob((x + rng.gauss(0, height * 0.05), y - light * height * 0.03), height * rng.uniform(0.03, 0.1), leaves)


def _house(canvas: Canvas, left: float, top: float, width: float, height: float) -> None:
    """A front with rows of windows, a door, and a roof or none."""
    rng, centre = canvas.rng, (left + width / 2, top + height / 2)
    wall = canvas.paint(canvas.colour(rng.randrange(2, 6)), centre, width, texture=rng.choice((1, 3, BRICKS)), amount=0.15)
    canvas.box(left, top, left + width, top + height, wall)
    if rng.random() < 0.6:
        roof = canvas.paint(canvas.colour(), (centre[0], top), width, texture=STRIPES, amount=0.2)
        peak = centre[0], top - width * rng.uniform(0.2, 0.5)
        canvas.polygon([(left - width * 0.06, top), peak, (left + width * 1.06, top)], roof)
    frame = canvas.paint((0.9, 0.88, 0.82), centre, width, amount=0.05)
    glass = canvas.paint((0.15, 0.2, 0.27), centre, width, other=(0.6, 0.7, 0.8), texture=CLOUD, amount=0.2)
    columns = rng.randint(2, 5)
    rows = max(1, round(height / width * columns * rng.uniform(0.6, 0.9)))
    w, h = width / columns, height / rows
    for row, column in np.ndindex(rows, columns):
        x, y = left + w * (column + 0.25), top + h * (row + 0.2)
        bottom = y + h * (0.8 if (row, column) == (rows - 1, columns // 2) else 0.55)  # a door reaches the ground
        canvas.box(x - w * 0.06, y - h * 0.05, x + w * 0.56, bottom + h * 0.04, frame)
        canvas.box(x, y, x + w * 0.23, bottom, glass)
        canvas.box(x + w * 0.27, y, x + w * 0.5, bottom, glass)


def _landscape(canvas: Canvas) -> None:
    rng = canvas.rng
    _sky(canvas)
    horizon, ridges = rng.uniform(0.25, 0.65), rng.randint(2, 5)
    for i in range(ridges):
        _ridge(canvas, horizon + (1 - horizon) * 0.5 * i / ridges, (i + 1) / ridges)
    if rng.random() < 0.4:
        _house(canvas, rng.uniform(0, 0.7), horizon, rng.uniform(0.15, 0.35), rng.uniform(0.15, 0.3))
    for _ in range(rng.randint(0, 4)):
        _tree(canvas, (rng.random(), rng.uniform(horizon + 0.1, 0.95)), rng.uniform(0.25, 0.8))
    _leaves(canvas, rng.randint(0, 60), top=horizon + 0.25, largest=0.1)


def _street(canvas: Canvas) -> None:
    rng = canvas.rng
    _sky(canvas)
    ground, left = rng.uniform(0.75, 1.05), rng.uniform(-0.25, 0)
    while left < 1:
        width, height = rng.uniform(0.2, 0.6), rng.uniform(0.3, 0.9)
        _house(canvas, left, ground - height, width, height)
        left += width * rng.uniform(0.9, 1.15)
    road = canvas.paint(canvas.colour(), (0.5, 1), 0.4, texture=rng.choice((GRAIN, 1, 3, BRICKS)), amount=0.15)
    canvas.box(0, ground, 1, 1.2, road)
    if rng.random() < 0.5:
        _tree(canvas, (rng.random(), ground + 0.02), rng.uniform(0.3, 0.7))
    _leaves(canvas, rng.randint(0, 25), top=ground - 0.03, largest=0.12)


def _still_life(canvas: Canvas) -> None:
    """Balls and bottles on a table."""
    rng = canvas.rng
    table = rng.uniform(0.4, 0.75)
    canvas.box(0, table, 1, 1, canvas.paint(canvas.colour(), (0.5, 1)))
    _leaves(canvas, rng.randint(0, 10), smallest=0.08)
    canvas.focus = len(canvas.materials) if rng.random() < 0.5 else 0
    for foot in sorted(rng.uniform(table, 0.95) for _ in range(rng.randint(3, 12))):
        radius, x = rng.uniform(0.05, 0.2), rng.random()
        width, y = radius * rng.uniform(0.5, 1.1), foot - radius
        thing = canvas.paint(canvas.colour(), (x, y), radius, relief=1)
        canvas.ellipse((x, y), width, radius, thing)
        if rng.random() < 0.5:
            canvas.box(x - width * 0.3, y - radius * 1.6, x + width * 0.3, y, thing)
    _leaves(canvas, rng.randint(0, 40), top=table, largest=0.06)


def _portrait(canvas: Canvas) -> None:
    """A head of about radius `r` around (x, y), in front of things out of focus."""
    rng = canvas.rng
    _leaves(canvas, rng.randint(3, 40), smallest=0.05)
    canvas.focus = len(canvas.materials) if rng.random() < 0.7 else 0
    x, y, r = rng.uniform(0.35, 0.65), rng.uniform(0.35, 0.5), rng.uniform(0.13, 0.24)
    tone, hair = rng.uniform(0.4, 1), canvas.colour(0)
    locks = canvas.paint(hair, (x, y), r * 1.4, texture=FUR, amount=0.3, relief=0.7)
    canvas.blob((x, y), r * 1.45, locks)
    skin = scaled((0.92, 0.72, 0.58), tone)
    face = canvas.paint(skin, (x, y), r * 1.3, other=(0.8, 0.45, 0.35), texture=1, amount=0.08, relief=0.7)
    canvas.box(x - r * 0.45, y + r * 0.5, x + r * 0.45, y + r * 2, face)
    canvas.ellipse((x, y + r * 3.1), r * 2.3, r * 1.6, canvas.paint(canvas.colour(), (x, 1), 0.5, relief=0.7))
    canvas.ellipse((x, y), r, r * 1.35, face)
    fringe = canvas.paint(hair, (x, y - r), r, texture=FUR, amount=0.3, relief=0.7)
    canvas.pen.chord(canvas.pixels([(x - r, y - r * 1.4), (x + r, y + r * 1.1)]), 195, 345, fill=fringe)
    shadow, white, iris, dark, lips = (
        canvas.paint(colour, (x, y), r, amount=0.03)
        for colour in (
            scaled(skin, 0.75),
            (0.9, 0.9, 0.88),
            canvas.colour(),
            (0.08, 0.06, 0.06),
            scaled((0.65, 0.28, 0.27), tone),
        )
    )
    canvas.polygon([(x, y), (x + r * 0.17, y + r * 0.42), (x - r * 0.1, y + r * 0.45)], shadow)  # the nose
    for eye in (x - r * 0.42, x + r * 0.42):
        for label, width, height in ((white, 0.2, 0.1), (iris, 0.1, 0.1), (dark, 0.05, 0.05)):
            canvas.ellipse((eye, y - r * 0.1), r * width, r * height, label)
        canvas.line((eye - r * 0.22, y - r * 0.35), (eye + r * 0.22, y - r * 0.38), r * 0.08, dark)
    canvas.ellipse((x, y + r * 0.78), r * 0.34, r * 0.11, lips)
    canvas.line((x - r * 0.32, y + r * 0.78), (x + r * 0.32, y + r * 0.78), r * 0.04, dark)
