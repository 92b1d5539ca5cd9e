"""What keys do."""

import pytest

from impasto.models.mix import Mix, find_mix
from impasto.webcam.controls import KEYS, WebcamControls, help_lines


@pytest.fixture
def styles() -> list[Mix]:
    return [find_mix(name) for name in ("great-wave", "starry-night", "udnie")]


def test_styles_are_walked_around(styles: list[Mix]) -> None:
    session = WebcamControls(styles)
    seen = []
    for key in ("right", "n", "right", "left", "p"):
        session.press(key)
        seen.append(session.style.name)
    assert seen == ["starry-night", "udnie", "great-wave", "udnie", "starry-night"]


def test_strength_goes_in_steps_and_stops_at_its_ends(styles: list[Mix]) -> None:
    session = WebcamControls(styles, strength=0.85)
    for key, expected in (("up", 0.95), ("up", 1.0), ("up", 1.0), ("down", 0.9)):
        session.press(key)
        assert session.strength == expected
    for _ in range(12):
        session.press("down")
    assert session.strength == 0


@pytest.mark.parametrize(
    ("key", "name"), [("m", "mirror"), ("r", "recording"), ("f", "fullscreen"), ("h", "help")]
)
def test_switches(styles: list[Mix], key: str, name: str) -> None:
    session = WebcamControls(styles)
    for expected in (True, False):
        session.press(key)
        assert getattr(session, name) is expected


@pytest.mark.parametrize(
    ("key", "name"), [("s", "snapshot"), ("space", "snapshot"), ("q", "done"), ("escape", "done")]
)
def test_wishes(styles: list[Mix], key: str, name: str) -> None:
    session = WebcamControls(styles)
    session.press("x")
    assert session == WebcamControls(styles)
    session.press(key)
    assert getattr(session, name) is True


def test_no_key_has_two_meanings_and_help_names_all() -> None:
    keys = [key for action in KEYS for key in action.keys]
    assert len(keys) == len(set(keys))
    assert all(any(key in line for line in help_lines()) for key in keys)
