"""Put small faults (mutants) into modules, one at a time, and count those that tests notice.

The record is docs/explanation/measured/mutation.json.

  pip install mutmut
  python trials/mutation.py [--each 120] [--seed 0]
  python trials/mutation.py --survivors  # try the survivors of the record once more

mutmut makes the mutants in mutants/, of what [tool.mutmut] in pyproject.toml names; src/ stays as
it is, and what was tried before is not tried again. `mutmut show NAME` shows a mutant.
"""

import argparse
import json
import os
import random
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "docs" / "explanation" / "measured" / "mutation.json"
MADE = ROOT / "mutants"
MUTMUT = Path(sys.executable).with_name("mutmut")
SURVIVED, UNTESTED = (
    (0,),
    (5, 33),
)  # exit codes, as mutmut keeps them; all others are tests that failed, or processes that died
TIMEOUTS = (24, -24, 36, 152, 255)


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--each",
        type=int,
        default=120,
        help="mutants of each module that are tried, drawn by chance",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument(
        "--survivors",
        action="store_true",
        help="try the survivors of the record again, and correct it",
    )
    options = parser.parse_args()
    if options.survivors:
        (MADE / "mutmut-stats.json").unlink(
            missing_ok=True
        )  # tests of the same name may reach more now
    # asked for a mutant that there is not, mutmut makes all of them and learns which tests reach
    # which, and no more
    said = mutmut("no such mutant", capture=True)
    made = exit_codes()
    if not made:
        sys.exit(said)
    if options.survivors:
        record = json.loads(RECORD.read_text())
        drawn = {module: counts["survivors"] for module, counts in record["modules"].items()}
        tried = [name for names in drawn.values() for name in names]
    else:
        drawn = {module: draw(sorted(codes), module, options) for module, codes in made.items()}
        modules = {
            module: {"mutants": len(codes), "tried": len(drawn[module])}
            for module, codes in made.items()
        }
        record = {"mutmut": version("mutmut"), "seed": options.seed, "modules": modules}
        tried = [
            name for module, names in drawn.items() for name in names if made[module][name] is None
        ]
    if tried:
        mutmut(*tried)
    for module, codes in exit_codes().items():
        counts, found = record["modules"][module], {name: codes[name] for name in drawn[module]}
        if None in found.values():
            sys.exit(
                "mutmut was ended before all were tried; run this again, and it goes on from there"
            )
        earlier = counts.get("timeouts", 0) if options.survivors else 0
        counts["survivors"] = sorted(
            name for name, code in found.items() if code in SURVIVED + UNTESTED
        )
        counts["untested"] = sum(code in UNTESTED for code in found.values())
        counts["timeouts"] = earlier + sum(code in TIMEOUTS for code in found.values())
        counts["killed"] = counts["tried"] - len(counts["survivors"])
        print(
            f"{module}: {counts['killed']} of {counts['tried']} killed, {counts['timeouts']} of "
            "them by time"
        )
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


def draw(names: list[str], module: str, options: argparse.Namespace) -> list[str]:
    """Some of a module's mutants; a larger number adds to those that a smaller one gives."""
    random.Random(f"{options.seed} {module}").shuffle(names)
    return names[: options.each]


def mutmut(*mutants: str, capture: bool = False) -> str:
    """Try mutants. Tests that start impasto anew are to find the mutated one as well."""
    environment = os.environ | {"PYTHONPATH": str(MADE / "src")}
    command = [str(MUTMUT), "run", "--max-children", "1", *mutants]
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=capture)
    return f"{done.stdout}{done.stderr}"


def exit_codes() -> dict[str, dict[str, Any]]:
    """By module, what became of each mutant; None of those that were not tried."""
    paths = sorted((MADE / "src").rglob("*.py.meta"))
    codes = {
        str(path.relative_to(MADE))[: -len(".meta")]: json.loads(path.read_text())[
            "exit_code_by_key"
        ]
        for path in paths
    }
    return {module: of for module, of in codes.items() if of}


if __name__ == "__main__":
    main()
