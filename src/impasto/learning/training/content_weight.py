"""The adaptive weight of the content term, which keeps the subject where a style would bury it."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

RATE = 0.05  # how much the weight grows a step, at twice the error allowed: by a factor of e^0.05
MAX_SCALE = 20.0
MAX_EXCESS = 1.0  # a larger excess over the limit makes the weight grow no faster

# Limit of the content error, over the error at the start of a run. It is below 1, as the error of
# whole photographs rises where the error of crops stays as it is.
CONTENT_LIMIT_SHARE = 0.85
# The same share where `lite` measures the content error: by VGG-19 that error rises more.
LITE_CONTENT_LIMIT_SHARE = 0.7


class ContentWeight:
    """A factor of the content term that rises while the content error is above a limit.

    It falls back to 1 while the error is below. So training takes more of the style and keeps the
    subject.

    Attributes:
        scale: factor of the weight of the content term, 1 to `MAX_SCALE`.
        limit: content error above which `scale` rises; infinite for a fixed weight.
    """

    def __init__(self) -> None:
        self.scale = 1.0
        self.limit = math.inf

    def __repr__(self) -> str:
        return f"ContentWeight(scale={self.scale:.3g}, limit={self.limit:.3g})"

    def update(self, error: float) -> None:
        """Follow the content error of one step."""
        excess = min(error / self.limit - 1, MAX_EXCESS)
        self.scale = min(max(self.scale * math.exp(RATE * excess), 1.0), MAX_SCALE)

    def state(self) -> dict[str, float | None]:
        """Describe the weight for a checkpoint; JSON has no infinity, so None stands for it."""
        limit = None if math.isinf(self.limit) else self.limit
        return {"content_weight_scale": self.scale, "content_loss_limit": limit}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of a checkpoint.

        Checkpoints of impasto before 0.1.0 call the scale `price`, and have no limit: the limit
        stays the one that the run has computed from its start.
        """
        self.scale = (
            state["content_weight_scale"] if "content_weight_scale" in state else state["price"]
        )
        if "content_loss_limit" in state:
            limit = state["content_loss_limit"]
            self.limit = math.inf if limit is None else limit


def log_compress(error: Tensor) -> Tensor:
    """Compress errors above 1 to 1 + log(error), and leave others as they are.

    So a picture with a huge relative error does not rule a step. Such errors come from styles that
    are nearly flat.
    """
    return torch.where(error <= 1, error, 1 + error.clamp_min(1).log())
