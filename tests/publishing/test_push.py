"""Uploads to the Hub, and what comes back."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hub_server import READ_TOKEN, TOKEN, HubServer
from pictures import photo
from PIL import Image

from impasto.errors import ArgumentError, HubError, NetworkError, PictureError, StyleError
from impasto.hub import Reference
from impasto.images.reading import decode
from impasto.models.gallery import find_style, gallery_style
from impasto.models.network import load_shipped, network_path
from impasto.models.style import Style
from impasto.paths import GALLERY
from impasto.publishing.files import collect_files, pull_file
from impasto.publishing.push import PushResult, push

# of huggingface_hub's own calls of its HTTP library
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def token(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def upload(
    *sources: str | Path, license: str = "mit", keep: bool = True, **options: object
) -> PushResult:
    return push(collect_files(sources, keep), "you/styles", license, **options)  # type: ignore[arg-type]


# Files


def test_folders_and_galleries(tmp_path: Path, tulip: Path) -> None:
    assert set(collect_files([GALLERY])) == {
        *(path.stem for path in (GALLERY / "styles").iterdir() if path.stem != "photo"),
        *("networks/base", "networks/small", "networks/large"),
    }
    assert list(collect_files([tmp_path, "great-wave", network_path("small")])) == [
        *("tulip", "great-wave", "networks/small"),
    ]


def test_pictures_leave_the_files(tulip: Path) -> None:
    kept, left = (collect_files([tulip], keep)["tulip"] for keep in (True, False))
    assert isinstance(kept, Style)
    assert isinstance(left, Style)
    assert kept.picture is not None
    assert left.picture is None
    assert np.array_equal(left.embeddings["base"], kept.embeddings["base"])


def test_what_is_no_style_file(tmp_path: Path, tulip: Path) -> None:
    Image.fromarray(photo(40, 50)).save(tmp_path / "rose.png")
    (tmp_path / "none").mkdir()
    (tmp_path / "broken.safetensors").write_bytes(b"\x80\x04")
    sources: dict[str | Path, str] = {
        tmp_path / "rose.png": "it is a picture; learn a style from it: impasto train",
        tmp_path / "none": "it holds no style files",
        tmp_path / "broken.safetensors": "it is broken or no safetensors file",
        "starry-nigh": "did you mean starry-night",
    }
    for source, message in sources.items():
        with pytest.raises(StyleError, match=re.escape(message)):
            collect_files([source])
    with pytest.raises(HubError, match="two files named tulip"):
        collect_files([tulip, tulip])
    replace(load_shipped("small"), graph=b"graph").save(tmp_path / "net.safetensors")
    with pytest.raises(NetworkError, match="it is damaged or no network"):
        collect_files([tmp_path / "net.safetensors"])


@pytest.mark.parametrize(
    ("name", "path"), [("My Tulip!", "My-Tulip"), ("тюльпан", "тюльпан"), (".a", "a")]
)
def test_names_in_a_repository(tmp_path: Path, name: str, path: str) -> None:
    style = replace(gallery_style("udnie"), name=name)
    style.save(tmp_path / "a.safetensors")
    assert list(collect_files([tmp_path])) == [path]


def test_a_name_without_letters(tmp_path: Path) -> None:
    replace(gallery_style("udnie"), name="!?").save(tmp_path / "a.safetensors")
    with pytest.raises(HubError, match="its name has no letters or digits"):
        collect_files([tmp_path])


# Uploads


@pytest.mark.usefixtures("token")
def test_push_and_pull(hub: HubServer, tulip: Path) -> None:
    done = upload(tulip)
    assert done.commit == hub.repositories["you/styles"].head
    assert done.url == f"{hub.address}/you/styles/commit/{done.commit}"
    assert done.names == [f"hf:you/styles/tulip@{done.commit}"]
    files = hub.files("you/styles")
    assert files["tulip.safetensors"] == tulip.read_bytes()
    assert decode(files["previews/tulip.webp"], "preview", 1 << 20).rgb.shape == (40, 50, 3)
    card = files["README.md"].decode()
    assert "license: mit" in card
    assert "![tulip](previews/tulip.webp)" in card
    facts = gallery_style("udnie").metadata
    assert ", ".join(facts[f"base.{key}"] for key in "CSJ") in card
    assert "learned from, with a short side of 512 pixels at most: `tulip`." in card
    pinned, style = pull_file(Reference("you/styles", "tulip"))
    assert [str(pinned)] == done.names
    assert style.name == "tulip"


@pytest.mark.usefixtures("token")
def test_a_repository_grows(hub: HubServer, tulip: Path) -> None:
    """The card describes files of earlier uploads too, and those of others are left alone."""
    upload(tulip)
    hub.add("you/styles", {"llm.safetensors": b"\x80" * 200, "notes.txt": b"mine"})
    second = upload("great-wave")
    files = hub.files("you/styles")
    assert {"tulip.safetensors", "great-wave.safetensors", "notes.txt"} <= files.keys()
    assert files["previews/great-wave.webp"] == (GALLERY / "previews/great-wave.webp").read_bytes()
    card = files["README.md"].decode()
    assert card.index("![great-wave]") < card.index("![tulip](previews/tulip.webp)")
    assert "at most: `tulip`." in card
    assert "`llm`" not in card
    assert upload("great-wave").commit == second.commit  # nothing has changed


@pytest.mark.usefixtures("token")
def test_pictures_are_left_out(hub: HubServer, tulip: Path) -> None:
    upload(tulip, keep=False)
    files = hub.files("you/styles")
    assert b"WEBP" not in b"".join(files.values())
    assert "keep the picture" not in files["README.md"].decode()
    assert find_style("hf:you/styles/tulip").picture is None


@pytest.mark.usefixtures("token")
def test_previews_of_a_photo_by_the_network_that_is_uploaded(
    hub: HubServer, tmp_path: Path, tulip: Path
) -> None:
    Image.fromarray(photo(48, 64)).save(tmp_path / "photo.png")
    embeddings = {"mine": gallery_style("udnie").embeddings["small"]}
    network = replace(load_shipped("small"), name="mine")
    network.save(tmp_path / "mine" / "networks" / "mine.safetensors")
    style = Style("rose", embeddings, {"mine": network.hash})
    style.save(tmp_path / "mine" / "styles" / "rose.safetensors")
    done = upload(tmp_path / "mine", tulip, photo=tmp_path / "photo.png")
    assert done.names[1] == f"hf:you/styles/networks/mine@{done.commit}"
    files = hub.files("you/styles")
    for name in ("rose", "tulip"):
        preview = decode(files[f"previews/{name}.webp"], "preview", 1 << 20).rgb
        assert preview.shape == (48, 64, 3)
    _, pulled = pull_file(Reference("you/styles", "networks/mine"))
    assert pulled.name == "mine"


@pytest.mark.usefixtures("token")
def test_private_repositories(hub: HubServer, tulip: Path) -> None:
    upload(tulip, private=True)
    assert hub.repositories["you/styles"].private


def test_refusals(
    hub: HubServer, tulip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HubError, match=r"cannot push to you/styles: no token .*hf auth login"):
        upload(tulip)
    monkeypatch.setenv("HF_TOKEN", READ_TOKEN)
    with pytest.raises(HubError, match=r"the token may not do this \(403\)"):
        upload(tulip)
    monkeypatch.setenv("HF_TOKEN", "hf_unknown")
    with pytest.raises(HubError, match=r"the Hub does not accept the token \(401\)"):
        upload(tulip)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(PictureError, match="no such file"):
        upload(tulip, photo=tmp_path / "absent.jpg")
    files = collect_files([tulip])
    for name in ("you/styles/tulip", "you/styles@main"):
        with pytest.raises(ArgumentError, match="it is no name of a repository; write user/repo"):
            push(files, name, "mit")
    assert not hub.repositories
    with pytest.raises(HubError, match='"license" must be one of'):
        upload(tulip, license="no-such-license")
    upload(tulip)
    with pytest.raises(HubError, match="states the license mit; give --license mit"):
        upload(tulip, license="cc0-1.0")
    hub.broken_uploads = 403
    with pytest.raises(HubError, match=r"the token may not do this \(403\)"):
        upload("great-wave")
    hub.broken = 500
    with pytest.raises(HubError, match="the Hub cannot be reached"):
        upload(tulip)
