"""Model cards: what they say, and what they keep of what people wrote."""

from typing import Any

import pytest

pytest.importorskip("huggingface_hub")

from huggingface_hub import ModelCard

from impasto.errors import ArgumentError, HubError
from impasto.publishing.model_card import BEGIN, END, CardEntry, check_license, write_card

FACTS = {"name": "tulip", "title": "Tulip", "artist": "N. N.", "year": "1880"}
FACTS |= {"base.hash": "cafe", "small.hash": "beef", "license": "public domain"}
SCORES = {"base.C": "0.674", "base.S": "0.138", "base.J": "1.366"}
TULIP = CardEntry("tulip", FACTS | SCORES | {"base.measured": "4 photographs"})


def data_of(card: str) -> Any:
    """The YAML block, as the Hub reads it."""
    return ModelCard(card).data


def rows(card: str) -> list[list[str]]:
    """The cells of all tables."""
    lines = [line for line in card.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_facts_that_the_hub_reads() -> None:
    data = data_of(write_card("you/styles", "cc-by-4.0", [TULIP]))
    assert (data.license, data.library_name, data.pipeline_tag) == (
        "cc-by-4.0",
        "impasto",
        "image-to-image",
    )
    assert "style-transfer" in data.tags


def test_styles_with_their_scores() -> None:
    bare = CardEntry("rose", {"small.hash": "beef"}, True, "previews/rose.webp")
    card = write_card("you/styles", "mit", [TULIP, bare])
    head, _, tulip, rose = rows(card)
    assert head[1:] == [
        "style",
        "learned from",
        "its rights",
        "base: C, S, J",
        "small: C, S, J",
    ]
    assert tulip[1:] == [
        "`tulip`",
        "Tulip, N. N., 1880",
        "public domain",
        "0.674, 0.138, 1.366",
        "not measured",
    ]
    assert rose[0] == "![rose](previews/rose.webp)"
    assert rose[-2:] == ["", "not measured"]
    assert "J = C + 5 S. Lower is better. Measured on 4 photographs." in card
    assert "learned from, with a short side of 512 pixels at most: `rose`." in card
    assert "Lower is better" not in write_card("you/styles", "mit", [bare])
    assert "keep the picture" not in write_card("you/styles", "mit", [TULIP])


def test_commands_that_can_be_copied() -> None:
    network = CardEntry("networks/mine", {"hash": "cafe", "gallery": "8"})
    card = write_card("you/styles", "mit", [TULIP, network])
    assert "pip install 'impasto[hub]'" in card
    command = "impasto stylize photo.jpg --style hf:you/styles/tulip"
    assert f"{command} --network hf:you/styles/networks/mine\n" in card
    assert 'impasto.stylize("photo.jpg", "hf:you/styles/tulip", network="hf:you/sty' in card
    assert ["`networks/mine`", "8", "`cafe`"] in rows(card)
    assert f"{command}\n" in write_card("you/styles", "mit", [TULIP])
    assert "--style starry-night --network" in write_card("you/styles", "mit", [network])


def test_text_of_people_is_kept() -> None:
    old = write_card("you/styles", "mit", [TULIP])
    edited = old.replace(BEGIN, f"My tulips.\n\n{BEGIN}").replace(END, f"{END}\n\nThanks!")
    edited = edited.replace("library_name", "base_model: me/mine\nlibrary_name")
    rose = CardEntry("rose", {"small.hash": "beef"})
    new = write_card("you/styles", "mit", [TULIP, rose], edited)
    assert "My tulips." in new
    assert "Thanks!" in new
    assert "`rose`" in new
    assert new.count(BEGIN) == new.count(END) == new.count("## Styles") == 1
    assert data_of(new).base_model == "me/mine"
    assert write_card("you/styles", "mit", [TULIP, rose], new) == new  # again: the same


def test_a_card_that_impasto_did_not_write() -> None:
    new = write_card("you/styles", "mit", [TULIP], "---\ntags:\n- mine\n---\n# Tulips\n")
    assert new.index("# Tulips") < new.index(BEGIN)
    data = data_of(new)
    assert data.tags[0] == "mine"
    assert data.license == "mit"
    assert "# Tulips" in write_card("you/styles", "mit", [TULIP], "# Tulips\n")
    with pytest.raises(HubError, match="has no valid YAML block; mend"):
        write_card("you/styles", "mit", [TULIP], "---\n- a\n- b\n---\n")
    with pytest.raises(HubError, match="has no valid YAML block"):
        write_card("you/styles", "mit", [TULIP], "---\na: [\n---\n")


def test_another_license_than_that_of_the_card() -> None:
    old = write_card("you/styles", "mit", [TULIP])
    with pytest.raises(HubError, match=r"states the license mit; give --license mit, or push to"):
        write_card("you/styles", "cc0-1.0", [TULIP], old)


def test_facts_of_a_file_are_no_markup() -> None:
    title = "A | <b>B</b>\n![x](http://evil) `c`"
    card = write_card("you/styles", "mit", [CardEntry("a", {"title": title, "base.hash": "c"})])
    assert len(rows(card)) == 3
    assert "<b>" not in card
    assert "![x]" not in card


@pytest.mark.parametrize("text", [None, "", "MIT License", "-mit"])
def test_a_license_is_asked_for(text: str | None) -> None:
    with pytest.raises(
        ArgumentError, match=r"give --license and one of cc0-1.0, cc-by-4.0, .*, mit"
    ):
        check_license(text)
    assert check_license("cc-by-nc-sa-4.0") == "cc-by-nc-sa-4.0"
