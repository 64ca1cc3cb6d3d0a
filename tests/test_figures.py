"""What a saved figure leaves in the checkout."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from conftest import tiny_config
from PIL import Image

from s2i_lib import figures
from s2i_lib.config import load_config


def test_a_drawing_is_saved_to_look_at_to_print_and_as_numbers(project):
    figure, axis = plt.subplots()
    axis.plot([0, 1])
    for profile, kinds in {"smoke": ["csv", "png"], "small": ["csv", "pdf", "png"]}.items():
        config = tiny_config().model_copy(update={"profile": profile})
        path = figures.save_figure(figure, config, "line", pd.DataFrame({"y": [0, 1]}))
        assert sorted(file.name for file in path.parent.iterdir()) == [f"line.{kind}" for kind in kinds]


def test_a_figure_with_pictures_is_saved_as_one_small_file(project):
    figures.use_style()
    pictures = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)  # noise hardly compresses
    path = figures.save_figure(figures.image_grid(pictures, columns=2), tiny_config(), "grid")
    assert [file.name for file in path.parent.iterdir()] == ["grid.jpg"]
    assert Image.open(path).size[0] > 64


def test_photographs_stay_with_their_run_and_what_is_drawn_of_them_does_not(project):
    config = load_config("small", "cub", "whisper")
    pictures = np.zeros((2, 8, 8, 3), np.uint8)
    for name, generated, folder in (
        ("photographs", False, config.seed_dir / "figures" / "cub"),
        ("drawn", True, config.figures_dir),
    ):
        path = figures.save_figure(figures.image_grid(pictures, columns=2), config, name, generated=generated)
        assert path == folder / f"{name}.jpg" and path.exists()
    assert config.figures_dir != config.seed_dir / "figures" / "cub"
    assert figures.save_figure(plt.figure(), config, "curve").parent == config.figures_dir


def test_what_an_earlier_run_plotted_of_other_seeds_is_plotted_again(project):
    config, columns = tiny_config(), ["dataset", "seed", "mean"]
    new = pd.DataFrame([("birds", 0, 0.5)], columns=columns)
    pairs = [("birds", 0), ("birds", 1)]
    assert figures.with_earlier(new, config, "dots", pairs).equals(new)  # nothing was plotted yet
    earlier = pd.DataFrame([("birds", 0, 0.1), ("birds", 1, 0.2), ("birds", 2, 0.3), ("flowers", 1, 0.4)], columns=columns)
    figures.save_figure(plt.figure(), config, "dots", earlier)
    assert figures.with_earlier(new, config, "dots", pairs).to_numpy().tolist() == [["birds", 1, 0.2], ["birds", 0, 0.5]]
    assert figures.with_earlier(new.head(0), config, "dots", pairs)["mean"].tolist() == [0.1, 0.2]
