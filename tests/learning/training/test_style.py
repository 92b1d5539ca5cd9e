"""Runs of training from start to file: what they leave is what stylizing reads."""

import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import TrainingError
from impasto.inference.model import MARGIN
from impasto.learning.conversion import onnx_export
from impasto.learning.data.photos import PhotoFolder
from impasto.learning.data.synthetic.generator import SyntheticPhotos
from impasto.learning.losses.objective import LossWeights, Objective
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.transformer import ARCHITECTURES, TransformerNetwork
from impasto.learning.training import gallery as gallery_training
from impasto.learning.training import inputs, loop
from impasto.learning.training import style as style_training
from impasto.learning.training.inputs import Painting
from impasto.learning.training.settings import TrainingProgress, TrainingSettings
from impasto.learning.training.trainer import Trainer
from impasto.models.network import GALLERY_VERSION, Network, read_network
from impasto.models.style import PHOTO, Style, encode_picture, read_style
from impasto.stylizer import Stylizer
from learning.tiny import (
    ARCHITECTURE,
    Textures,
    UInt8,
    pictures,
    random_embedding,
    texture,
    tiny_perceptual,
    tiny_student,
    tiny_trainer,
)

SETTINGS = TrainingSettings(steps=3, batch=2, crop=64)
CARD = {"trained": "just now", "seed": "0"}


def train(trainer: Trainer, steps: int) -> Trainer:
    for _ in range(steps):
        trainer.train_step()
    return trainer


def stylized(network: Network, style: Style, photo: UInt8) -> UInt8:
    """What a user gets."""
    return Stylizer(network, threads=1, precision="f32").stylize(photo, style)


def painted(
    network: TransformerNetwork, embedding: torch.Tensor, photo: UInt8, margin: int = MARGIN
) -> np.ndarray:
    """The same by PyTorch, of a photograph whose sides are multiples of 8: (H, W, 3) in 0..255."""
    height, width = photo.shape[:2]
    photo = np.pad(photo, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    with torch.no_grad():
        image = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
        picture = (
            network.eval()(image, embedding[None], network.noise(*image.shape[2:]))[0].permute(
                1, 2, 0
            )
            * 255
        )
    return np.asarray(picture)[margin : margin + height, margin : margin + width]


# --- a gallery
# ----------------------------------------------------------------------------------------------------------


@dataclass
class Gallery:
    trainer: Trainer
    folder: Path
    parity: Mapping[str, float]  # what the export's check found

    @property
    def network(self) -> Network:
        return read_network(self.folder / "networks" / "base.safetensors")

    def style(self, name: str) -> Style:
        return read_style(self.folder / "styles" / f"{name}.safetensors")


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """Two paintings learned for three steps, written over a gallery that knew one of them for
    another network."""
    folder = tmp_path_factory.mktemp("gallery")
    old = {
        "title": "old title",
        "source": "tulip",
        "small.trained": "yesterday",
        "base.trained": "long ago",
        "base.J": "3.0",
    }
    embeddings = {"small": np.arange(5, dtype=np.float32), "base": np.zeros(7, np.float32)}
    hashes = {"small": "5ma11", "base": "o1d"}
    Style("tulip", embeddings, hashes, old).save(folder / "styles" / "tulip.safetensors")
    paintings = [
        Painting("tulip", texture(1), {"title": "A Tulip", "source": "tulip"}),
        Painting("wave", texture(2, 64, 90), {"artist": "Someone"}),
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(ARCHITECTURES, "base", ARCHITECTURE)
        patched.setitem(
            onnx_export.PARITY, "bf16", 1.0
        )  # a network this narrow magnifies what is rounded
        trainer = train(
            gallery_training.new_gallery(
                "base", paintings, Textures(), tiny_perceptual(), SETTINGS
            ),
            3,
        )
        parity = gallery_training.write_gallery(trainer, "base", paintings, folder, CARD)
    return Gallery(trainer, folder, parity)


def test_files_of_a_gallery(gallery: Gallery) -> None:
    files = {
        str(path.relative_to(gallery.folder))
        for path in gallery.folder.rglob("*")
        if path.is_file()
    }
    assert files == {
        "networks/base.safetensors",
        *(f"styles/{name}.safetensors" for name in ("tulip", "wave", "photo")),
    }


def test_the_network_of_a_gallery(gallery: Gallery) -> None:
    network = gallery.network
    averaged = {
        k.removeprefix("network."): v
        for k, v in gallery.trainer.averaged().items()
        if k != "embeddings"
    }
    assert network.name == "base"
    assert network.metadata["trained"] == "just now"
    assert float(network.metadata["parity.f32"]) == pytest.approx(gallery.parity["f32"], rel=0.1)
    assert gallery.parity["f32"] < 1e-3
    expected = TransformerNetwork(ARCHITECTURE)
    expected.load_state_dict(averaged)
    assert network.hash == onnx_export.network_hash(expected)
    assert network.embedding_size == expected.embedding_size
    for name, tensor in onnx_export.from_onnx(network.graph).state_dict().items():
        assert torch.equal(tensor, averaged[name].half().float()), name


@pytest.mark.parametrize("index, name", [(0, "tulip"), (1, "wave")])
def test_the_styles_of_a_gallery(index: int, name: str, gallery: Gallery) -> None:
    style = gallery.style(name)
    assert style.name == name
    learned = gallery.trainer.averaged()["embeddings"][index]
    np.testing.assert_allclose(
        style.embedding(gallery.network), learned.numpy(), rtol=1e-3, atol=1e-6
    )
    assert style.metadata["base.trained"] == "just now"
    photo = texture(5, 80, 104)
    expected = painted(
        onnx_export.from_onnx(gallery.network.graph),
        torch.from_numpy(style.embedding(gallery.network)),
        photo,
    )
    assert np.abs(stylized(gallery.network, style, photo) - expected).max() < 1


def test_the_photo_style_of_a_gallery_is_the_photograph(gallery: Gallery) -> None:
    photo = texture(5, 80, 104)
    got = stylized(gallery.network, gallery.style(PHOTO), photo)
    assert np.abs(got.astype(int) - photo).max() <= 1


def test_the_version_of_a_gallery(gallery: Gallery) -> None:
    assert gallery.network.gallery == GALLERY_VERSION
    for name in ("tulip", "wave", PHOTO):
        assert gallery.style(name).metadata["base.gallery"] == GALLERY_VERSION
    assert "small.gallery" not in gallery.style("tulip").metadata


def test_the_network_of_a_gallery_knows_the_photograph(gallery: Gallery) -> None:
    """So strength works with the file alone."""
    assert gallery.network.photo is not None
    np.testing.assert_array_equal(
        gallery.network.photo, gallery.style(PHOTO).embedding(gallery.network)
    )
    photo = texture(5, 80, 104)
    weak, full = (
        Stylizer(gallery.network, threads=1, precision="f32")
        .stylize(photo, gallery.style("wave"), strength)
        .astype(float)
        for strength in (0.5, 1)
    )
    assert 0 < np.abs(weak - photo).mean() < np.abs(full - photo).mean()


def test_a_gallery_keeps_the_embeddings_of_another_network(gallery: Gallery) -> None:
    style = gallery.style("tulip")
    np.testing.assert_array_equal(style.embeddings["small"], np.arange(5))
    assert style.hashes["small"] == "5ma11"
    assert style.metadata["small.trained"] == "yesterday"
    assert style.metadata["title"] == "A Tulip"
    assert "base.J" not in style.metadata, "it was measured with the embedding that is replaced"
    assert set(gallery.style("wave").embeddings) == {"base"}


def test_new_galleries_begin_alike() -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(ARCHITECTURES, "base", ARCHITECTURE)
        paintings = [Painting(name, texture(1), {}) for name in "abc"]
        one, other = (
            gallery_training.new_gallery("base", paintings, Textures(), tiny_perceptual(), SETTINGS)
            for _ in range(2)
        )
    assert one.embeddings.shape == (3, one.network.embedding_size)
    for name, p in one.parameters.items():
        assert torch.equal(p, other.parameters[name])


def test_a_gallery_goes_on_from_another(gallery: Gallery) -> None:
    """Paintings that it knows start where they stand, in any order, and others from the mean."""
    paintings = [Painting(name, texture(1), {}) for name in ("wave", "rose", "tulip")]
    trainer = gallery_training.new_gallery(
        "base", paintings, Textures(), tiny_perceptual(), SETTINGS, start=gallery.folder
    )
    wave, rose, tulip = trainer.embeddings.detach().cpu().numpy()
    size = len(
        gallery.style("wave").embeddings["base"]
    )  # of a network without noise; it is given some, of strength 0
    assert trainer.network.architecture.noise and size < len(wave) and not wave[size:].any()
    wave, rose, tulip = (each[:size] for each in (wave, rose, tulip))
    np.testing.assert_array_equal(wave, gallery.style("wave").embeddings["base"])
    np.testing.assert_array_equal(tulip, gallery.style("tulip").embeddings["base"])
    np.testing.assert_allclose(rose, (wave + tulip) / 2, rtol=1e-5, atol=1e-6)
    known = onnx_export.from_onnx(gallery.network.graph)
    known.rescale()
    now = trainer.network.state_dict()
    assert all(torch.equal(now[name], tensor) for name, tensor in known.state_dict().items())
    assert trainer.settings.whole_network and trainer.step == 0
    assert style_training.card(train(trainer, 1), 64, 512)["trained"].startswith(
        "just now, then 1 steps of 2"
    )


def test_a_gallery_cannot_go_on_from_one_without_styles(gallery: Gallery, tmp_path: Path) -> None:
    gallery.network.save(tmp_path / "networks" / "base.safetensors")
    with pytest.raises(TrainingError, match="no style for the network base"):
        gallery_training.new_gallery(
            "base", [], Textures(), tiny_perceptual(), SETTINGS, start=tmp_path
        )


# --- one style
# ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def styles(tiny_network: TransformerNetwork) -> dict[str, Style]:
    """Three bold ones."""
    code = onnx_export.network_hash(tiny_network)
    return {
        name: Style(name, {"base": random_embedding(tiny_network, seed).numpy()}, {"base": code})
        for seed, name in enumerate(["cubes", "dots", "lines"])
    }


@pytest.fixture
def shipped(
    tiny_graph: bytes,
    tiny_network: TransformerNetwork,
    styles: dict[str, Style],
    monkeypatch: pytest.MonkeyPatch,
) -> Network:
    """A network that ships, with a gallery of these styles."""
    network = Network(
        "base", onnx_export.network_hash(tiny_network), tiny_network.embedding_size, tiny_graph, {}
    )
    monkeypatch.setattr(style_training, "load_shipped", {"base": network}.__getitem__)
    monkeypatch.setattr(style_training, "gallery_names", lambda: tuple(styles))
    monkeypatch.setattr(style_training, "gallery_style", styles.__getitem__)
    return network


@pytest.mark.parametrize("name", ["cubes", "dots", "lines"])
def test_nearest_knows_a_style_of_the_gallery_by_its_picture(
    name: str, shipped: Network, styles: dict[str, Style]
) -> None:
    picture = stylized(shipped, styles[name], Textures().crop(0, 256))
    painting = Painting("unknown", picture, {})
    network = onnx_export.from_onnx(shipped.graph)
    assert (
        style_training.nearest_style(
            network, shipped, painting, Textures(), Objective(tiny_perceptual())
        )
        == name
    )


def new_style(painting: Painting, whole_network: bool) -> Trainer:
    settings = replace(SETTINGS, whole_network=whole_network)
    return style_training.new_style("base", [painting], Textures(), tiny_perceptual(), settings)


def test_a_style_begins_where_the_nearest_stands(
    shipped: Network, styles: dict[str, Style]
) -> None:
    picture = stylized(shipped, styles["dots"], Textures().crop(1, 256))
    trainer = new_style(Painting("unknown", picture, {}), whole_network=False)
    start = styles["dots"].embeddings["base"].copy()
    np.testing.assert_array_equal(trainer.embeddings.detach().cpu().numpy(), start[None])
    train(trainer, 1)
    assert not np.array_equal(trainer.embeddings.detach().cpu().numpy(), start[None])
    np.testing.assert_array_equal(
        styles["dots"].embeddings["base"], start, "the gallery's own is a copy"
    )


@pytest.mark.parametrize(
    "perceptual, whole_network, trust",
    [(tiny_student, False, 0.5), (tiny_student, True, 1.0), (tiny_perceptual, False, 1.0)],
)
def test_a_style_begins_as_predicted_and_lite_is_trusted_half_of_the_way(
    perceptual: Callable[[], PerceptualNetwork],
    whole_network: bool,
    trust: float,
    shipped: Network,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whose network learns too, it starts there but goes all the way: embedding and network fit
    each other only as they end."""
    predicted = np.linspace(-1, 1, shipped.embedding_size, dtype=np.float32)
    monkeypatch.setattr(
        style_training, "load_shipped", {"base": replace(shipped, predictor=b"one")}.__getitem__
    )
    monkeypatch.setattr(style_training, "predict", lambda *_: predicted)
    settings = replace(SETTINGS, whole_network=whole_network)
    trainer = style_training.new_style(
        "base", [Painting("unknown", texture(7), {})], Textures(), perceptual(), settings
    )
    np.testing.assert_array_equal(trainer.embeddings.detach().cpu().numpy(), predicted[None])
    assert trainer.trust == trust
    start = style_training.new_style(
        "base", [Painting("unknown", texture(7), {})], Textures(), perceptual(), settings
    )
    start.hold_content(held=1.0)
    assert trainer.ceiling == pytest.approx((0.7 if trust < 1 else 0.85) * start.ceiling, rel=1e-3)


def test_the_style_file_of_a_run(shipped: Network, tmp_path: Path) -> None:
    """It works with the shipped network, and keeps what the file held for another."""
    painting = Painting("tulip", texture(7), {"title": "A Tulip", "source": "tulip"})
    trainer = train(new_style(painting, whole_network=False), 2)
    path = tmp_path / "tulip.safetensors"
    old = {"small.trained": "yesterday", "source": "tulip"}
    Style("tulip", {"small": np.ones(5, np.float32)}, {"small": "5ma11"}, old).save(path)
    assert style_training.write_style(trainer, "base", [painting], path, CARD) == {}, (
        "no network was exported"
    )
    style = read_style(path)
    assert style.name == "tulip" and style.own is None
    assert set(style.embeddings) == {"base", "small"}
    wanted = old | {"title": "A Tulip"} | {f"base.{key}": value for key, value in CARD.items()}
    assert wanted.items() <= style.metadata.items()
    photo = texture(5, 80, 104)
    expected = painted(
        onnx_export.from_onnx(shipped.graph), trainer.averaged()["embeddings"][0], photo
    )
    assert np.abs(stylized(shipped, style, photo) - expected).max() < 2


@pytest.mark.parametrize("name, source", [("rose", "tulip"), ("tulip", "rose")])
def test_a_style_of_another_painting_is_replaced(
    name: str, source: str, shipped: Network, tmp_path: Path
) -> None:
    painting = Painting("tulip", texture(7), {"source": "tulip"})
    path = tmp_path / "tulip.safetensors"
    Style(
        name,
        {"small": np.ones(5, np.float32)},
        {"small": "5ma11"},
        {"source": source, "artist": "Someone"},
    ).save(path)
    style_training.write_style(
        new_style(painting, whole_network=False), "base", [painting], path, CARD
    )
    style = read_style(path)
    assert set(style.embeddings) == {"base"}
    assert "artist" not in style.metadata


def test_a_style_remembers_its_picture_and_the_version_of_the_gallery(
    shipped: Network, tmp_path: Path
) -> None:
    path, kept = tmp_path / "tulip.safetensors", encode_picture(texture(7))
    Style(
        "tulip", {"small": np.ones(5, np.float32)}, {"small": "5ma11"}, {"small.gallery": "7"}
    ).save(path)
    for remembered in (kept, None):  # None: --no-keep-pictures
        painting = Painting("tulip", texture(7), {}, remembered)
        style_training.write_style(
            new_style(painting, whole_network=False), "base", [painting], path, CARD
        )
        style = read_style(path)
        assert style.remembered == remembered
        assert {key: style.metadata[key] for key in ("base.gallery", "small.gallery")} == {
            "base.gallery": shipped.gallery,
            "small.gallery": "7",
        }


def test_a_style_that_owned_its_network_can_come_to_share_one(
    shipped: Network, tmp_path: Path
) -> None:
    path = tmp_path / "tulip.safetensors"
    own = replace(shipped, name="own", predictor=b"", photo=None)
    embedding = np.ones(shipped.embedding_size, np.float32)
    Style("tulip", {"own": embedding}, {"own": own.hash}, {"own.trained": "long ago"}, own).save(
        path
    )
    painting = Painting("tulip", texture(7), {})
    style_training.write_style(
        new_style(painting, whole_network=False), "base", [painting], path, CARD
    )
    style = read_style(path)
    assert (set(style.embeddings), style.own) == ({"base"}, None)
    assert "own.trained" not in style.metadata


def test_a_file_that_was_named_after_its_picture_keeps_its_embeddings(
    shipped: Network, tmp_path: Path
) -> None:
    """As files made with -o once were; now they are named after themselves."""
    path = tmp_path / "bold.safetensors"
    Style(
        "my-tulip", {"small": np.ones(5, np.float32)}, {"small": "5ma11"}, {"source": "My_Tulip"}
    ).save(path)
    painting = Painting("bold", texture(7), {"source": "My_Tulip"})
    style_training.write_style(
        new_style(painting, whole_network=False), "base", [painting], path, CARD
    )
    style = read_style(path)
    assert (style.name, set(style.embeddings)) == ("bold", {"base", "small"})


def test_a_style_that_owns_its_network(
    shipped: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        onnx_export.PARITY, "bf16", 1.0
    )  # a network this narrow and this bold magnifies what is rounded
    painting = Painting("tulip", texture(7), {})
    trainer = train(new_style(painting, whole_network=True), 3)
    path = tmp_path / "tulip.safetensors"
    style_training.write_style(trainer, "base", [painting], path, CARD)
    style = read_style(path)
    assert style.own is not None
    assert style.own.hash != shipped.hash
    photo, averaged = texture(5, 80, 104), trainer.averaged()
    network = TransformerNetwork(ARCHITECTURE)
    network.load_state_dict(
        {k.removeprefix("network."): v for k, v in averaged.items() if k.startswith("network.")}
    )
    expected = painted(network, averaged["embeddings"][0], photo)
    # by float16; the stylizer's own network does not matter
    assert np.abs(stylized(shipped, style, photo) - expected).max() < 4


# --- keeping a run safe
# -------------------------------------------------------------------------------------------------


def assert_equal(one: Trainer, other: Trainer) -> None:
    assert one.step == other.step
    for name, p in one.parameters.items():
        assert torch.equal(p, other.parameters[name]), name
        assert torch.equal(one.averages[name], other.averages[name]), name


def test_keep_training_to_the_end(tmp_path: Path) -> None:
    trainer, seen = tiny_trainer(steps=4), list[TrainingProgress]()
    loop.keep_training(trainer, tmp_path / "run", seen.append)
    assert [progress.step for progress in seen] == [1, 2, 3, 4]
    assert seen[-1].fraction == 1
    assert_equal(trainer, train(tiny_trainer(steps=4), 4))
    again = tiny_trainer(steps=4)
    again.load(tmp_path / "run")
    assert_equal(again, trainer)
    loop.keep_training(again, tmp_path / "run", seen.append)
    assert len(seen) == 4, "there was nothing left to do"


def assert_kept_whole(checkpoint: Path) -> None:
    """Two steps of four were done, and the rest ends where a run that nothing interrupted does."""
    resumed = tiny_trainer(steps=4)
    resumed.load(checkpoint)
    assert resumed.step == 2
    assert_equal(train(resumed, 2), train(tiny_trainer(steps=4), 4))


def interrupt(progress: TrainingProgress) -> None:
    if progress.step == 2:
        raise KeyboardInterrupt


def test_ctrl_c_leaves_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        loop.keep_training(tiny_trainer(steps=4), tmp_path / "run", interrupt)
    assert_kept_whole(tmp_path / "run")


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where the tests are a shell's background job, which
    would ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_never_cuts_a_step_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = tiny_trainer(steps=4)
    update = trainer.optimizers[-1].step

    def interrupted() -> None:
        update()
        if trainer.step == 1:
            signal.raise_signal(signal.SIGINT)  # weights have changed, the step is not counted yet

    monkeypatch.setattr(trainer.optimizers[-1], "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.keep_training(trainer, tmp_path / "run", lambda progress: None)
    assert_kept_whole(tmp_path / "run")


def test_a_request_to_end_is_heard_between_steps_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = tiny_trainer(steps=4)
    step = trainer.train_step

    def asked() -> None:
        if trainer.step == 1:
            signal.raise_signal(signal.SIGTERM)
        step()

    monkeypatch.setattr(trainer, "train_step", asked)
    with pytest.raises(KeyboardInterrupt):
        loop.keep_training(trainer, tmp_path / "run", lambda progress: None)
    assert_kept_whole(tmp_path / "run")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.usefixtures("ctrl_c")
def test_a_second_ctrl_c_is_heard_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = tiny_trainer(steps=4)

    def stuck() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("this step would never end")

    monkeypatch.setattr(trainer, "train_step", stuck)
    with pytest.raises(KeyboardInterrupt):
        loop.keep_training(trainer, tmp_path / "run", lambda progress: None)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_loss_that_is_not_finite_leaves_the_last_good_state(tmp_path: Path) -> None:
    trainer = tiny_trainer(steps=4)

    def spoil(progress: TrainingProgress) -> None:
        if progress.step == 2:
            trainer.objective.weights = LossWeights(style=float("nan"))

    with pytest.raises(TrainingError, match="not finite"):
        loop.keep_training(trainer, tmp_path / "run", spoil)
    resumed = tiny_trainer(steps=4)
    resumed.load(tmp_path / "run")
    assert_equal(resumed, train(tiny_trainer(steps=4), 2))


def test_checkpoints_and_previews_while_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    trainer, path = tiny_trainer(steps=3), tmp_path / "run"
    steps = list[int]()

    def preview() -> None:
        other = tiny_trainer(steps=3)
        other.load(path)
        steps.append(other.step)

    loop.keep_training(trainer, path, lambda progress: None, preview, preview_every=0.0)
    assert steps == [1, 2, 3]


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("whole_network", [True, False])
def test_preview_sheet(whole_network: bool, noise: bool) -> None:
    trainer = train(tiny_trainer(whole_network=whole_network, noise=noise), 3)
    sheet = loop.preview_sheet(trainer, style=1, pictures=3, size=72)
    assert sheet.shape == (144, 216, 3)
    assert sheet.dtype == np.uint8
    for number in range(3):
        photo = Textures().crop(number, 72)
        across = slice(72 * number, 72 * (number + 1))
        np.testing.assert_array_equal(sheet[:72, across], photo)
        averaged = trainer.averaged()
        network = TransformerNetwork(trainer.network.architecture)
        own = {
            k.removeprefix("network."): v for k, v in averaged.items() if k.startswith("network.")
        }
        network.load_state_dict(own if whole_network else trainer.network.state_dict())
        expected = painted(network, averaged["embeddings"][1], photo, margin=0)
        assert np.abs(sheet[72:, across] - expected).max() < 1
    assert_equal(
        train(trainer, 3), train(tiny_trainer(whole_network=whole_network, noise=noise), 6)
    )


# --- what a run is made of
# ----------------------------------------------------------------------------------------------


def test_read_catalog(tmp_path: Path) -> None:
    table = tmp_path / "catalog.tsv"
    table.write_text(
        "file\tname\ttitle\nnight.jpg\tstarry-night\tDe sterrennacht\nwave.jpg\tgreat-wave\t神奈川沖浪裏\n",
        "utf-8",
    )
    assert inputs.read_catalog(table) == {
        "night.jpg": {"name": "starry-night", "title": "De sterrennacht"},
        "wave.jpg": {"name": "great-wave", "title": "神奈川沖浪裏"},
    }


@pytest.mark.parametrize(
    "text", ["", "file\tname\n", "file,name\na.jpg,a\n", "name\ttitle\na\tA\n", "\n\n"]
)
def test_a_table_that_is_no_catalog(text: str, tmp_path: Path) -> None:
    table = tmp_path / "catalog.tsv"
    table.write_text(text)
    with pytest.raises(TrainingError, match=rf"{table} is no catalog: .*tab-separated"):
        inputs.read_catalog(table)


def test_a_catalog_that_cannot_be_read(tmp_path: Path) -> None:
    table = tmp_path / "catalog.tsv"
    with pytest.raises(TrainingError, match=f"cannot read the catalog {table}: No such file"):
        inputs.read_catalog(table)
    table.write_bytes("file\tname\na.jpg\tétude\n".encode("latin-1"))
    with pytest.raises(TrainingError, match=f"cannot read the catalog {table}: .*UTF-8"):
        inputs.read_catalog(table)


def test_rows_of_a_catalog_that_are_short_or_long(tmp_path: Path) -> None:
    """What is left out is empty, and the facts can stand in a style file."""
    table = tmp_path / "catalog.tsv"
    table.write_text("file\tname\ttitle\na.jpg\ta\nb.jpg\tb\tB\tmore\n")
    facts = inputs.read_catalog(table)
    assert facts["a.jpg"] == {"name": "a", "title": ""}
    assert all(
        isinstance(text, str) for row in facts.values() for pair in row.items() for text in pair
    )


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "My_Tulip.png"
    Image.fromarray(texture(1, 120, 90)).save(path)
    return path


@pytest.mark.parametrize(
    "facts, name, expected",
    [
        (None, None, "my-tulip"),
        ({"name": "tulip", "title": "T"}, None, "tulip"),
        ({"name": "tulip"}, "given", "given"),
        ({"title": "T"}, None, "my-tulip"),
    ],
)
def test_read_painting(
    facts: Mapping[str, str] | None, name: str | None, expected: str, picture: Path
) -> None:
    painting = inputs.read_painting(picture, 60, facts, name)
    assert painting.name == expected
    assert painting.pixels.shape == (80, 60, 3)
    assert painting.metadata["source"] == "My_Tulip"
    assert painting.metadata.get("title") == (facts or {}).get("title")
    assert "name" not in painting.metadata


@pytest.mark.parametrize("keep", [True, False])
def test_a_painting_remembers_the_picture_as_it_was(picture: Path, keep: bool) -> None:
    """Not at the size of the strokes, which may be larger."""
    painting = inputs.read_painting(picture, 150, keep=keep)
    assert painting.pixels.shape == (200, 150, 3)
    assert painting.remembered == (encode_picture(texture(1, 120, 90)) if keep else None)


def test_the_painting_of_a_style_file(tmp_path: Path) -> None:
    """It keeps name and facts, and the very bytes of the picture, which do not wear when they are
    learned again."""
    facts = {"title": "A Tulip", "source": "My_Tulip", "base.trained": "long ago", "base.J": "3.0"}
    path = tmp_path / "any.safetensors"
    kept = encode_picture(texture(1, 120, 90))
    Style("tulip", {"base": np.ones(7, np.float32)}, {"base": "o1d"}, facts, remembered=kept).save(
        path
    )
    painting = inputs.read_painting(path, 60)
    assert (painting.name, painting.remembered) == ("tulip", kept)
    assert painting.metadata == {"title": "A Tulip", "source": "My_Tulip"}
    assert painting.pixels.shape == (80, 60, 3)
    assert inputs.read_painting(path, 60, {"name": "fact"}).name == "fact"
    assert inputs.read_painting(path, 60, {"name": "fact"}, "given", keep=False).remembered is None


def test_a_style_file_without_a_picture_is_not_learned_anew(tmp_path: Path) -> None:
    path = tmp_path / "tulip.safetensors"
    Style("tulip", {"base": np.ones(7, np.float32)}, {"base": "o1d"}).save(path)
    with pytest.raises(
        TrainingError,
        match=rf"{path} does not remember.*impasto train PICTURE -o {path} --overwrite",
    ):
        inputs.read_painting(path, 60)


def test_content_is_photographs_or_generated(picture: Path) -> None:
    photos, generated = inputs.load_content(picture.parent, 3), inputs.load_content(None, 3)
    assert isinstance(photos, PhotoFolder) and photos.seed == 3
    assert isinstance(generated, SyntheticPhotos) and generated.seed == 3


@pytest.mark.parametrize("precision, dtype", [("f32", torch.float32), ("bf16", torch.bfloat16)])
def test_precision_of_the_perceptual_network(precision: str, dtype: torch.dtype) -> None:
    lite = inputs.load_losses("lite", precision)
    assert isinstance(lite, PerceptualNetwork) and lite.name == "lite"
    assert lite(pictures(1), ["relu1_1"])["relu1_1"].dtype == dtype


def test_pace() -> None:
    for kind in ("fresh", "continued", "tuned"):
        chosen = TrainingSettings(steps=1, **inputs.learning_rates(2e-3, kind))
        assert (chosen.learning_rate, chosen.embedding_rate) == (2e-3, 8e-3), "the one given"
    fresh, continued, tuned = (
        TrainingSettings(steps=1, **inputs.learning_rates(None, kind))
        for kind in ("fresh", "continued", "tuned")
    )
    assert fresh == TrainingSettings(steps=1)
    assert tuned.learning_rate < continued.learning_rate < fresh.learning_rate
    assert continued.curriculum[0][1] > fresh.curriculum[0][1], (
        "what goes on does not start from the smallest crops again"
    )


def test_card() -> None:
    trainer = train(tiny_trainer(), 2)
    card = style_training.card(trainer, crop=64, style_size=512)
    assert card["trained"].startswith("2 steps of 2, ")
    assert card["perceptual"] == trainer.objective.perceptual.identity
    assert card["content"] == "textures"
    assert card["crop"] == "64" and card["style_size"] == "512"
    assert card["weights"] == "content 1, style 5, local 0, tv 0, stability 0"
    assert all(isinstance(value, str) for value in card.values())
