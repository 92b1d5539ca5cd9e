"""What a user sets while looking: style, strength, mirror and the like, by keys."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from impasto.models.mix import Mix

STEP = 0.1  # of strength


@dataclass
class WebcamControls:
    """The state of the live view.

    Attributes:
        styles: to walk through, the current one at `place`.
        strength: 0..1.
        mirror: whether left and right are swapped, before painting.
        help: whether keys are listed in the picture.
        fullscreen: whether the window fills the screen.
        recording: whether pictures are to be recorded.
        snapshot: whether the next picture is to be kept.
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
        """Do what a key stands for, by its name in `KEYS`; others do nothing."""
        for action in KEYS:
            if key in action.keys:
                action.do(self)

    def walk(self, steps: int) -> None:
        """Go to another style, around."""
        self.place = (self.place + steps) % len(self.styles)

    def strengthen(self, by: float) -> None:
        """Paint more or less strongly."""
        self.strength = round(min(1.0, max(0.0, self.strength + by)), 2)

    def toggle(self, name: str) -> None:
        """Turn on what is off, and off what is on."""
        setattr(self, name, not getattr(self, name))


@dataclass(frozen=True)
class Action:
    """What keys do: their names, the first for help, and what they are for."""

    keys: tuple[str, ...]
    purpose: str
    do: Callable[[WebcamControls], None]


KEYS = (
    Action(("right", "n"), "next style", lambda session: session.walk(1)),
    Action(("left", "p"), "previous style", lambda session: session.walk(-1)),
    Action(("up",), "stronger", lambda session: session.strengthen(STEP)),
    Action(("down",), "weaker", lambda session: session.strengthen(-STEP)),
    Action(("m",), "mirror", lambda session: session.toggle("mirror")),
    Action(("s", "space"), "snapshot", lambda session: setattr(session, "snapshot", True)),
    Action(("r",), "record, and end it", lambda session: session.toggle("recording")),
    Action(("f",), "full screen", lambda session: session.toggle("fullscreen")),
    Action(("h",), "these keys", lambda session: session.toggle("help")),
    Action(("q", "escape"), "quit", lambda session: setattr(session, "done", True)),
)


def help_lines() -> list[str]:
    """The keys and what they do, a line each."""
    return [f"{' or '.join(action.keys)}: {action.purpose}" for action in KEYS]
