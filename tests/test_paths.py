"""Folders of impasto: where they are, and what happens where there are none."""

import os
from pathlib import Path

import pytest
from commands import python

from impasto import paths

NOBODY = """
import os, pwd
def unknown(*_):
    raise KeyError("uid not found")
pwd.getpwuid = pwd.getpwnam = unknown
os.environ.pop("HOME", None)
"""


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without `HOME` and without an entry in the list of users."""
    pwd = pytest.importorskip("pwd")

    def unknown(*_: object) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    for name in ("HOME", "IMPASTO_HOME", "IMPASTO_WEIGHTS", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/users/ada")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("IMPASTO_HOME", "")
    assert paths.home() == Path("/users/ada/.cache/impasto")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert paths.home() == Path("/caches/impasto")
    monkeypatch.setenv("IMPASTO_HOME", "~/own")
    assert paths.home() == Path("/users/ada/own")


def test_without_a_home_folder_there_is_no_cache(
    nobody: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert paths.home() is None
    assert paths.weights_folders() == []
    assert paths.expand_home("~/photo.jpg") == Path("~/photo.jpg")
    monkeypatch.setenv("IMPASTO_WEIGHTS", "/weights")
    assert paths.weights_folders() == [Path("/weights")]


@pytest.mark.process
@pytest.mark.parametrize("home", [None, "/dev/null", "relative"])
def test_every_cache_is_a_convenience(home: str | None, photo_file: Path) -> None:
    """A picture as a style uses both caches: of compiled networks and of predictions."""
    code = f"""{NOBODY}
home = {home!r}
if home is not None:
    os.environ["HOME"] = home
for name in ("IMPASTO_HOME", "XDG_CACHE_HOME"):
    os.environ.pop(name, None)
import impasto, impasto.cli.doctor
impasto.stylize({str(photo_file)!r}, {str(photo_file)!r}, network="small")
print(impasto.cli.doctor.examine()["cache_bytes"])
"""
    done = python("-c", code)
    assert (done.code, done.out.strip()) == (0, "0"), done.err
    if os.path.isdir("relative"):  # noqa: PTH112
        raise AssertionError("a cache was made in the working folder")
