"""Inception v3 (Szegedy et al. 2016) as FID and ArtFID use it: a picture to 2048 numbers.

Both files have torchvision's key layout. The two networks differ in details, and figures depend on
these details. FID's network was ported from TensorFlow for pytorch-fid. It takes pictures of 299
pixels in -1..1, leaves padding out of averages, and ends in a maximum. ArtFID's network was trained
on art. It takes pictures of any size in 0..1, and does neither.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import WeightsError
from impasto.learning.evaluation.lpips import read_weights
from impasto.learning.networks.perceptual import tensors_hash

FID_FILE = "pt_inception-2015-12-05-6726825d.pth"  # of pytorch-fid's releases
ART_FILE = "art_inception.pth"  # of art-fid's
FID_CLASSES = 1008  # outputs of TensorFlow's network, and of no other
SIDE = 299  # pixels, of pictures as FID's network takes them


class Inception:
    """A frozen Inception v3 up to its last pooling.

    Args:
        tensors: Weights in torchvision's key layout. A network of 1008 classes is taken as FID's,
            any other as ArtFID's.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = {
            key: tensor.float() for key, tensor in tensors.items() if tensor.is_floating_point()
        }
        self.fid = len(self.tensors.get("fc.weight", ())) == FID_CLASSES
        self.identity = f"{'fid' if self.fid else 'art'}-inception-{tensors_hash(self.tensors)}"

    def __repr__(self) -> str:
        return f"Inception({self.identity})"

    @torch.no_grad()
    def __call__(self, picture: Tensor) -> Tensor:
        """Compute features (B, 2048) of RGB in 0..1, (B, 3, H, W).

        Raises:
            KeyError: A tensor is missing.
            RuntimeError: A tensor has another shape than in Inception v3.
        """
        x = picture
        if self.fid:
            x = 2 * F.interpolate(x, size=(SIDE, SIDE), mode="bilinear") - 1
        x = self._conv("Conv2d_1a_3x3", x, 2, same=False)
        x = self._conv("Conv2d_2b_3x3", self._conv("Conv2d_2a_3x3", x, same=False))
        x = self._conv("Conv2d_3b_1x1", F.max_pool2d(x, 3, 2))
        x = F.max_pool2d(self._conv("Conv2d_4a_3x3", x, same=False), 3, 2)
        for block in ("5b", "5c", "5d"):
            x = self._block_5(f"Mixed_{block}.", x)
        x = self._reduction_6a("Mixed_6a.", x)
        for block in ("6b", "6c", "6d", "6e"):
            x = self._block_6(f"Mixed_{block}.", x)
        x = self._reduction_7a("Mixed_7a.", x)
        x = self._block_7("Mixed_7b.", x, self._average(x))
        x = self._block_7(
            "Mixed_7c.", x, F.max_pool2d(x, 3, 1, 1) if self.fid else self._average(x)
        )
        return x.mean((2, 3))

    def _conv(self, name: str, x: Tensor, stride: int = 1, same: bool = True) -> Tensor:
        """Convolve without bias, normalize by the statistics of training, and rectify.

        `same` pads, so that a stride of 1 keeps the size.
        """
        weight = self.tensors[f"{name}.conv.weight"]
        padding = (weight.shape[2] // 2, weight.shape[3] // 2) if same else 0
        x = F.conv2d(x, weight, None, stride, padding)
        mean, var, scale, shift = (
            self.tensors[f"{name}.bn.{k}"]
            for k in ("running_mean", "running_var", "weight", "bias")
        )
        return F.relu(F.batch_norm(x, mean, var, scale, shift, eps=0.001))

    def _chain(self, block: str, names: str, x: Tensor) -> Tensor:
        for name in names.split():
            x = self._conv(block + name, x)
        return x

    def _average(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=not self.fid)

    def _block_5(self, block: str, x: Tensor) -> Tensor:
        chains = (
            "branch1x1",
            "branch5x5_1 branch5x5_2",
            "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3",
        )
        branches = [self._chain(block, chain, x) for chain in chains]
        return torch.cat([*branches, self._conv(f"{block}branch_pool", self._average(x))], 1)

    def _reduction_6a(self, block: str, x: Tensor) -> Tensor:
        one = self._conv(f"{block}branch3x3", x, 2, same=False)
        two = self._conv(
            f"{block}branch3x3dbl_3",
            self._chain(block, "branch3x3dbl_1 branch3x3dbl_2", x),
            2,
            same=False,
        )
        return torch.cat([one, two, F.max_pool2d(x, 3, 2)], 1)

    def _block_6(self, block: str, x: Tensor) -> Tensor:
        chains = [
            "branch1x1",
            "branch7x7_1 branch7x7_2 branch7x7_3",
            "branch7x7dbl_1 branch7x7dbl_2 branch7x7dbl_3 branch7x7dbl_4 branch7x7dbl_5",
        ]
        branches = [self._chain(block, chain, x) for chain in chains]
        return torch.cat([*branches, self._conv(f"{block}branch_pool", self._average(x))], 1)

    def _reduction_7a(self, block: str, x: Tensor) -> Tensor:
        one = self._conv(f"{block}branch3x3_2", self._conv(f"{block}branch3x3_1", x), 2, same=False)
        seven = self._chain(block, "branch7x7x3_1 branch7x7x3_2 branch7x7x3_3", x)
        return torch.cat(
            [one, self._conv(f"{block}branch7x7x3_4", seven, 2, same=False), F.max_pool2d(x, 3, 2)],
            1,
        )

    def _block_7(self, block: str, x: Tensor, pooled: Tensor) -> Tensor:
        three = self._conv(f"{block}branch3x3_1", x)
        double = self._chain(block, "branch3x3dbl_1 branch3x3dbl_2", x)
        branches = [self._conv(f"{block}branch1x1", x)]
        branches += [self._conv(f"{block}branch3x3_2{side}", three) for side in "ab"]
        branches += [self._conv(f"{block}branch3x3dbl_3{side}", double) for side in "ab"]
        return torch.cat([*branches, self._conv(f"{block}branch_pool", pooled)], 1)


def load_inception(path: Path) -> Inception:
    """Load the Inception network of FID or of ArtFID from a file.

    Raises:
        WeightsError: The file is missing or holds another network. The message names both files.
    """
    network = Inception(read_weights(path))
    try:
        network(torch.zeros(1, 3, SIDE, SIDE))
    except (KeyError, RuntimeError) as error:
        raise WeightsError(
            f"cannot load {path}: it does not hold Inception v3 in torchvision's layout ({error}); "
            f"give {FID_FILE} of pytorch-fid's releases, or {ART_FILE} of art-fid's"
        ) from error
    return network
