"""One training on several GPUs: the same loop in every process that ``torchrun`` starts, with averaged gradients.

Without ``torchrun`` there is one process, and nothing here does anything.
"""

import os
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed as dist


def init_process_group() -> None:
    """Join the processes that ``torchrun`` started, over NCCL between GPUs and over gloo between processors."""
    if "WORLD_SIZE" in os.environ and not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is; the one of rank 0 writes the files."""
    return dist.get_rank() if dist.is_initialized() else 0


def shard(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """This process's part of the rows of a batch.

    Raises:
        ValueError: the batch cannot be divided evenly, and then the average of the gradients would not be that of the batch.
    """
    if len(rows) % world_size():
        raise ValueError(f"a batch of {len(rows)} cannot be divided among {world_size()} processes; choose a divisor")
    return rows[rank() :: world_size()] if world_size() > 1 else rows


def all_reduce_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replace every gradient by its mean over the processes."""
    if world_size() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    for gradient, mean in zip(gradients, (flat / world_size()).split([gradient.numel() for gradient in gradients])):
        gradient.copy_(mean.view_as(gradient))


def broadcast(value: torch.Tensor) -> torch.Tensor:
    """What the first process holds, in every process."""
    if world_size() > 1:
        dist.broadcast(value, src=0)
    return value


def barrier() -> None:
    """Until every process has come here."""
    if world_size() > 1:
        dist.barrier()
