"""Prepare a release: build it, check it, and tag it. Nothing is published.

  make release-check    # all steps but the tag
  make release

1. The tree has no changes, the version has no tag, and CHANGELOG.md has a section with a date for
   it. CITATION.cff names the same version.
2. The wheel and the source archive are built in dist/. They hold what they must, and nothing else.
3. `twine check --strict` accepts both.
4. The commit gets an annotated tag with the section of the changelog.

The last lines say what to try before, how to publish, and how to undo the tag: that is for a person
to do.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
MAX_MEGABYTES = 40  # of the wheel
# what a wheel without which nothing works has
PARTS = (
    "impasto/py.typed",
    "impasto/gallery/networks/base.safetensors",
    "impasto/gallery/networks/small.safetensors",
    "impasto/gallery/networks/large.safetensors",
    "impasto/gallery/styles/starry-night.safetensors",
    "impasto/gallery/previews/starry-night.webp",
    "impasto/learning/networks/lite.safetensors",
    "impasto/server/static/index.html",
    "impasto/server/static/vendor/onnxruntime-web-1.30.0/LICENSE",
)
SOURCES = ("src/impasto/__init__.py", "tests/conftest.py", "docs/README.md", "Makefile", "LICENSE")
# what belongs into no archive
STRANGE = re.compile(
    r"(^|/)(\.venv|\.git|build|dist|node_modules|__pycache__)/|\.(pyc|checkpoint)$"
)


class ReleaseError(Exception):
    """The tree cannot be released as it is."""


def check_tree() -> str:
    """Return the version, if the tree is ready for its release.

    Raises:
        ReleaseError: it is not.
    """
    if changes := git("status", "--porcelain"):
        raise ReleaseError(f"the tree has changes; commit them first:\n{changes}")
    source = (ROOT / "src/impasto/__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "([\d.]+)"$', source, re.MULTILINE)
    if git("tag", "--list", f"v{version}"):
        raise ReleaseError(f"v{version} is tagged already; raise __version__ in src/impasto")
    if f"\nversion: {version}\n" not in (ROOT / "CITATION.cff").read_text(encoding="utf-8"):
        raise ReleaseError(f"CITATION.cff has another version than {version}; change it")
    return version


def changes_of(version: str, text: str) -> str:
    """Return the section of a version in the changelog.

    Raises:
        ReleaseError: there is none with a date.
    """
    section = re.search(
        rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", text, re.M | re.S
    )
    if not section or not section[1].strip():
        raise ReleaseError(f"CHANGELOG.md has no section '## {version} - YYYY-MM-DD'; add it")
    return section[1].strip()


def build() -> tuple[Path, Path]:
    """Build wheel and source archive; return both."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", str(DIST), str(ROOT))
    (wheel,), (archive,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    return wheel, archive


def check_contents(wheel: Path, archive: Path, version: str) -> None:
    """Check what the archives hold.

    Raises:
        ReleaseError: something is missing, strange or too large.
    """
    with zipfile.ZipFile(wheel) as opened:
        packed = set(opened.namelist())
    with tarfile.open(archive) as opened_archive:
        sources = {name.partition("/")[2] for name in opened_archive.getnames()}
    tracked = set(git("ls-files", "src/impasto").splitlines())
    missing = [name for name in PARTS if name not in packed]
    missing += [name for name in SOURCES if name not in sources]
    missing += sorted(tracked - sources)
    missing += sorted({name.removeprefix("src/") for name in tracked} - packed)
    if missing:
        raise ReleaseError(f"the archives lack {', '.join(missing)}")
    own = ("impasto/", f"impasto-{version}.dist-info/")
    strange = [name for name in packed if not name.startswith(own)]
    strange += [name for name in packed | sources if STRANGE.search(name)]
    if strange:
        raise ReleaseError(f"the archives hold {', '.join(sorted(strange))}")
    if (size := wheel.stat().st_size / 1e6) > MAX_MEGABYTES:
        raise ReleaseError(f"{wheel.name} has {size:.0f} MB; at most {MAX_MEGABYTES} are allowed")


def git(*arguments: str) -> str:
    """Return what git prints."""
    return run("git", "-C", str(ROOT), *arguments).strip()


def run(*command: str) -> str:
    """Return what a command prints; errors go to the terminal.

    Raises:
        ReleaseError: it failed.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{' '.join(command)} failed\n{done.stdout}")
    return done.stdout


def publishing(version: str, branch: str, wheel: Path, archive: Path) -> str:
    """Return the steps that are left to a person.

    Args:
        version: of the release.
        branch: that the commit is on; empty if it is on none.
        wheel: the built wheel.
        archive: the built source archive.
    """
    return f"""\
tagged v{version}, on this machine only. If something is wrong, undo it, and mend it:
  git tag --delete v{version}
To publish it:
  git push --atomic origin {" ".join(filter(None, (branch, f"v{version}")))}
  {sys.executable} -m twine upload {wheel} {archive}
Then add the section '## Unreleased' to CHANGELOG.md, and raise __version__ in src/impasto."""


def main() -> None:
    """Prepare the release of this tree."""
    parser = argparse.ArgumentParser(description="Build a release, check it, and tag it.")
    parser.add_argument("--check", action="store_true", help="do not tag it")
    is_check = parser.parse_args().check
    try:
        version = check_tree()
        changes = changes_of(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
        wheel, archive = build()
        check_contents(wheel, archive, version)
        print(run(sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(archive)))
        # as is: lines of the changelog that begin with # are no comments
        message = f"impasto {version}\n\n{changes}"
        if not is_check:
            git("tag", "--annotate", "--cleanup=whitespace", f"v{version}", "--message", message)
    except ReleaseError as error:
        sys.exit(f"error: {error}")
    for path in (wheel, archive):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e6:.1f} MB")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if "urls" not in project:
        print("note: pyproject.toml has no [project.urls], so the package leads to no repository")
    if is_check:
        print(f"Try the wheel: python trials/extras.py --wheel {wheel.relative_to(ROOT)}")
    else:
        print(publishing(version, git("branch", "--show-current"), wheel, archive))


if __name__ == "__main__":
    main()
