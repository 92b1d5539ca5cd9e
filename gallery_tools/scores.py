"""Write the mean C, S and J of each style, by `impasto evaluate`, into the gallery's style files.

First run `impasto evaluate PAINTINGS --photos PHOTOS -m base@gallery,small@gallery --measures
canonical -o scores/`, then:

  python gallery_tools/scores.py scores/results.json
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from impasto.models.gallery import gallery_names, gallery_style
from impasto.models.style import PHOTO
from impasto.paths import GALLERY


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "results",
        type=Path,
        nargs="+",
        help="results.json of runs with base@gallery or small@gallery",
    )
    for path in parser.parse_args().results:
        results = json.loads(path.read_text(encoding="utf-8"))
        conditions = results["conditions"]
        text = (
            f"{conditions['photographs']} photographs, "
            f"{conditions['perceptual']}, {conditions['short side']}"
        )
        for name in gallery_names():
            style = gallery_style(name)
            scores = results["paintings"].get(style.metadata.get("source", ""), {})
            metadata = dict(style.metadata)
            for method, figures in scores.items():
                network, _, where = method.partition("@")
                if where == "gallery":
                    metadata |= {f"{network}.{key}": f"{figures[key]:.3f}" for key in "CSJ"} | {
                        f"{network}.measured": text
                    }
            if name != PHOTO and metadata != style.metadata:
                replace(style, metadata=metadata).save(GALLERY / "styles" / f"{name}.safetensors")
                gallery_style.cache_clear()
                print(
                    name,
                    *(
                        f"{key} {metadata[key]}"
                        for key in sorted(metadata)
                        if key.endswith((".C", ".S", ".J"))
                    ),
                )


if __name__ == "__main__":
    main()
