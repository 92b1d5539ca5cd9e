"""Scenes to draw: dead leaves, landscapes, streets, portraits and still lifes."""

import math

import numpy as np

from impasto.learning.data.synthetic.canvas import (
    BRICKS,
    CLOUD,
    FUR,
    GRAIN,
    LEAVES,
    STRIPES,
    Canvas,
    Point,
    scaled,
)

SKIES = (  # at the zenith, at the horizon
    ((0.35, 0.55, 0.82), (0.85, 0.9, 0.95)),
    ((0.62, 0.7, 0.78), (0.85, 0.84, 0.8)),
    ((0.3, 0.3, 0.45), (0.95, 0.7, 0.45)),
)
FOLIAGE = ((0.2, 0.32, 0.12), (0.35, 0.42, 0.15), (0.55, 0.32, 0.1))


def _leaves(
    canvas: Canvas, count: int, top: float = 0.0, smallest: float = 0.012, largest: float = 0.4
) -> None:
    """Shapes whose radii follow r^-3, nearer ones over farther ones, below the height `top`."""
    rng = canvas.rng
    for _ in range(count):
        radius = (
            smallest**-2 + rng.random() * (largest**-2 - smallest**-2)
        ) ** -0.5  # inverse of the distribution
        center = rng.random(), rng.uniform(top, 1.05)
        canvas.blob(
            center, radius, canvas.paint(canvas.color(), center, radius, relief=rng.random())
        )


def _dead_leaves(canvas: Canvas) -> None:
    rng = canvas.rng
    _leaves(canvas, 12, smallest=0.2, largest=0.6)
    middle = len(canvas.materials)
    _leaves(canvas, rng.randint(80, 260), smallest=rng.choice((0.012, 0.02, 0.04)))
    if rng.random() < 0.35:
        canvas.focus = rng.randint(middle, len(canvas.materials))


def _sky(canvas: Canvas) -> None:
    zenith, haze = (
        scaled(color, canvas.rng.uniform(0.8, 1.1)) for color in canvas.rng.choice(SKIES)
    )
    clouds = canvas.rng.uniform(0, 0.35)
    sky = canvas.paint(
        zenith,
        (0.5, 0.1),
        0.6,
        texture=CLOUD,
        amount=clouds,
        other=haze,
        blend=0.8,
        relief=0,
        shade=0,
    )
    canvas.box(0, 0, 1, 1, sky)


def _ridge(canvas: Canvas, height: float, near: float) -> None:
    """Ground below a hilly line, paler the farther (`near` in 0 to 1)."""
    rng = canvas.rng
    color = canvas.color(rng.randrange(4))
    red, green, blue = (
        near * part + (1 - near) * haze for part, haze in zip(color, (0.7, 0.75, 0.82), strict=True)
    )
    texture = rng.choice((GRAIN, CLOUD, FUR, LEAVES))
    ground = canvas.paint(
        (red, green, blue), (0.5, height + 0.2), 0.6, texture=texture, amount=0.3 * near, shade=0.2
    )
    rough = rng.uniform(0.01, 0.07)
    waves = [
        (rng.gauss(0, rough / k), k * rng.uniform(2, 5), rng.uniform(0, 6.3)) for k in range(1, 7)
    ]
    line = [
        (x / 40, height + sum(a * math.sin(f * x / 40 + phase) for a, f, phase in waves))
        for x in range(41)
    ]
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
    color = rng.choice(FOLIAGE)
    for light in (0.6, 1.0, 1.4) if rng.random() < 0.75 else ():  # or bare
        leaves = canvas.paint(
            scaled(color, light), tips[0], height / 2, texture=LEAVES, amount=0.35
        )
        for x, y in rng.sample(tips[2:], 18):
            canvas.blob(
                (x + rng.gauss(0, height * 0.05), y - light * height * 0.03),
                height * rng.uniform(0.03, 0.1),
                leaves,
            )


def _house(canvas: Canvas, left: float, top: float, width: float, height: float) -> None:
    """A front with rows of windows, a door, and a roof or none."""
    rng, center = canvas.rng, (left + width / 2, top + height / 2)
    wall = canvas.paint(
        canvas.color(rng.randrange(2, 6)),
        center,
        width,
        texture=rng.choice((1, 3, BRICKS)),
        amount=0.15,
    )
    canvas.box(left, top, left + width, top + height, wall)
    if rng.random() < 0.6:
        roof = canvas.paint(canvas.color(), (center[0], top), width, texture=STRIPES, amount=0.2)
        peak = center[0], top - width * rng.uniform(0.2, 0.5)
        canvas.polygon([(left - width * 0.06, top), peak, (left + width * 1.06, top)], roof)
    frame = canvas.paint((0.9, 0.88, 0.82), center, width, amount=0.05)
    glass = canvas.paint(
        (0.15, 0.2, 0.27), center, width, other=(0.6, 0.7, 0.8), texture=CLOUD, amount=0.2
    )
    columns = rng.randint(2, 5)
    rows = max(1, round(height / width * columns * rng.uniform(0.6, 0.9)))
    w, h = width / columns, height / rows
    for row, column in np.ndindex(rows, columns):
        x, y = left + w * (column + 0.25), top + h * (row + 0.2)
        bottom = y + h * (
            0.8 if (row, column) == (rows - 1, columns // 2) else 0.55
        )  # a door reaches the ground
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
        _house(
            canvas, rng.uniform(0, 0.7), horizon, rng.uniform(0.15, 0.35), rng.uniform(0.15, 0.3)
        )
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
    road = canvas.paint(
        canvas.color(), (0.5, 1), 0.4, texture=rng.choice((GRAIN, 1, 3, BRICKS)), amount=0.15
    )
    canvas.box(0, ground, 1, 1.2, road)
    if rng.random() < 0.5:
        _tree(canvas, (rng.random(), ground + 0.02), rng.uniform(0.3, 0.7))
    _leaves(canvas, rng.randint(0, 25), top=ground - 0.03, largest=0.12)


def _still_life(canvas: Canvas) -> None:
    """Balls and bottles on a table."""
    rng = canvas.rng
    table = rng.uniform(0.4, 0.75)
    canvas.box(0, table, 1, 1, canvas.paint(canvas.color(), (0.5, 1)))
    _leaves(canvas, rng.randint(0, 10), smallest=0.08)
    canvas.focus = len(canvas.materials) if rng.random() < 0.5 else 0
    for foot in sorted(rng.uniform(table, 0.95) for _ in range(rng.randint(3, 12))):
        radius, x = rng.uniform(0.05, 0.2), rng.random()
        width, y = radius * rng.uniform(0.5, 1.1), foot - radius
        thing = canvas.paint(canvas.color(), (x, y), radius, relief=1)
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
    tone, hair = rng.uniform(0.4, 1), canvas.color(0)
    locks = canvas.paint(hair, (x, y), r * 1.4, texture=FUR, amount=0.3, relief=0.7)
    canvas.blob((x, y), r * 1.45, locks)
    skin = scaled((0.92, 0.72, 0.58), tone)
    face = canvas.paint(
        skin, (x, y), r * 1.3, other=(0.8, 0.45, 0.35), texture=1, amount=0.08, relief=0.7
    )
    canvas.box(x - r * 0.45, y + r * 0.5, x + r * 0.45, y + r * 2, face)
    canvas.ellipse(
        (x, y + r * 3.1), r * 2.3, r * 1.6, canvas.paint(canvas.color(), (x, 1), 0.5, relief=0.7)
    )
    canvas.ellipse((x, y), r, r * 1.35, face)
    fringe = canvas.paint(hair, (x, y - r), r, texture=FUR, amount=0.3, relief=0.7)
    canvas.pen.chord(
        canvas.pixels([(x - r, y - r * 1.4), (x + r, y + r * 1.1)]), 195, 345, fill=fringe
    )
    shadow, white, iris, dark, lips = (
        canvas.paint(color, (x, y), r, amount=0.03)
        for color in (
            scaled(skin, 0.75),
            (0.9, 0.9, 0.88),
            canvas.color(),
            (0.08, 0.06, 0.06),
            scaled((0.65, 0.28, 0.27), tone),
        )
    )
    canvas.polygon(
        [(x, y), (x + r * 0.17, y + r * 0.42), (x - r * 0.1, y + r * 0.45)], shadow
    )  # the nose
    for eye in (x - r * 0.42, x + r * 0.42):
        for label, width, height in ((white, 0.2, 0.1), (iris, 0.1, 0.1), (dark, 0.05, 0.05)):
            canvas.ellipse((eye, y - r * 0.1), r * width, r * height, label)
        canvas.line((eye - r * 0.22, y - r * 0.35), (eye + r * 0.22, y - r * 0.38), r * 0.08, dark)
    canvas.ellipse((x, y + r * 0.78), r * 0.34, r * 0.11, lips)
    canvas.line((x - r * 0.32, y + r * 0.78), (x + r * 0.32, y + r * 0.78), r * 0.04, dark)


# each draws itself onto a canvas; with how often it is chosen
SCENES = {_dead_leaves: 4, _landscape: 3, _street: 2, _portrait: 2, _still_life: 2}
