"""Settings of a server."""

import ipaddress
import secrets
from dataclasses import dataclass, field

from impasto.errors import ImpastoError

MEGABYTE = 1_000_000
DEFAULT_QUEUE = 8  # requests that wait for the painter
DEFAULT_MAX_UPLOAD = 256 * MEGABYTE
DEFAULT_MAX_PIXELS = 50_000_000  # of one picture
MIN_TOKEN_LENGTH = 16  # characters


@dataclass(frozen=True)
class ServerSettings:
    """Settings of a server.

    Attributes:
        host: address to listen at.
        port: port to listen at; 0 takes a free one.
        token: secret that requests must carry; None: none, for this machine alone.
        network: network of requests that name none: "auto", "base", "large" or "small".
        queue: requests that may wait for the painter; more are refused.
        max_upload: bytes of a request.
        max_pixels: pixels of a picture.
        engine: "auto", "openvino", "onnxruntime" or "torch".
        device: "auto", "cpu", "gpu", "npu", or the name of another device.
        precision: "auto", "bf16", "f16", "f32" or "int8".
        threads: to compute with; None: all cores.
        allow_origins: origins of other pages that may call the API, such as https://example.org.
        warm_up: load the default network at the start, before the first request needs it.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = field(default=None, repr=False)
    network: str = "auto"
    queue: int = DEFAULT_QUEUE
    max_upload: int = DEFAULT_MAX_UPLOAD
    max_pixels: int = DEFAULT_MAX_PIXELS
    engine: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    allow_origins: tuple[str, ...] = ()
    warm_up: bool = True

    @property
    def cookie(self) -> str:
        """Name of the cookie that stands for the token; cookies of a host are shared by ports."""
        return f"impasto-{self.port}"


def is_loopback(host: str) -> bool:
    """Tell whether a host, without its port, is this machine by name or by address."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def choose_token(host: str, token: str | None) -> str | None:
    """Return the token of a server, and make one up where the network can reach it.

    Raises:
        ImpastoError: the token is too short to resist guessing.
    """
    if token is None:
        return None if is_loopback(host) else secrets.token_urlsafe(24)
    if len(token) < MIN_TOKEN_LENGTH or not token.isascii() or not token.isprintable():
        raise ImpastoError(
            f"cannot use this token: it has {len(token)} characters; give"
            f" {MIN_TOKEN_LENGTH} printable ASCII characters or more, or none, and impasto makes"
            " one up"
        )
    return token
