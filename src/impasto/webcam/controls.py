"""Controls of the webcam: style, strength, mirror and the like, changed by keys."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from impasto.models.mix import Mix

STRENGTH_STEP = 0.1


@dataclass
class WebcamControls:
    """The state that the user changes by keys.

    Attributes:
        styles: styles to walk through.
        strength: 0 is the photo, 1 the full style.
        mirror: whether left and right are swapped, before painting.
        fullscreen: whether the window fills the screen.
        recording: whether pictures are to be recorded.
        place: place of the current style in `styles`.
        help: whether the picture lists the keys.
        snapshot: whether the next picture is to be saved.
        done: whether to end.
    """

    styles: Sequence[Mix]
    strength: float = 1.0
    mirror: bool = False
    fullscreen: bool = False
    recording: bool = False
    place: int = 0
    help: bool = False
    snapshot: bool = False
    done: bool = False

    @property
    def style(self) -> Mix:
        """The style to paint in."""
        return self.styles[self.place]

    def press(self, key: str) -> None:
        """Perform the action of a key, by its name in `KEYS`; other keys do nothing."""
        for action in KEYS:
            if key in action.keys:
                action.perform(self)

    def change_style(self, steps: int) -> None:
        """Go to another style; after the last one comes the first."""
        self.place = (self.place + steps) % len(self.styles)

    def change_strength(self, step: float) -> None:
        """Make the strength larger or smaller, within 0..1."""
        self.strength = round(min(1.0, max(0.0, self.strength + step)), 2)

    def toggle(self, name: str) -> None:
        """Turn an attribute on if it is off, and off if it is on."""
        setattr(self, name, not getattr(self, name))


@dataclass(frozen=True)
class Action:
    """An action that keys perform.

    Attributes:
        keys: names of the keys.
        purpose: description for the help.
        perform: the action.
    """

    keys: tuple[str, ...]
    purpose: str
    perform: Callable[[WebcamControls], None]


KEYS = (
    Action(("right", "n"), "next style", lambda controls: controls.change_style(1)),
    Action(("left", "p"), "previous style", lambda controls: controls.change_style(-1)),
    Action(("up",), "stronger", lambda controls: controls.change_strength(STRENGTH_STEP)),
    Action(("down",), "weaker", lambda controls: controls.change_strength(-STRENGTH_STEP)),
    Action(("m",), "mirror", lambda controls: controls.toggle("mirror")),
    Action(("s", "space"), "snapshot", lambda controls: setattr(controls, "snapshot", True)),
    Action(("r",), "record, and end it", lambda controls: controls.toggle("recording")),
    Action(("f",), "full screen", lambda controls: controls.toggle("fullscreen")),
    Action(("h",), "these keys", lambda controls: controls.toggle("help")),
    Action(("q", "escape"), "quit", lambda controls: setattr(controls, "done", True)),
)


def help_lines() -> list[str]:
    """List the keys and their actions, one line each."""
    return [f"{' or '.join(action.keys)}: {action.purpose}" for action in KEYS]
