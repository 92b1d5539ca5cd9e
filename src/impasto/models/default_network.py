"""The default network of a run: the first of an order that has all its styles."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from impasto.models.mix import Mix
from impasto.models.network import Network, NetworkName, load_shipped, network_path
from impasto.models.style import Style

AUTO = "auto"  # in place of the name of a network: the first of an order that has all styles
# Blind judges preferred `large` where a style was trained, and `base` where it is predicted from a
# picture; see "Gallery 8" of docs/explanation/training-history.md.
PICTURE_ORDER: Sequence[NetworkName] = ("large", "base", "small")
PREDICTED_ORDER: Sequence[NetworkName] = ("base", "large", "small")
CLIP_ORDER: Sequence[NetworkName] = ("base", "small", "large")  # videos have many frames
FALLBACK: NetworkName = "base"


def resolve_network(
    network: str | Path, mixes: Iterable[Mix], order: Sequence[NetworkName] = PICTURE_ORDER
) -> str | Path:
    """Replace "auto" by the name of a network; return any other name or path as it is."""
    return choose_network(mixes, order) if network == AUTO else network


def choose_network(
    mixes: Iterable[Mix], order: Sequence[NetworkName] = PICTURE_ORDER
) -> NetworkName:
    """Choose the network that paints styles.

    Args:
        mixes: all styles of a run.
        order: names of networks that ship, in the order of preference. If a style is a picture,
            `PREDICTED_ORDER` stands for `PICTURE_ORDER`.

    Returns:
        The first network for which every style has an embedding, or is a picture, whose style is
        predicted. If there is none, or if every style owns its network, it is "base".

    Raises:
        NetworkError: the file of a network is broken.
    """
    styles = [style for mix in mixes for style, _ in mix.parts if not style.own]
    if order == PICTURE_ORDER and any(style.pixels is not None for style in styles):
        order = PREDICTED_ORDER
    if styles:
        for name in order:
            # a gallery of another version, or that a user trained, has fewer networks
            if network_path(name).is_file():
                network = load_shipped(name)
                if all(_has_style(network, style) for style in styles):
                    return name
    return FALLBACK


def _has_style(network: Network, style: Style) -> bool:
    """Tell whether a network has the embedding of a style, or predicts it from a picture.

    The picture that a trained style remembers does not count: its own embedding is better.
    """
    if style.pixels is not None:
        return bool(network.predictor)
    return style.mismatch(network) is None
