"""The window: shows pictures with a line of text, and hears keys."""

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from impasto.errors import DisplayError
from impasto.images import UInt8

_REMEDY = "run it on a desktop, or record without a window: impasto webcam --no-window --record live.mp4"
_UNSEEN = ("offscreen", "dummy")  # drivers of SDL that show nothing, which it takes where there is no display
_TEXT = 0.035  # height of text, as a share of the picture's
_MARGIN = 8  # pixels


class Window(Protocol):
    """Where pictures are shown and keys are pressed."""

    def keys(self) -> list[str]:
        """Names of the keys that were pressed since last time; "escape" where the window was closed."""
        ...

    def show(self, picture: UInt8, title: str, lines: Sequence[str]) -> None:
        """Show uint8 (H, W, 3), with lines of text at its lower edge."""
        ...

    def fill_screen(self, wanted: bool) -> None:
        """Fill the screen, or no more."""
        ...

    def close(self) -> None:
        """Be gone."""
        ...


class NoWindow:
    """In place of a window where nobody looks."""

    def keys(self) -> list[str]:
        """None."""
        return []

    def show(self, picture: UInt8, title: str, lines: Sequence[str]) -> None:
        """Nothing."""

    def fill_screen(self, wanted: bool) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class PygameWindow:
    """A window by SDL. It appears with the first picture and can be made larger; pictures keep their shape.

    Raises:
        DisplayError: pygame is not installed, or there is no display.
    """

    def __init__(self) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        os.environ.setdefault("SDL_RENDER_SCALE_QUALITY", "linear")
        try:
            import pygame
        except ImportError as error:
            raise DisplayError(f"a window needs pygame ({error}): pip install 'impasto[webcam]'") from error
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
        self._screen: Any = None
        self._full, self._title = False, ""

    def keys(self) -> list[str]:
        """Names of the keys that were pressed since last time."""
        pygame = self._pygame
        return [
            "escape" if event.type == pygame.QUIT else pygame.key.name(event.key)
            for event in pygame.event.get()
            if event.type in (pygame.QUIT, pygame.KEYDOWN)
        ]

    def show(self, picture: UInt8, title: str, lines: Sequence[str]) -> None:
        """Show a picture with lines of text."""
        pygame = self._pygame
        height, width = picture.shape[:2]
        if self._screen is None or self._screen.get_size() != (width, height):
            self._open((width, height))
        if title != self._title:
            self._title = title
            pygame.display.set_caption(title)
        self._screen.blit(pygame.image.frombuffer(np.ascontiguousarray(picture), (width, height), "RGB"), (0, 0))
        if lines:
            self._write(lines, height)
        pygame.display.flip()

    def _open(self, size: tuple[int, int]) -> None:
        pygame = self._pygame
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that there is no graphics card
                # scaled by the graphics card, to whatever the window is made
                self._screen = pygame.display.set_mode(size, pygame.SCALED | pygame.RESIZABLE)
        except pygame.error as error:
            raise DisplayError(f"no window can be opened ({error}); {_REMEDY}") from error
        self._font = pygame.font.Font(None, max(16, round(size[1] * _TEXT * 1.4)))
        self._full = False

    def _write(self, lines: Sequence[str], height: int) -> None:
        """White text on a dark ground, the last line at the lower edge."""
        pygame = self._pygame
        rendered = [self._font.render(line, True, (255, 255, 255)) for line in lines]
        step = self._font.get_linesize()
        ground = pygame.Surface((max(text.get_width() for text in rendered) + 2 * _MARGIN, step * len(lines) + _MARGIN))
        ground.set_alpha(140)
        top = height - ground.get_height()
        self._screen.blit(ground, (0, top))
        for number, text in enumerate(rendered):
            self._screen.blit(text, (_MARGIN, top + _MARGIN // 2 + number * step))

    def fill_screen(self, wanted: bool) -> None:
        """Fill the screen, or no more."""
        if self._screen is not None and wanted != self._full:
            self._pygame.display.toggle_fullscreen()
            self._full = wanted

    def close(self) -> None:
        """Close the window."""
        self._pygame.quit()


def _asked_for() -> str:
    """Drivers that the user names, which are right whatever they are."""
    return os.environ.get("SDL_VIDEODRIVER") or os.environ.get("SDL_VIDEO_DRIVER") or ""


def _is_without_display() -> bool:
    """Whether a Linux machine has no display for certain; asked first, as libraries print lines of their own otherwise."""
    there = _asked_for() or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or Path("/dev/dri").exists()
    return sys.platform == "linux" and not there
