"""impasto styles push: what it asks for, says and prints."""

import re
from pathlib import Path

import pytest
from commands import Run
from hub_server import TOKEN, HubServer

from impasto.paths import GALLERY

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "share-styles.md"

# of huggingface_hub's own calls of its HTTP library
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


def test_push_warns_of_the_picture(
    impasto: Run, hub: HubServer, tulip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    done = impasto("styles", "push", tulip, "great-wave", "you/styles", "--license", "mit")
    commit = hub.repositories["you/styles"].head
    assert done.out.splitlines() == [
        f"hf:you/styles/tulip@{commit}",
        f"hf:you/styles/great-wave@{commit}",
    ]
    (note,) = done.errors
    assert "uploading the pictures that these styles were learned from: tulip;" in note
    assert "--no-keep-pictures leaves them out" in note
    arguments = ("styles", "push", tulip, "you/other", "--license", "mit", "--no-keep-pictures")
    quiet = impasto(*arguments, "--json")
    (record,) = quiet.records
    assert quiet.err == ""
    assert record["repository"] == "you/other"
    assert record["name"] == f"hf:you/other/tulip@{record['commit']}"
    assert record["url"].startswith(hub.address)


def test_a_license_and_a_token_are_asked_for(impasto: Run, hub: HubServer, tulip: Path) -> None:
    missing = impasto("styles", "push", tulip, "you/styles").usage()
    assert "cannot push: a license is missing; give --license and one of cc0-1.0" in missing
    done = impasto("styles", "push", "great-wave", "you/styles", "--license", "mit")
    assert (done.code, done.out) == (1, "")
    assert "log in by `hf auth login`, or set HF_TOKEN" in done.only_error()
    for name in ("styles", "you/styles/tulip", "a b/c"):
        wrong = impasto("styles", "push", "great-wave", name, "--license", "mit").usage()
        assert f"cannot push to '{name}'" in wrong and "write user/repo, such as" in wrong
    odd = impasto("styles", "push", "great-wave", "you/styles", "--license", "foo")
    assert odd.errors[0].startswith("the license foo is none of cc0-1.0")
    assert not hub.requests


def test_a_picture_is_no_style_file(impasto: Run, hub: HubServer, photo_file: Path) -> None:
    done = impasto("styles", "push", photo_file, "you/styles", "--license", "mit")
    assert "impasto train" in done.usage()


@pytest.mark.slow
def test_the_commands_of_the_guide(
    impasto: Run, hub: HubServer, tulip: Path, photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that publish come first, so that the others find what they name."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.chdir(tulip.parent)
    (tulip.parent / "my-gallery").symlink_to(GALLERY)
    blocks = re.split("^```", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1::2]
    commands = re.findall(r"^impasto (.+?)(?:  +#.*)?$", "".join(blocks), re.M)
    publishing = [command for command in commands if command.startswith("styles push")]
    assert len(publishing) == 2
    assert len(commands) >= 9
    for command in [*publishing, *(other for other in commands if other not in publishing)]:
        done = impasto(*command.split())
        assert (done.code, "error:" in done.err) == (0, False), (command, done.err)
