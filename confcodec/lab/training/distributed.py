"""Data-parallel training: several processes, each with its own patches, one model.

`torchrun --nproc-per-node 2 -m confcodec train ...` starts them, on one machine
or on several. Every process draws its own batch, and the gradients are averaged,
so that all take the same step: N processes train as one with N times the batch.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Group:
    """The processes of a run, as one of them sees it."""

    rank: int = 0
    """Which one this is; 0 writes the files."""
    size: int = 1
    """How many there are."""

    def average_gradients(
        self, parameters: Iterable[Tensor], flags: Sequence[bool]
    ) -> list[bool]:
        """Average all gradients; for each flag, tell whether any process raised it."""
        if self.size == 1:
            return list(flags)
        grads = [p.grad for p in parameters if p.grad is not None]
        raised = torch.tensor(flags, dtype=torch.float32, device=grads[0].device)
        flat = torch.cat([*(grad.flatten() for grad in grads), raised])
        dist.all_reduce(flat)
        start = 0
        for grad in grads:
            count = grad.numel()
            grad.copy_(flat[start : start + count].view_as(grad)).div_(self.size)
            start += count
        return [value > 0 for value in flat[start:].tolist()]

    def total(self, values: Sequence[float]) -> list[float]:
        """The sum of each value over all processes."""
        if self.size == 1:
            return list(values)
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        sums = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(sums)
        return sums.tolist()


@contextmanager
def join_group(device: torch.device) -> Iterator[Group]:
    """Meet the other processes that torchrun started; a group of one without it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Group()
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Group(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()


def leave(code: int) -> int:
    """End a process of a group with this exit code; without a group, give it back.

    About one process in fifty would be aborted while torch 2.13 is unloaded ("terminate
    called without an active exception"), after all is saved, and torchrun would take the
    whole run for failed. So nothing is unloaded.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
