"""One training on several GPUs: the same loop in every process that ``torchrun`` starts, with averaged gradients.

Without ``torchrun`` there is one process, and nothing here does anything.
"""

import os
from collections.abc import Iterable

import torch
from torch import distributed


def start() -> None:
    """Join the processes that ``torchrun`` started, over NCCL between GPUs and over gloo between processors."""
    if "WORLD_SIZE" in os.environ and not distributed.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this one is; the one of rank 0 writes the files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def share(rows):
    """This process's part of the rows of a batch.

    Raises:
        ValueError: the batch cannot be divided evenly, and then the average of the gradients would not be that of the batch.
    """
    if len(rows) % count():
        raise ValueError(f"a batch of {len(rows)} cannot be divided among {count()} processes; choose a divisor")
    return rows[rank()::count()] if count() > 1 else rows


def average_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replace every gradient by its mean over the processes."""
    if count() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    for gradient, mean in zip(gradients, (flat / count()).split([gradient.numel() for gradient in gradients])):
        gradient.copy_(mean.view_as(gradient))


def agree(value: torch.Tensor) -> torch.Tensor:
    """What the first process holds, in every process."""
    if count() > 1:
        distributed.broadcast(value, src=0)
    return value


def wait() -> None:
    """Until every process has come here."""
    if count() > 1:
        distributed.barrier()
