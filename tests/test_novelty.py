"""Sentences unlike those that were taught: scores, calibration, and what a run keeps for them."""

import json

import numpy as np
import pytest
from safetensors import safe_open
from scipy.spatial.distance import mahalanobis
from scipy.special import logsumexp
from sklearn.metrics import roc_auc_score

from s2i_lib import novelty, unrelated_sentences
from s2i_lib.datasets.rendered import birds, flowers
from s2i_lib.datasets.rendered.colours import PALETTE
from s2i_lib.novelty import SCORES, detection_report, load_reference, write_reference

DIM = 16


@pytest.fixture
def taught():
    """Three thousand directions near twelve classes, each with a caption; (N, D) and N texts."""
    return _near_classes(3000, 0), [f"sentence {row % 1500}" for row in range(3000)]


def _near_classes(count: int, seed: int) -> np.ndarray:
    classes = np.random.default_rng(7).normal(size=(12, DIM))
    rng = np.random.default_rng(seed)
    return 3 * (classes[rng.integers(0, 12, count)] + 0.2 * rng.normal(size=(count, DIM)))


def _elsewhere(count: int) -> np.ndarray:
    return np.random.default_rng(9).normal(size=(count, DIM))


# --- scores ---


def test_the_nearest_cosine_is_the_mean_over_the_nearest():
    reference = np.array([[2.0, 0], [0, 3], [-1, 0]])
    assert novelty.nearest_cosine([[5, 0], [1, 1]], reference, 1) == pytest.approx([1, np.sqrt(0.5)])
    assert novelty.nearest_cosine([[5, 0], [1, 1]], reference, 2) == pytest.approx([0.5, np.sqrt(0.5)])
    assert novelty.nearest_cosine([[5, 0]], reference, 9) == pytest.approx([0])


def test_the_negative_energy_is_a_soft_maximum_of_cosines():
    rng = np.random.default_rng(0)
    rows, reference = rng.normal(size=(4, DIM)), rng.normal(size=(50, DIM))
    cosines = novelty.unit_length(rows) @ novelty.unit_length(reference).T
    expected = 0.1 * (logsumexp(cosines / 0.1, axis=1) - np.log(50))
    np.testing.assert_allclose(novelty.negative_energy(rows, reference, 0.1), expected, rtol=1e-5)


def test_the_mahalanobis_distance_is_that_of_scipy():
    rng = np.random.default_rng(0)
    rows, reference = (novelty.unit_length(rng.normal(size=(count, 4)) * [1, 2, 3, 4]) for count in (5, 400))
    covariance = np.cov(reference.astype(np.float64), rowvar=False, bias=True)
    covariance += 0.01 * np.trace(covariance) / 4 * np.eye(4)
    expected = [
        -mahalanobis(row, reference.mean(0), np.linalg.inv(covariance)) / 2 for row in rows
    ]  # 2: root of the dimensions
    np.testing.assert_allclose(novelty.negative_mahalanobis(rows, reference), expected, rtol=1e-4)


def test_the_nearest_sentences_count_each_by_its_mahalanobis_distance():
    rng = np.random.default_rng(0)
    rows, reference = (novelty.unit_length(rng.normal(size=(count, 4)) * [1, 2, 3, 4]) for count in (5, 40))
    covariance = np.cov(reference.astype(np.float64), rowvar=False, bias=True)
    covariance += 0.01 * np.trace(covariance) / 4 * np.eye(4)
    inverse = np.linalg.inv(covariance)
    for row, score in zip(rows, novelty.negative_nearest_mahalanobis(rows, reference, 3)):
        nearest = sorted(mahalanobis(row, other, inverse) / 2 for other in reference)[:3]
        assert score == pytest.approx(-np.sqrt(np.mean(np.square(nearest))), rel=1e-4)
    alone = novelty.negative_nearest_mahalanobis(rows, reference[:1])
    assert alone.shape == (5,) and (alone < 0).all(), "fewer sentences than neighbours"


@pytest.mark.parametrize("name", SCORES)
def test_every_score_is_higher_for_what_was_taught_and_knows_no_length(taught, name):
    known, others = _near_classes(200, 1), _elsewhere(200)
    scores = SCORES[name](known, taught[0])
    assert scores.shape == (200,) and scores.dtype == np.float32
    np.testing.assert_allclose(SCORES[name](100 * known, 0.01 * taught[0]), scores, rtol=1e-3, atol=1e-4)
    assert detection_report(scores, SCORES[name](others, taught[0]), 0)["auroc"] > 0.6


# --- calibration ---


@pytest.mark.parametrize("share", [0.02, 0.2])
def test_a_share_of_the_held_out_sentences_falls_below_the_threshold(tmp_path, taught, share):
    held_out = _near_classes(500, 2)
    reference = write_reference(tmp_path, *taught, held_out, share=share)
    for name, score in SCORES.items():
        assert (score(held_out, reference.embeddings) < reference.thresholds[name]).mean() == pytest.approx(share, abs=0.002)


def test_the_report_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    known, others = rng.integers(3, 12, 100), rng.integers(0, 9, 80)  # with ties
    report = detection_report(known, others, 5)
    labels = np.repeat([1, 0], [100, 80])
    assert report["auroc"] == pytest.approx(roc_auc_score(labels, np.concatenate([known, others])))
    assert report["tpr"] == np.mean(known >= 5) and report["fpr"] == np.mean(others >= 5)


# --- what is kept ---


def test_what_is_written_is_read(tmp_path, taught):
    written, read = write_reference(tmp_path, *taught, _near_classes(100, 2)), load_reference(tmp_path)
    assert np.array_equal(read.embeddings, written.embeddings) and read.embeddings.shape == (2000, DIM)
    assert (read.captions, read.thresholds) == (written.captions, written.thresholds)
    assert np.linalg.norm(read.embeddings, axis=1) == pytest.approx(np.ones(2000), abs=1e-6)
    for embedding, caption in zip(read.embeddings[:50], read.captions):
        rows = [row for row, text in enumerate(taught[1]) if text == caption]
        assert (novelty.unit_length(taught[0][rows]) @ embedding).max() > 0.999


def test_a_reference_is_small(tmp_path, taught):
    write_reference(tmp_path, *taught, _near_classes(100, 2))
    (path,) = tmp_path.iterdir()
    with safe_open(path, framework="np") as file:
        assert file.get_tensor("embeddings").dtype == np.float16
        assert len(json.loads(file.metadata()["captions"])) == 2000
    assert path.stat().st_size < 2000 * (2 * DIM + 30)


def test_few_sentences_are_all_kept_in_order(tmp_path):
    reference = write_reference(tmp_path, np.eye(3), ["a", "b", "c"], np.eye(3))
    assert reference.captions == ["a", "b", "c"] and np.array_equal(reference.embeddings, np.eye(3))


def test_a_sentence_is_compared_and_its_neighbours_named(tmp_path, taught):
    reference = write_reference(tmp_path, *taught, _near_classes(500, 2))
    known = reference.familiarity(_near_classes(1, 3))
    assert not known.unlike and known.score > known.threshold == reference.thresholds[novelty.REFUSES]
    opposite = reference.familiarity(-_near_classes(12, 3).mean(axis=0))
    assert opposite.unlike and opposite.score < known.score
    texts, cosines = zip(*known.nearest)
    assert len(set(texts)) == 3 and list(cosines) == sorted(cosines, reverse=True)
    best = novelty.unit_length(_near_classes(1, 3)) @ reference.embeddings.T
    assert known.nearest[0] == (reference.captions[best.argmax()], pytest.approx(best.max()))


def test_an_older_run_has_no_reference(tmp_path):
    assert load_reference(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"cut"])
def test_a_damaged_reference_says_so(tmp_path, taught, content):
    write_reference(tmp_path, *taught, _near_classes(100, 2))
    path = tmp_path / novelty.REFERENCE_FILE
    path.write_bytes(path.read_bytes()[:5000] if content == b"cut" else content)
    with pytest.raises(ValueError, match=f"{path}: damaged.*delete it, or train") as error:
        load_reference(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "embeddings, captions, held_out, share",
    [
        (np.eye(3), ["a", "b"], np.eye(3), 0.1),
        (np.eye(3), ["a", "b", "c"], np.eye(4), 0.1),
        (np.zeros((0, 3)), [], np.eye(3), 0.1),
        (np.eye(3), ["a", "b", "c"], np.zeros((0, 3)), 0.1),
        (np.eye(3), ["a", "b", "c"], np.eye(3), 0),
    ],
)
def test_what_cannot_be_calibrated_is_refused(tmp_path, embeddings, captions, held_out, share):
    with pytest.raises(ValueError, match="cannot be calibrated|share is"):
        write_reference(tmp_path, embeddings, captions, held_out, share)
    assert not list(tmp_path.iterdir())


# --- sentences about other things ---


def test_unrelated_sentences_hold_no_word_of_birds_and_flowers():
    sentences = [*unrelated_sentences.SENTENCES, *unrelated_sentences.nonsense_sentences(200)]
    words = {word.strip(",.") for sentence in sentences for word in sentence.split()}
    parts = {word for spec in (birds.SPEC, flowers.SPEC) for name in spec.attributes for word in name.split()}
    assert not words & {"bird", "birds", "flower", "flowers", "petals", "feathers", "leaves", *PALETTE, *parts}
    assert all(sentence == sentence.lower() for sentence in sentences)


def test_there_are_sixty_of_them_and_nonsense_from_a_seed():
    assert len(set(unrelated_sentences.SENTENCES)) == 60
    nonsense = unrelated_sentences.nonsense_sentences()
    assert len(set(nonsense)) == 30 and all(6 <= len(sentence.split()) <= 11 for sentence in nonsense)
    assert unrelated_sentences.nonsense_sentences() == nonsense != unrelated_sentences.nonsense_sentences(seed=1)
