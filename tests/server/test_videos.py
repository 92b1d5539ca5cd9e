"""Videos, animations and what is no video."""

import io
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from clips import EVEN, frames_of, make_clip
from pictures import photo
from PIL import Image

from impasto.video.stylize import stylize_video
from server.conftest import Running, detail_of
from server.test_jobs import events_of, wait_for

STYLE = {"style": "great-wave", "network": "small"}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, alone for a test; it is empty again at its end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    """An MP4 file: 12 frames of 64x48."""
    return make_clip(tmp_path / "clip.mp4", EVEN).read_bytes()


def post(client: httpx.Client, data: dict[str, str], name: str, clip: bytes) -> httpx.Response:
    """Send a video."""
    return client.post("/v1/videos", data=STYLE | data, files={"video": (name, clip)})


def test_a_video(client: httpx.Client, clip: bytes, tmp_path: Path, empty_folder: Path) -> None:
    answer = post(client, {"start": "0.2"}, "../../clip.mp4", clip)
    assert answer.status_code == 202
    id = answer.json()["id"]
    *_, (name, record) = events_of(client, id)
    assert name == "done", record
    assert record["kind"] == "video"
    result = client.get(f"/v1/jobs/{id}/result")
    assert result.headers["content-type"] == "video/mp4"
    assert result.headers["x-impasto-network"] == "small"
    path = tmp_path / "painted.mp4"
    path.write_bytes(result.content)
    frames = frames_of(path)
    assert len(frames) == 7
    assert frames[0].shape == (48, 64, 3)
    assert not list(empty_folder.iterdir())


def test_a_large_result_is_in_a_file_without_a_name(
    client: httpx.Client, clip: bytes, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.server.uploads.MEMORY_BYTES", 100)
    id = post(client, {}, "clip.mp4", clip).json()["id"]
    wait_for(client, id, "done")
    first, second = (client.get(f"/v1/jobs/{id}/result").content for _ in range(2))
    assert first == second
    assert first[4:8] == b"ftyp"
    assert not list(empty_folder.iterdir())


def test_another_format(client: httpx.Client, clip: bytes) -> None:
    id = post(client, {"format": "webm", "flow": "0", "steady": "0"}, "clip", clip).json()["id"]
    wait_for(client, id, "done")
    result = client.get(f"/v1/jobs/{id}/result")
    assert result.headers["content-type"] == "video/webm"
    assert result.content[:4] == b"\x1aE\xdf\xa3"


def test_strokes_that_follow_the_motion(client: httpx.Client, clip: bytes) -> None:
    pytest.importorskip("cv2")
    data = {"flow": "1", "stroke": "1", "end": "0.2"}
    id = post(client, data, "clip.mp4", clip).json()["id"]
    assert wait_for(client, id, "done", "failed")["state"] == "done"


def test_an_animation(client: httpx.Client) -> None:
    frames = [Image.fromarray(photo(32, 32) // number) for number in (1, 2, 3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=100)
    id = post(client, {}, "a.gif", buffer.getvalue()).json()["id"]
    wait_for(client, id, "done")
    result = client.get(f"/v1/jobs/{id}/result")
    assert result.headers["content-type"] == "image/gif"
    assert Image.open(io.BytesIO(result.content)).n_frames == 3  # type: ignore[attr-defined]


def test_a_video_is_cancelled_between_frames(
    own: Running, clip: bytes, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()
    paint = stylize_video

    def slowly(*arguments: Any, on_progress: Any, **options: Any) -> Any:
        def report(progress: Any) -> None:
            begun.set()
            time.sleep(0.2)
            on_progress(progress)

        return paint(*arguments, on_progress=report, **options)

    monkeypatch.setattr("impasto.server.recipes.stylize_video", slowly)
    id = post(own.client, {}, "clip.mp4", clip).json()["id"]
    assert begun.wait(30)
    own.client.delete(f"/v1/jobs/{id}")
    record = wait_for(own.client, id, "cancelled", "done")
    assert record["state"] == "cancelled"
    assert record["progress"]["done"] < 12
    assert not list(empty_folder.iterdir())


PLAYLISTS = [
    b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\nfile:///etc/passwd\n",
    b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n",
    b"ffconcat version 1.0\nfile /etc/passwd\n",
    b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>",
    b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 1 RTP/AVP 96\n",
    b"",
    b"PK\3\4",
]


@pytest.mark.parametrize("data", PLAYLISTS)
def test_files_that_name_other_files_are_refused(client: httpx.Client, data: bytes) -> None:
    for name in ("a.m3u8", "a.mp4", "%05d.png"):
        answer = post(client, {}, name, data)
        assert answer.status_code == 422
        assert f"cannot read {name}: it is no video" in detail_of(answer)


def test_a_broken_video_is_named_as_the_client_names_it(
    client: httpx.Client, clip: bytes, empty_folder: Path
) -> None:
    id = post(client, {}, "my clip.mp4", clip[:400]).json()["id"]
    error = wait_for(client, id, "failed")["error"]
    assert error["status"] == 422
    assert "cannot read my clip.mp4" in error["detail"]
    assert str(empty_folder) not in error["detail"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"start": "soon"}, "it is no time"),
        ({"start": "5", "end": "2"}, "end"),
        ({"codec": "mpeg1"}, "cannot use codec 'mpeg1'"),
        ({"flow": "true", "steady": "false"}, "flow without steady"),
        ({"format": "exe"}, "cannot use format 'exe'"),
        ({"mask_name": "nothing"}, "as a mask"),
    ],
)
def test_options_that_are_wrong(
    client: httpx.Client, clip: bytes, data: dict[str, str], reason: str
) -> None:
    answer = post(client, data, "clip.mp4", clip)
    assert answer.status_code == 422
    assert reason in detail_of(answer)


def test_the_same_video_again(own: Running, clip: bytes) -> None:
    headers = {"Idempotency-Key": "once"}
    ids = set()
    for _ in range(2):
        answer = own.client.post(
            "/v1/videos", data=STYLE, files={"video": ("a.mp4", clip)}, headers=headers
        )
        ids.add(answer.json()["id"])
    assert len(ids) == 1
    wait_for(own.client, ids.pop(), "done")


def test_a_full_disk(client: httpx.Client, clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(tempfile, "TemporaryDirectory", fail)
    id = post(client, {}, "a.mp4", clip).json()["id"]
    error = wait_for(client, id, "failed")["error"]
    assert error["status"] == 507
    assert "free some space" in error["detail"]
