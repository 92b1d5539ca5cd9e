"""Measure what a picture of a large batch costs: CPU time, memory, requests to an object store.

  python trials/batch_cost.py

Needs impasto[cluster], s3fs and moto[server], which stands for the object store. Counts CPU time,
not time, so other work on the machine hardly shows. Prints a record and writes
docs/explanation/measured/batch-cost.json.
"""

import argparse
import json
import os
import pickle
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from batch_kills import ROOT
from PIL import Image

from impasto.batch import object_store
from impasto.batch.chunks import ChunkPainter, Job, cut, installed_version
from impasto.batch.ray import MAX_CHUNK, plan_on_cluster
from impasto.batch.runner import BatchOptions, stylize_files
from impasto.inference.settings import parse_settings
from impasto.stylizer import Stylizer

FILE = ROOT / "docs" / "explanation" / "measured" / "batch-cost.json"
SIZES = ((512, 384), (1024, 768), (2048, 1536))
WARM_UP = 2  # pictures
PICTURES = 6  # of each size, after those
OBJECTS = 2 * MAX_CHUNK
LISTED = 200_000
STYLE = parse_settings("starry-night")


def main() -> None:
    """Run the command of this script."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    with tempfile.TemporaryDirectory() as place:
        record = {
            "plan": planning(),
            "CPU seconds a picture, one thread": painting(Path(place)),
            "requests to S3": requests(Path(place)),
        }
    print(json.dumps(record, indent=1))
    FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def planning() -> dict[str, Any]:
    """Measure what the driver needs for a list of addresses."""
    texts = [f"s3://bucket/photos/{i // 1000:05}/{i:09}.jpg" for i in range(LISTED)]
    memory, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    plan = plan_on_cluster(texts, [STYLE], "s3://bucket/painted")
    cut(plan.tasks, MAX_CHUNK, "s3://bucket/painted/.impasto", "run")
    seconds = time.process_time() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    return {
        "inputs": LISTED,
        "CPU microseconds an input": round(1e6 * seconds / LISTED),
        "bytes an input": round(1024 * memory / LISTED),
    }


def photo(width: int, height: int, seed: int) -> Image.Image:
    """Draw a picture with about as much detail as a photograph."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    noise = rng.normal(0, 6, (height, width, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def painting(folder: Path) -> dict[str, Any]:
    """Measure reading, painting and writing of JPEG files."""
    record: dict[str, Any] = {}
    for width, height in SIZES:
        paths = [folder / f"{width}-{number}.jpg" for number in range(WARM_UP + PICTURES)]
        for number, path in enumerate(paths):
            photo(width, height, number).save(path, quality=90)
        for network in ("small", "base"):
            stylizer, out = Stylizer(network, threads=1), folder / f"{network}-{width}"
            list(stylize_files(paths[:WARM_UP], STYLE, stylizer, out))
            begun = time.process_time()
            list(stylize_files(paths[WARM_UP:], STYLE, stylizer, out))
            seconds = (time.process_time() - begun) / PICTURES
            record[f"{width}x{height}, {network}"] = round(seconds, 4)
    return record


def requests(folder: Path) -> dict[str, Any]:
    """Count the requests of a run by a server that stands for S3."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    log = folder / "server.log"
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    with log.open("wb") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        return {"objects": OBJECTS, **_count_requests(log, port)}
    finally:
        server.terminate()


def _count_requests(log: Path, port: int) -> dict[str, Any]:
    import s3fs

    while socket.socket().connect_ex(("127.0.0.1", port)):
        time.sleep(0.1)
    store = s3fs.S3FileSystem()
    store.mkdir("photos")
    photo(96, 96, 0).save(log.with_name("photo.jpg"))
    data = log.with_name("photo.jpg").read_bytes()
    for number in range(OBJECTS):
        store.pipe_file(f"photos/in/{number:05}.jpg", data)
    store.invalidate_cache()
    painter = Stylizer("small", threads=1)
    steps, record = Counter[str](), dict[str, Any]()

    def step(name: str) -> None:
        nonlocal steps
        kinds = Counter[str]()
        for verb, address in re.findall(r'"([A-Z]+) (\S+) HTTP', log.read_text()):
            kinds["LIST" if "list-type" in address else verb] += 1
        if name:
            record[name] = dict(kinds - steps)
        steps = kinds

    step("")
    plan = plan_on_cluster(["s3://photos/in/"], [STYLE], "s3://photos/out")
    object_store.list_outputs("s3://photos/out")
    step("listing inputs and outputs")
    chunks, styles = cut(plan.tasks, MAX_CHUNK, "s3://photos/out/.impasto", "run")
    job = pickle.dumps(Job((painter, painter), styles, BatchOptions(), (), Path.cwd()))
    worker = ChunkPainter(job, installed_version())
    assert not any(result.error for chunk in chunks for result in worker.paint(chunk))
    step(f"painting, in {len(chunks)} chunks")
    return record


if __name__ == "__main__":
    main()
