"""House style of the figures, and the few drawings that more than one chapter needs.

A drawing is saved as PNG to look at and as PDF to print, a figure with pictures in it as JPEG, and both with a CSV of the
plotted data where there is data.
"""

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike, NDArray
from PIL import ImageFile

from s2i_lib.audio import HOP, SAMPLE_RATE
from s2i_lib.config import Config
from s2i_lib.features import to_pixels
from s2i_lib.files import repository
from s2i_lib.recipes import RECIPES

# Pillow sets aside a byte a pixel for a JPEG, and pictures of noise need more.
ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, 2**23)

RECIPE_COLOURS = {**{name: recipe.colour for name, recipe in RECIPES.items()}, "two-stage": "#b03a48"}
INK, GREY = "#26323a", "#8a949b"


def use_style() -> None:
    """Switch the notebook to the house style: seaborn's "ticks", without the seconds that importing seaborn takes."""
    style: Any = {
        "axes.prop_cycle": cycler(color=["#1f6f8b", "#b5651d", "#5b8c5a", "#8d5b8c", "#c9a227", GREY]),
        "axes.axisbelow": True,
        "axes.linewidth": 1.25,
        "grid.color": ".8",
        "grid.linewidth": 1.0,
        "image.cmap": "magma",
        "legend.fontsize": 11,
        "legend.title_fontsize": 12,
        "lines.solid_capstyle": "round",
        "patch.edgecolor": "w",
        "patch.force_edgecolor": True,
        "font.sans-serif": ["Arial", "DejaVu Sans", "Liberation Sans", "sans-serif"],
        **{
            f"{axis}.{name}": value
            for axis in ("xtick", "ytick")
            for name, value in {
                "color": ".15",
                "major.size": 6,
                "minor.size": 4,
                "major.width": 1.25,
                "minor.width": 1.0,
            }.items()
        },
        "figure.dpi": 90,
        "savefig.dpi": 160,
        "savefig.bbox": "tight",
        "figure.constrained_layout.use": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.labelsize": 10,
        "axes.edgecolor": INK,
        "text.color": INK,
        "axes.labelcolor": INK,
        "font.size": 10,
        "legend.frameon": False,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
    }
    plt.rcParams.update(style)


def save_figure(figure: Figure, config: Config, name: str, data: pd.DataFrame | None = None, generated: bool = False) -> Path:
    """Write the figure and, with `data`, the numbers in it as ``<name>.csv``; returns the path of the figure.

    A drawing is written as ``<name>.png`` and, but for profile ``smoke``, as ``<name>.pdf``. A figure with pictures in it is
    written as ``<name>.jpg`` with little loss: such figures take most of the space of a checkout. Scores never read these.

    Photographs are not passed on: pictures of a photo data set stay with their run, where ``./run_all.sh --publish`` does not
    look, unless all of them are `generated`.

    In a notebook of profile ``smoke``, whose pictures are noise, what a real run drew is shown first.
    """
    pictures = any(axis.images for axis in figure.axes)
    may_show = generated or not pictures or config.spec.rendered
    folder = config.figures_dir if may_show else config.seed_dir / "figures" / config.dataset
    if config.profile == "smoke":
        show_committed(config.dataset, name)
    folder.mkdir(parents=True, exist_ok=True)
    if pictures:
        path = folder / f"{name}.jpg"
        figure.savefig(path, dpi=110, pil_kwargs={"quality": 88, "subsampling": 0, "optimize": True})
    else:
        path = folder / f"{name}.png"
        if config.profile == "smoke":  # drawing takes a second each time, and nobody looks at those
            figure.savefig(path, dpi=60)
        else:
            figure.savefig(path)
            figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})
    if data is not None:
        data.to_csv(path.with_suffix(".csv"), index=False, float_format="%.6g")
    return path


def show_committed(dataset: str, name: str) -> None:
    """Show the committed figure of profile ``small`` and say what follows it; nothing outside of notebooks, or without one."""
    found = [path for ending in ("jpg", "png") if (path := repository() / "figures" / dataset / f"{name}.{ending}").exists()]
    if not found or "IPython" not in sys.modules:
        return
    from IPython import display, get_ipython

    if get_ipython() is not None:
        display.display(
            display.Markdown("*What profile `small` drew (committed):*"),
            display.Image(filename=str(found[0]), alt=f"figure {name} of profile small"),
            display.Markdown("*What this run drew, with profile `smoke`, whose numbers mean nothing:*"),
        )


def with_earlier(data: pd.DataFrame, config: Config, name: str, pairs: list[tuple[str, int]], by: str = "") -> pd.DataFrame:
    """`data` for the figure `name`, and what an earlier run plotted there of those `pairs` of dataset and seed that `data`
    lacks; with `by`, of those pairs and values of that column.
    """
    committed = repository() / "figures" / config.dataset / f"{name}.csv"
    own = config.figures_dir / f"{name}.csv"
    path = own if own.exists() or config.profile == "smoke" else committed
    if not path.exists():
        return data
    earlier = pd.read_csv(path)
    keys = ["dataset", "seed", *([by] if by else [])]
    there = set(data[keys].itertuples(index=False, name=None))
    kept = [key[:2] in pairs and key not in there for key in earlier[keys].itertuples(index=False, name=None)]
    return pd.concat([earlier[kept], data], ignore_index=True)


def to_arrays(images: torch.Tensor | NDArray[Any]) -> NDArray[np.uint8]:
    """(N, 3, H, W) floats in [-1, 1] or uint8, tensor or array, to (N, H, W, 3) uint8."""
    tensor = torch.as_tensor(images)
    return (tensor if tensor.dtype == torch.uint8 else to_pixels(tensor.float())).permute(0, 2, 3, 1).numpy()


def show_image(axis: Axes, image: NDArray[np.uint8], title: str = "") -> None:
    """One (H, W, 3) uint8 image without ticks."""
    axis.imshow(image, interpolation="nearest" if image.shape[0] < 64 else "antialiased")
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=9, fontweight="normal")
    axis.spines[:].set_visible(False)


def image_grid(
    images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    columns: int,
    titles: list[str] | None = None,
    row_labels: list[str] | None = None,
    cell: float = 1.1,
) -> Figure:
    """A grid of (H, W, 3) uint8 images, row by row, with a title above each or a label left of each row."""
    rows = int(np.ceil(len(images) / columns))
    margin = 0.08 * max(len(line) for label in row_labels for line in label.splitlines()) if row_labels else 0.0  # inches
    figure, axes = plt.subplots(rows, columns, figsize=(cell * columns + margin, cell * rows + 0.2), squeeze=False)
    for index, axis in enumerate(axes.flat):
        axis.set_visible(index < len(images))
        if index < len(images):
            show_image(axis, images[index], titles[index] if titles else "")
        if row_labels and index % columns == 0:
            axis.set_ylabel(row_labels[index // columns], rotation=0, ha="right", va="center", fontsize=9)
    return figure


def plot_waveform(axis: Axes, waveform: ArrayLike, title: str = "") -> None:
    """A (samples,) waveform at 16 kHz over seconds."""
    samples = np.asarray(waveform)
    axis.plot(np.arange(len(samples)) / SAMPLE_RATE, samples, linewidth=0.4, color=INK)
    axis.set(xlabel="time (s)", yticks=[], xlim=(0, len(samples) / SAMPLE_RATE))
    axis.set_title(title, fontsize=9, fontweight="normal")
    axis.spines[["top", "right", "left"]].set_visible(False)


def plot_log_mel(axis: Axes, log_mel: ArrayLike, title: str = "") -> AxesImage:
    """A (40, frames) log-mel spectrogram over seconds; returns the image, for a colour bar."""
    bands = np.asarray(log_mel)
    extent = (0, bands.shape[1] * HOP / SAMPLE_RATE, 0, 40)
    image = axis.imshow(bands, origin="lower", aspect="auto", cmap="magma", extent=extent)
    axis.set(xlabel="time (s)", ylabel="mel band")
    axis.set_title(title, fontsize=9, fontweight="normal")
    return image


def wrap(text: str, width: int = 34) -> str:
    """A sentence broken into lines for a figure."""
    return "\n".join(textwrap.wrap(text, width))
