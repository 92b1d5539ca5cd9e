"""The window, by SDL's driver without a screen: pictures, text, keys, and no display."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from clips import scene

from impasto.errors import DisplayError
from impasto.webcam import window as window_module
from impasto.webcam.controls import KEYS
from impasto.webcam.window import PygameWindow


@pytest.fixture
def pygame(monkeypatch: pytest.MonkeyPatch) -> Any:
    found = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    return found


@pytest.fixture
def window(pygame: Any) -> Iterator[PygameWindow]:
    opened = PygameWindow()
    yield opened
    opened.close()


def seen(pygame: Any) -> np.ndarray:
    return np.swapaxes(pygame.surfarray.array3d(pygame.display.get_surface()), 0, 1)


def test_a_picture_is_shown_as_it_is(pygame: Any, window: PygameWindow) -> None:
    picture = scene(48, 64, 0)
    window.show(picture, "a title", [], False)
    assert (seen(pygame) == picture).all()
    assert pygame.display.get_caption()[0] == "a title"
    window.show(scene(48, 64, 1)[:, ::-1], "a title", [], False)  # not as it lies
    assert (seen(pygame) == scene(48, 64, 1)[:, ::-1]).all()


def test_a_window_of_another_size(pygame: Any, window: PygameWindow) -> None:
    picture = np.full((48, 64, 3), 200, np.uint8)
    window.show(picture, "", [], False)
    pygame.display.set_mode((300, 96), pygame.RESIZABLE)  # as where somebody pulls at its edge
    window.show(picture, "", [], False)
    shown = seen(pygame)
    assert shown.shape == (96, 300, 3)
    assert (shown[:, 86:214] == 200).all()
    assert not shown[:, :86].any()
    assert not shown[:, 214:].any()


def test_a_picture_that_is_larger_than_the_screen(pygame: Any, window: PygameWindow) -> None:
    across, down = pygame.display.get_desktop_sizes()[0]
    window.show(np.zeros((down, 2 * across, 3), np.uint8), "", [], False)
    width, height = pygame.display.get_surface().get_size()
    assert width == round(0.9 * across)
    assert height == pytest.approx(width * down / (2 * across), abs=1)


def test_text_stands_at_the_lower_edge(pygame: Any, window: PygameWindow) -> None:
    picture = scene(240, 320, 0)
    window.show(picture, "", ["one", "two"], False)
    changed = (seen(pygame) != picture).any(axis=(1, 2))
    assert not changed[:180].any()
    assert changed[-1]
    assert seen(pygame)[-60:].max() == 255


def test_keys_have_the_names_of_the_session(pygame: Any, window: PygameWindow) -> None:
    window.show(scene(48, 64, 0), "", [], False)
    window.keys()
    names = [key for action in KEYS for key in action.keys]
    codes = {name: pygame.key.key_code(name) for name in names}
    for code in codes.values():
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code))
        pygame.event.post(pygame.event.Event(pygame.KEYUP, key=code))
    assert window.keys() == names
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    assert window.keys() == ["escape"]
    assert window.keys() == []


def test_the_full_screen(
    pygame: Any, window: PygameWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    real = pygame.display.set_mode

    def set_mode(size: tuple[int, int], flags: int) -> Any:
        modes.append((size, flags))
        return real(size, flags)

    monkeypatch.setattr(pygame.display, "set_mode", set_mode)
    for full in (False, False, True, True, False):
        window.show(scene(48, 64, 0), "", [], full)
    assert modes == [
        ((64, 48), pygame.RESIZABLE),
        ((0, 0), pygame.FULLSCREEN),
        ((64, 48), pygame.RESIZABLE),
    ]


def test_no_display(pygame: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SDL_VIDEODRIVER", "SDL_VIDEO_DRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    remedy = "run it on a desktop, or record without a window: impasto webcam --no-window --record"
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("impasto.webcam.window.Path.exists", lambda _: False)
    with pytest.raises(DisplayError, match=f"there is no display here; {remedy}"):
        PygameWindow()
    monkeypatch.setattr(window_module, "_is_without_display", lambda: False)
    monkeypatch.setattr(pygame.display, "init", lambda: None)
    monkeypatch.setattr(
        pygame.display, "get_driver", lambda: "offscreen"
    )  # what SDL makes of no display
    with pytest.raises(DisplayError, match=f"there is no display here; {remedy}"):
        PygameWindow()

    def init() -> None:
        raise pygame.error("x11 not available")

    monkeypatch.setattr(pygame.display, "init", init)
    with pytest.raises(DisplayError, match=rf"cannot open a window: x11 not available; {remedy}"):
        PygameWindow()


def test_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(DisplayError, match=r"pip install 'impasto\[webcam\]'"):
        PygameWindow()
