"""What profile `paper` is said to take: arithmetic that can be checked by hand, and one step at the real sizes."""

import pytest
import torch

from s2i_lib.__main__ import main
from s2i_lib.config import load_config
from s2i_lib.run import forecast
from s2i_lib.training.gan import build_networks
from s2i_lib.training.gan_steps import Batch, stackgan_step


@pytest.fixture(scope="module")
def paper():
    return load_config("paper", "cub", "paper")


def test_disk_and_memory_are_products_of_the_sizes(paper):
    parts, images = forecast.disk(paper), 8855 + 2933
    assert parts["pictures"] == images * 256 * 256 * 3
    assert parts["speech"] == images * 10 * 4 * 32_000
    assert parts["spectrograms"] == images * 10 * 400 * 40 * 2
    assert parts["embeddings"] == images * 10 * 1024 * 4
    assert forecast.memory(paper) - 2e9 == 8855 * (256 * 256 * 3 + 10 * 1024 * 4)
    assert forecast.disk(load_config("paper", "places", "paper"))["speech"] == 0, "people have recorded it"


def test_twice_the_batch_is_twice_the_work_of_the_same_weights(paper):
    one, two = (forecast.gan_step(paper.gan.model_copy(update={"batch_size": size}), 1024) for size in (4, 8))
    assert two.operations == 2 * one.operations and two.elements == 2 * one.elements and two.weights == one.weights


def test_a_step_takes_its_multiplications_and_then_its_bytes():
    step, card = forecast.Step(35e12, 4e11, 0, 0), forecast.Card("round", 100e12, 1e12, 1, "float32")
    assert step.seconds(card) == pytest.approx(1.0 + 2 * 4 * 0.4 / 0.8)
    halves = card._replace(precision="bfloat16")
    assert step.seconds(halves) == pytest.approx(1.0 + 2 * 2 * 0.4 / 0.8)


def test_the_released_codes_three_days_are_within_a_factor_of_two(paper):
    """Its authors state them for a GTX 1080 Ti, with an Inception network that is run on every picture for the log."""
    card = forecast.Card("GTX 1080 Ti", 11.3e12, 484e9, 11e9, "float32")
    assert 1.5 < forecast.gan_step(paper.gan, 1024).seconds(card) * paper.gan.steps / 86_400 < 3.5


def test_the_forecast_names_every_card_and_data_set(capsys):
    assert main(["data", "forecast"]) == 0
    said = capsys.readouterr().out
    for word in ("cub: ", "oxford: ", "places: ", "T4", "L4", "A100", "H100", "220,000 steps"):
        assert word in said
    assert main(["data", "forecast", "--dataset", "birds"]) == 2
    assert "'birds' is not a data set to download" in capsys.readouterr().err


@pytest.mark.slow
def test_one_step_at_the_papers_sizes(paper):
    """256 px, all widths, all scales; of the batch of 24 only two pictures, for which a processor has the memory."""
    config = paper.model_copy(update={"gan": paper.gan.model_copy(update={"batch_size": 2})})
    networks = build_networks(config, 1024, torch.device("cpu"))
    weights = sum(weight.numel() for part in (networks.generator, networks.discriminators) for weight in part.parameters())
    assert weights == forecast.gan_step(config.gan, 1024).weights
    before = [weight.clone() for weight in networks.generator.first.parameters()]
    batch = Batch(torch.rand(2, 3, 256, 256) * 2 - 1, torch.randn(2, 1024), torch.arange(2))
    losses = stackgan_step(networks, batch, step=0)
    assert all(torch.isfinite(value) for value in losses.values())
    assert not any(torch.equal(old, new) for old, new in zip(before, networks.generator.first.parameters(), strict=True))
