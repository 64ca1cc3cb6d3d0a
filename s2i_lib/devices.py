"""Where networks compute and in which precision."""

import os
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from s2i_lib.config import Config

Module = TypeVar("Module", bound=nn.Module)


def pick_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_fast_bfloat16() -> bool:
    """Whether this machine has bfloat16 matrix products in hardware: a GPU's, or the AMX tiles of a processor."""
    if pick_device().type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # oneDNN may be told to use less than the processor has, and then its LSTM refuses bfloat16.
    allowed = os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").upper()
    return bool(torch.cpu.get_capabilities().get("amx_tile")) and (allowed in ("ALL", "DEFAULT") or "AMX" in allowed)


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
