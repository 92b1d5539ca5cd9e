"""The processes of one run on several GPUs or machines: each paints its share of every batch.

`torchrun` and `accelerate launch` start one process for each GPU, a rank, and tell it by
environment variables which one it is. All ranks make the same draws, and each keeps its share of
the rows. Gradients are averaged in one flat reduction, so weights stay equal bit for bit, as they
begin equal and take equal steps. What a decision depends on (losses, the clock, signals) travels in
the same reduction: ranks that decided differently would wait for each other for ever.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor, nn

from impasto.errors import TrainingError
from impasto.hardware import available_cores


@dataclass
class Ranks:
    """The place of this process among those of its run.

    Attributes:
        rank: its number; rank 0 writes all files and tells the time.
        count: processes of the run.
        local_count: those of them on this machine.
        stop_asked: whether this process received a signal to stop.
        stop_agreed: whether any did, as of the last step.
    """

    rank: int = 0
    count: int = 1
    local_count: int = 1
    stop_asked: bool = field(default=False, compare=False)
    stop_agreed: bool = field(default=False, compare=False)

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files of the run."""
        return self.rank == 0

    @property
    def cores(self) -> int:
        """The cores of this machine that fall to this process."""
        return max(1, available_cores() // self.local_count)

    def check_batch(self, batch: int, predicted: int) -> None:
        """Check that a batch can be shared.

        Args:
            batch: photographs a step.
            predicted: those that are painted in predicted styles.

        Raises:
            TrainingError: the shares would differ.
        """
        if batch % self.count or predicted % self.count:
            parts = (
                f"{batch}, of which {predicted} are in predicted styles," if predicted else batch
            )
            raise TrainingError(
                f"cannot share a batch of {parts} among {self.count} processes; give a --batch of"
                f" which each has an equal share, such as {2 * batch * self.count}"
            )

    @torch.no_grad()
    def average(
        self, parameters: Iterable[nn.Parameter], losses: Mapping[str, Tensor], seconds: float
    ) -> tuple[dict[str, float], float]:
        """Average gradients and losses over all processes, and agree on the time.

        Args:
            parameters: those that learn, with their gradients; a missing one counts as zeros.
            losses: scalars.
            seconds: of training, by the clock of this process.

        Returns:
            The mean of each loss, and the seconds by the clock of rank 0.

        Raises:
            TrainingError: another process has ended.
        """
        if self.count == 1:
            return {name: loss.item() for name, loss in losses.items()}, seconds
        learning = list(parameters)
        for p in learning:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        device = learning[0].device
        # a sum over ranks: that of the time has one term
        facts = [self.count * seconds if self.is_first else 0.0, float(self.stop_asked)]
        parts = [p.grad.flatten() for p in learning if p.grad is not None]
        parts += [torch.stack([*losses.values()]).to(device), torch.tensor(facts, device=device)]
        shared = self._sum(torch.cat([part.float() for part in parts])) / self.count
        *gradients, shared = shared.split([*(p.numel() for p in learning), len(losses) + 2])
        for p, gradient in zip(learning, gradients, strict=True):
            assert p.grad is not None
            p.grad.copy_(gradient.view_as(p))
        *means, seconds, stop = shared.tolist()
        self.stop_agreed = stop > 0
        return dict(zip(losses, means, strict=True)), seconds

    @torch.no_grad()
    def copy_first(self, tensors: Iterable[Tensor]) -> None:
        """Give all processes the tensors of rank 0, as machines may round differently."""
        if self.count == 1:
            return
        targets = list(tensors)
        flat = torch.cat([tensor.flatten() for tensor in targets])
        with _explain_lost_processes():
            dist.broadcast(flat, 0)
        for target, values in zip(targets, flat.split([t.numel() for t in targets]), strict=True):
            target.copy_(values.view_as(target))

    def check_step(self, step: int, device: torch.device) -> None:
        """Check that all processes go on from the same step.

        Raises:
            TrainingError: they do not, as some do not see the checkpoint.
        """
        if self.count == 1:
            return
        steps = torch.zeros(self.count, dtype=torch.int64, device=device)
        steps[self.rank] = step
        if len(set(found := self._sum(steps).tolist())) > 1:
            raise TrainingError(
                f"cannot go on: the processes have checkpoints of the steps {sorted(set(found))};"
                " put the gallery on a disk that all machines share"
            )

    def _sum(self, tensor: Tensor) -> Tensor:
        with _explain_lost_processes():
            dist.all_reduce(tensor)
        return tensor


SINGLE = Ranks()
"""The only process of its run."""


@contextlib.contextmanager
def _explain_lost_processes() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise TrainingError(
            "cannot go on with training: another process of the run ended; see what it says, and go"
            " on with --resume"
        ) from error


@contextlib.contextmanager
def join_ranks() -> Iterator[Ranks]:
    """Join the other processes of the run that a launcher started; leave them at the end.

    Yields:
        The place of this process; `SINGLE` where there is no launcher.

    Raises:
        TrainingError: the others cannot be reached, or this machine has too few GPUs.
    """
    variables = {name: _read_number(name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    count = variables["WORLD_SIZE"] or 1
    if count == 1:
        yield SINGLE
        return
    if missing := [name for name, number in variables.items() if number is None]:
        raise TrainingError(
            f"cannot train by {count} processes: {' and '.join(missing)} is not set; start them by"
            " torchrun or accelerate launch"
        )
    ranks = Ranks(variables["RANK"] or 0, count, _read_number("LOCAL_WORLD_SIZE") or 1)
    _choose_device(variables["LOCAL_RANK"] or 0)
    try:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"cannot reach the other processes of the run ({str(error).splitlines()[0]}); start"
            " them by torchrun or accelerate launch"
        ) from error
    try:
        yield ranks
    finally:
        dist.destroy_process_group()


def _read_number(name: str) -> int | None:
    text = os.environ.get(name, "")
    return int(text) if text.isdigit() else None


def _choose_device(local_rank: int) -> None:
    """Make a GPU the one that `torch.device("cuda")` means in this process."""
    if not torch.cuda.is_available():
        return
    if local_rank >= (found := torch.cuda.device_count()):
        raise TrainingError(
            f"cannot train by more than {found} processes on this machine, as it has {found} GPUs;"
            f" give --nproc_per_node {found}"
        )
    torch.cuda.set_device(local_rank)
