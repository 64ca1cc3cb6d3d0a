"""What beside its configuration decides which numbers a run ends with: the code, the precision, the data on disk."""

import hashlib
import json
from typing import NamedTuple

from s2i_lib.config import Config
from s2i_lib.devices import uses_bfloat16

# Raised by whoever changes what a training or a score computes; tests/test_identity.py fails until that is done.
CODE_VERSION = 2
DATA_STAMP = "drawn_by.txt"  # in the data folder, written by ``preparation.images``


class Identity(NamedTuple):
    """The columns of every record that no table may mix.

    Attributes:
        code: ``CODE_VERSION``.
        precision: of matrix products, ``float32`` or ``bfloat16``; what ``auto`` means on this machine.
        drawing: twelve hexadecimal digits of the pictures and captions on disk; empty where there are none yet.
    """

    code: int
    precision: str
    drawing: str


def identity(config: Config) -> Identity:
    """What a run of this configuration is trained and scored with here and now."""
    path = config.data_dir / DATA_STAMP
    drawing = path.read_text().split()[-1] if path.exists() else ""
    return Identity(CODE_VERSION, "bfloat16" if uses_bfloat16(config) else "float32", drawing)


def network_fingerprint(config: Config, *sections: str) -> str:
    """Twelve hexadecimal digits of some sections of a configuration and of ``identity``: a network that was trained under
    others is another network.
    """
    values = json.dumps([config.fingerprint(*sections), *identity(config)])
    return hashlib.sha256(values.encode()).hexdigest()[:12]
