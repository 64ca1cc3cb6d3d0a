"""How unlike a spoken sentence is to all that the encoder was taught: novelty detection in the space of embeddings.

At the end of training a sample of the training sentences' embeddings is kept beside the weights (``write_reference``), with a
threshold below which few sentences fall that are of the kind that was taught. A score is a similarity: the higher, the more
like what was taught. Captions are kept for reading only; no score looks at them.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from s2i_lib.files import save_atomically

REFERENCE_FILE = "speech_reference.safetensors"
MOST_REFERENCES = 2000
HELD_OUT_SHARE = 0.02  # of sentences of the kind that was taught: as many are called unlike it by mistake
NEIGHBOURS = 5
NEAREST = 10
TEMPERATURE = 0.05


def unit_length(embeddings: ArrayLike) -> NDArray[np.float32]:
    """(U, D) float32 rows of length one; a row of zeros stays one."""
    rows = np.asarray(embeddings, dtype=np.float32)
    directions: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12).astype(np.float32)
    return directions


def nearest_cosine(embeddings: ArrayLike, reference: ArrayLike, neighbours: int = NEIGHBOURS) -> NDArray[np.float32]:
    """Mean cosine to the `neighbours` nearest rows of the reference, or to all if there are fewer.

    Args:
        embeddings: (U, D) of any length.
        reference: (N, D) of any length.

    Returns:
        (U,) float32 in [-1, 1].
    """
    cosines = unit_length(embeddings) @ unit_length(reference).T
    nearest = np.partition(cosines, -min(neighbours, cosines.shape[1]), axis=1)[:, -neighbours:]
    means: NDArray[np.float32] = nearest.mean(axis=1)
    return means


def negative_energy(embeddings: ArrayLike, reference: ArrayLike, temperature: float = TEMPERATURE) -> NDArray[np.float32]:
    """Soft maximum of the cosines to the reference, T log mean exp(cosine / T): every near row counts, not only the nearest.

    Energy scores of classifiers (Liu et al., 2020) with the rows of the reference in place of classes; see ``nearest_cosine``.
    """
    exponents = unit_length(embeddings) @ unit_length(reference).T / temperature
    largest = exponents.max(axis=1, keepdims=True)
    scores: NDArray[np.float32] = temperature * (largest[:, 0] + np.log(np.exp(exponents - largest).mean(axis=1)))
    return scores


def whitening(reference: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The Gaussian of the directions of the reference, its covariance with a hundredth of its mean variance added.

    Returns:
        (D,) mean, and (D, D) matrix that maps an offset from it to one whose length is the Mahalanobis distance, in standard
        deviations per dimension.
    """
    taught = unit_length(reference).astype(np.float64)
    mean, covariance = taught.mean(axis=0), np.atleast_2d(np.cov(taught, rowvar=False, bias=True))
    covariance += (0.01 * np.trace(covariance) / len(covariance) + 1e-12) * np.eye(len(covariance))
    return mean, np.linalg.inv(np.linalg.cholesky(covariance)) / np.sqrt(len(covariance))


def negative_mahalanobis(embeddings: ArrayLike, reference: ArrayLike) -> NDArray[np.float32]:
    """Minus the Mahalanobis distance of the directions to those of the reference, see ``whitening`` and ``nearest_cosine``.

    One Gaussian for all (Lee et al., 2018, without classes).
    """
    mean, matrix = whitening(reference)
    distances: NDArray[np.float32] = np.linalg.norm((unit_length(embeddings) - mean) @ matrix.T, axis=1).astype(np.float32)
    return -distances


def negative_nearest_mahalanobis(embeddings: ArrayLike, reference: ArrayLike, neighbours: int = NEAREST) -> NDArray[np.float32]:
    """Minus the Mahalanobis distance to the `neighbours` nearest rows of the reference, the root of their mean square.

    Near to some sentences, each dimension by its standard deviation, instead of near to the mean of all: what was taught need
    be no single cloud. See ``whitening`` and ``nearest_cosine``.
    """
    _, matrix = whitening(reference)
    rows, taught = (unit_length(part) @ matrix.T for part in (embeddings, reference))
    squares = (rows**2).sum(axis=1)[:, None] + (taught**2).sum(axis=1) - 2 * rows @ taught.T
    nearest = np.partition(squares, min(neighbours, squares.shape[1]) - 1, axis=1)[:, :neighbours]
    distances: NDArray[np.float32] = np.sqrt(nearest.mean(axis=1).clip(0)).astype(np.float32)
    return -distances


Score = Callable[[ArrayLike, ArrayLike], NDArray[np.float32]]
SCORES: dict[str, Score] = {
    "nearest_cosine": nearest_cosine,
    "negative_energy": negative_energy,
    "negative_mahalanobis": negative_mahalanobis,
    "negative_nearest_mahalanobis": negative_nearest_mahalanobis,
}
# What refuses sentences: of those about other things it accepts fewest, where all accept as many of the held-out (chapter 26).
REFUSES = "negative_nearest_mahalanobis"


@dataclass(frozen=True)
class Familiarity:
    """What a reference says about one sentence.

    Attributes:
        score: the higher, the more like what was taught.
        threshold: of the same score, from calibration.
        nearest: captions of the nearest training sentences and their cosines, the nearest first; for reading only.
    """

    score: float
    threshold: float
    nearest: list[tuple[str, float]]

    @property
    def unlike(self) -> bool:
        """Whether the sentence is unlike any that was taught."""
        return self.score < self.threshold


@dataclass(frozen=True)
class SpeechReference:
    """Embeddings of training sentences, to compare others with.

    Attributes:
        embeddings: (N, D) float32 of length one.
        captions: N texts.
        thresholds: of every score in ``SCORES``.
    """

    embeddings: NDArray[np.float32]
    captions: list[str]
    thresholds: dict[str, float]

    def familiarity(self, embedding: ArrayLike, score: str = REFUSES, count: int = 3) -> Familiarity:
        """Compare one sentence with those that were taught.

        Args:
            embedding: (D,) or (1, D).
            score: one of ``SCORES``.
            count: how many different nearest captions to name.
        """
        row = np.asarray(embedding, dtype=np.float32).reshape(1, -1)
        cosines = (unit_length(row) @ self.embeddings.T)[0]
        nearest: dict[str, float] = {}  # several pictures may have one caption
        for index in np.argsort(-cosines):
            nearest.setdefault(self.captions[index], float(cosines[index]))
            if len(nearest) == count:
                break
        return Familiarity(float(SCORES[score](row, self.embeddings)[0]), self.thresholds[score], list(nearest.items()))


def write_reference(
    folder: Path,
    embeddings: ArrayLike,
    captions: Sequence[str],
    held_out: ArrayLike,
    share: float = HELD_OUT_SHARE,
    seed: int = 0,
) -> SpeechReference:
    """Keep a sample of the training sentences and calibrate the thresholds on sentences that were held out.

    Args:
        folder: of the encoder's weights; gets ``speech_reference.safetensors``.
        embeddings: (U, D) of the training utterances, as ``inference.embed_inputs`` gives them.
        captions: their U texts.
        held_out: (H, D) embeddings of utterances of the same kind that the encoder was not trained on.
        share: of the held-out sentences that shall fall below the threshold of each score.
        seed: of the sample.

    Returns:
        What was written: up to 2,000 sentences.

    Raises:
        ValueError: no sentence, nothing held out, other dimensions, as many captions as embeddings do not exist, or `share`
            outside (0, 1).
    """
    rows, others = unit_length(embeddings), unit_length(held_out)
    if not len(rows) or not len(others) or len(rows) != len(captions) or rows.shape[1] != others.shape[1]:
        raise ValueError(
            f"{rows.shape} embeddings with {len(captions)} captions cannot be calibrated on {others.shape} held-out ones"
        )
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; choose a number between 0 and 1")
    kept = np.sort(np.random.default_rng(seed).permutation(len(rows))[:MOST_REFERENCES])
    halves = torch.from_numpy(rows[kept]).half()
    chosen, texts = unit_length(halves.numpy()), [str(captions[index]) for index in kept]
    thresholds = {name: float(np.quantile(score(others, chosen), share)) for name, score in SCORES.items()}
    metadata = {"captions": json.dumps(texts), "thresholds": json.dumps(thresholds), "share": str(share)}
    save_atomically(Path(folder) / REFERENCE_FILE, lambda file: file.write(save({"embeddings": halves}, metadata)))
    return SpeechReference(chosen, texts, thresholds)


def load_reference(folder: Path) -> SpeechReference | None:
    """What ``write_reference`` left in a folder, or None where it did not: older runs have no such file.

    Raises:
        ValueError: the file is damaged.
    """
    path = Path(folder) / REFERENCE_FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="np") as file:
            embeddings, metadata = file.get_tensor("embeddings"), file.metadata() or {}
        captions, thresholds = json.loads(metadata["captions"]), json.loads(metadata["thresholds"])
        if len(captions) != len(embeddings) or set(thresholds) != set(SCORES):
            raise ValueError
        captions, thresholds = list(map(str, captions)), {name: float(value) for name, value in thresholds.items()}
        if embeddings.ndim != 2 or not len(embeddings) or not np.isfinite([embeddings.sum(), *thresholds.values()]).all():
            raise ValueError
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, RecursionError, OSError):
        raise ValueError(f"{path}: damaged, or written by another version; delete it, or train the encoder again") from None
    return SpeechReference(unit_length(embeddings), captions, thresholds)


def detection_report(in_domain: ArrayLike, out_of_domain: ArrayLike, threshold: float) -> dict[str, float]:
    """How well a score tells sentences of the kind that was taught (positives) from others (negatives).

    Args:
        in_domain, out_of_domain: (P,) and (Q,) scores; the higher, the more like what was taught.
        threshold: sentences with this score or more are accepted.

    Returns:
        ``auroc``, the probability that a positive scores higher than a negative, ties counting half; ``tpr`` and ``fpr``, the
        shares of positives and of negatives that are accepted.
    """
    positives, negatives = (np.asarray(scores, dtype=np.float64) for scores in (in_domain, out_of_domain))
    ordered = np.sort(negatives)
    below, up_to = np.searchsorted(ordered, positives, "left"), np.searchsorted(ordered, positives, "right")
    return {
        "auroc": float((below + up_to).mean() / (2 * len(negatives))),
        "tpr": float((positives >= threshold).mean()),
        "fpr": float((negatives >= threshold).mean()),
    }
