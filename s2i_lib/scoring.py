"""The examination of a generator: pictures for unseen sentences, read by judges that have only ever seen real pictures.

Every row of every score table goes through ``Examiner``, so that methods differ in what they paint and in nothing else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn

from s2i_lib import artefacts, encoders, metrics, results, speech, training
from s2i_lib.config import Config
from s2i_lib.datasets import PUBLISHED, SpokenImages, dataset_module, has_new_classes, load_dataset

FEATURE_SIZE = 128  # side of the pictures that the feature network of the Fréchet distance sees


@dataclass
class Reading:
    """What the judges and the feature network see in n pictures.

    Attributes:
        attributes: attribute -> (n,) values, empty for photos.  classes: (n, classes) probabilities.
        features: (at most 10,000, D) float32, a sample if there were more pictures.  statistics: of all features.
    """

    attributes: dict[str, np.ndarray]
    classes: np.ndarray
    features: np.ndarray
    statistics: metrics.FeatureStatistics


class Examiner:
    """Sentences, judges and real pictures of one data set and seed; the same for every recipe.

    Args:
        size: side in pixels of the real pictures; by default that of the largest scale. The judges and the feature network
            bring whatever they are shown to their own sizes.

    Attributes:
        rows: (n,) rows of the test utterances that are painted, drawn by the seed.
        mentioned: what each of them says; nothing where nobody knows.
        groups: (n,) equal for sentences that are no independent trials, see ``dependent_groups``.
        comparable: are data and networks those of the paper?
        names: ``fid``, ``kid`` and ``is`` -> metric with the network behind it, for example ``fid_lite0``.
        metric, measure: name in the records, and in words, of how well pictures fit their sentences: see ``sentence_right``.
        reference: ``Reading`` of all real test pictures.
    """

    def __init__(self, config: Config, size: int | None = None):
        self.config, self.size, self.device = config, size or config.judge_size, training.pick_device()
        self.test = load_dataset(config.dataset, "test", config.data_dir)
        total = min(config.scores.captions, len(self.test.utterances))
        self.rows = np.sort(np.random.default_rng(config.seed).choice(len(self.test.utterances), total, replace=False))
        self.mentioned = [self.test.caption(row).mentioned for row in self.rows]
        self.groups = dependent_groups(self.test, self.rows)
        kinds = ("attributes", "classes") if dataset_module(config.dataset).ATTRIBUTES else ("classes",)
        self.judges = {kind: training.load_judge(config, kind).to(self.device) for kind in kinds}
        self.network = encoders.load_feature_network(config.scores.network, FEATURE_SIZE).to(self.device)
        self.names = {"fid": f"fid_{config.scores.network}", "kid": f"kid_{config.scores.network}",
                      "is": "is_inception" if config.judge.network == "inception" else "is_judge"}
        known = "attributes" in kinds
        self.metric, self.measure = ("semantic_colours", "said colours seen") if known else ("class_seen", "class of the sentence seen")
        self.comparable = config.dataset in PUBLISHED and config.scores.network == config.judge.network == "inception"
        real = artefacts.load_images(self.test, self.size)
        self.reference = self.read((artefacts.to_signed(part) for part in real.split(256)), self._known_features(real))

    def read(self, batches: Iterable[torch.Tensor], known: np.ndarray | None = None) -> Reading:
        """Read (B, 3, s, s) pictures in [-1, 1] batch by batch; none is kept.

        What stays in memory is a few hundred bytes of answers per picture and ``metrics.FeatureSample``, whose size is bounded.
        `known` are the (n, D) features of the pictures, where they were computed before.
        """
        seen, classes, sample, start = [], [], metrics.FeatureSample(self.network.dim), 0
        for images in batches:
            seen.append(metrics.read_attributes(self.judges["attributes"], images) if "attributes" in self.judges else {})
            classes.append(metrics.classify(self.judges["classes"], images)["class"])
            sample.update(self._features(images) if known is None else known[start:start + len(images)])
            start += len(images)
        attributes = {name: np.concatenate([part[name] for part in seen]) for name in seen[0]}
        return Reading(attributes, np.concatenate(classes), sample.rows, sample.statistics)

    def _features(self, images: torch.Tensor) -> np.ndarray:
        pixels = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return artefacts.extract_features(self.network, pixels)

    def _known_features(self, images: torch.Tensor) -> np.ndarray:
        return artefacts.cached_features(self.network, images, self.config.data_dir / "features")

    def read_generated(self, config: Config, generator: nn.Module, embeddings: np.ndarray) -> Reading:
        """Paint and read one picture for each of the (n, D) embeddings; the noise follows the seed and the row."""
        return self.read(paint(config, generator.to(self.device), torch.from_numpy(embeddings)))

    def read_real(self) -> Reading:
        """The ceiling: the real picture behind every sentence, and other real pictures for the distances.

        The features are those of the ``judge`` split, which no generator was trained on; they show how far apart two sets of
        real pictures of this size are. Photos have no such split: there the training pictures stand in, of other classes where
        the splits share none.
        """
        picture = np.array([self.test.utterances[row][0] for row in self.rows])
        others = load_dataset(self.config.dataset, "train" if self.config.dataset in PUBLISHED else "judge", self.config.data_dir)
        chosen = np.random.default_rng(self.config.seed).permutation(len(others))[:len(self.rows)]
        images = artefacts.load_images(others, self.size)[chosen]
        sample = metrics.FeatureSample(self.network.dim).update(self._known_features(images))
        return Reading({name: values[picture] for name, values in self.reference.attributes.items()},
                       self.reference.classes[picture], sample.rows, sample.statistics)

    def sentence_right(self, reading: Reading) -> np.ndarray:
        """(n,) how well the picture of each sentence fits it: ``colours_right``; where nobody knows what was said, ``class_right``."""
        return self.colours_right(reading) if reading.attributes else self.class_right(reading)

    def class_right(self, reading: Reading) -> np.ndarray:
        """(n,) 1.0 where the class judge sees the class of the sentence in its picture, else 0.0."""
        seen = np.array(self.judges["classes"].answers["class"], dtype=int)[reading.classes.argmax(1)]
        return (seen == self.test.labels[[self.test.utterances[row][0] for row in self.rows]]).astype(float)

    def colours_right(self, reading: Reading) -> np.ndarray:
        """(n,) share of the mentioned colours that the picture of each sentence shows; NaN where none is mentioned."""
        return colours_right(self.config.dataset, reading.attributes, self.mentioned)

    def score(self, run: results.Run, method: str, reading: Reading, recipe: str = "") -> None:
        """Add every score of a reading to a run: semantic accuracy, or the class seen where nobody knows what was said, Fréchet
        and kernel distance, inception score."""
        if reading.attributes:
            self._score_words(run, method, reading, recipe)
        else:
            right = self.sentence_right(reading)
            error = right.std() / np.sqrt(len(right))
            run.add(method, self.metric, right.mean(), n=len(right), standard_error=error, recipe=recipe)
        ours, real = reading.statistics, self.reference.statistics
        distance, count = metrics.frechet_distance(ours.mean, ours.covariance, real.mean, real.covariance), ours.count
        run.add(method, f"{self.names['fid']}_n{count}", distance, n=count, recipe=recipe)
        value, error = metrics.kernel_distance(reading.features, self.reference.features)
        run.add(method, f"{self.names['kid']}_n{count}", value, n=count, standard_error=error, recipe=recipe)
        splits, count = self.config.scores.inception_splits, len(reading.classes)
        value, spread = metrics.inception_score(reading.classes, splits)
        run.add(method, f"{self.names['is']}_n{count}", value, n=count, standard_error=spread / np.sqrt(splits), recipe=recipe)

    def _score_words(self, run: results.Run, method: str, reading: Reading, recipe: str) -> None:
        semantic = metrics.semantic_accuracy(reading.attributes, self.mentioned)
        colours = [semantic[name] for name in dataset_module(self.config.dataset).COLOUR_ATTRIBUTES if name in semantic]
        overall = float(np.mean([accuracy for accuracy, _ in colours])), sum(count for _, count in colours)
        for name, (accuracy, count) in {**semantic, "colours": overall}.items():
            run.add(method, f"semantic_{name}", accuracy, n=count, recipe=recipe,
                    standard_error=np.sqrt(accuracy * (1 - accuracy) / count))


def colours_right(dataset: str, answers: dict[str, np.ndarray], mentioned: list[dict[str, str]]) -> np.ndarray:
    """(n,) share of the mentioned colours that a judge's answers to n pictures confirm; NaN where none is mentioned."""
    colours, shares = dataset_module(dataset).COLOUR_ATTRIBUTES, np.full(len(mentioned), np.nan)
    for row, said in enumerate(mentioned):
        hits = [answers[name][row] == said[name] for name in colours if name in said]
        if hits:
            shares[row] = np.mean(hits)
    return shares


def dependent_groups(dataset: SpokenImages, rows: np.ndarray) -> np.ndarray:
    """(n,) equal for utterances that are no independent trials: of a class that shares its attributes, else of one picture."""
    pictures = np.array([dataset.utterances[row][0] for row in rows])
    return dataset.labels[pictures] if has_new_classes(dataset.name) else pictures


def method_embeddings(config: Config, examiner: Examiner) -> dict[str, np.ndarray]:
    """Method -> (n, D) embeddings of the examined sentences that the generator of a recipe is given.

    The recipe ``text`` gives a row per recogniser: what chapter 12 kept of its hearing, read by the text encoder.
    """
    own = {results.METHODS[config.recipe]: np.load(training.embeddings_path(config, "test"))[examiner.rows]}
    if config.recipe == "text":
        model = training.load_speech_model(config).to(training.pick_device())
        for name in speech.RECOGNISERS:
            heard = artefacts.write_transcripts(config, name, examiner.rows)
            own[f"two-stage, {name}"] = training.embed_inputs(model, artefacts.Sentences(heard), config)
    return own


def paint(config: Config, generator: nn.Module, embeddings: torch.Tensor, size: int = 256) -> Iterator[torch.Tensor]:
    """Pictures for (n, D) embeddings, `size` at a time; every part has its own noise, the same for every recipe."""
    for number, part in enumerate(embeddings.split(size)):
        yield training.generate(generator, part, config, seed=1000 * config.seed + number)


def mention_probes(train: SpokenImages, test: SpokenImages, train_embeddings: np.ndarray,
                   test_embeddings: np.ndarray) -> pd.DataFrame:
    """Which mentioned attributes can be read off sentence embeddings by a linear map, tested on unseen classes?

    Args:
        train_embeddings, test_embeddings: (U, D), in the row order of ``SpokenImages.utterances``.

    Returns:
        One row per attribute that is mentioned with more than one value: ``attribute``, ``accuracy``, ``commonest`` (the share
        of the commonest answer), ``n``.
    """
    said = {"train": [train[i].captions[k].mentioned for i, k in train.utterances],
            "test": [test[i].captions[k].mentioned for i, k in test.utterances]}
    rows = []
    for attribute in dataset_module(train.name).ATTRIBUTES:
        where = {split: [i for i, mentioned in enumerate(part) if attribute in mentioned] for split, part in said.items()}
        answers = {split: np.array([said[split][i][attribute] for i in where[split]]) for split in said}
        if where["test"] and len(set(answers["train"])) > 1:
            accuracy = metrics.linear_probe(train_embeddings[where["train"]], answers["train"],
                                            test_embeddings[where["test"]], answers["test"])
            commonest = np.unique(answers["test"], return_counts=True)[1].max() / len(answers["test"])
            rows.append({"attribute": attribute, "accuracy": accuracy, "commonest": commonest, "n": len(where["test"])})
    return pd.DataFrame(rows, columns=["attribute", "accuracy", "commonest", "n"])
