"""The builder of the site is no part of the package: it is found beside the tests."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
if not (ROOT / "website").is_dir():
    collect_ignore_glob = ["test_*.py"]
sys.path.insert(0, str(ROOT))
