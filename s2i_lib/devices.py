"""Where networks compute and in which precision."""

import hashlib
import os
import platform
import re
import tempfile
import time
from contextlib import AbstractContextManager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from s2i_lib.config import Config
from s2i_lib.files import save_text

Module = TypeVar("Module", bound=nn.Module)
WORTHWHILE = 1.15  # times as fast: less is not worth the lost digits


def pick_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


# What processors multiply matrices with, the fastest first, and from which value of ONEDNN_MAX_CPU_ISA on it may be used.
INSTRUCTION_SETS = {
    "AMX": ("amx_tile", "AMX|ALL|DEFAULT"),
    "AVX-512 BF16": ("avx512_bf16", "BF16|FP16|AMX|ALL|DEFAULT"),
    "AVX-512": ("avx512_f", "AVX512|AVX10|AMX|ALL|DEFAULT"),
    "AVX2": ("avx2", "AVX2|AVX512|AVX10|AMX|ALL|DEFAULT"),
}


def instruction_set() -> str:
    """The fastest of ``INSTRUCTION_SETS`` that this processor has and may use; empty if none, or if it is not of this kind."""
    has, allowed = torch.cpu.get_capabilities(), os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").upper()
    return next((name for name, (flag, levels) in INSTRUCTION_SETS.items() if has.get(flag) and re.search(levels, allowed)), "")


@cache
def has_fast_bfloat16() -> bool:
    """Whether bfloat16 pays on this machine: a GPU has it in hardware; a processor is asked to compute with it.

    What a processor was found to do is kept in the folder of temporary files, so that all runs of a machine agree.
    """
    if pick_device().type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # oneDNN may be told to use less than the processor has, and then its LSTM refuses bfloat16.
    best = instruction_set()
    has_none = best not in ("AMX", "AVX-512 BF16") and platform.machine() in ("x86_64", "AMD64")
    if has_none or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    asked = f"{torch.__version__} {torch.get_num_threads()} {best} {sorted(torch.cpu.get_capabilities().items())}"
    known = Path(tempfile.gettempdir()) / f"s2i-bfloat16-{os.getuid()}-{hashlib.sha256(asked.encode()).hexdigest()[:12]}"
    with suppress(OSError, ValueError):
        return float(known.read_text()) > WORTHWHILE
    gain = bfloat16_gain()
    with suppress(OSError):  # then it is measured again
        save_text(known, f"{gain:.3f}")
    return gain > WORTHWHILE


@torch.enable_grad()  # also where it is asked for first by who draws a picture
def bfloat16_gain(repetitions: int = 5) -> float:
    """How many times faster than in float32 this machine computes a convolution of the generator and its gradients in bfloat16;
    about a fifth of a second. The quickest of some repetitions in turns counts, since other programs run beside.
    """
    # No random numbers: whether it was measured before must change no result.
    weight, images = torch.full((64, 64, 3, 3), 0.1), torch.full((16, 64, 32, 32), 0.1)
    given = [part.contiguous(memory_format=torch.channels_last).requires_grad_() for part in (images, weight)]
    quickest = [float("inf")] * 2
    for _ in range(repetitions + 1):  # the first is a warm-up, too
        for number, low in enumerate((False, True)):
            started = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=low):
                total = F.conv2d(given[0], given[1], padding=1).float().square().mean()
            torch.autograd.grad(total, given)
            quickest[number] = min(quickest[number], time.perf_counter() - started)
    return quickest[0] / quickest[1]


def uses_bfloat16(config: Config) -> bool:
    """What ``precision`` of a configuration means on this machine: ``auto`` takes bfloat16 where it is fast."""
    return has_fast_bfloat16() if config.precision == "auto" else config.precision == "bfloat16"


def mixed_precision(config: Config) -> AbstractContextManager[Any]:
    """bfloat16 matrix products where ``uses_bfloat16``; losses, normalisation statistics and optimisers stay in float32."""
    return torch.autocast(pick_device().type, torch.bfloat16, enabled=uses_bfloat16(config))


def configure_gpu(config: Config) -> None:
    """Once before a training: on a GPU with bfloat16, what is left of float32 matrix products may be rounded to TF32, and the
    fastest convolution is searched for; ``float32`` means float32 throughout. Nothing on a processor.
    """
    if pick_device().type == "cuda":
        fast = uses_bfloat16(config)
        torch.set_float32_matmul_precision("high" if fast else "highest")
        torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = fast


def channels_last(module: Module, device: torch.device) -> Module:
    """`module` on `device`, its weights in the order that convolutions are fastest with."""
    module.to(device)
    module.to(memory_format=torch.channels_last)
    return module


def to_device(values: Any, device: torch.device) -> torch.Tensor:
    """An array as a tensor on `device`; a GPU gets it from pinned memory, so that nobody waits for its other work."""
    tensor = torch.from_numpy(np.asarray(values))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
