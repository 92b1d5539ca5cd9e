"""The files of the page: complete, of the right kinds, and vendored ones as they were published."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from impasto.errors import ImpastoError
from impasto.inference import frozen_norm, tiled_statistics
from impasto.inference.model import LoadedNetwork
from impasto.models.gallery import gallery_names, gallery_style
from impasto.models.network import load_shipped
from impasto.server import site

STATIC = Path(site.__file__).parent / "static"
VENDORED = STATIC / "vendor" / "onnxruntime-web-1.30.0"


def test_vendored_files_are_those_that_were_published() -> None:
    listed = json.loads((VENDORED / "vendored.json").read_text())
    assert listed["version"] in VENDORED.name
    for name, expected in listed["sha512"].items():
        plain, packed = VENDORED / name, VENDORED / f"{name}.gz"
        content = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
        assert hashlib.sha512(content).hexdigest() == expected, name
    files = {path.name.removesuffix(".gz") for path in VENDORED.iterdir()} - {"vendored.json"}
    assert files == set(listed["sha512"])
    assert {"LICENSE", "ThirdPartyNotices.txt"} <= files


def test_files_are_whole() -> None:
    files = site.site_files()
    assert {"index.html", "sw.js", "js/app.js", "js/engine/worker.js"} <= set(files)
    assert not [name for name in files if name.startswith(("/", ".")) or ".." in name]
    for name, file in files.items():
        if "large" not in name:
            assert file.read(), name
    kinds = {Path(name).suffix: file.media_type for name, file in files.items()}
    assert kinds[".html"].startswith("text/html")
    assert kinds[".js"].startswith("text/javascript")
    assert kinds[".mjs"].startswith("text/javascript")
    assert kinds[".webp"] == "image/webp"
    assert kinds[".gz"] == "application/octet-stream"  # browsers must not decompress it


def test_gallery_list() -> None:
    listed = json.loads(site.site_files()["gallery/gallery.json"].read())
    assert [network["name"] for network in listed["networks"]] == ["small", "base", "large"]
    names = [style["name"] for style in listed["styles"]]
    assert names == [name for name in gallery_names() if name != "photo"]
    starry = next(style for style in listed["styles"] if style["name"] == "starry-night")
    assert starry["title"] == "The Starry Night"
    assert starry["artist"] == "Vincent van Gogh"
    files = site.site_files()
    for style in listed["styles"]:
        assert style["preview"] in files
    for network in listed["networks"]:
        for kind in ("graphs", "styles", "test", "predictor"):
            assert files[network[kind]].immutable
            assert network["hash"] in network[kind]


@pytest.mark.parametrize("name", ["small", "base"])
def test_packed_networks_hold_all_graphs(name: str) -> None:
    import onnx
    from safetensors.numpy import load

    network = load_shipped(name)
    packed = site.pack_network(network)
    tensors = load(packed)
    size = int.from_bytes(packed[:8], "little")
    facts = json.loads(json.loads(packed[8 : 8 + size])["__metadata__"]["facts"])
    assert facts["hash"] == network.hash
    frozen = frozen_norm.freeze_norms(network.graph)
    assert facts["scales"] == frozen.scales.tolist()
    assert facts["margin"] == frozen.margin
    expected = {"whole": network.graph, "plain": frozen.plain, "measuring": frozen.measuring}
    for step in (4, 8):
        segments = tiled_statistics.split_at_norms(network.graph, step)
        for fact, segment in zip(facts[f"segments.{step}"], segments, strict=True):
            expected[fact["graph"]] = segment.graph
            assert fact["inputs"] == segment.inputs
    assert set(expected) == set(tensors) - {"weights", "photo"}
    weights = tensors["weights"].tobytes()
    for key, graph in expected.items():
        model = onnx.load_model_from_string(tensors[key].tobytes())
        for tensor in model.graph.initializer:
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                place = {entry.key: entry.value for entry in tensor.external_data}
                start = int(place["offset"])
                tensor.raw_data = weights[start : start + int(place["length"])]
                tensor.data_location = onnx.TensorProto.DEFAULT
                del tensor.external_data[:]
        original = onnx.load_model_from_string(graph)
        for node in original.graph.node:
            node.ClearField("doc_string")
            node.ClearField("metadata_props")
        assert model.graph.node == original.graph.node, key
        for ours, theirs in zip(model.graph.initializer, original.graph.initializer, strict=True):
            np.testing.assert_array_equal(
                onnx.numpy_helper.to_array(ours), onnx.numpy_helper.to_array(theirs)
            )
    # one copy of the weights, and little more
    assert len(gzip.compress(packed)) < 1.1 * len(gzip.compress(network.graph))


def test_embeddings_are_exact() -> None:
    network = load_shipped("small")
    rows = np.frombuffer(site.embeddings(network), "<f2").reshape(-1, network.embedding_size)
    names = [name for name in gallery_names() if name != "photo"]
    place = names.index("great-wave")
    expected = gallery_style("great-wave").embedding(network)
    np.testing.assert_array_equal(rows[place].astype(np.float32), expected)


def test_engines_are_tested_by_a_painting_of_python() -> None:
    network = load_shipped("small")
    expected = site.tested_picture(network)
    painted = LoadedNetwork(network, engine="onnxruntime").prepare(gallery_names()[0])
    difference = np.abs(painted.paint(site.test_picture()).astype(int) - expected)
    assert difference.max() <= 1
    assert expected.std() > 10  # something is seen


def test_service_worker_knows_the_files() -> None:
    files = site.site_files()
    text = files["sw.js"].read().decode()
    lists = {
        name: json.loads(value)
        for name, value in re.findall(r"const (PAGE|LATER|LASTING) = (\[.*\]);", text)
    }
    assert {"./", "js/app.js", "js/engine/worker.js", "gallery/gallery.json"} <= set(lists["PAGE"])
    assert "index.html" not in lists["PAGE"]
    assert all(name in files for name in {*lists["PAGE"], *lists["LATER"]} - {"./"})
    assert set(lists["LASTING"]) == {name for name, file in files.items() if file.immutable}
    assert '"VERSION"' not in text


def test_export(tmp_path: Path) -> None:
    paths = site.export_site(tmp_path / "a" / "site")
    assert len(paths) == len(site.site_files())
    index = tmp_path / "a" / "site" / "index.html"
    assert index.read_bytes() == (STATIC / "index.html").read_bytes()
    (tmp_path / "file").touch()
    with pytest.raises(ImpastoError, match="choose another folder"):
        site.export_site(tmp_path / "file" / "site")


def test_export_links_to_a_documentation(tmp_path: Path) -> None:
    site.export_site(tmp_path / "plain")
    site.export_site(tmp_path / "linked", documentation="docs/?a&b")
    page = (tmp_path / "linked" / "index.html").read_text()
    assert '<a class="quiet" id="documentation" href="docs/?a&amp;b">Docs</a>' in page
    # browsers that know the page without the link load it anew
    workers = {(tmp_path / name / "sw.js").read_text() for name in ("plain", "linked")}
    assert len(workers) == 2
