"""Styles: the gallery, style files by prediction, learning, and optimization."""

import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from pictures import photo
from PIL import Image

from impasto.choices import NETWORKS
from impasto.inference.predictor import predict
from impasto.models.gallery import gallery_names, preview
from impasto.models.network import load_shipped
from impasto.models.style import read_style
from server.conftest import Running, detail_of, png
from server.test_jobs import events_of, wait_for
from server.test_queue import until

PICTURE = png(photo(80, 100)[::-1])


def test_the_gallery(client: httpx.Client) -> None:
    records = client.get("/v1/styles").json()
    assert [record["name"] for record in records] == [
        name for name in gallery_names() if name != "photo"
    ]
    wave = next(record for record in records if record["name"] == "great-wave")
    assert wave["artist"] == "Katsushika Hokusai"
    assert set(wave["networks"]) == set(NETWORKS)
    answer = client.get("/" + wave["preview"])
    expected = preview("great-wave")
    assert expected is not None
    assert answer.content == expected.read_bytes()
    assert answer.headers["content-type"] == "image/webp"


@pytest.mark.parametrize("name", ["none", "..%2f..%2fetc%2fpasswd", "photo"])
def test_previews_that_are_not_there(client: httpx.Client, name: str) -> None:
    answer = client.get(f"/v1/styles/{name}/preview")
    assert answer.status_code == 404
    detail_of(answer)


def test_a_style_file_of_a_picture(client: httpx.Client, tmp_path: Path) -> None:
    answer = client.post(
        "/v1/styles", files={"image": ("My_Tulip.png", PICTURE)}, data={"network": "both"}
    )
    assert answer.status_code == 200
    assert "my-tulip.safetensors" in answer.headers["content-disposition"]
    path = tmp_path / "style.safetensors"
    path.write_bytes(answer.content)
    style = read_style(path)
    assert style.name == "my-tulip"
    assert set(style.embeddings) == {"base", "small"}
    pixels = np.array(Image.open(io.BytesIO(PICTURE)).convert("RGB"))
    for network in map(load_shipped, ("base", "small")):
        expected = predict(pixels, network).astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(style.embedding(network), expected)
    assert style.picture is not None


def test_a_style_file_as_a_job(client: httpx.Client) -> None:
    answer = client.post(
        "/v1/styles",
        files={"image": PICTURE},
        data={"name": "mine", "network": "small"},
        headers={"Prefer": "respond-async, wait=1"},
    )
    assert answer.status_code == 202
    id = answer.json()["id"]
    assert wait_for(client, id, "done")["kind"] == "predict"
    result = client.get(f"/v1/jobs/{id}/result")
    assert result.headers["x-impasto-style"] == "mine"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"network": "none"}, "cannot use network 'none'"),
        ({"minutes": "0"}, "cannot use minutes '0'"),
        ({"minutes": "inf"}, "cannot use minutes 'inf'"),
        ({"steps": "1.5"}, "cannot use steps '1.5'"),
        ({"name": "a/b"}, "cannot have the name 'a/b'"),
    ],
)
def test_styles_that_are_wrong(client: httpx.Client, data: dict[str, str], reason: str) -> None:
    answer = client.post("/v1/styles", files={"image": PICTURE}, data=data)
    assert answer.status_code == 422
    assert reason in detail_of(answer)


@pytest.mark.slow
def test_learning(client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr("impasto.server.recipes.PREVIEW_SECONDS", 0.01)
    data = {"steps": "3", "network": "small", "name": "learned"}
    answer = client.post("/v1/styles", files={"image": PICTURE}, data=data)
    assert answer.status_code == 202
    events = list(events_of(client, answer.json()["id"]))
    names = [name for name, _ in events]
    assert names[-1] == "done", events[-1]
    assert "preview" in names
    image = next(record for name, record in events if name == "preview")["image"]
    assert image.startswith("data:image/jpeg;base64,/9j/")
    result = client.get("/" + events[-1][1]["result"])
    path = tmp_path / "style.safetensors"
    path.write_bytes(result.content)
    style = read_style(path)
    assert (style.name, list(style.embeddings)) == ("learned", ["small"])


@pytest.mark.slow
def test_optimization(
    client: httpx.Client, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr("impasto.server.recipes.PREVIEW_SECONDS", 0.01)
    files: Any = {"image": picture, "style_image": ("tulip.png", PICTURE)}
    answer = client.post("/v1/optimize", files=files, data={"steps": "2", "size": "32"})
    assert answer.status_code == 202
    events = list(events_of(client, answer.json()["id"]))
    assert events[-1][0] == "done", events[-1]
    result = client.get("/" + events[-1][1]["result"])
    assert Image.open(io.BytesIO(result.content)).size == (43, 32)
    assert "tulip-optimized.png" in result.headers["content-disposition"]


@pytest.mark.slow
def test_learning_stops_between_steps(own: Running) -> None:
    pytest.importorskip("torch")
    data = {"minutes": "30", "network": "small"}
    id = own.client.post("/v1/styles", files={"image": PICTURE}, data=data).json()["id"]
    for name, record in events_of(own.client, id):
        if name == "progress" and record["progress"]["done"] > 0:
            own.client.delete(f"/v1/jobs/{id}")
    assert name == "cancelled"
    until(lambda: own.studio.is_idle)


def test_without_pytorch(
    client: httpx.Client, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("recipes", "info_routes"):
        monkeypatch.setattr(f"impasto.server.{module}.has_torch", lambda: False)
    answer = client.post("/v1/styles", files={"image": PICTURE}, data={"minutes": "1"})
    assert answer.status_code == 501
    assert "pip install 'impasto[train]'" in detail_of(answer)
    files: Any = {"image": picture, "style_image": PICTURE}
    assert client.post("/v1/optimize", files=files).status_code == 501
    assert client.get("/v1/info").json()["features"] == {
        "video": True,
        "train": False,
        "optimize": False,
    }
