"""`make release` refuses what is not ready; scripts/release.py."""

import io
import runpy
import subprocess
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "release.py"

pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="scripts is not beside the tests")


@pytest.fixture
def release(tmp_path: Path) -> Any:
    """The script, working on a small repository of its own."""
    globals_ = runpy.run_path(str(SCRIPT))
    root = tmp_path / "repository"
    (root / "src/impasto").mkdir(parents=True)
    (root / "src/impasto/__init__.py").write_text('__version__ = "1.2.3"\n')
    (root / "CITATION.cff").write_text("title: impasto\nversion: 1.2.3\n")
    for name in ("check_tree", "check_contents", "git"):
        globals_[name].__globals__.update(ROOT=root)
    for command in (
        ("init", "--quiet"),
        ("config", "user.name", "A tester"),
        ("config", "user.email", "tester@example.org"),
        ("add", "."),
        ("commit", "--quiet", "--message", "Begin"),
    ):
        subprocess.run(["git", "-C", root, *command], check=True)
    return SimpleNamespace(**globals_, root=root)


@pytest.mark.process
def test_a_clean_tree_is_ready(release: Any) -> None:
    assert release.check_tree() == "1.2.3"


@pytest.mark.process
def test_changes_and_tags_are_refused(release: Any) -> None:
    (release.root / "new.txt").touch()
    with pytest.raises(
        release.ReleaseError, match=r"has changes; commit them first:\n\?\? new.txt"
    ):
        release.check_tree()
    (release.root / "new.txt").unlink()
    release.git("tag", "v1.2.3")
    with pytest.raises(release.ReleaseError, match=r"v1.2.3 is tagged already"):
        release.check_tree()


@pytest.mark.process
def test_versions_must_agree(release: Any) -> None:
    (release.root / "CITATION.cff").write_text("title: impasto\nversion: 1.2.2\n")
    release.git("commit", "--all", "--quiet", "--message", "Change")
    with pytest.raises(release.ReleaseError, match=r"another version than 1.2.3"):
        release.check_tree()


@pytest.mark.process
def test_section_of_the_changelog(release: Any) -> None:
    text = "# Changelog\n\n## 1.2.3 - 2030-01-02\n\n### Added\n\n- One.\n\n"
    text += "## 1.2.2 - 2029-01-01\n\n- Two.\n"
    assert release.changes_of("1.2.3", text) == "### Added\n\n- One."
    assert release.changes_of("1.2.2", text) == "- Two."
    for wrong in ("## Unreleased: 1.2.3\n\n- One.\n", "## 1.2.3 - 2030-01-02\n\n", ""):
        with pytest.raises(release.ReleaseError, match=r"has no section '## 1.2.3 - YYYY-MM-DD'"):
            release.changes_of("1.2.3", wrong)


def archives(release: Any, *, without: str = "", more: str = "") -> tuple[Path, Path]:
    """Write a wheel and a source archive as they should be, or nearly."""
    wheel, archive = release.root / "impasto.whl", release.root / "impasto.tar.gz"
    own = {*release.PARTS, "impasto/__init__.py", "impasto-1.2.3.dist-info/METADATA"}
    with zipfile.ZipFile(wheel, "w") as packed:
        for name in sorted((own | {more}) - {without, ""}):
            packed.writestr(name, "")
    with tarfile.open(archive, "w:gz") as sources:
        for name in release.SOURCES:
            if name != without:
                sources.addfile(tarfile.TarInfo(f"impasto-1.2.3/{name}"), io.BytesIO())
    return wheel, archive


@pytest.mark.process
def test_good_archives_pass(release: Any) -> None:
    release.check_contents(*archives(release), "1.2.3")


@pytest.mark.process
@pytest.mark.parametrize(
    "name",
    ["impasto/server/static/index.html", "impasto/__init__.py", "src/impasto/__init__.py"],
)
def test_missing_files_are_named(release: Any, name: str) -> None:
    with pytest.raises(release.ReleaseError, match=f"lack {name}"):
        release.check_contents(*archives(release, without=name), "1.2.3")


@pytest.mark.process
@pytest.mark.parametrize("name", ["tests/test_release.py", "impasto/__pycache__/a.pyc"])
def test_strange_files_are_named(release: Any, name: str) -> None:
    with pytest.raises(release.ReleaseError, match=f"hold {name}"):
        release.check_contents(*archives(release, more=name), "1.2.3")


@pytest.mark.process
def test_the_last_lines_publish_the_branch_too_and_undo_the_tag(release: Any) -> None:
    wheel, archive = Path("dist/a.whl"), Path("dist/a.tar.gz")
    text = release.publishing("1.2.3", "main", wheel, archive)
    assert "git push --atomic origin main v1.2.3\n" in text
    assert "git tag --delete v1.2.3\n" in text
    assert "twine upload dist/a.whl dist/a.tar.gz\n" in text
    assert "git push --atomic origin v1.2.3\n" in release.publishing("1.2.3", "", wheel, archive)
