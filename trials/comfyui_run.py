"""The pack for ComfyUI in the real ComfyUI: all example workflows, and Cancel.

  python trials/comfyui_run.py python /path/to/ComfyUI/main.py

The command starts ComfyUI, by a Python that has impasto installed too. It runs on the CPU, in a
temporary folder with the pack, a picture and a clip. Each workflow must end with a file; learning
is cut to a few seconds. Then a long learning is cancelled. The exit code is 1 if anything fails.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

PACK = Path(__file__).parents[1] / "integrations" / "comfyui"
PORT = 8199
START_SECONDS, RUN_SECONDS, CANCEL_SECONDS = 180, 300, 120
LEARN_MINUTES = 0.1
SOCKETS = {"IMAGE", "MASK", "VIDEO", "AUDIO", "IMPASTO_STYLE"}  # inputs without a widget


def ask(path: str, data: Any = None) -> Any:
    """Send a request to ComfyUI, and return its answer."""
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", body)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


@contextmanager
def comfyui(command: list[str], folder: Path) -> Iterator[None]:
    """Run ComfyUI in a folder, with the pack and no other."""
    shutil.copytree(PACK, folder / "custom_nodes" / "impasto")
    for name in ("input", "output", "models"):
        (folder / name).mkdir()
    make_inputs(folder / "input")
    options = ["--cpu", "--port", str(PORT), "--base-directory", str(folder)]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=log)
        try:
            wait_until_it_answers(process, folder / "log.txt")
            yield
        finally:
            process.terminate()
            process.wait()


def wait_until_it_answers(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until ComfyUI answers; exit with the end of its log if it does not."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            ask("/system_stats")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
        else:
            return
    sys.exit(f"ComfyUI does not answer:\n{log.read_text()[-3000:]}")


def make_inputs(folder: Path) -> None:
    """Make example.png, and clip.mp4 of 24 frames: a block passes over a picture."""
    small = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    image = Image.fromarray(small).resize((320, 240), Image.Resampling.BICUBIC)
    image.save(folder / "example.png")
    with av.open(str(folder / "clip.mp4"), "w") as clip:
        stream = clip.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(24):
            pixels = np.array(image)
            pixels[40:100, 10 + 10 * number : 60 + 10 * number] = 250, 230, 20
            clip.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        clip.mux(stream.encode())


def to_prompt(workflow: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """Convert a workflow, as the page saves it, to what the page sends to run it."""
    links = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    prompt = {}
    for node in workflow["nodes"]:
        given = facts[node["type"]]["input"]
        names = {**given.get("required", {}), **given.get("optional", {})}
        linked = {slot["name"]: links[slot["link"]] for slot in node["inputs"] if slot["link"]}
        sockets = {slot["name"] for slot in node["inputs"]}
        values = iter(node["widgets_values"])
        inputs: dict[str, Any] = {}
        for name, (kind, *_) in names.items():
            is_socket = isinstance(kind, str) and kind in SOCKETS
            if not is_socket and (name not in sockets or node["type"] == "CreateVideo"):
                inputs[name] = next(values, None)
        inputs = {name: value for name, value in inputs.items() if value is not None}
        if node["type"] == "SaveVideo":
            inputs["format.codec"] = "auto"
        if "minutes" in inputs:
            inputs["minutes"] = LEARN_MINUTES
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs | linked}
    return prompt


def run(prompt: dict[str, Any], seconds: float = RUN_SECONDS) -> dict[str, Any]:
    """Run a prompt, and return its record in the history; an empty one after `seconds`."""
    number = ask("/prompt", {"prompt": prompt})["prompt_id"]
    return wait_for(number, seconds)


def wait_for(number: str, seconds: float) -> dict[str, Any]:
    """Wait for the record of a prompt."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if number in (history := ask(f"/history/{number}")):
            return dict(history[number])
        time.sleep(0.2)
    return {}


def run_workflows(folder: Path) -> bool:
    """Run all example workflows, and print a line for each."""
    facts, is_good = ask("/object_info"), True
    for path in sorted((folder / "custom_nodes" / "impasto" / "example_workflows").glob("*.json")):
        began = time.monotonic()
        record = run(to_prompt(json.loads(path.read_text(encoding="utf-8")), facts))
        status = record.get("status", {})
        files = [
            file["filename"]
            for output in record.get("outputs", {}).values()
            for file in output.get("images", [])
        ]
        done = status.get("status_str") == "success" and bool(files)
        done = done and all((folder / "output" / file).stat().st_size > 1000 for file in files)
        is_good = is_good and done
        seconds = time.monotonic() - began
        print(f"{path.stem}: {'done' if done else status} in {seconds:.1f} s: {', '.join(files)}")
    return is_good


def cancel(folder: Path) -> bool:
    """Cancel a long learning, and print how long that took."""
    path = folder / "custom_nodes" / "impasto" / "example_workflows" / "5_learn_a_style.json"
    prompt = to_prompt(json.loads(path.read_text(encoding="utf-8")), ask("/object_info"))
    for node in prompt.values():
        if node["class_type"] == "ImpastoLearnStyle":
            node["inputs"] |= {"minutes": 60.0, "name": "cancelled"}
    number = ask("/prompt", {"prompt": prompt})["prompt_id"]
    time.sleep(15)
    began = time.monotonic()
    ask("/interrupt", {})
    record = wait_for(number, CANCEL_SECONDS)
    kinds = [kind for kind, _ in record.get("status", {}).get("messages", [])]
    print(f"cancel: {kinds[-1:]} after {time.monotonic() - began:.1f} s")
    return "execution_interrupted" in kinds


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", nargs="+", help="starts ComfyUI: python ComfyUI/main.py")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with comfyui(parser.parse_args().command, folder):
            is_good = run_workflows(folder)
            is_good = cancel(folder) and is_good
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()
