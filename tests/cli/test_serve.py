"""impasto serve: options, the page in a folder, and what is missing."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from commands import Run


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site of one small file."""
    from impasto.server import site

    file = site.SiteFile("text/html", lambda: b"<p>hello")
    monkeypatch.setattr(site, "site_files", lambda documentation="": {"index.html": file})


@pytest.mark.usefixtures("files")
def test_the_page_in_a_folder(impasto: Run, tmp_path: Path) -> None:
    folder = tmp_path / "public"
    done = impasto("serve", "--export", folder, "--json")
    assert done.code == 0
    assert done.records == [{"output": str(folder), "files": 1, "bytes": 8}]
    assert (folder / "index.html").read_bytes() == b"<p>hello"
    refused = impasto("serve", "--export", folder)
    assert refused.code == 2
    assert "it is not empty; --overwrite writes into it" in refused.err
    assert impasto("serve", "--export", folder, "--overwrite").code == 0


def test_without_the_extra(impasto: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "impasto.cli.requirements.find_spec",
        lambda name: None if name == "fastapi" else find(name),
    )
    done = impasto("serve")
    assert done.code == 1
    assert done.errors == [
        "error: cannot serve: the package fastapi is not installed; pip install 'impasto[serve]'"
    ]


def _served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let the verb serve nothing; return the settings that it would serve with."""
    pytest.importorskip("fastapi")
    from impasto.server import run

    seen: list[Any] = []

    def serve(settings: Any, on_start: Any) -> None:
        seen.append(settings)
        on_start(run.address_of(settings))

    monkeypatch.setattr(run, "serve", serve)
    return seen


def test_options_become_settings(impasto: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _served(monkeypatch)
    done = impasto(
        "serve",
        *("--port", 9000, "--queue", 4, "--max-upload", 1.5, "--network", "small"),
        *("--threads", 1, "--allow-origin", "https://a.example", "--max-pixels", 1000),
    )
    assert done.code == 0, done.err
    assert done.out == "impasto serves http://127.0.0.1:9000/\n"
    (settings,) = seen
    assert (settings.queue, settings.max_upload, settings.network) == (4, 1_500_000, "small")
    assert (settings.threads, settings.max_pixels, settings.token) == (1, 1000, None)
    assert settings.allow_origins == ("https://a.example",)


def test_a_token_is_made_up_for_other_hosts(impasto: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _served(monkeypatch)
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    done = impasto("serve", "--host", "0.0.0.0", "--open")
    assert seen[0].token in done.out
    assert "the token was made up; set IMPASTO_TOKEN to keep one" in done.err
    while not opened:
        pass
    assert seen[0].token in opened[0]
    given = impasto("serve", "--token", "a-secret-of-many-letters")
    assert "a-secret" not in given.out + given.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--token", "short"), "cannot use this token: it has 5 characters"),
        (("--allow-origin", "a.example"), "it is no origin; write it as https://example.org"),
        (("--allow-origin", "https://a.example/"), "it is no origin"),
        (("--queue", "0"), "'0' is not a number from 1 to 1000"),
        (("--network", "none"), "none"),
    ],
)
def test_options_that_are_wrong(
    impasto: Run, arguments: tuple[str, ...], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _served(monkeypatch)
    done = impasto("serve", *arguments)
    assert done.code in (1, 2)
    assert reason in done.err
