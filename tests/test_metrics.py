"""Scores against their formulas, their reference packages and cases worked out by hand."""

import inspect
from itertools import combinations

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s2i_lib import metrics, statistics
from s2i_lib.models.classifiers import ImageClassifier, predict, predict_attributes

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**31)


def _gaussian(seed: int, dim: int = 6):
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=(40, dim)) @ rng.normal(size=(dim, dim)) + rng.normal(size=dim)
    return samples.mean(0), np.cov(samples, rowvar=False)


# --- Fréchet distance ---


@few
@given(seeds, seeds)
def test_frechet_distance_is_equation_17(seed1, seed2):
    (mean1, cov1), (mean2, cov2) = _gaussian(seed1), _gaussian(seed2)
    root = scipy.linalg.sqrtm(cov1 @ cov2).real
    expected = ((mean1 - mean2) ** 2).sum() + np.trace(cov1 + cov2 - 2 * root)
    tolerance = 1e-6 * np.trace(cov1 + cov2)
    assert metrics.frechet_distance(mean1, cov1, mean2, cov2) == pytest.approx(expected, abs=tolerance)


@pytest.mark.skipif(
    "disp" not in inspect.signature(scipy.linalg.sqrtm).parameters,
    reason="pytorch-fid passes an argument to sqrtm that this scipy no longer has",
)
def test_frechet_distance_equals_pytorch_fid():
    from pytorch_fid.fid_score import calculate_frechet_distance

    arguments = *_gaussian(1, 24), *_gaussian(2, 24)
    assert metrics.frechet_distance(*arguments) == pytest.approx(calculate_frechet_distance(*arguments), rel=1e-6)


def test_frechet_distance_of_equal_covariances_is_that_of_the_means():
    mean1, mean2 = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 7.0])
    assert metrics.frechet_distance(mean1, np.eye(3), mean2, np.eye(3)) == pytest.approx(20.0)


@few
@given(seeds, seeds)
def test_frechet_distance_is_symmetric_and_zero_to_itself(seed1, seed2):
    one, other = _gaussian(seed1), _gaussian(seed2)
    tolerance = 1e-6 * np.trace(one[1] + other[1])
    assert metrics.frechet_distance(*one, *other) == pytest.approx(metrics.frechet_distance(*other, *one), abs=tolerance)
    assert metrics.frechet_distance(*one, *one) == pytest.approx(0.0, abs=tolerance)


def test_frechet_distance_survives_fewer_samples_than_dimensions():
    rng = np.random.default_rng(0)
    samples1, samples2 = rng.normal(size=(5, 30)), rng.normal(size=(5, 30))
    covariances = [np.cov(samples, rowvar=False) for samples in (samples1, samples2)]
    distance = metrics.frechet_distance(samples1.mean(0), covariances[0], samples2.mean(0), covariances[1])
    nuclear = np.linalg.norm((samples1 - samples1.mean(0)) @ (samples2 - samples2.mean(0)).T, "nuc") / 4
    expected = ((samples1.mean(0) - samples2.mean(0)) ** 2).sum() + sum(map(np.trace, covariances)) - 2 * nuclear
    assert distance == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "change, reason",
    [({"mean2": np.zeros(4)}, "shapes"), ({"cov1": np.eye(4)}, "shapes"), ({"cov2": np.diag([1.0, np.nan, 1.0])}, "finite")],
)
def test_frechet_distance_refuses_what_it_cannot_compare(change, reason):
    arguments = {"mean1": np.zeros(3), "cov1": np.eye(3), "mean2": np.zeros(3), "cov2": np.eye(3), **change}
    with pytest.raises(ValueError, match=reason):
        metrics.frechet_distance(**arguments)


@few
@given(seeds, st.lists(st.integers(1, 19), max_size=4, unique=True))
def test_feature_statistics_do_not_depend_on_the_batches(seed, cuts):
    features = np.random.default_rng(seed).normal(3.0, 2.0, size=(20, 4))
    statistics = metrics.FeatureStatistics(4)
    for batch in np.split(features, sorted(cuts)):
        statistics.update(batch)
    np.testing.assert_allclose(statistics.mean, features.mean(0))
    np.testing.assert_allclose(statistics.covariance, np.cov(features, rowvar=False))


def test_feature_statistics_keep_their_precision_far_from_zero():
    features = 1e6 + np.random.default_rng(0).normal(size=(200, 3))
    statistics = metrics.FeatureStatistics(3).update(features[:50]).update(features[50:])
    np.testing.assert_allclose(statistics.covariance, np.cov(features, rowvar=False), rtol=1e-6)


# --- kernel distance and inception score ---


def test_kernel_distance_is_a_double_loop():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(0.5, size=(6, 3))

    def kernel(a, b):
        return (sum(u * v for u, v in zip(a, b)) / 3 + 1) ** 3

    within = [kernel(p[i], p[j]) for p in (x, y) for i in range(6) for j in range(6) if i != j]
    between = [kernel(a, b) for a in x for b in y]
    expected = sum(within) / 30 - 2 * sum(between) / 36
    mean, error = metrics.kernel_distance(x, y, subsets=3)  # each subset is the whole set
    assert mean == pytest.approx(expected) and error == pytest.approx(0.0, abs=1e-7)


def test_kernel_distance_equals_torch_fidelity():
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 16)), rng.normal(0.3, 1.2, size=(80, 16))
    reference = kid_features_to_metric(
        torch.from_numpy(x), torch.from_numpy(y), kid_subsets=2, kid_subset_size=80, verbose=False
    )
    assert metrics.kernel_distance(x, y, subsets=2)[0] == pytest.approx(reference[KEY_METRIC_KID_MEAN], rel=1e-6)


@pytest.mark.parametrize("shift", [0.0, 0.1, 3.0])
def test_kernel_distance_in_float32_products_equals_float64(shift):
    rng = np.random.default_rng(0)  # as networks give them: none negative, and the mean says more than what differs
    x, y = (np.abs(rng.normal(mean, 1, (600, 1280))).astype(np.float32) for mean in (1, 1 + shift))
    rng, values = np.random.default_rng(0), []
    for _ in range(5):
        a, b = (part[rng.choice(600, 500, replace=False)].astype(np.float64) for part in (x, y))
        aa, bb, ab = ((one @ other.T / 1280 + 1) ** 3 for one, other in ((a, a), (b, b), (a, b)))
        values.append((aa.sum() - np.trace(aa) + bb.sum() - np.trace(bb)) / (500 * 499) - 2 * ab.mean())
    mean, error = metrics.kernel_distance(x, y, subsets=5)
    assert mean == pytest.approx(np.mean(values), rel=1e-6, abs=1e-9)
    assert error == pytest.approx(np.std(values, ddof=1) / np.sqrt(5), rel=1e-6, abs=1e-9)


def test_kernel_distance_of_one_distribution_is_zero_within_its_error():
    rng = np.random.default_rng(0)
    mean, error = metrics.kernel_distance(rng.normal(size=(4000, 8)), rng.normal(size=(4000, 8)), subset_size=200)
    shifted, _ = metrics.kernel_distance(rng.normal(size=(4000, 8)), rng.normal(0.5, size=(4000, 8)), subset_size=200)
    assert abs(mean) < 4 * error and shifted > 20 * error


# --- neighbours ---


def _two_clouds(seed: int):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(60, 8)), rng.normal(0.4, 0.8, size=(50, 8))


@pytest.mark.parametrize("neighbours", [1, 3, 5])
def test_precision_and_recall_equal_torch_fidelity(neighbours):
    from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

    real, generated = _two_clouds(neighbours)
    reference = prc_features_to_metric(
        torch.from_numpy(generated), torch.from_numpy(real), prc_neighborhood=neighbours, prc_batch_size=16, verbose=False
    )
    found = metrics.neighbour_scores(real, generated, neighbours)
    assert found["precision"] == pytest.approx(reference[KEY_METRIC_PRECISION], abs=1e-6)
    assert found["recall"] == pytest.approx(reference[KEY_METRIC_RECALL], abs=1e-6)


def test_density_and_coverage_are_loops_over_balls():
    real, generated = _two_clouds(0)
    density, coverage = 0, 0
    for x in real:
        radius = sorted(np.linalg.norm(x - other) for other in real)[3]  # the nearest is itself
        inside = sum(np.linalg.norm(x - y) <= radius for y in generated)
        density, coverage = density + inside, coverage + bool(inside)
    found = metrics.neighbour_scores(real, generated, neighbours=3)
    assert found["density"] == pytest.approx(density / 3 / len(generated))
    assert found["coverage"] == pytest.approx(coverage / len(real))


def test_one_picture_again_and_again_is_precise_and_covers_little():
    real, _ = _two_clouds(1)
    collapsed = np.repeat(real[:1], 40, axis=0) + 1e-6 * np.random.default_rng(0).normal(size=(40, 8))
    found = metrics.neighbour_scores(real, collapsed)
    assert found["precision"] == 1.0 and found["recall"] <= 1 / 60 and found["coverage"] < 0.4


def test_spread_within_groups_is_the_mean_squared_distance_of_their_pairs():
    features, groups = np.random.default_rng(0).normal(size=(7, 3)), np.array([0, 0, 0, 1, 1, 1, 2])  # 2 is alone
    pairs = {
        group: [((features[i] - features[j]) ** 2).sum() for i, j in combinations(np.flatnonzero(groups == group), 2)]
        for group in (0, 1)
    }
    assert metrics.spread_within(features, groups) == pytest.approx(np.mean([np.mean(part) for part in pairs.values()]))
    with pytest.raises(ValueError, match="two members"):
        metrics.spread_within(features, np.arange(7))


def test_nearest_distance_is_a_loop():
    queries, gallery = (np.random.default_rng(seed).normal(size=(5, 3)) for seed in (0, 1))
    expected = [min(np.linalg.norm(query - row) for row in gallery) for query in queries]
    np.testing.assert_allclose(metrics.nearest_distance(queries, gallery, batch_size=2), expected)


def test_too_few_pictures_for_their_neighbours_are_refused():
    with pytest.raises(ValueError, match="too few for 5 neighbours"):
        metrics.neighbour_scores(np.zeros((5, 2)), np.zeros((50, 2)))


def _probabilities(seed: int, rows: int = 60, classes: int = 5):
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), size=rows)


def test_inception_score_is_equation_16():
    probabilities = _probabilities(0)
    marginal = probabilities.mean(0)
    divergences = [sum(p * np.log(p / q) for p, q in zip(row, marginal)) for row in probabilities]
    score, deviation = metrics.inception_score(probabilities, splits=1)
    assert score == pytest.approx(np.exp(np.mean(divergences))) and deviation == 0.0


def test_inception_score_equals_torch_fidelity():
    from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric

    logits = np.random.default_rng(0).normal(0, 2, size=(200, 10))
    reference = isc_features_to_metric(torch.from_numpy(logits), splits=1, shuffle=False)
    ours = metrics.inception_score(torch.from_numpy(logits).softmax(1).numpy(), splits=1)[0]
    assert ours == pytest.approx(reference[KEY_METRIC_ISC_MEAN])


@few
@given(seeds, st.integers(1, 6))
def test_inception_score_lies_between_one_and_the_number_of_classes(seed, splits):
    assert 1.0 <= metrics.inception_score(_probabilities(seed), splits)[0] <= 5.0


def test_inception_score_reaches_its_bounds():
    assert metrics.inception_score(np.full((40, 4), 0.25), 1)[0] == pytest.approx(1.0)
    assert metrics.inception_score(np.eye(4).repeat(10, axis=0), 1)[0] == pytest.approx(4.0)


def test_sorting_by_class_does_not_collapse_the_inception_score():
    by_class = np.eye(4).repeat(250, axis=0)
    assert metrics.inception_score(by_class, splits=4)[0] > 3.9  # consecutive parts would give 1.0


def test_inception_score_refuses_more_splits_than_images():
    with pytest.raises(ValueError, match="too few for 10 splits"):
        metrics.inception_score(_probabilities(0, rows=4), splits=10)


# --- embeddings ---


def test_zero_shot_accuracy_compares_with_class_means_by_cosine():
    image = np.array([[2.0, 0.0], [2.0, 1.0], [0.0, 1.0], [0.0, 3.0]])
    labels = np.array([7, 7, 9, 9])
    speech = np.array([[9.0, 1.0], [0.1, 0.3], [0.5, 0.4]])
    assert metrics.zero_shot_accuracy(speech, np.array([7, 9, 9]), image, labels) == pytest.approx(2 / 3)
    assert metrics.nearest_class(speech, image, labels).tolist() == [7, 9, 7]


def test_class_mean_accuracy_asks_once_per_class():
    image, labels = np.eye(2), np.array([0, 1])
    speech = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.2], [0.0, 3.0]])
    said = np.array([0, 0, 0, 1, 1])
    assert metrics.zero_shot_accuracy(speech, said, image, labels) == pytest.approx(3 / 5)
    assert metrics.class_mean_accuracy(speech, said, image, labels) == 1.0


@few
@given(seeds)
def test_retrieval_scores_are_loops_over_the_gallery(seed):
    rng = np.random.default_rng(seed)
    speech, image = rng.normal(size=(6, 4)), rng.normal(size=(12, 4))
    speech_labels, image_labels = np.arange(6) % 3, np.arange(12) % 3
    found, precisions = [], []
    for query, label in zip(speech, speech_labels):
        cosines = [query @ v / np.linalg.norm(query) / np.linalg.norm(v) for v in image]
        ranking = sorted(range(12), key=lambda i: -cosines[i])
        hits = [rank for rank, i in enumerate(ranking, start=1) if image_labels[i] == label]
        found.append(hits[0])
        precisions.append(np.mean([count / rank for count, rank in enumerate(hits, start=1)]))
    scores = metrics.retrieval_scores(speech, speech_labels, image, image_labels)
    assert scores["map"] == pytest.approx(np.mean(precisions))
    for k in (1, 5, 10):
        assert scores[f"r_at_{k}"] == pytest.approx(np.mean([first <= k for first in found]))


def test_a_perfect_ranking_retrieves_everything():
    labels = np.array([0, 0, 1, 1])
    scores = metrics.retrieval_scores(np.eye(2), np.array([0, 1]), np.eye(2)[labels], labels)
    assert scores == {"r_at_1": 1.0, "r_at_5": 1.0, "r_at_10": 1.0, "map": 1.0}


def _probe_data(seed: int = 0):
    rng = np.random.default_rng(seed)
    centres, codes = 3 * rng.normal(size=(3, 5)), rng.integers(3, size=90)
    features = centres[codes] + rng.normal(size=(90, 5))
    return features, np.array(["red", "green", "blue"])[codes]


def test_linear_probe_is_ridge_regression_on_one_hot_answers():
    features, answers = _probe_data()
    features *= [1, 10, 0.5, 3, 2]
    names = np.unique(answers)
    standard = (features - features[:60].mean(0)) / features[:60].std(0)
    targets = (answers[:60, None] == names).astype(float)
    rows = np.vstack([standard[:60], np.sqrt(0.1 * 60) * np.eye(5)])  # the penalty as five more rows of data
    weights = np.linalg.lstsq(rows, np.vstack([targets - targets.mean(0), np.zeros((5, 3))]))[0]
    expected = (names[(standard[60:] @ weights + targets.mean(0)).argmax(1)] == answers[60:]).mean()
    assert metrics.linear_probe(features[:60], answers[:60], features[60:], answers[60:]) == pytest.approx(expected)
    assert expected > 0.8


def test_linear_probe_of_noise_is_at_chance():
    answers = np.arange(600) % 3
    noise = np.random.default_rng(0).normal(size=(600, 4))
    assert metrics.linear_probe(noise[:300], answers[:300], noise[300:], answers[300:]) == pytest.approx(1 / 3, abs=0.1)


def test_linear_probe_misses_answers_it_never_saw():
    features, answers = _probe_data()
    unseen = np.full(30, "purple")
    assert metrics.linear_probe(features[:60], answers[:60], features[60:], unseen) == 0.0


# --- what the sentences say ---

BIRDS = {3: {"crown": "red", "wing": "blue"}, 4: {"crown": "red", "wing": "black"}, 5: {"crown": "white", "wing": "black"}}


@pytest.mark.parametrize(
    "said, label, credit",
    [({"crown": "white"}, 5, 1.0), ({"crown": "red"}, 4, 1 / 2), ({}, 3, 1 / 3), ({"crown": "red", "wing": "black"}, 4, 1.0)],
)
def test_the_oracle_guesses_among_the_classes_that_fit(said, label, credit):
    assert metrics.oracle_accuracy([said], np.array([label]), BIRDS) == pytest.approx(credit)


def test_what_differs_within_a_class_tells_the_oracle_nothing():
    rooms = {0: {"room": "bedroom"}, 1: {"room": "dinette"}}
    assert metrics.oracle_accuracy([{"room": "dinette", "wall": "red"}, {"wall": "red"}], np.array([1, 1]), rooms) == 0.75


def test_attribute_accuracy_counts_only_what_was_mentioned():
    predicted = {
        "crown": np.array(["red", "red", "blue"]),
        "wing": np.array(["red", "black", "black"]),
        "tail": np.array(["red", "red", "red"]),
    }
    mentioned = [{"crown": "red"}, {"crown": "blue", "wing": "black"}, {"wing": "black"}]
    assert metrics.attribute_accuracy(predicted, mentioned) == {"crown": (0.5, 2), "wing": (1.0, 2)}


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    return ImageClassifier({"crown": ("red", "blue", "black"), "crest": ("none", "crested")}, 16, 2).eval()


def test_predictions_are_probabilities_in_any_batching(classifier):
    images = torch.rand(7, 3, 16, 16) * 2 - 1
    whole, parts = predict(classifier, images), predict(classifier, images, batch_size=3)
    for question, answers in (("crown", 3), ("crest", 2)):
        assert whole[question].shape == (7, answers)
        np.testing.assert_allclose(whole[question].sum(1), 1.0, rtol=1e-5)
        np.testing.assert_allclose(whole[question], parts[question], atol=1e-6)


def test_predict_attributes_takes_the_most_probable_answer(classifier):
    with torch.no_grad():
        classifier.heads["crown"].bias += torch.tensor([0.0, 100.0, 0.0])
    assert predict_attributes(classifier, torch.zeros(4, 3, 16, 16))["crown"].tolist() == ["blue"] * 4


def test_paired_difference_is_a_mean_with_an_interval_over_classes():
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(40), 10)
    effect = 0.3 + rng.normal(0, 0.2, 40)[classes]
    other = rng.random(400)
    ours = other + effect
    ours[0] = np.nan
    mean, low, high = statistics.paired_difference(ours, other, classes).interval
    assert mean == pytest.approx(effect[1:].mean()) and low < mean < high
    assert high - low == pytest.approx(2 * 1.96 * effect[::10].std() / np.sqrt(40), rel=0.25)  # sentences are no trials


def test_paired_difference_joins_the_deviation_between_several_runs():
    rng = np.random.default_rng(0)
    classes, runs = np.tile(np.arange(50), 60), np.repeat([0, 1, 2], 1000)
    ours, other = rng.normal(0.1, 0.1, 3000), np.zeros(3000)
    alone = statistics.paired_difference(ours, other, classes)
    assert statistics.paired_difference(ours, other, classes, np.zeros(3000)) == pytest.approx(alone, abs=1e-12)
    shifted = ours + np.array([-0.3, 0.0, 0.3])[runs]
    means = [shifted[runs == run].mean() for run in range(3)]
    between = 4.30265273 * np.std(means, ddof=1) / 3**0.5  # 0.74 of 0.3: far wider than what 3,000 sentences leave open
    mean, low, high = statistics.paired_difference(shifted, other, classes, runs).interval
    assert mean == pytest.approx(np.mean(means)) and low < 0
    assert high - mean == pytest.approx(mean - low) == pytest.approx(between, rel=0.01)


def test_a_class_with_more_sentences_counts_for_more():
    ours, classes = np.array([1.0, 1.0, 1.0, 0.0]), np.array([0, 0, 0, 1])
    mean, low, high = statistics.paired_difference(ours, np.zeros(4), classes).interval
    assert mean == 0.75 and low < 0 < 0.75 < high  # two classes tell next to nothing
    assert np.isnan(statistics.paired_difference(ours, np.zeros(4), np.zeros(4))[1:]).all()


def test_a_crossed_interval_is_that_of_a_two_way_analysis_of_variance():
    """Mean squares by hand, for two runs and three classes."""
    cells = np.array([[1.0, 2.0, 6.0], [2.0, 5.0, 8.0]])
    of_classes = 2 * ((cells.mean(0) - 4) ** 2).sum() / 2
    of_runs = 3 * ((cells.mean(1) - 4) ** 2).sum() / 1
    residual = sum((cells[r, c] - cells[r].mean() - cells[:, c].mean() + 4) ** 2 for r in range(2) for c in range(3)) / 2
    squares = of_classes + of_runs - residual
    freedom = squares**2 / (of_classes**2 / 2 + of_runs**2 / 1 + residual**2 / 2)
    margin = scipy.stats.t.ppf(0.975, freedom) * (squares / 6) ** 0.5
    mean, low, high = statistics.crossed_estimate(cells).interval
    assert mean == 4 and high - 4 == pytest.approx(4 - low) == pytest.approx(margin)


@pytest.mark.parametrize("classes", [20, 50])
@pytest.mark.parametrize("between_runs", [0.0, 0.02, 0.05])
@pytest.mark.parametrize("skewed", [False, True])
def test_intervals_hold_the_truth_as_often_as_they_say(classes, between_runs, skewed):
    """Three runs: effects of runs, of classes (normal, or skewed like shares of sentences) and of both together."""
    rng, held = np.random.default_rng(0), []
    for _ in range(2000):
        of_classes = rng.standard_exponential((1, classes)) - 1 if skewed else rng.standard_normal((1, classes))
        of_both, of_runs = rng.standard_normal((3, classes)), rng.standard_normal((3, 1))
        cells = 0.1 + between_runs * of_runs + 0.15 * of_classes + 0.1 * of_both
        estimate = statistics.crossed_estimate(cells)
        _, low, high = estimate.interval
        assert (estimate.p_value(0.1) > 0.05) == (low <= 0.1 <= high)  # two forms of one thing
        held.append(low <= 0.1 <= high)
    assert 0.93 <= np.mean(held) <= 0.97


def test_equal_runs_leave_as_wide_an_interval_as_one():
    one = statistics.Estimate(0.2, 0.1, 20.0)
    assert statistics.mean_over_runs([one]) == pytest.approx(one)
    assert statistics.mean_over_runs([one] * 3) == pytest.approx(one)


def test_runs_that_differ_widen_the_interval():
    runs = [statistics.Estimate(mean, 0.01, 49.0) for mean in (0.1, 0.2, 0.3)]
    found = statistics.mean_over_runs(runs)
    assert found.mean == pytest.approx(0.2) and found.error == pytest.approx((0.01**2 + 0.1**2 / 3) ** 0.5)
    assert 2 < found.freedom < 2.2 and found.margin == pytest.approx(4.3 * found.error, rel=0.06)


def test_an_error_that_is_known_has_a_normal_interval():
    estimate = statistics.Estimate(1.0, 0.5, np.inf)
    assert estimate.margin == pytest.approx(1.959964 * 0.5) and estimate.p_value() == pytest.approx(0.0455, abs=1e-4)
    assert estimate.p_value(1.0) == pytest.approx(1.0)


def test_corrected_p_values_are_those_of_benjamini_and_hochberg():
    """Their own example (1995, Section 3.2): of fifteen, the four smallest stay below 0.05."""
    p_values = np.array(
        [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    )
    corrected = statistics.corrected_p_values(p_values)
    assert (corrected < 0.05).sum() == 4 and corrected[3] == pytest.approx(0.0095 * 15 / 4)
    some = statistics.corrected_p_values(np.array([np.nan, *p_values]))  # what was not tested does not count
    assert np.isnan(some[0]) and some[1:] == pytest.approx(corrected)


def test_paired_difference_of_a_method_to_itself_is_zero():
    values = np.random.default_rng(0).random(30)
    same = statistics.paired_difference(values, values, np.arange(30) % 5)
    assert same.interval == (0.0, 0.0, 0.0) and same.p_value() == 1.0
