"""The default network of a run: the first of an order that has all its styles."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from impasto.choices import NetworkName
from impasto.models.mix import Mix
from impasto.models.network import Network, load_shipped, network_path
from impasto.models.style import Style

AUTO = "auto"  # in place of the name of a network: the first of an order that has all styles
FALLBACK: NetworkName = "base"


@dataclass(frozen=True)
class NetworkOrder:
    """Names of networks that ship, in the order of preference.

    Attributes:
        learned: where all styles of a run were learned.
        predicted: where a style is predicted from a picture.
    """

    learned: tuple[NetworkName, ...]
    predicted: tuple[NetworkName, ...]


# Blind judges preferred `large` where a style was learned, and `base` where it is predicted from a
# picture; see "Gallery 8" of docs/explanation/training-history.md.
PICTURE_ORDER = NetworkOrder(
    learned=("large", "base", "small"), predicted=("base", "large", "small")
)
# videos have many frames
CLIP_ORDER = NetworkOrder(learned=("base", "small", "large"), predicted=("base", "small", "large"))


def resolve_network(
    network: str | Path, mixes: Iterable[Mix], order: NetworkOrder = PICTURE_ORDER
) -> str | Path:
    """Replace "auto" by the name of a network; return any other name or path as it is."""
    return choose_network(mixes, order) if network == AUTO else network


def choose_network(mixes: Iterable[Mix], order: NetworkOrder = PICTURE_ORDER) -> NetworkName:
    """Choose the network that paints styles.

    Args:
        mixes: all styles of a run.
        order: names of networks, in the order of preference.

    Returns:
        The first network for which every style has an embedding, or is a picture, whose style is
        predicted. If there is none, or if every style owns its network, it is "base".

    Raises:
        NetworkError: the file of a network is broken.
    """
    styles = [style for mix in mixes for style, _ in mix.parts if not style.own]
    is_predicted = any(style.pixels is not None for style in styles)
    if styles:
        for name in order.predicted if is_predicted else order.learned:
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
