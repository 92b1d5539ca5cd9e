"""Videos in a batch: their results, their progress, and Ctrl-C."""

from pathlib import Path
from typing import Any

import pytest
from clips import EVEN, frames_of, make_clip
from pictures import names, save

from impasto.batch.clips import ClipInterrupted
from impasto.batch.runner import BatchOptions, stylize_files
from impasto.inference.prepared_style import PreparedStyle
from impasto.inference.settings import parse_settings
from impasto.progress import Progress
from impasto.stylizer import Stylizer

UDNIE = parse_settings("udnie")


@pytest.fixture(scope="module")
def small() -> Stylizer:
    return Stylizer("small", precision="f32")


def test_a_video_among_pictures(small: Stylizer, tmp_path: Path) -> None:
    (picture,) = save(tmp_path, "a.png")
    clip = make_clip(tmp_path / "b.mp4", EVEN[:4])
    states: list[Progress] = []
    painted, film = stylize_files([picture, clip], UDNIE, small, on_progress=states.append)
    assert painted.clip is None and film.error is None and film.clip is not None
    assert (film.target, film.width, film.height) == (tmp_path / "b.udnie.mp4", 64, 48)
    assert (film.clip.frames, film.clip.lost, film.clip.stroke) == (4, 0, 1)
    assert 0 < film.clip.first_seconds < film.seconds
    assert list(film.record())[-5:] == ["first_seconds", "frames", "fps", "lost", "stroke"]
    frames = [state for state in states if state.name == "b.mp4"]
    assert [(state.step, state.steps, state.unit) for state in frames] == [
        (step, 4, "frame") for step in range(1, 5)
    ]
    assert [state.fraction for state in frames] == [0.25, 0.5, 0.75, 1]


def test_a_broken_video_fails_alone(small: Stylizer, tmp_path: Path) -> None:
    broken, good = tmp_path / "a.mp4", make_clip(tmp_path / "b.mp4", EVEN[:2])
    broken.write_bytes(good.read_bytes()[:300])
    first, second = stylize_files([broken, good], UDNIE, small)
    assert first.error and str(broken) in str(first.error) and second.error is None


def test_memory_that_does_not_suffice_is_one_sentence(
    small: Stylizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Any:
        raise RuntimeError("bad_alloc\nat memory.cpp")

    clip = make_clip(tmp_path / "a.mp4", EVEN[:2])
    monkeypatch.setattr(PreparedStyle, "paint", fail)
    (result,) = stylize_files([clip], UDNIE, small, options=BatchOptions(steady=False))
    assert f"cannot paint {clip}: painting failed (bad_alloc)" in str(result.error)
    assert names(tmp_path) == ["a.mp4"]


def test_ctrl_c_keeps_the_frames_painted_until_then(
    small: Stylizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint, calls = PreparedStyle.paint, list[int]()

    def interrupted(prepared: PreparedStyle, *arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return paint(prepared, *arguments)

    clip = make_clip(tmp_path / "a.mp4")
    monkeypatch.setattr(PreparedStyle, "paint", interrupted)
    with pytest.raises(ClipInterrupted) as stop:
        list(stylize_files([clip], UDNIE, small, options=BatchOptions(steady=False)))
    assert stop.value.target == tmp_path / "a.udnie.mp4"
    assert stop.value.partial == tmp_path / "a.udnie.part.mp4"
    assert 0 < stop.value.frames == len(frames_of(stop.value.partial)) <= 5
    monkeypatch.setattr(PreparedStyle, "paint", paint)
    (result,) = stylize_files([tmp_path], UDNIE, small, options=BatchOptions(steady=False))
    assert not result.skipped and len(frames_of(tmp_path / "a.udnie.mp4")) == 12
