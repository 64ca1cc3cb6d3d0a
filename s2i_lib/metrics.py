"""Scores of embeddings and of generated images. Each score that depends on a network or a count carries it in its name.

``fid_lite0_n2000`` is the Fréchet distance of EfficientNet-Lite0 features over 2,000 generated images; it is no FID of
Inception features and may not be compared with one.
"""

from math import comb

import numpy as np
from scipy.linalg.blas import dsyrk
from scipy.spatial.distance import cdist

NEIGHBOURS = 5  # how many of them a ball of `neighbour_scores` holds


class FeatureStatistics:
    """Mean and covariance of features that arrive in batches: one pass, float64, memory independent of the count."""

    TOGETHER = 2048  # rows that are multiplied at a time: the sum of the products is as large as 1,280 rows

    def __init__(self, dim: int):
        self.count, self._total = 0, np.zeros(dim)
        self._products = np.zeros((dim, dim), order="F")  # the upper triangle, since the matrix is symmetric
        self._waiting, self._shift = np.empty((self.TOGETHER, dim)), np.zeros(dim)

    def update(self, features: np.ndarray) -> "FeatureStatistics":
        """Add (n, dim) features."""
        if self.count == 0:
            self._shift = np.mean(features, axis=0, dtype=np.float64)  # so that the subtraction below is well conditioned
        while len(features):
            start = self.count % self.TOGETHER
            part, features = features[: self.TOGETHER - start], features[self.TOGETHER - start :]
            np.subtract(part, self._shift, out=self._waiting[start : start + len(part)])
            self.count += len(part)
            if self.count % self.TOGETHER == 0:
                self._total, self._products = self._sums(self.TOGETHER, overwrite=True)
        return self

    def _sums(self, rows: int, overwrite: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The sum of all rows and of their products, with the first `rows` of those that wait."""
        new = self._waiting[:rows]
        return self._total + new.sum(0), dsyrk(1.0, new.T, beta=1.0, c=self._products, overwrite_c=overwrite)

    @property
    def mean(self) -> np.ndarray:
        """(dim,) float64 mean."""
        return self._shift + (self._total + self._waiting[: self.count % self.TOGETHER].sum(0)) / self.count

    @property
    def covariance(self) -> np.ndarray:
        """(dim, dim) float64 unbiased covariance."""
        total, upper = self._sums(self.count % self.TOGETHER)
        mean, products = total / self.count, upper + np.triu(upper, 1).T
        return (products - self.count * np.outer(mean, mean)) / (self.count - 1)

    def distance(self, other: "FeatureStatistics") -> float:
        """``frechet_distance`` to other features."""
        return frechet_distance(self.mean, self.covariance, other.mean, other.covariance)


class FeatureSample:
    """``FeatureStatistics`` of all (n, dim) features that arrive in batches, and a random sample of the features themselves.

    Scores of single features (KID draws subsets of 500) need no more than the sample. Up to `size` rows it holds everything;
    then a seeded number per row decides who stays. Memory does not grow any further, and no order of the rows is favoured.

    Attributes:
        statistics: of all rows.  rows: (min(n, size), dim) float32 in the order of their arrival.
        numbers: (min(n, size),) which of all rows these are, counted from 0.
    """

    def __init__(self, dim: int, size: int = 10_000, seed: int = 0):
        self.statistics, self.size, self._rng = FeatureStatistics(dim), size, np.random.default_rng(seed)
        # Places in no order, so that nobody who stays is moved; a free one has the worst lot and the number -1.
        self._rows, self._lots, self._numbers = np.empty((size, dim), np.float32), np.full(size, np.inf), np.full(size, -1)

    def update(self, features: np.ndarray) -> "FeatureSample":
        """Add (n, dim) features."""
        lots = self._rng.random(len(features))
        new = np.flatnonzero(lots < self._lots.max())
        best = np.concatenate([self._lots, lots[new]]).argpartition(self.size - 1)[: self.size]
        new = new[best[best >= self.size] - self.size]
        leaves = np.ones(self.size, bool)
        leaves[best[best < self.size]] = False
        places = np.flatnonzero(leaves)
        self._rows[places], self._lots[places], self._numbers[places] = features[new], lots[new], self.statistics.count + new
        self.statistics.update(features)
        return self

    @property
    def _order(self) -> np.ndarray:
        return np.argsort(self._numbers)[np.count_nonzero(self._numbers < 0) :]

    @property
    def rows(self) -> np.ndarray:
        """(min(n, size), dim) float32, a copy."""
        return self._rows[self._order]

    @property
    def numbers(self) -> np.ndarray:
        """(min(n, size),) int64."""
        return self._numbers[self._order]


def _symmetric_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(min=0))) @ vectors.T


def frechet_distance(mean1: np.ndarray, cov1: np.ndarray, mean2: np.ndarray, cov2: np.ndarray) -> float:
    """Squared Fréchet distance of two Gaussians (Eq. 17).

    The trace of (C1 C2)^(1/2) is the sum of the square roots of the eigenvalues of C1^(1/2) C2 C1^(1/2), which is symmetric:
    no complex square root, no failure at singular covariances.

    Args:
        mean1, mean2: (D,) means.  cov1, cov2: (D, D) covariances.

    Raises:
        ValueError: shapes do not fit, or a value is not finite.
    """
    mean1, cov1, mean2, cov2 = (np.asarray(value, dtype=np.float64) for value in (mean1, cov1, mean2, cov2))
    if mean1.shape != mean2.shape or cov1.shape != cov2.shape or cov1.shape != 2 * mean1.shape:
        raise ValueError(f"shapes do not fit: means {mean1.shape}, {mean2.shape}, covariances {cov1.shape}, {cov2.shape}")
    if not all(np.isfinite(value).all() for value in (mean1, cov1, mean2, cov2)):
        raise ValueError("a mean or covariance holds values that are not finite")
    root = _symmetric_root(cov1)
    product = root @ cov2 @ root
    trace_root = np.sqrt(np.linalg.eigvalsh((product + product.T) / 2).clip(min=0)).sum()
    return float(np.square(mean1 - mean2).sum() + np.trace(cov1) + np.trace(cov2) - 2 * trace_root)


def kernel_distance(
    features1: np.ndarray, features2: np.ndarray, subsets: int = 50, subset_size: int = 500, seed: int = 0
) -> tuple[float, float]:
    """KID: unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3, mean and standard error over subsets.

    What x.y owes to the mean m of all rows, x.m + m.y - m.m, is added in float64; only the products of what is left, which
    are small beside it, are float32.

    Args:
        features1, features2: (n, D) and (m, D) features.  subset_size: at most min(n, m) is used.
    """
    rng, size = np.random.default_rng(seed), min(subset_size, len(features1), len(features2))
    dim, mean = features1.shape[1], (features1.mean(0, dtype=np.float64) + features2.mean(0, dtype=np.float64)) / 2
    near = mean.astype(np.float32)  # any point near the mean will do, and this one leaves float32 features float32
    rests = [((part - near) * np.float32(dim**-0.5)).astype(np.float32, copy=False) for part in (features1, features2)]
    mean = near.astype(np.float64)
    owed = [(part @ mean - mean @ mean / 2) / dim + 1 / 2 for part in (features1, features2)]
    values = []
    for _ in range(subsets):
        rows = [rng.choice(len(part), size, replace=False) for part in owed]
        (x, of_x), (y, of_y) = ((rests[k][rows[k]], owed[k][rows[k]]) for k in (0, 1))
        within = 0.0
        for rest, of_rest in ((x, of_x), (y, of_y)):
            products = rest @ rest.T
            np.fill_diagonal(products, 0)  # nobody is compared with themselves: what is then left of them is taken off
            within += _sum_of_cubes(products, of_rest, of_rest) - 8 * (of_rest**3).sum()
        values.append(within / (size * (size - 1)) - 2 * _sum_of_cubes(x @ y.T, of_x, of_y) / size**2)
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(subsets))


def _sum_of_cubes(products: np.ndarray, of_x: np.ndarray, of_y: np.ndarray) -> float:
    """The sum of (products[i, j] + of_x[i] + of_y[j])^3, by the binomial theorem, which needs no (n, m) array of float64."""
    x, y = (np.vander(part, 4, increasing=True) for part in (of_x, of_y))  # powers 0 to 3
    squares, single = products * products, y.astype(np.float32)
    moments = [np.outer(x.sum(0), y.sum(0)), x.T @ (products @ single[:, :3]), x.T @ (squares @ single[:, :2])]
    mixed = sum(comb(3, k) * comb(3 - k, i) * float(moments[k][i, 3 - k - i]) for k in range(3) for i in range(4 - k))
    return mixed + float(np.vdot(squares, products))


def neighbour_scores(
    real: np.ndarray, generated: np.ndarray, neighbours: int = NEIGHBOURS, most: int = 5000, seed: int = 0
) -> dict[str, float]:
    """Fidelity and variety apart, from nearest neighbours in a feature space.

    A real picture's ball reaches to its `neighbours`-th nearest real picture; a generated one's likewise. *Precision* is the
    share of generated pictures inside some real ball, *recall* that of real pictures inside some generated ball
    (Kynkäänniemi et al., 2019). *Density* counts in how many real balls a generated picture lies, over `neighbours`; *coverage*
    is the share of real balls that hold a generated picture (Naeem et al., 2020). An outlier's large ball spoils the first
    two more.

    Args:
        real, generated: (n, D) and (m, D) features, each more than `neighbours`.
        most: of either set, a seeded sample; distances of all pairs are held in memory.

    Returns:
        ``precision``, ``recall``, ``coverage`` in [0, 1] and ``density`` from 0, around 1 for real against real.

    Raises:
        ValueError: too few rows.
    """
    if min(len(real), len(generated)) <= neighbours:
        raise ValueError(f"{len(real)} real and {len(generated)} generated pictures are too few for {neighbours} neighbours")
    rng = np.random.default_rng(seed)
    real, generated = (part[np.sort(rng.permutation(len(part))[:most])].astype(np.float64) for part in (real, generated))
    real_radius, generated_radius = (np.partition(cdist(part, part), neighbours)[:, neighbours] for part in (real, generated))
    between = cdist(real, generated)
    inside_real = between <= real_radius[:, None]
    return {
        "precision": float(inside_real.any(0).mean()),
        "recall": float((between <= generated_radius).any(1).mean()),
        "density": float(inside_real.sum(0).mean() / neighbours),
        "coverage": float(inside_real.any(1).mean()),
    }


def spread_within(features: np.ndarray, groups: np.ndarray) -> float:
    """Mean squared distance between two members of one group, over all groups of two or more.

    Args:
        features: (n, D).  groups: (n,), equal for members of one group.

    Raises:
        ValueError: no group has two members.
    """
    variances = [
        2 * features[groups == group].astype(np.float64).var(0, ddof=1).sum()  # of two independent draws
        for group, count in zip(*np.unique(groups, return_counts=True), strict=True)
        if count > 1
    ]
    if not variances:
        raise ValueError("no group has two members")
    return float(np.mean(variances))


def nearest_distance(queries: np.ndarray, gallery: np.ndarray, batch_size: int = 1000) -> np.ndarray:
    """(n,) Euclidean distance of each of (n, D) queries to the nearest of (m, D) rows."""
    return np.concatenate([cdist(part, gallery).min(1) for part in np.array_split(queries, -(-len(queries) // batch_size))])


def inception_score(probabilities: np.ndarray, splits: int = 10, seed: int = 0) -> tuple[float, float]:
    """exp(mean KL(p(y|x) || p(y))) (Eq. 16): mean and standard deviation over `splits` seeded random parts.

    Args:
        probabilities: (n, classes) rows that sum to one. Rows are shuffled first: class-sorted parts collapse the score.

    Raises:
        ValueError: fewer rows than splits.
    """
    if len(probabilities) < splits:
        raise ValueError(f"{len(probabilities)} images are too few for {splits} splits")
    order = np.random.default_rng(seed).permutation(len(probabilities))
    scores = []
    for part in np.array_split(np.asarray(probabilities, dtype=np.float64)[order].clip(min=1e-12), splits):
        divergence = part * (np.log(part) - np.log(part.mean(0, keepdims=True)))
        scores.append(np.exp(divergence.sum(1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


def class_prototypes(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(classes, D) mean feature of every class, in the order of the sorted labels."""
    return np.stack([features[labels == label].mean(0) for label in np.unique(labels)])


def _cosine(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    queries, gallery = (x / np.linalg.norm(x, axis=1, keepdims=True).clip(min=1e-12) for x in (queries, gallery))
    return queries @ gallery.T


def nearest_class(speech: np.ndarray, image: np.ndarray, image_labels: np.ndarray) -> np.ndarray:
    """(U,) class whose mean image embedding has the largest cosine with each of (U, D) speech embeddings."""
    return np.unique(image_labels)[_cosine(speech, class_prototypes(image, image_labels)).argmax(1)]


def zero_shot_accuracy(speech: np.ndarray, speech_labels: np.ndarray, image: np.ndarray, image_labels: np.ndarray) -> float:
    """Share of utterances whose nearest class, by cosine to the mean image embedding of each class, is their own.

    Args:
        speech: (U, D) speech embeddings of unseen classes.  image: (N, D) image embeddings of the same classes.
    """
    return float((nearest_class(speech, image, image_labels) == speech_labels).mean())


def class_mean_accuracy(speech: np.ndarray, speech_labels: np.ndarray, image: np.ndarray, image_labels: np.ndarray) -> float:
    """``zero_shot_accuracy`` with the mean speech embedding of each class as the only query of that class."""
    return zero_shot_accuracy(class_prototypes(speech, speech_labels), np.unique(speech_labels), image, image_labels)


def retrieval_scores(
    speech: np.ndarray,
    speech_labels: np.ndarray,
    image: np.ndarray,
    image_labels: np.ndarray,
    ranks: tuple[int, ...] = (1, 5, 10),
) -> dict[str, float]:
    """Speech-to-image retrieval over the whole gallery: an image counts as right when it shows the class of the utterance.

    Returns:
        ``r_at_k`` for each rank k and ``map``, the mean average precision.
    """
    right = image_labels[np.argsort(-_cosine(speech, image), axis=1, kind="stable")] == speech_labels[:, None]
    scores = {f"r_at_{k}": float(right[:, :k].any(1).mean()) for k in ranks}
    precision = right.cumsum(1) / np.arange(1, right.shape[1] + 1)
    scores["map"] = float(((precision * right).sum(1) / right.sum(1).clip(min=1)).mean())
    return scores


def linear_probe(
    train_features: np.ndarray,
    train_answers: np.ndarray,
    test_features: np.ndarray,
    test_answers: np.ndarray,
    ridge: float = 0.1,
) -> float:
    """Share of test answers that a linear read-out gets right: ridge regression on one-hot answers, in closed form.

    Args:
        train_features, test_features: (n, D) and (m, D); standardised here with the training statistics.
        train_answers, test_answers: (n,) and (m,) labels of any kind. An answer that never occurs in training counts as missed.
        ridge: penalty per training row.
    """
    answers, codes = np.unique(train_answers, return_inverse=True)
    mean, std = train_features.mean(0, dtype=np.float64), train_features.std(0, dtype=np.float64)
    std = std.clip(min=max(0.05 * np.median(std), 1e-6))  # a coordinate that hardly varies must not outweigh the others
    train, test = (train_features - mean) / std, (test_features - mean) / std
    targets = np.eye(len(answers))[codes]
    gram = train.T @ train + ridge * len(train) * np.eye(train.shape[1])
    weights = np.linalg.solve(gram, train.T @ (targets - targets.mean(0)))
    return float((answers[(test @ weights + targets.mean(0)).argmax(1)] == test_answers).mean())


def oracle_accuracy(mentioned: list[dict[str, str]], labels: np.ndarray, class_attributes: dict[int, dict[str, str]]) -> float:
    """Class accuracy of an oracle that is handed the mentioned attributes exactly and guesses among the classes that fit.

    An attribute that differs between the images of a class, and so is not among its attributes, fits it whatever its value.
    """
    credit = []
    for said, label in zip(mentioned, labels):
        fitting = [c for c, attributes in class_attributes.items() if all(attributes.get(a, v) == v for a, v in said.items())]
        credit.append((label in fitting) / len(fitting))
    return float(np.mean(credit))


def attribute_accuracy(predicted: dict[str, np.ndarray], mentioned: list[dict[str, str]]) -> dict[str, tuple[float, int]]:
    """Does the image show what was said? Per attribute: share of right predictions where the sentence mentions it, and n.

    Args:
        predicted: attribute -> (n,) values that a classifier reads off the generated images.
        mentioned: what each of the n sentences says.
    """
    scores = {}
    for attribute, values in predicted.items():
        hits = [value == said[attribute] for value, said in zip(values, mentioned) if attribute in said]
        if hits:
            scores[attribute] = (float(np.mean(hits)), len(hits))
    return scores
