"""The window: it shows pictures with lines of text, and reads keys."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from impasto.errors import DisplayError
from impasto.images.image import UInt8

_REMEDY = (
    "run it on a desktop, or record without a window: impasto webcam --no-window --record live.mp4"
)
_NO_DISPLAY = f"cannot open a window: there is no display here; {_REMEDY}"
# Drivers of SDL that show nothing; SDL takes them where there is no display.
_INVISIBLE_DRIVERS = ("offscreen", "dummy")
_MAX_SCREEN_SHARE = 0.9  # of the screen's sides, for a new window
_TEXT_SHARE, _MIN_TEXT_HEIGHT = 0.045, 16  # height of text: share of the window's, and pixels
_MARGIN = 8  # pixels
_TEXT_BACKGROUND_ALPHA = 140


class Window(Protocol):
    """Shows pictures and reads keys."""

    def keys(self) -> list[str]:
        """Give the names of the keys pressed since the last call; "escape" for a closed window."""
        ...

    def show(self, picture: UInt8, title: str, lines: Sequence[str], full: bool) -> None:
        """Show a picture.

        Args:
            picture: uint8 RGB (H, W, 3).
            title: title of the window.
            lines: lines of text at the lower edge.
            full: fill the screen.
        """
        ...

    def close(self) -> None:
        """Close the window."""
        ...


class NoWindow:
    """Takes the place of a window, and shows nothing."""

    def keys(self) -> list[str]:
        """Give no keys."""
        return []

    def show(self, picture: UInt8, title: str, lines: Sequence[str], full: bool) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class PygameWindow:
    """A window by SDL.

    It appears with the first picture, and the user can resize it. Pictures keep their shape.

    Raises:
        DisplayError: pygame is not installed, or there is no display.
    """

    def __init__(self) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            import pygame
        except ImportError as error:
            raise DisplayError(
                f"cannot open a window: it needs pygame, which is not installed ({error}): "
                "pip install 'impasto[webcam]'"
            ) from error
        self._pygame: Any = pygame
        if _is_without_display():
            raise DisplayError(_NO_DISPLAY)
        try:
            pygame.display.init()
        except pygame.error as error:
            raise DisplayError(f"cannot open a window: {error}; {_REMEDY}") from error
        if (
            driver := pygame.display.get_driver()
        ) in _INVISIBLE_DRIVERS and driver not in _wanted_driver():
            pygame.display.quit()
            raise DisplayError(_NO_DISPLAY)
        pygame.font.init()
        self._full, self._title = False, ""
        self._font: Any = None
        self._font_height = 0

    def __repr__(self) -> str:
        return f"PygameWindow({self._title!r})"

    def keys(self) -> list[str]:
        """Give the names of the keys pressed since the last call."""
        pygame = self._pygame
        return [
            "escape" if event.type == pygame.QUIT else pygame.key.name(event.key)
            for event in pygame.event.get()
            if event.type in (pygame.QUIT, pygame.KEYDOWN)
        ]

    def show(self, picture: UInt8, title: str, lines: Sequence[str], full: bool) -> None:
        """Show a picture with lines of text, as large as the window and in its own shape."""
        pygame = self._pygame
        height, width = picture.shape[:2]
        screen = pygame.display.get_surface()
        if screen is None or full != self._full:
            screen, self._full = self._open((width, height), full), full
        if title != self._title:
            self._title = title
            pygame.display.set_caption(title)
        surface = pygame.image.frombuffer(np.ascontiguousarray(picture), (width, height), "RGB")
        left, top, *size = fit_into((width, height), screen.get_size())
        if size != [width, height]:
            surface = pygame.transform.smoothscale(surface, size)
        screen.fill((0, 0, 0))
        screen.blit(surface, (left, top))
        if lines:
            self._write(screen, lines)
        pygame.display.flip()

    def _open(self, size: tuple[int, int], full: bool) -> Any:
        """Open the window, or open it again.

        The surface is not one that SDL scales: pygame 2.5 may crash where such a window is opened
        again.
        """
        pygame = self._pygame
        try:
            if full:
                return pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
            desktop = pygame.display.get_desktop_sizes()[0]
            max_width, max_height = (round(side * _MAX_SCREEN_SHARE) for side in desktop)
            if size[0] > max_width or size[1] > max_height:
                size = fit_into(size, (max_width, max_height))[2:]
            return pygame.display.set_mode(size, pygame.RESIZABLE)
        except pygame.error as error:
            raise DisplayError(f"cannot open a window: {error}; {_REMEDY}") from error

    def _write(self, screen: Any, lines: Sequence[str]) -> None:
        """Write white text on a dark ground, the last line at the lower edge."""
        pygame = self._pygame
        height = max(_MIN_TEXT_HEIGHT, round(screen.get_height() * _TEXT_SHARE))
        if self._font is None or self._font_height != height:
            self._font, self._font_height = pygame.font.Font(None, height), height
        rendered = [self._font.render(line, True, (255, 255, 255)) for line in lines]
        step = self._font.get_linesize()
        ground = pygame.Surface(
            (max(text.get_width() for text in rendered) + 2 * _MARGIN, step * len(lines) + _MARGIN)
        )
        ground.set_alpha(_TEXT_BACKGROUND_ALPHA)
        top = screen.get_height() - ground.get_height()
        screen.blit(ground, (0, top))
        for number, text in enumerate(rendered):
            screen.blit(text, (_MARGIN, top + _MARGIN // 2 + number * step))

    def close(self) -> None:
        """Close the window."""
        self._pygame.quit()


def fit_into(size: tuple[int, int], area: tuple[int, int]) -> tuple[int, int, int, int]:
    """Place a picture in the middle of an area, as large as it fits, in its own shape.

    Args:
        size: width and height of the picture.
        area: width and height of the area.

    Returns:
        Left, top, width and height.
    """
    scale = min(area[0] / size[0], area[1] / size[1])
    width, height = (max(1, round(side * scale)) for side in size)
    return (area[0] - width) // 2, (area[1] - height) // 2, width, height


def _wanted_driver() -> str:
    """Give the driver that the user names, which is right whatever it is."""
    return os.environ.get("SDL_VIDEODRIVER") or os.environ.get("SDL_VIDEO_DRIVER") or ""


def _is_without_display() -> bool:
    """Tell whether a Linux machine has no display for certain.

    impasto asks this first, since libraries print lines of their own otherwise.
    """
    display = (
        _wanted_driver()
        or os.environ.get("DISPLAY")
        or os.environ.get("WAYLAND_DISPLAY")
        or Path("/dev/dri").exists()
    )
    return sys.platform == "linux" and not display
