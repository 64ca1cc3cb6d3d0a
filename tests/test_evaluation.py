"""Evaluation in bounded memory, and features of real pictures that are computed once."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s2i_lib import evaluation, metrics
from s2i_lib.evaluation import Evaluator
from s2i_lib.features import cached_features, extract_features
from s2i_lib.models.teacher import Teacher


class Sums(torch.nn.Module):
    """A feature network that costs nothing and counts its calls."""

    def __init__(self, dim=12):
        super().__init__()
        self.calls, self.weights = 0, torch.nn.Parameter(torch.rand(3, dim, generator=torch.Generator().manual_seed(0)))

    def forward(self, images):
        self.calls += 1
        return [(images.mean(dim=(2, 3)) @ self.weights)[:, :, None, None]]


def teacher(trunk=None):
    return Teacher("sums", trunk or Sums(), 12, [0.0] * 3, [1.0] * 3, 8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_a_feature_sample_holds_everything_until_it_is_full(seed, cuts):
    parts = [np.random.default_rng(seed).normal(size=(cut, 5)) for cut in cuts]
    sample = metrics.FeatureSample(5, size=sum(cuts))
    for part in parts:
        sample.update(part)
    everything = np.concatenate(parts)
    assert np.array_equal(sample.rows, everything.astype(np.float32))
    if len(everything) > 1:
        np.testing.assert_allclose(sample.statistics.mean, everything.mean(0), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(sample.statistics.covariance, np.cov(everything, rowvar=False), rtol=1e-10, atol=1e-12)


def test_a_full_feature_sample_keeps_its_size_favours_no_row_and_counts_all():
    counts = np.zeros(60)
    for seed in range(300):
        sample = metrics.FeatureSample(1, size=20, seed=seed)
        for start in range(0, 60, 7):
            sample.update(np.arange(start, min(start + 7, 60))[:, None])
        kept = sample.rows[:, 0].astype(int)
        assert len(kept) == 20 and (np.diff(kept) > 0).all() and sample.statistics.count == 60
        assert np.array_equal(sample.numbers, kept)
        counts[kept] += 1
    # 300 draws of a third: 100 expected, deviation 8
    assert counts.min() > 70 and counts.max() < 130 and abs(counts[:20].mean() - counts[-20:].mean()) < 8


def test_statistics_of_an_offset_as_large_as_a_network_gives_agree_to_ten_digits():
    features = np.random.default_rng(0).normal(size=(3000, 8)) * 0.3 + 1000
    statistics = metrics.FeatureStatistics(8)
    for part in np.array_split(features, 11):
        statistics.update(part)
    np.testing.assert_allclose(statistics.mean, features.mean(0), rtol=1e-12)
    np.testing.assert_allclose(statistics.covariance, np.cov(features, rowvar=False), rtol=1e-10, atol=1e-10)


def test_features_are_computed_once_and_again_when_a_pixel_or_a_weight_changes(tmp_path):
    images, network = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8), teacher()
    first = cached_features(network, images, tmp_path)
    np.testing.assert_array_equal(first, extract_features(network, images))
    calls = network.trunk.calls
    np.testing.assert_array_equal(cached_features(network, images, tmp_path), first)
    assert network.trunk.calls == calls
    changed = images.clone()
    changed[0, 0, 0, 0] ^= 1
    cached_features(network, changed, tmp_path)
    with torch.no_grad():
        network.trunk.weights += 1
    cached_features(network, images, tmp_path)
    assert network.trunk.calls == calls + 2 and len(list(tmp_path.iterdir())) == 3


@pytest.fixture
def evaluator(monkeypatch):
    """An evaluator without data, whose classifiers and feature network cost nothing."""
    monkeypatch.setattr(
        evaluation,
        "predict_with_features",
        lambda classifier, images: ({"class": np.full((len(images), 2), 0.5)}, images.mean((2, 3)).numpy()),
    )
    monkeypatch.setattr(
        evaluation, "most_probable", lambda classifier, answers: {"crown": np.full(len(answers["class"]), "red")}
    )
    made = Evaluator.__new__(Evaluator)
    made.classifiers, made.network = {"attributes": None, "classes": None}, teacher()
    return made


def test_predictions_are_those_of_all_pictures_at_once(evaluator):
    images = torch.rand(50, 3, 8, 8) * 2 - 1
    predictions = evaluator.predict(images.split(16))
    pixels = ((images + 1) * 127.5).round().to(torch.uint8)
    features = extract_features(evaluator.network, pixels, batch_size=16)  # of another size it may be rounded otherwise
    np.testing.assert_array_equal(predictions.features, features)
    assert predictions.statistics.count == len(predictions.classes) == len(predictions.attributes["crown"]) == 50
    np.testing.assert_allclose(predictions.statistics.covariance, np.cov(features, rowvar=False), rtol=1e-10)
    np.testing.assert_allclose(predictions.classifier.rows, images.mean((2, 3)), rtol=1e-6)
    known = evaluator.predict(images.split(16), known=features + 1)
    np.testing.assert_array_equal(known.features, features + 1)


def test_predictions_for_thirty_thousand_pictures_keep_ten_thousand_features(evaluator):
    batch = torch.zeros(500, 3, 8, 8)
    predictions = evaluator.predict(batch for _ in range(60))
    assert predictions.features.shape == (10_000, 12) and predictions.statistics.count == len(predictions.classes) == 30_000
