"""impasto styles pull, and listing what is on the Hub or was fetched from there."""

from commands import Run
from hub_server import HubServer

from impasto.models.network import network_path
from impasto.paths import GALLERY

TULIP = (GALLERY / "styles" / "great-wave.safetensors").read_bytes()
ROSE = (GALLERY / "styles" / "udnie.safetensors").read_bytes()


def test_pull_prints_names_that_stay(impasto: Run, hub: HubServer) -> None:
    network = network_path("small").read_bytes()
    files = {"tulip.safetensors": TULIP, "rose.safetensors": ROSE}
    commit = hub.add("you/styles", {**files, "networks/small.safetensors": network})
    done = impasto("styles", "pull", "you/styles")
    assert (done.code, done.err) == (0, "")
    names = [f"hf:you/styles/{path}@{commit}" for path in ("networks/small", "rose", "tulip")]
    assert done.out.splitlines() == names
    (record,) = impasto("styles", "pull", "hf:you/styles/tulip@main", "--json").records
    assert record == {
        "input": "hf:you/styles/tulip@main",
        "name": names[2],
        "style": "great-wave",
    }
    hub.broken = 503
    assert impasto("styles", "pull", "you/styles/rose").out == f"{names[1]}\n"


def test_a_hostile_file_is_one_line_and_stops_no_other(impasto: Run, hub: HubServer) -> None:
    hub.add("you/styles", {"evil.safetensors": b"\x80\x04evil" * 9, "rose.safetensors": ROSE})
    done = impasto("styles", "pull", "you/styles")
    assert done.code == 1
    assert len(done.out.splitlines()) == 1
    assert done.only_error().startswith("cannot read hf:you/styles/evil@")


def test_a_repository_is_listed(impasto: Run, hub: HubServer) -> None:
    network = network_path("small").read_bytes()
    files = {"tulip.safetensors": TULIP, "rose.safetensors": ROSE}
    commit = hub.add("you/styles", {**files, "networks/small.safetensors": network})
    lines = impasto("styles", "hf:you/styles").out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [
        f"hf:you/styles/rose@{commit}",
        f"hf:you/styles/tulip@{commit}",
    ]
    assert "Udnie" in lines[0]
    (record,) = impasto("styles", "hf:you/styles/rose", "--json").records
    assert (record["name"], record["hub"]) == ("udnie", f"hf:you/styles/rose@{commit}")


def test_what_was_pulled_is_listed_offline(impasto: Run, hub: HubServer) -> None:
    empty = impasto("styles", "--pulled")
    assert empty.out == "" and empty.errors[0].startswith("nothing was downloaded; ")
    hub.add("you/styles", {"rose.safetensors": ROSE, "llm.safetensors": b"\0" * 99})
    impasto("styles", "pull", "you/styles")
    asked = len(hub.requests)
    (record,) = impasto("styles", "--pulled", "--json").records
    assert record["hub"].startswith("hf:you/styles/rose@")
    shown = impasto("styles", record["hub"]).out
    assert "Francis Picabia" in shown
    assert len(hub.requests) == asked
    assert "give no STYLE" in impasto("styles", "udnie", "--pulled").usage()
