"""The window: shows pictures with a line of text, and hears keys."""

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
_UNSEEN = (
    "offscreen",
    "dummy",
)  # drivers of SDL that show nothing, which it takes where there is no display
_MOST = 0.9  # of the screen's sides, that the window takes at first
_TEXT, _SMALLEST_TEXT = 0.045, 16  # height of text, as a share of the window's, and pixels
_MARGIN = 8  # pixels


class Window(Protocol):
    """Where pictures are shown and keys are pressed."""

    def keys(self) -> list[str]:
        """Names of the keys that were pressed since last time; "escape" where the window was
        closed."""
        ...

    def show(self, picture: UInt8, title: str, lines: Sequence[str], full: bool) -> None:
        """Show uint8 (H, W, 3), with lines of text at its lower edge; filling the screen or in a
        window."""
        ...

    def close(self) -> None:
        """Be gone."""
        ...


class NoWindow:
    """In place of a window where nobody looks."""

    def keys(self) -> list[str]:
        """None."""
        return []

    def show(self, picture: UInt8, title: str, lines: Sequence[str], full: bool) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class PygameWindow:
    """A window by SDL. It appears with the first picture and can be made larger; pictures keep
    their shape.

    Raises:
        DisplayError: pygame is not installed, or there is no display.
    """

    def __init__(self) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            import pygame
        except ImportError as error:
            raise DisplayError(
                f"a window needs pygame ({error}): pip install 'impasto[webcam]'"
            ) from error
        self._pygame: Any = pygame
        if _is_without_display():
            raise DisplayError(f"there is no display here; {_REMEDY}")
        try:
            pygame.display.init()
        except pygame.error as error:
            raise DisplayError(f"no window can be opened ({error}); {_REMEDY}") from error
        if (driver := pygame.display.get_driver()) in _UNSEEN and driver not in _asked_for():
            pygame.display.quit()
            raise DisplayError(f"there is no display here; {_REMEDY}")
        pygame.font.init()
        self._full, self._title = False, ""
        self._font: Any = None
        self._font_height = 0

    def keys(self) -> list[str]:
        """Names of the keys that were pressed since last time."""
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
            screen, self._full = self._opened((width, height), full), full
        if title != self._title:
            self._title = title
            pygame.display.set_caption(title)
        surface = pygame.image.frombuffer(np.ascontiguousarray(picture), (width, height), "RGB")
        left, top, *size = fitting((width, height), screen.get_size())
        if size != [width, height]:
            surface = pygame.transform.smoothscale(surface, size)
        screen.fill((0, 0, 0))
        screen.blit(surface, (left, top))
        if lines:
            self._write(screen, lines)
        pygame.display.flip()

    def _opened(self, size: tuple[int, int], full: bool) -> Any:
        """The window's surface, anew. Not one that SDL scales: pygame 2.5 may crash where such a
        window is opened again."""
        pygame = self._pygame
        try:
            if full:
                return pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
            desktop = pygame.display.get_desktop_sizes()[0]
            most = [round(side * _MOST) for side in desktop]
            if size[0] > most[0] or size[1] > most[1]:
                _, _, *size = fitting(size, (most[0], most[1]))  # type: ignore[assignment]
            return pygame.display.set_mode(size, pygame.RESIZABLE)
        except pygame.error as error:
            raise DisplayError(f"no window can be opened ({error}); {_REMEDY}") from error

    def _write(self, screen: Any, lines: Sequence[str]) -> None:
        """White text on a dark ground, the last line at the lower edge."""
        pygame = self._pygame
        height = max(_SMALLEST_TEXT, round(screen.get_height() * _TEXT))
        if self._font is None or self._font_height != height:
            self._font, self._font_height = pygame.font.Font(None, height), height
        rendered = [self._font.render(line, True, (255, 255, 255)) for line in lines]
        step = self._font.get_linesize()
        ground = pygame.Surface(
            (max(text.get_width() for text in rendered) + 2 * _MARGIN, step * len(lines) + _MARGIN)
        )
        ground.set_alpha(140)
        top = screen.get_height() - ground.get_height()
        screen.blit(ground, (0, top))
        for number, text in enumerate(rendered):
            screen.blit(text, (_MARGIN, top + _MARGIN // 2 + number * step))

    def close(self) -> None:
        """Close the window."""
        self._pygame.quit()


def fitting(size: tuple[int, int], room: tuple[int, int]) -> tuple[int, int, int, int]:
    """Where a picture of a size lies in the middle of a room, as large as it can: left, top, width,
    height."""
    share = min(room[0] / size[0], room[1] / size[1])
    width, height = (max(1, round(side * share)) for side in size)
    return (room[0] - width) // 2, (room[1] - height) // 2, width, height


def _asked_for() -> str:
    """Drivers that the user names, which are right whatever they are."""
    return os.environ.get("SDL_VIDEODRIVER") or os.environ.get("SDL_VIDEO_DRIVER") or ""


def _is_without_display() -> bool:
    """Whether a Linux machine has no display for certain; asked first, as libraries print lines of
    their own otherwise."""
    there = (
        _asked_for()
        or os.environ.get("DISPLAY")
        or os.environ.get("WAYLAND_DISPLAY")
        or Path("/dev/dri").exists()
    )
    return sys.platform == "linux" and not there
