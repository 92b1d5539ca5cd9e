"""The Containerfile and the compose file agree with the program; trials/container.py runs them."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

import impasto
from impasto.cli.app import app

ROOT = Path(__file__).parents[1]
CONTAINERFILE = ROOT / "Containerfile"

pytestmark = pytest.mark.skipif(
    not CONTAINERFILE.is_file(), reason="the Containerfile is not beside the tests"
)


@pytest.fixture
def lines() -> list[str]:
    return re.sub(r"\\\n", " ", CONTAINERFILE.read_text(encoding="utf-8")).splitlines()


def last(lines: list[str], name: str) -> str:
    return [line for line in lines if line.startswith(name + " ")][-1].removeprefix(name).strip()


def test_command_is_one_of_the_program(lines: list[str]) -> None:
    assert json.loads(last(lines, "ENTRYPOINT")) == ["impasto"]
    command: list[str] = json.loads(last(lines, "CMD"))
    verb, arguments = command[0], command[1:]
    group: Any = typer.main.get_command(app)
    with group.make_context("impasto", [], resilient_parsing=True) as root:
        context = group.commands[verb].make_context(verb, arguments, parent=root)
    assert str(context.params["port"]) == last(lines, "EXPOSE")
    assert context.params["host"] == "0.0.0.0"
    assert context.params["token"] is None  # so that the server takes IMPASTO_TOKEN or makes one up


def test_health_check_asks_a_route_that_needs_no_token(lines: list[str]) -> None:
    pytest.importorskip("fastapi")
    from impasto.server.guards import OPEN_PATHS

    asked = re.search(r"127\.0\.0\.1:(\d+)(/\w+)", last(lines, "HEALTHCHECK"))
    assert asked
    assert asked[1] == last(lines, "EXPOSE")
    assert asked[2] in OPEN_PATHS


def test_extras_and_files_exist(lines: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = next(line for line in lines if line.startswith("ARG EXTRAS="))
    named = extras.partition("=")[2].split(",")
    assert set(named) <= set(project["optional-dependencies"])
    copied = next(line for line in lines if line.startswith("COPY pyproject")).split()[1:-1]
    kept = re.findall(r"^!(\S+)", (ROOT / ".containerignore").read_text(), re.MULTILINE)
    assert {*copied, "src"} == set(kept)
    assert all((ROOT / name).exists() for name in kept)


def test_the_user_has_no_rights(lines: list[str]) -> None:
    assert last(lines, "USER") == "10001:10001"
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    for line in ("read_only: true", "cap_drop: [ALL]", "- cache:/cache", "${IMPASTO_TOKEN:?"):
        assert line in compose
    assert '"127.0.0.1:8000:8000"' in compose  # other hosts reach it through a proxy with TLS only


def test_files_name_the_image_of_this_version() -> None:
    for name in ("compose.yaml", "examples/clusters/kubernetes.yaml", "docs/how-to/container.md"):
        tags = re.findall(r"impasto:(\d[\w.]*)", (ROOT / name).read_text(encoding="utf-8"))
        assert set(tags) == {impasto.__version__}, name
