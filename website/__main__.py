"""Build the site: the studio, which paints in the browser, and the documentation below it.

    make site                                     # writes build/site
    python -m http.server --directory build/site  # look at it

All addresses are relative, so the folder works on any static host, also below another folder. The
build fails if a link within the site is broken.
"""

import argparse
import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path

import impasto
from impasto.server.site import STATIC, export_site
from website.command_pages import command_pages
from website.links import broken_links
from website.pictures import all_pairs, first_pair, swatches
from website.staging import ROOT, SiteError, Stage, find_pages, mark_commands, sections

WEBSITE = ROOT / "website"
DOCS = "docs"  # the folder of the documentation below the studio
STUDIO = "../index.html"  # as seen from the first page of the documentation
API = "reference/api.md"
RESULTS = "explanation/results.md"
# ends the title of that page: the page of sliders is on the site alone
TO_PAINTINGS = (
    "\n\n[Paintings](../paintings.md) shows photographs beside their paintings, with sliders.\n"
)
# public names below `impasto` that the pages name; they are not in `impasto.__all__`
MORE_NAMES = (
    "impasto.batch.ray.stylize_dataset",
    "impasto.batch.ray.ClusterOptions",
    "impasto.batch.results.ClipTiming",
    "impasto.errors.ArgumentError",
    "impasto.inference.prepared_style.PreparedStyle",
    "impasto.video.formats.VideoOptions",
)


def stage(folder: Path) -> None:
    """Write all that Zensical needs into a folder.

    Raises:
        SiteError: a link leads to a file that does not exist, or a page is not in the index.
    """
    pages = folder / "pages"
    Stage(pages, find_pages()).write_all()
    (pages / "reference/commands").mkdir(parents=True)
    for verb, text in (commands := command_pages()).items():
        (pages / _command_file(verb)).write_text(text, encoding="utf-8")
    (pages / API).write_text(api_page(), encoding="utf-8")
    text = (pages / RESULTS).read_text(encoding="utf-8")
    (pages / RESULTS).write_text(text.replace("\n", TO_PAINTINGS, 1), encoding="utf-8")
    text = (WEBSITE / "pages/index.md").read_text(encoding="utf-8")
    text = text.replace("STUDIO", STUDIO).replace("PAIR", first_pair(pages))
    text = mark_commands(text.replace("SWATCHES", swatches(pages)))
    (pages / "index.md").write_text(text, encoding="utf-8")
    text = (WEBSITE / "pages/paintings.md").read_text(encoding="utf-8")
    (pages / "paintings.md").write_text(text.replace("PAIRS", all_pairs(pages)), encoding="utf-8")
    shutil.copytree(WEBSITE / "assets", pages / "assets")
    shutil.copytree(STATIC / "fonts", pages / "assets/fonts")
    shutil.copyfile(STATIC / "icon.svg", pages / "assets/icon.svg")
    shutil.copytree(WEBSITE / "overrides", folder / "overrides")
    config = (WEBSITE / "zensical.toml").read_text(encoding="utf-8")
    config = config.replace("SOURCE", (ROOT / "src").as_posix())
    config = config.replace("[project]\n", f"[project]\nnav = {navigation(list(commands))}\n", 1)
    (folder / "zensical.toml").write_text(config, encoding="utf-8")


def _command_file(verb: str) -> str:
    return f"reference/commands/{verb.replace(' ', '-')}.md"


def api_page() -> str:
    """Return the page of the Python API: the docstring of each public name."""
    names = [name for name in impasto.__all__ if name != "__version__"]
    places = [f"{inspect.getmodule(getattr(impasto, name)).__name__}.{name}" for name in names]  # type: ignore[union-attr]
    places = sorted([*places, *MORE_NAMES], key=_functions_first)
    intro = (
        "# Python: all names\n\nFrom the docstrings. [Python by example](python.md) has an example"
        " for each name of `impasto`."
    )
    return "\n\n".join([intro, *(f"::: {place}" for place in places)]) + "\n"


def _functions_first(place: str) -> tuple[bool, str]:
    name = place.rpartition(".")[2]
    return name[0].isupper(), name


def navigation(verbs: list[str]) -> str:
    """Return the navigation as TOML: the sections of docs/README.md, and the pages made here."""
    nav: list[tuple[str, str | list[tuple[str, object]]]] = [("Home", "index.md")]
    for title, entries in sections().items():
        section: list[tuple[str, object]] = list(entries)
        if title == "Reference":
            commands = [(f"impasto {verb}", _command_file(verb)) for verb in verbs]
            section += [("Python: all names", API), ("Model card", "reference/model-card.md")]
            section.append(("Options of all commands", commands))
        if title == "Explanation":
            section.insert(0, ("Paintings", "paintings.md"))
        if title == "Tutorials":
            section = [("Overview", "overview.md"), *section, ("Examples", "examples.md")]
            section.append(("All pages", "contents.md"))
        nav.append((title, section))
    project = [(name.title(), f"project/{name}.md") for name in ("changelog", "contributing")]
    nav.append(("Project", [*project, ("Security", "project/security.md")]))
    return _toml(nav)


def _toml(entries: list[tuple[str, object]] | object) -> str:
    """Write titles with pages, or with more of them, as TOML."""
    if isinstance(entries, str):
        return json.dumps(entries)
    assert isinstance(entries, list)
    items = (f"{{ {json.dumps(title)} = {_toml(value)} }}" for title, value in entries)
    return f"[{', '.join(items)}]"


def build(target: Path, work: Path, zensical: str) -> None:
    """Build the site.

    Args:
        target: folder of the site; what is in it is replaced.
        work: folder for the pages before they are built; likewise.
        zensical: the program.

    Raises:
        SiteError: Zensical warns, or a link is broken.
    """
    for folder in (target, work):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    stage(work)
    program = shutil.which(zensical)
    if not program:
        raise SiteError(f"cannot find {zensical}; make site installs it")
    command = [str(Path(program).absolute()), "build", "--strict", "--clean"]
    done = subprocess.run(command, cwd=work, check=False)
    if done.returncode:
        raise SiteError("Zensical failed or warned, see above")
    export_site(target, documentation=f"{DOCS}/index.html")
    # its links begin at the root of the host, whose business such a page is
    shutil.copytree(work / "site", target / DOCS, ignore=shutil.ignore_patterns("404.html"))
    if faults := list(broken_links(target)):
        raise SiteError("\n".join(["broken links:", *faults]))


def main() -> None:
    """Build the site into a folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=ROOT / "build/site")
    parser.add_argument("--work", type=Path, default=ROOT / "build/site-work")
    parser.add_argument("--zensical", default="zensical", help="the program, if not on the path")
    options = parser.parse_args()
    try:
        build(options.output, options.work, options.zensical)
    except SiteError as error:
        sys.exit(f"error: {error}")
    files = [path for path in options.output.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    print(f"{options.output} ({len(files)} files, {size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
