"""Pretrained networks that profile `paper` asks for: no data set, but fetched, checked and put into place like one.

They belong into ``data/weights``; files that torchvision has downloaded before are found in its own folder.
"""

import os
from pathlib import Path

from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.photos.parts import Part, part_folder, raw_folder
from s2i_lib.files import sha256

TITLE = "Weights of pretrained networks"


def _torch_hub() -> Path:
    """Where torchvision keeps what it downloads (``torch.hub.get_dir``, without importing torch)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    folder = Path(os.environ.get("TORCH_HOME", cache / "torch")) / "hub" / "checkpoints"
    try:
        return folder.expanduser()
    except RuntimeError:  # a user without a home
        return folder


def _part(what: str, url: str, source: str, licence: str, size: int) -> Part:
    name = url.rpartition("/")[2]
    # by torchvision's habit a file name ends in the first digits of its SHA-256
    return Part(
        what, name, (name, str(_torch_hub() / name)), source, licence, size, url, "sha256:" + name[:-4].rpartition("-")[2]
    )


_TORCHVISION = "https://docs.pytorch.org/vision/stable/models.html"
_LICENCE = "BSD-3-Clause for torchvision; the weights were learned from ImageNet, which is meant for research"
GOOGLENET = _part(
    "GoogLeNet, the paper's teacher",
    "https://download.pytorch.org/models/googlenet-1378be20.pth",
    _TORCHVISION,
    _LICENCE,
    52_147_035,
)
INCEPTION = _part(
    "Inception-v3, to be fine-tuned for the inception score",
    "https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth",
    _TORCHVISION,
    _LICENCE,
    108_949_747,
)
FID_INCEPTION = _part(
    "Inception-v3 as the Fréchet inception distance is defined with (pytorch-fid)",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    "https://github.com/mseitzer/pytorch-fid",
    "Apache-2.0 for pytorch-fid; weights of the TensorFlow authors",
    95_628_359,
)
PARTS = (GOOGLENET, INCEPTION, FID_INCEPTION)


def find(part: Part) -> Path:
    """The file of a network.

    Raises:
        DatasetError: it is not there; the message says how to get it.
    """
    return part_folder(part, raw_folder("weights"))


def verify() -> list[str]:
    """Compare the files that are there with their checksums and say so, line by line.

    Raises:
        DatasetError: a file is not what its name promises.
    """
    lines = []
    for part in PARTS:
        path = part.find(raw_folder("weights"))
        if path is None:
            lines.append(f"weights: {part.archive} is not there")
            continue
        found = sha256(path)
        expected = part.checksum.removeprefix("sha256:")
        if not found.startswith(expected):
            raise DatasetError(f"{path} has the checksum {found} instead of {expected}...: remove it and get it again")
        lines.append(f"weights: {part.archive} is complete")
    return lines
