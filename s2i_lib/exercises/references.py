"""What the functions of the code exercises are compared with: the library where it has them, a line or two where not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from s2i_lib import audio, losses, metrics
from s2i_lib.exercises.kinds import Code

Floats = NDArray[np.float64]


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _best_discriminator(real: float, generated: float) -> float:
    return real / (real + generated)


def _mutual_information(first: Sequence[str], second: Sequence[str]) -> float:
    def entropy(column: Sequence[Any]) -> float:
        shares = np.array(list(Counter(column).values())) / len(column)
        return float(-(shares * np.log2(shares)).sum())

    return entropy(first) + entropy(second) - entropy(list(zip(first, second)))


def _noise_gain(speech: Floats, noise: Floats, snr_db: float) -> float:
    return float(np.sqrt((speech**2).mean() / (noise**2).mean() / 10 ** (snr_db / 10)))


def _hertz_to_mel(frequency: float) -> float:
    return 3 * frequency / 200 if frequency < 1000 else float(15 + 27 * np.log(frequency / 1000) / np.log(6.4))


def _ridge(x: Floats, y: Floats, penalty: float) -> NDArray[Any]:
    return np.linalg.solve(x.T @ x + penalty * len(x) * np.eye(x.shape[1]), x.T @ y)


def _contrastive(speech: torch.Tensor, image: torch.Tensor, temperature: float) -> torch.Tensor:
    return losses.contrastive_loss(speech, image, torch.arange(len(speech)), temperature)


def _frechet_1d(mean1: float, deviation1: float, mean2: float, deviation2: float) -> float:
    covariances = (np.array([[deviation**2]]) for deviation in (deviation1, deviation2))
    first, second = covariances
    return metrics.frechet_distance(np.array([mean1]), first, np.array([mean2]), second)


def _border_change(first: Floats, second: Floats, width: int) -> float:
    frame = np.ones(first.shape[:2], dtype=bool)
    frame[width:-width, width:-width] = False
    return float(np.abs(first - second)[frame].mean())


def _smallest_distance(classes: Sequence[Mapping[str, str]]) -> int:
    pairs = [(a, b) for place, a in enumerate(classes) for b in classes[:place]]
    return min(sum(a[name] != b[name] for name in a) for a, b in pairs)


def _commonest_confusion(right: NDArray[np.int64], predicted: NDArray[np.int64]) -> tuple[int, int]:
    return Counter((int(a), int(b)) for a, b in zip(right, predicted) if a != b).most_common(1)[0][0]


def _condition(mean: torch.Tensor, log_variance: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    return mean + (log_variance / 2).exp() * noise


def _crossing(rates: Floats, scores: Floats, level: float) -> float:
    after = int(np.flatnonzero(scores < level)[0])
    share = (scores[after - 1] - level) / (scores[after - 1] - scores[after])
    return float(rates[after - 1] + share * (rates[after] - rates[after - 1]))


def _rank_correlation(first: Floats, second: Floats) -> float:
    one, other = (np.argsort(np.argsort(values)) for values in (first, second))
    return float(np.corrcoef(one, other)[0, 1])


def _changed(ours: Mapping[str, Any], theirs: Mapping[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, value in ours.items():
        if isinstance(value, dict):
            found |= _changed(value, theirs[name], f"{prefix}{name}.")
        elif value != theirs[name]:
            found.add(prefix + name)
    return found


def _shrink(picture: Floats, factor: int) -> Floats:
    height, width, channels = picture.shape
    return picture.reshape(height // factor, factor, width // factor, factor, channels).mean((1, 3))


def _slerp(first: Floats, second: Floats, share: float) -> Floats:
    angle = np.arccos(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
    return np.asarray((np.sin((1 - share) * angle) * first + np.sin(share * angle) * second) / np.sin(angle))


def _verdict(low: float, high: float) -> str:
    return "holds" if low > 0 else "does not hold" if high < 0 else "undecided"


def _nearest(sentence: Floats, prototypes: Floats) -> int:
    return int(metrics.nearest_class(sentence[None], prototypes, np.arange(len(prototypes)))[0])


def _convolution_operations(batch: int, inputs: int, outputs: int, kernel: int, height: int, width: int) -> int:
    return 2 * batch * inputs * outputs * kernel**2 * height * width


def _warping_cost(costs: Floats) -> float:
    total = np.full(np.add(costs.shape, 1), np.inf)
    total[0, 0] = 0
    for i, j in np.ndindex(costs.shape):
        total[i + 1, j + 1] = costs[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    return float(total[-1, -1])


def _weighted_layers(states: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    return (logits.softmax(0)[:, None, None] * F.layer_norm(states, states.shape[-1:])).sum(0)


def _attentive_mean(states: torch.Tensor, projection: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    return ((states @ projection.T).tanh() @ query).softmax(0) @ states


def _explained_share(features: Floats, classes: NDArray[np.int64]) -> float:
    means = metrics.class_prototypes(features, classes)[classes]
    return float(((means - features.mean(0)) ** 2).sum() / ((features - features.mean(0)) ** 2).sum())


def _effects(scores: Floats) -> tuple[float, float, float]:
    rows, columns = np.diff(scores, axis=0)[0], np.diff(scores, axis=1)[:, 0]
    return rows.mean(), columns.mean(), float(rows[1] - rows[0])


def _lstm_cell(i: Floats, f: Floats, g: Floats, o: Floats, c: Floats) -> Floats:
    def sigmoid(x: Floats) -> Floats:
        return np.asarray(1 / (1 + np.exp(-x)))

    kept = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return np.stack([sigmoid(o) * np.tanh(kept), kept])


def _best_noise(x: Floats, signal: float, noise: float, mean: float, deviation: float) -> Floats:
    return noise * (x - signal * mean) / ((signal * deviation) ** 2 + noise**2)


def _cosine_distance(one: Floats, other: Floats) -> float:
    return float(1 - one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def _random(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


BIRDS = [dict(zip(("crown", "tail", "size"), row)) for row in ("abc", "xyd", "abd", "xbz")]

CODE: dict[str, Code] = {
    "00.2": Code(_best_discriminator, lambda: [(1.0, 1.0), (3.0, 1.0), (0.2, 0.8)]),
    "01.3": Code(_mutual_information, lambda: [("rgrg", "rgrg"), ("rgrg", "rrgg"), ("rgbrgbrr", "ggbrrbrg")]),
    "02.2": Code(
        _noise_gain, lambda: [(_random(100), 3 * _random(100, seed=1), 10.0), (_random(50), _random(50, seed=2), -5.0)]
    ),
    "03.1": Code(lambda n: audio.log_mel_spectrogram(torch.zeros(n)).shape[1], lambda: [(16_000,), (201,), (480,), (40_123,)]),
    "03.2": Code(_hertz_to_mel, lambda: [(440.0,), (1000.0,), (4000.0,)]),
    "04.2": Code(_ridge, lambda: [(_random(20, 3), _random(20, 2, seed=1), 0.1), (_random(4, 6), _random(4, 1, seed=1), 2.0)]),
    "05.2": Code(_contrastive, lambda: [(_normal(4, 8), _normal(4, 8, seed=1), 0.07), (_normal(3, 2), 5 * _normal(3, 2), 1.0)]),
    "06.2": Code(losses.hinge_discriminator_loss, lambda: [tuple(2 * _normal(6, seed=seed) for seed in range(3))]),
    "07.1": Code(_frechet_1d, lambda: [(0.0, 2.0, 1.0, 3.0), (1.0, 1.0, 1.0, 1.0), (-2.0, 0.5, 3.0, 0.1)]),
    "08.3": Code(
        _border_change, lambda: [(_random(8, 8, 3), _random(8, 8, 3, seed=1), 2), (_random(5, 7, 3), np.zeros((5, 7, 3)), 1)]
    ),
    "09.1": Code(_smallest_distance, lambda: [(BIRDS,), (BIRDS[1:],), (BIRDS[::2],)]),
    "10.2": Code(
        _commonest_confusion,
        lambda: [
            (np.array([0, 1, 2, 2, 3, 2]), np.array([3, 1, 3, 2, 1, 3])),
            (np.array([5, 5, 5, 4]), np.array([5, 5, 1, 4])),
        ],
    ),
    "11.3": Code(_condition, lambda: [(_normal(2, 3), _normal(2, 3, seed=1), _normal(2, 3, seed=2))]),
    "12.3": Code(
        _crossing,
        lambda: [
            (np.array([0, 0.2, 0.4]), np.array([0.9, 0.7, 0.3]), 0.6),
            (np.array([0, 0.5, 1]), np.array([0.5, 0.55, 0.1]), 0.4),
        ],
    ),
    "13.2": Code(
        _rank_correlation, lambda: [(_random(6), _random(6, seed=1)), (np.array([1.0, 2, 4, 3]), np.array([9.0, 8, 1, 2]))]
    ),
    "14.2": Code(
        _changed,
        lambda: [
            ({"gan": {"steps": 5, "width": 2}, "seed": 0}, {"gan": {"steps": 6, "width": 2}, "seed": 1}),
            ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 1}}}),
        ],
    ),
    "16.1": Code(_shrink, lambda: [(_random(8, 8, 3), 2), (_random(4, 8, 3, seed=1), 4)]),
    "17.2": Code(
        _slerp, lambda: [(np.array([1.0, 0]), np.array([0, 1.0]), 0.5), (np.array([3.0, 0, 0]), np.array([1.0, 2, 2]), 0.25)]
    ),
    "18.2": Code(_verdict, lambda: [(0.01, 0.2), (-0.3, -0.1), (-0.1, 0.1), (0.0, 0.2)]),
    "20.2": Code(
        _nearest, lambda: [(np.array([1.0, 0.2]), np.array([[9.0, 9], [0.1, 0], [-1, 0]])), (_random(5), _random(7, 5, seed=1))]
    ),
    "22.3": Code(
        lambda p: metrics.inception_score(p, splits=1)[0],
        lambda: [(np.eye(5)[[0, 1, 2, 3, 4, 4]] * 0.9 + 0.02,), (np.full((4, 3), 1 / 3),)],
    ),
    "23.1": Code(_convolution_operations, lambda: [(1, 64, 128, 3, 32, 32), (24, 3, 8, 5, 7, 9)]),
    "24.3": Code(_warping_cost, lambda: [(np.array([[0.0, 2, 3], [1, 0, 0]]),), (np.abs(_random(5, 4)),)]),
    "25.2": Code(
        _weighted_layers, lambda: [(_normal(5, 7, 16), _normal(5, seed=1)), (_normal(2, 3, 4), torch.zeros(2).double())]
    ),
    "26.2": Code(_attentive_mean, lambda: [(_normal(6, 4), _normal(3, 4, seed=1), _normal(3, seed=2))]),
    "28.2": Code(
        _explained_share, lambda: [(_random(6, 3), np.array([0, 0, 1, 1, 2, 2])), (_random(5, 2), np.array([0, 1, 1, 1, 0]))]
    ),
    "29.3": Code(_effects, lambda: [(np.array([[0.5, 0.62], [0.66, 0.86]]),), (_random(2, 2),)]),
    "30.3": Code(_lstm_cell, lambda: [tuple(_random(4, seed=seed) for seed in range(5))]),
    "31.2": Code(_best_noise, lambda: [(_random(6), 0.8, 0.6, -2.0, 0.6), (_random(3, seed=1), 0.1, 0.99, 1.0, 2.0)]),
    "32.3": Code(
        metrics.class_prototypes,
        lambda: [(np.array([0.1, 0.5, 0.2, 0.3]), np.array([1, 0, 1, 0])), (_random(5), np.array(list("abcab")))],
    ),
    "33.2": Code(_cosine_distance, lambda: [(np.array([3.0, 0.0]), np.array([2.0, 2.0])), (_random(6), _random(6, seed=1))]),
}
