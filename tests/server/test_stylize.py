"""POST /v1/stylize: the same painting as the package makes, from all kinds of styles and masks."""

import hashlib
import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from pictures import UInt8, photo
from PIL import Image

from impasto.inference.file_pipeline import FileOptions, stylize_bytes
from impasto.inference.masks import parse_mask
from impasto.inference.predictor import predict_style
from impasto.inference.record import read_record
from impasto.inference.regions import Region
from impasto.inference.settings import parse_settings
from impasto.models.gallery import gallery_style, memory_style
from impasto.models.mix import find_mix
from impasto.models.network import load_shipped
from impasto.paths import home
from server.conftest import Running, detail_of, png

STYLE = {"style": "great-wave"}


def pixels_of(answer: httpx.Response) -> UInt8:
    """Decode a painting."""
    assert answer.status_code == 200, answer.text
    return np.array(Image.open(io.BytesIO(answer.content)).convert("RGB"))


def painted(
    served: Running, picture: bytes, style: Any, options: FileOptions | None = None, **more: Any
) -> UInt8:
    """Paint as the package does, with the same loaded network."""
    settings = parse_settings(style, **more)
    data, _ = stylize_bytes(
        picture, "photo.png", ".png", served.studio.stylizer("small"), settings, options
    )
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def post(client: httpx.Client, picture: bytes, data: Any = None, **files: Any) -> httpx.Response:
    """Send a picture."""
    given = [("image", ("photo.png", picture))]
    for name, value in files.items():
        values = value if isinstance(value, list) else [value]
        given += [(name, (f"{name}.png", one)) for one in values]
    return client.post("/v1/stylize", data=STYLE if data is None else data, files=given)


def record_of(answer: httpx.Response, folder: Path) -> dict[str, Any] | None:
    """Read the settings in a painting."""
    (folder / "painting.png").write_bytes(answer.content)
    return read_record(folder / "painting.png")


def test_the_painting_holds_its_settings(
    client: httpx.Client, picture: bytes, tmp_path: Path
) -> None:
    files = {"style_image": png(photo(50, 60)), "mask": png(photo(50, 60))}
    files |= {"region_mask": png(photo(40, 50))}
    fields = {"strength": "0.5", "mask_invert": "true", "region_style": "great-wave"}
    record = record_of(post(client, picture, fields, **files), tmp_path)
    assert record is not None
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    (style,), (region,) = record["styles"], record["regions"]
    assert (style["file"], style["sha256"]) == ("style_image.png", hashes["style_image"])
    assert record["mask"] == {"file": "mask.png", "sha256": hashes["mask"], "inverted": True}
    assert region["mask"] == {"file": "region_mask.png", "sha256": hashes["region_mask"]}
    assert (record["name"], record["strength"]) == ("photo.png", 0.5)
    assert record["photo_sha256"] == hashlib.sha256(picture).hexdigest()


def test_a_style_file_is_named_in_the_painting(
    client: httpx.Client, picture: bytes, tmp_path: Path
) -> None:
    gallery_style("great-wave").save(tmp_path / "mine.safetensors")
    data = (tmp_path / "mine.safetensors").read_bytes()
    files = [("image", ("a.png", picture)), ("style_file", ("C:/x/mine.safetensors", data))]
    record = record_of(client.post("/v1/stylize", files=files), tmp_path)
    assert record is not None
    (style,) = record["styles"]
    assert (style["file"], style["id"]) == ("mine.safetensors", "file:great-wave")
    assert style["sha256"] == hashlib.sha256(data).hexdigest()


def test_settings_are_left_out_on_demand(
    client: httpx.Client, picture: bytes, tmp_path: Path
) -> None:
    answer = post(client, picture, STYLE | {"embed_settings": "false"})
    assert record_of(answer, tmp_path) is None


def test_the_painting_is_that_of_the_package(
    served: Running, client: httpx.Client, picture: bytes
) -> None:
    answer = post(client, picture)
    np.testing.assert_array_equal(pixels_of(answer), painted(served, picture, "great-wave"))
    assert answer.headers["x-impasto-style"] == "great-wave"
    assert answer.headers["x-impasto-network"] == "small"
    assert float(answer.headers["x-impasto-seconds"]) > 0
    assert answer.headers["content-type"] == "image/png"
    assert "photo.great-wave.png" in answer.headers["content-disposition"]


def test_strength_color_stroke_size_and_wrap(
    served: Running, client: httpx.Client, picture: bytes
) -> None:
    data = STYLE | {"strength": "0.5", "color": "luminance:0.7", "stroke": "2", "size": "40"}
    answer = post(client, picture, data | {"wrap": "horizontal"})
    expected = painted(
        served,
        picture,
        "great-wave",
        FileOptions(size=40),
        strength=0.5,
        color="luminance:0.7",
        stroke=2.0,
        wrap="horizontal",
    )
    assert expected.shape == (40, 53, 3)
    np.testing.assert_array_equal(pixels_of(answer), expected)


def test_masks_and_regions(served: Running, client: httpx.Client, picture: bytes) -> None:
    mask = png(np.arange(48 * 64).reshape(48, 64).astype(np.uint8))
    region = png(np.repeat([[0], [255]], [24, 24], axis=0).repeat(64, 1).astype(np.uint8))
    answer = post(
        client,
        picture,
        STYLE | {"region_style": "starry-night"},
        mask=mask,
        region_mask=region,
    )
    expected = painted(
        served,
        picture,
        "great-wave",
        mask=parse_mask(mask),
        regions=[Region(region, "starry-night")],
    )
    np.testing.assert_array_equal(pixels_of(answer), expected)


def test_masks_by_name_and_inverted(served: Running, client: httpx.Client, picture: bytes) -> None:
    answer = post(client, picture, STYLE | {"mask_name": "not:left-right"})
    expected = painted(served, picture, "great-wave", mask="not:left-right")
    np.testing.assert_array_equal(pixels_of(answer), expected)
    twice = post(client, picture, STYLE | {"mask_name": "left-right", "mask_invert": "true"})
    np.testing.assert_array_equal(pixels_of(twice), expected)
    black = png(np.zeros((4, 4), np.uint8))
    all_painted = post(client, picture, STYLE | {"mask_invert": "1"}, mask=black)
    np.testing.assert_array_equal(pixels_of(all_painted), painted(served, picture, "great-wave"))


def test_a_picture_as_style(served: Running, client: httpx.Client, picture: bytes) -> None:
    style = png(photo(80, 70)[::-1])
    answer = post(client, picture, {}, style_image=style)
    np.testing.assert_array_equal(pixels_of(answer), painted(served, picture, style))
    assert answer.headers["x-impasto-style"] == "style-image"


def test_nothing_of_a_client_is_left_in_the_cache(client: httpx.Client, picture: bytes) -> None:
    cache = home()
    assert cache is not None
    before = set((cache / "predicted").glob("*"))
    style = png(photo(71, 83))
    assert post(client, picture, {}, style_image=style).status_code == 200
    assert client.post("/v1/styles", files={"image": style}).status_code == 200
    assert set((cache / "predicted").glob("*")) == before


def test_a_mix_of_a_name_a_picture_and_a_file(
    served: Running, client: httpx.Client, picture: bytes, tmp_path: Any
) -> None:
    image = png(photo(80, 70)[::-1])
    small = load_shipped("small")
    style = predict_style(photo(60, 90)[:, ::-1], "mine", [small])
    style.save(tmp_path / "mine.safetensors")
    file = (tmp_path / "mine.safetensors").read_bytes()
    data = {"style": "great-wave:1,starry-night:3", "style_weights": "0.4,0.5,0.1"}
    answer = post(client, picture, data, style_image=image, style_file=file)
    mix = find_mix(
        [
            ("great-wave", 0.1),
            ("starry-night", 0.3),
            (memory_style(image), 0.5),
            (tmp_path / "mine.safetensors", 0.1),
        ]
    )
    np.testing.assert_array_equal(pixels_of(answer), painted(served, picture, mix))


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "avif", "tiff"])
def test_formats(client: httpx.Client, picture: bytes, format: str) -> None:
    answer = post(client, picture, STYLE | {"format": format, "quality": "50"})
    assert answer.headers["content-type"] == f"image/{format}"
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format, image.size) == (format.upper(), (64, 48))


def test_an_empty_field_is_as_one_that_is_left_out(client: httpx.Client, picture: bytes) -> None:
    data = STYLE | {"size": "", "color": "", "mask_name": "", "style_weights": "", "network": ""}
    assert post(client, picture, data).status_code == 200


WRONG = [
    ({"style": "stary-night"}, "did you mean starry-night"),
    ({"style": "/etc/passwd"}, "no style is called '/etc/passwd'"),
    ({"style": "hf:you/styles/tulip"}, "no style is called 'hf'"),
    ({"style": "great-wave:x"}, "is no weight"),
    ({"style": "great-wave:0"}, "weights of a mix must be positive"),
    ({"style": ",".join(["great-wave"] * 17)}, "cannot mix 17 styles"),
    ({}, "cannot paint without a style"),
    (STYLE | {"strength": "1.5"}, "cannot use strength '1.5'"),
    (STYLE | {"strength": "nan"}, "cannot use strength 'nan'"),
    (STYLE | {"color": "sepia"}, "cannot use color mode 'sepia'"),
    (STYLE | {"color": "luminance", "color_when": "never"}, "cannot use color_when 'never'"),
    (STYLE | {"stroke": "99"}, "cannot use '99' as stroke"),
    (STYLE | {"stroke": "wide"}, "cannot use 'wide' as stroke"),
    (STYLE | {"network": "huge"}, "cannot use network 'huge'"),
    (STYLE | {"network": "/etc/passwd"}, "cannot use network"),
    (STYLE | {"network": "hf:you/styles/networks/base"}, "cannot use network"),
    (STYLE | {"mask_name": "/etc/passwd"}, "as a mask"),
    (STYLE | {"region_style": "great-wave"}, "0 region masks with 1 region styles"),
    (STYLE | {"style_weights": "1,2"}, "there are 2 for 1 styles"),
    (STYLE | {"format": "exe"}, "cannot use format 'exe'"),
    (STYLE | {"strenght": "1"}, "did you mean strength?"),
    (STYLE | {"url": "http://127.0.0.1/"}, "cannot use the field 'url'"),
]


@pytest.mark.parametrize(("data", "reason"), WRONG)
def test_what_is_wrong_is_said_in_one_line(
    client: httpx.Client, picture: bytes, data: dict[str, str], reason: str
) -> None:
    answer = post(client, picture, data)
    assert answer.status_code == 422
    assert reason in detail_of(answer)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"image": ("../../a\nb.png", b"no picture")}, "cannot read a"),
        ({"image": ("..", b"no picture")}, "cannot read the picture"),
        ({"style_image": b"no picture"}, "cannot read style_image.png"),
        ({"style_file": b"PK\3\4 a zip of styles"}, "cannot read style_file.png"),
        ({"style_file": b"\0" * 100}, "cannot read style_file.png"),
        ({"mask": b"no picture"}, "cannot read mask.png"),
        ({"region_mask": b"no picture"}, "1 region masks with 0 region styles"),
    ],
)
def test_files_that_are_wrong(
    client: httpx.Client, picture: bytes, files: dict[str, Any], reason: str
) -> None:
    given: dict[str, Any] = {"image": ("photo.png", picture)}
    for name, value in files.items():
        given[name] = value if isinstance(value, tuple) else (f"{name}.png", value)
    answer = client.post("/v1/stylize", data=STYLE, files=given)
    assert answer.status_code == 422
    assert reason in detail_of(answer)


def test_a_field_in_place_of_a_file(client: httpx.Client) -> None:
    answer = client.post("/v1/stylize", data=STYLE | {"image": "http://127.0.0.1/a.jpg"})
    assert answer.status_code == 422
    assert "cannot use image" in detail_of(answer)


def test_a_body_that_is_no_form(client: httpx.Client) -> None:
    answer = client.post("/v1/stylize", json={"image": "a"})
    assert answer.status_code in (415, 422)
    broken = client.post(
        "/v1/stylize", content=b"--x", headers={"content-type": "multipart/form-data"}
    )
    assert broken.status_code == 400
    detail_of(broken)


def test_a_decompression_bomb_is_refused_by_its_header(client: httpx.Client) -> None:
    bomb = png(np.zeros((16, 16), np.uint8))
    width = (60_000).to_bytes(4, "big")
    header = b"IHDR" + width + width + bomb[24:29]
    import zlib

    bomb = bomb[:12] + header + zlib.crc32(header).to_bytes(4, "big") + bomb[33:]
    answer = post(client, bomb)
    assert answer.status_code == 422
    assert "60000 x 60000 pixels are 3,600,000,000 and the limit is" in detail_of(answer)


def test_a_defect_is_a_problem_without_details(
    client: httpx.Client, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("impasto.server.recipes.stylize_bytes", fail)
    answer = post(client, picture)
    assert answer.status_code == 500
    assert "secret" not in detail_of(answer)


def test_a_lack_of_memory(
    client: httpx.Client, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("impasto.server.recipes.stylize_bytes", fail)
    answer = post(client, picture)
    assert answer.status_code == 503
    assert "not enough memory" in detail_of(answer)
