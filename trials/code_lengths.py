"""Measure how long and how deeply nested the code of a source tree is.

Lines of a function are counted from `def` to its last line, with docstring and nested functions.
Nesting counts if, for, while, with, try and match inside a function; elif is not deeper than if.

Examples:
  python trials/code_lengths.py
  python trials/code_lengths.py tests
  python trials/code_lengths.py --commit v0.1.0
"""

import argparse
import ast
import io
import statistics
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONG_FUNCTION, LONG_MODULE = 60, 350  # lines

Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = (
    *(ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith),
    *(ast.Try, ast.TryStar, ast.Match),
)


@dataclass(frozen=True)
class Measured:
    """One function: its place, its length in lines, and its largest nesting depth."""

    place: str
    lines: int
    depth: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures of a source tree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tree", nargs="?", default="src/impasto", help="default: src/impasto")
    parser.add_argument("--commit", help="measure this commit, not the working tree")
    options = parser.parse_args(arguments)
    try:
        sources = (
            read_commit(options.commit, options.tree) if options.commit else read_tree(options.tree)
        )
    except subprocess.CalledProcessError as error:
        print(f"error: {error.stderr.decode().strip()}", file=sys.stderr)
        return 2
    if not sources:
        print(f"error: {options.tree} has no Python files", file=sys.stderr)
        return 2
    print("\n".join(report(sources)))
    return 0


def read_tree(tree: str) -> dict[str, str]:
    """Read the Python files below a folder of the repository, by path relative to it."""
    folder = ROOT / tree
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*.py")
    }


def read_commit(commit: str, tree: str) -> dict[str, str]:
    """Read the Python files below a folder of a commit, by path relative to it."""
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", commit, tree]
    packed = subprocess.run(command, check=True, capture_output=True).stdout
    sources = dict[str, str]()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            if member.name.endswith(".py") and (file := archive.extractfile(member)):
                sources[Path(member.name).relative_to(tree).as_posix()] = file.read().decode(
                    "utf-8"
                )
    return sources


def measure(name: str, source: str) -> Iterator[Measured]:
    """Measure every function of a module, nested ones too."""
    for node in ast.walk(ast.parse(source, name)):
        if isinstance(node, _FUNCTIONS):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Measured(f"{name}:{node.lineno} {node.name}", lines, depth_of(node))


def depth_of(node: ast.AST, depth: int = 0) -> int:
    """Return the largest number of blocks that lie inside one another below a node."""
    deepest = depth
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*_FUNCTIONS, ast.ClassDef, ast.Lambda)):
            continue  # measured by itself
        deeper = isinstance(child, _BLOCKS) and not _is_elif(node, child)
        deepest = max(deepest, depth_of(child, depth + deeper))
    return deepest


def _is_elif(node: ast.AST, child: ast.AST) -> bool:
    is_branch = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
    return is_branch and getattr(node, "col_offset", 0) == getattr(child, "col_offset", 0)


def report(sources: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of the report."""
    modules = {name: len(source.splitlines()) for name, source in sources.items()}
    functions = [each for name, source in sources.items() for each in measure(name, source)]
    yield f"modules              {len(modules)}"
    yield f"lines                {sum(modules.values())}"
    yield f"functions            {len(functions)}"
    if functions:
        lengths = sorted(function.lines for function in functions)
        deepest = max(functions, key=lambda function: function.depth)
        yield f"median length        {statistics.median(lengths):g}"
        yield f"90th percentile      {lengths[9 * len(lengths) // 10]}"
        yield f"longest              {lengths[-1]}"
        yield f"deepest nesting      {deepest.depth} ({deepest.place})"
    long_functions = {each.place: each.lines for each in functions}
    yield from _longer_than(LONG_FUNCTION, "functions", long_functions)
    yield from _longer_than(LONG_MODULE, "modules", modules)


def _longer_than(limit: int, noun: str, lengths: Mapping[str, int]) -> Iterator[str]:
    found = sorted(((n, name) for name, n in lengths.items() if n > limit), reverse=True)
    yield f"{noun} above {limit} lines: {len(found)}"
    yield from (f"  {lines:4} {name}" for lines, name in found)


if __name__ == "__main__":
    sys.exit(main())
