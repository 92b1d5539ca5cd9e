"""Run the benchmarks of suite/ by asv and keep their results; compare those of two commits.

  python benchmarks/record.py
  python benchmarks/record.py compare COMMIT OTHER --factor 1.1

Results are written to benchmarks/records/CPU/COMMIT.json. `compare` exits with 1 if a result of the
other commit is larger by more than the factor. All results are costs: CPU seconds, or bytes.
"""

import argparse
import json
import platform
import re
import subprocess
import sys
from pathlib import Path

from impasto.hardware import available_cores

HERE = Path(__file__).parent
RECORDS = HERE / "records"
ENVIRONMENT = "existing"  # the environment that runs asv, whose path is not kept
EXIT_WORSE = 1


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bench", default=".", help="run those that match this regular expression")
    verbs = parser.add_subparsers(dest="verb")
    comparison = verbs.add_parser("compare", help="compare the results of two commits")
    comparison.add_argument("commits", nargs=2)
    comparison.add_argument("--factor", type=float, default=1.1)
    given = parser.parse_args()
    if given.verb == "compare":
        commit, other = given.commits
        sys.exit(compare(commit, other, given.factor))
    sys.exit(record(given.bench))


def cpu() -> str:
    """Return the name of this machine's CPU and the number of its cores, as a name of a folder."""
    info = Path("/proc/cpuinfo")
    match = re.search(r"model name\s*: (.+)", info.read_text()) if info.exists() else None
    name = f"{match[1] if match else platform.processor()} {available_cores()} cores"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def asv(*arguments: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
    """Run asv in the folder of its configuration, and print what it prints, unless `quiet`."""
    command = [sys.executable, "-m", "asv", *arguments]
    done = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, text=True, check=False)
    print("" if quiet else done.stdout, end="", flush=True)
    return done


def record(bench: str) -> int:
    """Run the benchmarks that match; return the exit code of asv."""
    name = cpu()
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=HERE, text=True).strip()
    facts = {"os": platform.system(), "arch": platform.machine(), "num_cpu": available_cores()}
    asv(
        *("machine", "--yes", "--machine", name, "--cpu", name),
        *(part for fact, value in facts.items() for part in (f"--{fact}", str(value))),
        quiet=True,
    )
    done = asv(
        *("run", "--machine", name, "--bench", bench, "--environment", "existing"),
        *("--set-commit-hash", commit, "--show-stderr"),
    )
    for path in (RECORDS / name).glob(f"{commit[:8]}-*.json"):
        _name_by_commit(path)
    return done.returncode


def _name_by_commit(path: Path) -> None:
    """Give a result the name of its commit; asv names it after the path of Python too."""
    results = json.loads(path.read_text(encoding="utf-8"))
    results["env_name"] = ENVIRONMENT
    results["python"] = results["params"]["python"] = platform.python_version()
    target = path.with_name(f"{path.name[:8]}.json")
    if target.exists():  # of other benchmarks
        results["results"] = (
            json.loads(target.read_text(encoding="utf-8"))["results"] | results["results"]
        )
    path.unlink()
    target.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def compare(commit: str, other: str, factor: float) -> int:
    """Print the results of two commits on this CPU; return `EXIT_WORSE` if one is worse."""
    done = asv("compare", "--machine", cpu(), "--factor", str(factor), commit, other)
    is_worse = any(line.startswith("| +") for line in done.stdout.splitlines())
    return done.returncode or EXIT_WORSE * is_worse


if __name__ == "__main__":
    main()
