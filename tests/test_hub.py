"""Styles and networks on the Hub: names, downloads, the cache, and what goes wrong."""

import pickle
from pathlib import Path

import pytest
from commands import python
from hub_server import READ_TOKEN, TOKEN, HubServer
from pictures import photo
from PIL import Image

import impasto as package
from impasto.errors import HubError, ImpastoError, NetworkError, StyleError
from impasto.hub import Reference, fetch, find_reference, list_fetched, list_files, parse_reference
from impasto.models.gallery import find_style, gallery_style
from impasto.models.mix import find_mix
from impasto.models.network import find_network, load_shipped, network_path
from impasto.paths import GALLERY

TULIP = (GALLERY / "styles" / "great-wave.safetensors").read_bytes()
OTHER = (GALLERY / "styles" / "udnie.safetensors").read_bytes()
COMMIT = "0" * 40


def refused(spec: str, error: type[ImpastoError] = HubError) -> str:
    with pytest.raises(error) as raised:
        find_style(spec)
    assert "\n" not in str(raised.value)
    return str(raised.value)


# Names


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("hf:you/styles/tulip", Reference("you/styles", "tulip")),
        ("you/styles/tulip.safetensors", Reference("you/styles", "tulip")),
        ("hf:you/styles/a/b-2.c", Reference("you/styles", "a/b-2.c")),
        ("hf:y.o_u/S-1/tulip@v1.0", Reference("y.o_u/S-1", "tulip", "v1.0")),
        ("hf:you/styles/tulip@refs/pr/1", Reference("you/styles", "tulip", "refs/pr/1")),
        ("hf:you/styles", Reference("you/styles")),
        ("hf:you/styles@main", Reference("you/styles", "", "main")),
    ],
)
def test_names(text: str, reference: Reference) -> None:
    assert parse_reference(text, whole=True) == reference
    assert parse_reference(str(reference), whole=True) == reference


@pytest.mark.parametrize(
    "text",
    [
        *("hf:", "hf:tulip", "hf:/you/styles/tulip", "hf:you/styles/", "hf:you//tulip"),
        *("hf:you/styles/../tulip", "hf:you/styles/.hidden", "hf:you/styles/a//b"),
        *("hf:you/styles/tulip@", "hf:you/styles/tulip@a b", "hf:https://huggingface.co/a/b/c"),
        "hf:you/styles/tu\nlip",
    ],
)
def test_wrong_names(text: str) -> None:
    message = refused(text)
    assert "write hf:user/repo/style or hf:user/repo/style@revision" in message


def test_a_repository_is_no_style() -> None:
    assert "it names no file" in refused("hf:you/styles")


def test_parts_of_a_mix(hub: HubServer) -> None:
    commit = hub.add("you/styles", {"tulip.safetensors": TULIP, "rose.safetensors": OTHER})
    mix = find_mix(f"hf:you/styles/tulip@{commit}:0.7, hf:you/styles/rose:0.1,udnie:0.2")
    assert [style.name for style, _ in mix.parts] == ["great-wave", "udnie", "udnie"]
    assert [weight for _, weight in mix.parts] == pytest.approx([0.7, 0.1, 0.2])
    assert find_mix("hf:you/styles/tulip").name == "great-wave"
    assert find_mix([("hf:you/styles/tulip", 1)]).name == "great-wave"
    with pytest.raises(StyleError, match="'much' is no weight"):
        find_mix("hf:you/styles/tulip:much")


# Downloads


def test_a_style_and_a_network(hub: HubServer) -> None:
    network = network_path("small").read_bytes()
    hub.add("you/styles", {"tulip.safetensors": TULIP, "networks/mine.safetensors": network})
    style = package.load_style("hf:you/styles/tulip")
    assert repr(style) == repr(gallery_style("great-wave"))
    assert find_network("hf:you/styles/networks/mine").hash == load_shipped("small").hash
    assert [str(reference.path) for reference in list_files(Reference("you/styles"))] == [
        "networks/mine",
        "tulip",
    ]


def test_painting(hub: HubServer, photo_file: Path) -> None:
    hub.add("you/styles", {"tulip.safetensors": TULIP})
    hub.add("you/nets", {"networks/small.safetensors": network_path("small").read_bytes()})
    painted = package.stylize(
        photo_file, "hf:you/styles/tulip:1,udnie:1", network="hf:you/nets/networks/small"
    )
    local = package.stylize(photo_file, "great-wave:1,udnie:1", network="small")
    assert painted.tobytes() == local.tobytes()


def test_a_commit_is_fetched_once_and_then_offline(hub: HubServer) -> None:
    commit = hub.add("you/styles", {"tulip.safetensors": TULIP})
    pinned = Reference("you/styles", "tulip", commit)
    path = fetch(pinned)
    assert find_reference(path) == pinned
    assert list_fetched() == [path]
    asked = len(hub.requests)
    hub.broken = 500
    assert find_style(str(pinned)).name == "great-wave"
    assert len(hub.requests) == asked  # the Hub is not asked again


def test_a_branch_is_followed_and_falls_back_to_the_cache(hub: HubServer) -> None:
    hub.add("you/styles", {"tulip.safetensors": TULIP})
    assert find_style("hf:you/styles/tulip").name == "great-wave"
    hub.add("you/styles", {"tulip.safetensors": OTHER})
    assert find_style("hf:you/styles/tulip").name == "udnie"
    hub.broken = 503
    assert find_style("hf:you/styles/tulip").name == "udnie"
    message = refused("hf:you/styles/rose")
    assert "the Hub cannot be reached, and this revision is not in the cache" in message
    hub.shutdown()
    hub.server_close()
    assert find_style("hf:you/styles/tulip").name == "udnie"
    with pytest.raises(HubError, match=r"cannot list hf:you/styles: .* cannot be reached"):
        list_files(Reference("you/styles"))


def test_private_repositories_need_a_token(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("you/secret", {"tulip.safetensors": TULIP}, private=True)
    assert "there is no hf:you/secret, or it is private" in refused("hf:you/secret/tulip")
    assert "`hf auth login`, or set HF_TOKEN" in refused("hf:you/secret/tulip")
    monkeypatch.setenv("HF_TOKEN", READ_TOKEN)
    assert "there is no hf:you/secret, or it is private" in refused("hf:you/secret/tulip")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert find_style("hf:you/secret/tulip").name == "great-wave"
    hub.broken = 401
    assert "does not accept the token" in refused("hf:you/styles/tulip")


def test_missing_files_revisions_and_access(hub: HubServer) -> None:
    hub.add("you/styles", {"tulip.safetensors": TULIP})
    hub.add("you/gated", {"tulip.safetensors": TULIP}, gated=True)
    hub.add("you/empty", {"README.md": b""})
    assert "there is no rose.safetensors; `impasto styles hf:you/styles`" in refused(
        "hf:you/styles/rose"
    )
    assert "hf:you/styles has no revision v9" in refused("hf:you/styles/tulip@v9")
    assert f"has no revision {COMMIT}" in refused(f"hf:you/styles/tulip@{COMMIT}")
    assert "hf:you/gated is gated; ask for access" in refused("hf:you/gated/tulip")
    with pytest.raises(HubError, match="cannot list hf:you/empty: it holds no style files"):
        list_files(Reference("you/empty"))
    hub.broken = 418
    assert "418" in refused("hf:you/styles/tulip")


# Hostile and damaged files


@pytest.mark.parametrize("is_large", [True, False])
def test_damaged_bytes_are_refused_and_fetched_again(hub: HubServer, is_large: bool) -> None:
    """A large file has a SHA-256, and a small one the SHA-1 of its git blob."""
    hub.git_files = set() if is_large else {"tulip.safetensors"}
    hub.add("you/styles", {"tulip.safetensors": TULIP})
    hub.damaged.add("tulip.safetensors")
    assert "its bytes do not have the hash that the Hub states" in refused("hf:you/styles/tulip")
    assert list_fetched() == []
    hub.damaged.clear()
    assert find_style("hf:you/styles/tulip").name == "great-wave"


def test_a_damaged_cache_is_noticed_offline(hub: HubServer) -> None:
    pinned = f"hf:you/styles/tulip@{hub.add('you/styles', {'tulip.safetensors': TULIP})}"
    blob = fetch(parse_reference(pinned)).resolve()
    blob.write_bytes(TULIP[:-1] + b"x")
    assert "it was removed from the cache: try again" in refused(pinned)
    assert find_style(pinned).name == "great-wave"


def test_hostile_files(hub: HubServer) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("executed",)

    network = network_path("small").read_bytes()
    files = {
        "pickle": pickle.dumps(Evil()),
        "header": (1 << 40).to_bytes(8, "little") + b"{}",
        "page": b"<!DOCTYPE html>" * 10,
        "network": network,
        "cut": TULIP[:-100],
        "empty": b"",
    }
    hub.add("you/evil", {f"{name}.safetensors": data for name, data in files.items()})
    for name in files:
        message = refused(f"hf:you/evil/{name}", StyleError)
        assert message.startswith(f"cannot read hf:you/evil/{name}: ")
    assert "its header says it has" in refused("hf:you/evil/header", StyleError)
    with pytest.raises(NetworkError, match="cannot read hf:you/evil/cut: it"):
        find_network("hf:you/evil/cut")
    with pytest.raises(NetworkError, match="has the format 'impasto style 1'"):
        hub.add("you/evil", {"style.safetensors": TULIP})
        find_network("hf:you/evil/style")


def test_a_large_file_is_not_downloaded(hub: HubServer) -> None:
    hub.add("you/styles", {"tulip.safetensors": TULIP})
    hub.sizes["tulip.safetensors"] = 1 << 40
    assert "it has 1,099,511,627,776 bytes" in refused("hf:you/styles/tulip")
    assert not [request for request in hub.requests if request.startswith("GET /you")]


# The client


def test_progress_bars_of_the_client_stay_as_they_are(hub: HubServer) -> None:
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled

    hub.add("you/styles", {"tulip.safetensors": TULIP})
    was = are_progress_bars_disabled()
    find_style("hf:you/styles/tulip")
    assert are_progress_bars_disabled() == was


@pytest.mark.process
def test_the_extra_is_named_where_it_is_missing(photo_file: Path) -> None:
    code = "import sys; sys.modules['huggingface_hub'] = None; from impasto.cli import main; main()"
    for arguments in (
        ("stylize", str(photo_file), "--style", "hf:you/styles/tulip"),
        ("styles", "pull", "you/styles"),
        ("styles", "--pulled"),
        ("styles", "push", "udnie", "you/styles", "--license", "mit"),
    ):
        assert "pip install 'impasto[hub]'" in python("-c", code, *arguments).only_error()


@pytest.mark.process
def test_the_client_is_imported_where_hf_is_typed_alone(photo_file: Path) -> None:
    code = (
        "import sys, impasto; impasto.stylize(sys.argv[1], 'udnie', network='small');"
        "print('huggingface_hub' in sys.modules)"
    )
    assert python("-c", code, str(photo_file)).out == "False\n"


@pytest.mark.process
def test_painting_offline_after_the_first_time(hub: HubServer, tmp_path: Path) -> None:
    """In processes of their own, with the variables that users set."""
    commit = hub.add("you/styles", {"tulip.safetensors": TULIP})
    picture = tmp_path / "photo.png"
    Image.fromarray(photo(48, 64)).save(picture)
    variables = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}
    arguments = ("-m", "impasto", "stylize", str(picture), "-n", "small", "--overwrite", "-s")
    first = python(*arguments, "hf:you/styles/tulip", **variables)
    assert first.code == 0, first.err
    painted = (tmp_path / "photo.great-wave.png").read_bytes()
    hub.shutdown()
    hub.server_close()
    for name in ("hf:you/styles/tulip", f"hf:you/styles/tulip@{commit}"):
        (tmp_path / "photo.great-wave.png").unlink()
        again = python(*arguments, name, **variables)
        assert again.code == 0, again.err
        assert (tmp_path / "photo.great-wave.png").read_bytes() == painted


def test_other_files_are_not_of_the_hub() -> None:
    assert find_reference(GALLERY / "styles" / "udnie.safetensors") is None
