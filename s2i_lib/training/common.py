"""What the training loops have in common: seeds, batches, schedules, averaged weights, checkpoints.

All randomness of a step comes from ``seed_step(seed, step)``, so a checkpoint needs no generator states and a run that was
killed ends with the same numbers as one that was not. Nothing is selected by a test score: the last weights are used.
"""

import copy
import math
import pickle
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from s2i_lib.devices import to_device
from s2i_lib.features import to_signed
from s2i_lib.files import save_atomically
from s2i_lib.results.records import machine_in_words
from s2i_lib.training import distributed

CHECKPOINT_SECONDS = 30.0
CHEAP_CHECKPOINT = 1.5  # seconds; one that takes longer to write is written more rarely in proportion
_WRITER = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
# what a trained student depends on; a checkpoint made under other values is refused
STUDENT_SECTIONS = ("dataset", "profile", "recipe", "seed", "precision", "data", "teacher", "encoder")


def adam(module: nn.Module, rate: float, betas: tuple[float, float] = (0.9, 0.999), **options: Any) -> torch.optim.Adam:
    """Adam over the parameters of a module, in one kernel: half the time of a loop over the parameters."""
    return torch.optim.Adam(module.parameters(), rate, betas, fused=True, **options)


def seed_step(seed: int, step: int) -> np.random.Generator:
    """Seed torch for one step and return the NumPy generator of that step.

    Processes that train together agree on the rows of a batch, from NumPy, and differ in the noise, from torch.
    """
    torch.manual_seed((seed * 1_000_003 + step + distributed.rank() * 2**40) % 2**63)
    return np.random.default_rng([seed, step])


def epoch_batches(num_items: int, batch_size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """A seeded permutation of the items cut into full batches; a short last batch is dropped unless it is the only one."""
    order = np.random.default_rng([seed, epoch]).permutation(num_items)
    count = max(1, num_items // batch_size)
    return [order[i * batch_size : (i + 1) * batch_size] for i in range(count)]


class _Stateful(Protocol):
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: Any) -> Any: ...


class Checkpoint:
    """Everything a loop needs to go on: modules, optimisers, position and history, in one file replaced atomically.

    Raises:
        ValueError: the file is of another network (``identity.network_fingerprint``), or damaged.
    """

    def __init__(self, path: Path, fingerprint: str, **parts: _Stateful):
        self.path, self.parts, self.position = path, parts, 0
        self.history: list[dict[str, Any]] = []
        self.fingerprint, self._saved = fingerprint, time.monotonic()
        self._written: Future[float] = _WRITER.submit(float)  # behind what others are still writing
        self._written.result()
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError):
            raise ValueError(f"{path} is cut short, or no checkpoint: remove it to train again") from None
        if state["fingerprint"] != self.fingerprint:
            raise ValueError(f"{path} was written under another configuration, precision or version: remove it to train again")
        self.position, self.history = state["position"], state["history"]
        for name, part in parts.items():
            part.load_state_dict(state[name])

    def save(self, position: int, force: bool = False) -> None:
        """Note that `position` steps are done, and let a copy be written while they go on, half a minute after the last one.

        With `force` it is written when this returns.

        Raises:
            OSError: it, or the one before, cannot be written.
        """
        self.position = position
        if distributed.rank() or (not force and not self._is_due()):
            return
        self._written.result()
        state: dict[str, Any] = {name: part.state_dict() for name, part in self.parts.items()}
        state |= {"position": position, "history": self.history, "fingerprint": self.fingerprint}
        state |= {"machine": machine_in_words()}
        self._written = _WRITER.submit(self._write, copy.deepcopy(state))
        self._saved = time.monotonic()
        if force:
            self._written.result()

    def _is_due(self) -> bool:
        """A write of more than ``CHEAP_CHECKPOINT`` seconds takes no larger share of the time than a cheap one."""
        if not self._written.done():
            return False
        return time.monotonic() - self._saved >= CHECKPOINT_SECONDS * max(1.0, self._written.result() / CHEAP_CHECKPOINT)

    def _write(self, state: dict[str, Any]) -> float:
        """Returns the seconds that it took."""
        started = time.monotonic()
        save_atomically(self.path, lambda file: torch.save(state, file))
        return time.monotonic() - started


def rate_schedule(optimizer: torch.optim.Optimizer, total: int, constant: bool = False) -> torch.optim.lr_scheduler.LRScheduler:
    """Half a cosine from the given rate to zero, or the constant rate, after a warm-up of 2 % of the steps."""
    warmup = max(1, total // 50)

    def factor(step: int) -> float:
        return min((step + 1) / warmup, 1.0 if constant else 0.5 * (1 + math.cos(math.pi * min(step / total, 1.0))))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def averaged(module: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of the weights and normalisation statistics of `module`, itself under ``.module``.

    Call ``update_parameters(module)`` after every step. Early in a run the decay is lower, (step + 1) / (step + 10), or the
    untrained weights would stay for long; after the first step the average is the module itself. It never flows back.
    """

    def update(averages: Any, values: Any, _: torch.Tensor | int) -> None:
        if not averages[0].is_floating_point():
            for mean, value in zip(averages, values, strict=True):
                mean.copy_(value)
            return
        step = int(average.n_averaged)
        get_ema_multi_avg_fn(min(decay, (step + 1) / (step + 10)))(averages, values, average.n_averaged)

    average = AveragedModel(module, multi_avg_fn=update, use_buffers=True)
    average.module.eval()
    return average


def augment(images: torch.Tensor, rng: np.random.Generator, turns: bool = False) -> torch.Tensor:
    """Mirror a random half of (B, 3, H, W) uint8 images, turn them by random quarters if asked, and scale them to [-1, 1],
    channels last.
    """
    if turns:
        images = torch.stack([image.rot90(int(k), (1, 2)) for image, k in zip(images, rng.integers(4, size=len(images)))])
    mirrored = to_device(rng.random(len(images)) < 0.5, images.device)
    images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    return to_signed(images).contiguous(memory_format=torch.channels_last)
