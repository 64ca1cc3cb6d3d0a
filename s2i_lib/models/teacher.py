"""The teachers: frozen image encoders (Eq. 3)."""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from s2i_lib.models.pretrained import EfficientNetTrunk, FidInception, GoogLeNetTrunk, Stages


class Teacher(nn.Module):
    """A frozen image encoder (Eq. 3): (B, 3, H, W) images in [0, 1] to (B, D) pooled features, always in eval mode.

    Every grid of non-negative features that its trunk returns is pooled by the generalised mean of exponent `power`
    (Radenović et al., 2018): 1 is the mean; 3 lets the places where a feature is strong count more, which tells parts apart
    better.

    Args:
        name: in file names and tables.
        trunk: (B, 3, S, S) normalised images to a list of (B, C, h, w) grids.
        dim: D, the sum of their C.
        mean: of the pixels that the trunk was trained on, by channel.  std: their deviation.
        image_size: side S that images are resized to.
        power: see above.
    """

    def __init__(
        self, name: str, trunk: nn.Module, dim: int, mean: list[float], std: list[float], image_size: int, power: float = 1.0
    ):
        super().__init__()
        self.name, self.dim, self.image_size, self.trunk, self.power = name, dim, image_size, trunk, power
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1))
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Teacher":
        """Stay in evaluation mode, whatever is asked for."""
        return super().train(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) images in [0, 1] of any size to (B, D) float32 features."""
        images = resize(images.to(self.mean.device), self.image_size)
        grids = self.trunk(((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last))
        return torch.cat([self._pool(grid.float()) for grid in grids], dim=1)

    def _pool(self, grid: torch.Tensor) -> torch.Tensor:
        return grid.clamp_min(0).pow(self.power).mean(dim=(2, 3)).pow(1 / self.power)


def teacher_views(pixels: torch.Tensor, views: str) -> list[torch.Tensor]:
    """What a teacher is shown of each picture; it brings every view to its own size.

    ``whole`` is the picture (Section III-B names no crop), ``mirror`` the picture and its mirror image, ``centre`` the square
    of 224 / 256 of its side in the middle, with which networks of this kind are usually tested. ``released`` are the ten views
    of
    the released code: squashed to 227 px, five crops of 224 px near the middle, and the same five upside-down, since the code
    flips the wrong axis. (That code feeds the teacher uncropped photos of birds; here every view comes from the cropped ones,
    as Section IV-A says.)

    Args:
        pixels: (N, 3, H, W) uint8.
        views: see above.

    Returns:
        One (N, 3, h, w) uint8 tensor per view.
    """
    if views == "whole":
        return [pixels]
    if views == "mirror":
        return [pixels, pixels.flip(-1)]
    if views == "centre":
        edge = round(pixels.shape[-1] * 16 / 256)
        return [pixels[..., edge : pixels.shape[-2] - edge, edge : pixels.shape[-1] - edge]]
    squashed = resize(pixels.float(), 227).round().clamp(0, 255).to(torch.uint8)
    crops = [squashed[..., y : y + 224, x : x + 224] for y, x in ((0, 0), (3, 0), (1, 1), (0, 3), (3, 3))]
    return crops + [crop.flip(-2) for crop in crops]


def resize(images: torch.Tensor, size: int) -> torch.Tensor:
    """The one resize of the project: (B, 3, H, W) floats to (B, 3, size, size), bilinear, anti-aliased when it shrinks."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)


def load_teacher(
    name: str = "efficientnet_lite0",
    image_size: int = 224,
    path: str | Path | None = None,
    power: float = 1.0,
    stages: Stages = "last",
) -> Teacher:
    """A frozen teacher.

    Args:
        name: ``efficientnet_lite0`` (1280-d, weights inside a Python package) or ``googlenet`` (1024-d, the paper's, with
            torchvision's ImageNet weights in the range that these were learned in, -1 to 1).
        image_size: side in pixels that images are resized to.
        path: of a GoogLeNet state dict; by default the file in ``data/weights`` or in torchvision's own folder.
        power: exponent of the generalised mean over a grid.
        stages: features of the ``last`` grid (Eq. 3), of ``all`` stages of the network (1488-d and 2528-d), or ``both``, the
            first and then the others.

    Raises:
        ValueError: unknown name.
        DatasetError: GoogLeNet's weights are not there; the message says how to get them.
        FileNotFoundError: no such file as `path`.
    """
    trunk: EfficientNetTrunk | GoogLeNetTrunk
    if name == "efficientnet_lite0":
        trunk, mean, std = EfficientNetTrunk(stages), 127 / 255, 128 / 255
    elif name == "googlenet":
        trunk, mean, std = GoogLeNetTrunk(path, stages), 0.5, 0.5
    else:
        raise ValueError(f"teacher {name!r} is unknown; choose efficientnet_lite0 or googlenet")
    return Teacher(name, trunk.to(memory_format=torch.channels_last), trunk.dim, [mean] * 3, [std] * 3, image_size, power)


def load_feature_network(name: str, size: int) -> Teacher | FidInception:
    """The network that distances are measured with, by its name in the metrics: ``lite0`` at `size` px, or ``inception``."""
    return FidInception() if name == "inception" else load_teacher("efficientnet_lite0", size)
