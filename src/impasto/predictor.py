"""The style predictor: an embedding from any picture, at once."""

from impasto.errors import StyleError
from impasto.images import UInt8
from impasto.networks import Network
from impasto.styles import Embedding


def predict(picture: UInt8, network: Network) -> Embedding:
    """A style embedding, (network.embedding_size,), of a picture, uint8 (H, W, 3).

    Raises:
        StyleError: no style predictor ships for the network.
    """
    raise StyleError(f"no style predictor ships for the network {network.name} ({network.hash})")
