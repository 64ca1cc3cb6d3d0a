"""Evaluation of a generator: pictures for unseen sentences, seen by classifiers that have only ever learned from real pictures.

Every row of every score table goes through ``Evaluator``, so that methods differ in what they draw and in nothing else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from s2i_lib import metrics
from s2i_lib.config import Config
from s2i_lib.datasets import SpokenImages, get_spec, load_dataset
from s2i_lib.devices import pick_device
from s2i_lib.features import (
    Sentences,
    cached_features,
    embeddings_path,
    extract_features,
    load_images,
    to_pixels,
    to_signed,
)
from s2i_lib.files import load_array
from s2i_lib.inference import embed_inputs, generate
from s2i_lib.models.checkpoint import generator_path, load_classifier, load_speech_model
from s2i_lib.models.classifiers import most_probable, predict_with_features
from s2i_lib.models.teacher import load_feature_network
from s2i_lib.preparation.speech import write_transcripts
from s2i_lib.recipes import RECIPES
from s2i_lib.recognition import RECOGNIZERS
from s2i_lib.results.records import Run

Floats = NDArray[np.float32]
FEATURE_SIZE = 128  # side of the pictures that the feature network of the Fréchet distance sees


@dataclass
class Classified:
    """What the classifiers say about B pictures.

    Attributes:
        attributes: attribute -> (B,) values, empty for photos.  classes: (B, classes) probabilities.
        features: (B, C) of the network behind the attributes, or behind the classes where there are none. It has learned from
            real pictures alone, and what it was asked for is what a sentence can mention; neither the teacher nor a
            discriminator has to do with it.
    """

    attributes: dict[str, NDArray[np.str_]]
    classes: Floats
    features: Floats


@dataclass
class Predictions:
    """What the classifiers and the feature network see in n pictures.

    Attributes:
        attributes: attribute -> (n,) values, empty for photos.  classes: (n, classes) probabilities.
        features: (at most 10,000, D) float32, a sample if there were more pictures.  statistics: of all features.
        classifier: the classifier's features, see ``Classified``.
    """

    attributes: dict[str, NDArray[np.str_]]
    classes: Floats
    features: Floats
    statistics: metrics.FeatureStatistics
    classifier: metrics.FeatureSample


class Evaluator:
    """Sentences, classifiers and real pictures of one data set and seed; the same for every recipe.

    Args:
        size: side in pixels of the real pictures; by default that of the largest scale. The classifiers and the
            feature network bring whatever they are shown to their own sizes.

    Attributes:
        rows: (n,) rows of the test utterances that pictures are generated for, chosen by the seed.
        mentioned: what each of them says; nothing where nobody knows.
        groups: (n,) equal for sentences that are no independent trials, see ``dependent_groups``.
        comparable: are data and networks those of the paper?
        names: ``fid``, ``kid`` and ``is`` -> metric with the network behind it that tables show: Inception where it looks,
            else the classifier, which separates good from bad pictures where EfficientNet-Lite0 finds all equally far from
            real ones, and which no generator was trained with.
        metric, measure: name in the records, and in words, of how well pictures match their sentences: see
            ``matches_sentence``.
        reference: ``Predictions`` for all real test pictures.
    """

    def __init__(self, config: Config, size: int | None = None):
        self.config, self.size, self.device = config, size or config.classifier_size, pick_device()
        self.test = load_dataset(config.dataset, "test", config.data_dir)
        total = min(config.scores.captions, len(self.test.utterances))
        self.rows = np.sort(np.random.default_rng(config.seed).choice(len(self.test.utterances), total, replace=False))
        self.mentioned = [self.test.utterances[row].caption.mentioned for row in self.rows]
        self.groups = dependent_groups(self.test, self.rows)
        kinds = ("attributes", "classes") if config.spec.knows_attributes else ("classes",)
        self.classifiers = {kind: load_classifier(config, kind).to(self.device) for kind in kinds}
        self.network = load_feature_network(config.scores.network, FEATURE_SIZE).to(self.device)
        by_inception = config.scores.network == "inception"
        self.names = {
            "fid": "fid_inception" if by_inception else "frechet_classifier",
            "kid": "kid_inception" if by_inception else "kernel_classifier",
            "is": "is_inception" if config.classifier.network == "inception" else "is_classifier",
        }
        known = "attributes" in kinds
        self.metric, self.measure = (
            ("colour_attribute_accuracy", "colour attribute accuracy") if known else ("class_correct", "class accuracy")
        )
        self.comparable = (
            not get_spec(config.dataset).rendered and config.scores.network == config.classifier.network == "inception"
        )
        self._training: Floats | None = None
        real = load_images(self.test, self.size)
        self.reference = self.predict((to_signed(part) for part in real.split(256)), self._known_features(real))

    def predict(self, batches: Iterable[torch.Tensor], known: Floats | None = None) -> Predictions:
        """Classify (B, 3, s, s) pictures in [-1, 1] batch by batch; none is kept.

        What stays in memory is a few hundred bytes of answers per picture and ``metrics.FeatureSample``, whose size is bounded.
        `known` are the (n, D) features of the pictures, where they were computed before.
        """
        answers, classes, start = [], [], 0
        sample, behind = metrics.FeatureSample(self.network.dim), None
        for images in batches:
            seen = self.classify(images)
            answers.append(seen.attributes)
            classes.append(seen.classes)
            behind = (behind or metrics.FeatureSample(seen.features.shape[1])).update(seen.features)
            sample.update(self._features(images) if known is None else known[start : start + len(images)])
            start += len(images)
        assert behind is not None, "no picture"
        attributes = {name: np.concatenate([part[name] for part in answers]) for name in answers[0]}
        return Predictions(attributes, np.concatenate(classes), sample.rows, sample.statistics, behind)

    def classify(self, images: torch.Tensor) -> Classified:
        """What the classifiers say about (B, 3, s, s) pictures in [-1, 1]."""
        classes, features = predict_with_features(self.classifiers["classes"], images)
        attributes = {}
        if "attributes" in self.classifiers:
            probabilities, features = predict_with_features(self.classifiers["attributes"], images)
            attributes = most_probable(self.classifiers["attributes"], probabilities)
        return Classified(attributes, classes["class"], features)

    def _features(self, images: torch.Tensor) -> Floats:
        return extract_features(self.network, to_pixels(images))

    def _known_features(self, images: torch.Tensor) -> Floats:
        return cached_features(self.network, images, self.config.data_dir / "features")

    def predict_generated(self, config: Config, generator: nn.Module, embeddings: Floats) -> Predictions:
        """Generate and classify one picture for each of the (n, D) embeddings; the noise follows the seed and the row."""
        return self.predict(sample_images(config, generator.to(self.device), torch.from_numpy(embeddings)))

    def held_out(self) -> torch.Tensor:
        """(at most n, 3, s, s) uint8 real pictures to compare the real test pictures with, chosen by the seed.

        They are of the ``classifier`` split, which no generator was trained on. Photos have no such split: there the training
        pictures stand in, of other classes where the splits share none.
        """
        split = "classifier" if get_spec(self.config.dataset).rendered else "train"
        others = load_dataset(self.config.dataset, split, self.config.data_dir)
        chosen = np.random.default_rng(self.config.seed).permutation(len(others))[: len(self.rows)]
        return load_images(others, self.size)[chosen]

    def predict_real(self) -> Predictions:
        """The ceiling: the real picture behind every sentence, and for the distances the pictures of ``held_out``, which show
        how far apart two sets of real pictures of this size are.
        """
        picture, images = self.test.image_of[self.rows], self.held_out()
        seen = self.predict((to_signed(part) for part in images.split(256)), self._known_features(images))
        seen.attributes = {name: values[picture] for name, values in self.reference.attributes.items()}
        seen.classes = self.reference.classes[picture]
        return seen

    def matches_sentence(self, predictions: Predictions) -> Floats:
        """(n,) how well the picture of each sentence matches it: ``colours_correct``; where nobody knows what was said,
        ``class_correct``.
        """
        return self.colours_correct(predictions) if predictions.attributes else self.class_correct(predictions)

    def class_correct(self, predictions: Predictions) -> Floats:
        """(n,) 1.0 where the class classifier sees the class of the sentence in its picture, else 0.0."""
        seen = np.array(self.classifiers["classes"].answers["class"], dtype=int)[predictions.classes.argmax(1)]
        return (seen == self.test.labels[self.test.image_of[self.rows]]).astype(float)

    def colours_correct(self, predictions: Predictions) -> Floats:
        """(n,) share of the mentioned colours that the picture of each sentence shows; NaN where none is mentioned."""
        return colours_correct(self.config.dataset, predictions.attributes, self.mentioned)

    def diversity(
        self, config: Config, generator: nn.Module, embeddings: Floats, sentences: int = 100, pictures: int = 4
    ) -> float:
        """How different are pictures of one sentence? 1: as real pictures of one class are; 0: the noise has no say.

        The mean squared distance between two pictures of one sentence, over that between two real test pictures of one class,
        in the classifier's features.

        Args:
            embeddings: (n, D); evenly spaced ones are used.
        """
        rows = np.linspace(0, len(embeddings) - 1, min(sentences, len(embeddings))).round().astype(int).repeat(pictures)
        batches = sample_images(config, generator.to(self.device), torch.from_numpy(embeddings[rows]))
        features = np.concatenate([self.classify(images).features for images in batches])
        real = self.reference.classifier
        return metrics.spread_within(features, rows) / metrics.spread_within(real.rows, self.test.labels[real.numbers])

    def nearest_training(self, predictions: Predictions) -> float:
        """How near are training pictures, for the classifier? 1: as near as to real test pictures; far below: copies.

        The mean distance to the nearest training picture, over that of the real test pictures.
        """
        if self._training is None:
            images = load_images(load_dataset(self.config.dataset, "train", self.config.data_dir), self.size)
            self._training = np.concatenate([self.classify(to_signed(part)).features for part in images.split(256)])
        ours, real = (
            metrics.nearest_distance(part.classifier.rows, self._training).mean() for part in (predictions, self.reference)
        )
        return float(ours / real)

    def score(self, run: Run, method: str, predictions: Predictions, recipe: str = "") -> None:
        """Add every score of some predictions to a run: attribute accuracy, or class accuracy where nobody knows what was said,
        Fréchet and kernel distance in two feature spaces, precision, recall, density and coverage, inception score.
        """
        if predictions.attributes:
            self._score_attributes(run, method, predictions, recipe)
        else:
            right = self.matches_sentence(predictions)
            error = right.std() / np.sqrt(len(right))
            run.add(method, self.metric, right.mean(), n=len(right), standard_error=error, recipe=recipe)
        distance, count = predictions.statistics.distance(self.reference.statistics), predictions.statistics.count
        network = self.config.scores.network
        run.add(method, f"fid_{network}_n{count}", distance, n=count, recipe=recipe)
        value, error = metrics.kernel_distance(predictions.features, self.reference.features)
        run.add(method, f"kid_{network}_n{count}", value, n=count, standard_error=error, recipe=recipe)
        for name, value in classifier_scores(predictions.classifier, self.reference.classifier).items():
            run.add(method, f"{name}_classifier_n{count}", value, n=count, recipe=recipe)
        splits, count = self.config.scores.inception_splits, len(predictions.classes)
        value, spread = metrics.inception_score(predictions.classes, splits)
        run.add(method, f"{self.names['is']}_n{count}", value, n=count, standard_error=spread / np.sqrt(splits), recipe=recipe)

    def _score_attributes(self, run: Run, method: str, predictions: Predictions, recipe: str) -> None:
        found = metrics.attribute_accuracy(predictions.attributes, self.mentioned)
        colours = [found[name] for name in get_spec(self.config.dataset).colour_attributes if name in found]
        overall = float(np.mean([accuracy for accuracy, _ in colours])), sum(count for _, count in colours)
        scores = {f"attribute_accuracy_{name}": score for name, score in found.items()}
        for name, (accuracy, count) in {**scores, "colour_attribute_accuracy": overall}.items():
            run.add(method, name, accuracy, n=count, recipe=recipe, standard_error=np.sqrt(accuracy * (1 - accuracy) / count))


def classifier_scores(generated: metrics.FeatureSample, real: metrics.FeatureSample) -> dict[str, float]:
    """Scores of pictures in the classifier's features: ``frechet`` and ``kernel`` distance, and ``metrics.neighbour_scores``.

    The last need more than ``metrics.NEIGHBOURS`` pictures of each kind, or they are left out.
    """
    ours, theirs = generated.rows, real.rows  # each time a copy
    scores = {
        "frechet": generated.statistics.distance(real.statistics),
        "kernel": metrics.kernel_distance(ours, theirs)[0],
    }
    enough = min(len(ours), len(theirs)) > metrics.NEIGHBOURS
    return scores | (metrics.neighbour_scores(theirs, ours) if enough else {})


def colours_correct(dataset: str, answers: dict[str, NDArray[np.str_]], mentioned: list[dict[str, str]]) -> Floats:
    """(n,) share of the mentioned colours that a classifier's answers to n pictures confirm; NaN where none is mentioned."""
    return mentions_correct(get_spec(dataset).colour_attributes, answers, mentioned)


def mentions_correct(names: Iterable[str], answers: dict[str, NDArray[np.str_]], mentioned: list[dict[str, str]]) -> Floats:
    """(n,) share of what is mentioned about the attributes `names` that a classifier's answers to n pictures confirm; NaN where
    nothing is.
    """
    names, shares = list(names), np.full(len(mentioned), np.nan)
    for row, said in enumerate(mentioned):
        hits = [answers[name][row] == said[name] for name in names if name in said]
        if hits:
            shares[row] = np.mean(hits)
    return shares


def dependent_groups(dataset: SpokenImages, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) equal for utterances that are no independent trials: of a class that shares its attributes, else of one picture."""
    pictures = dataset.image_of[rows]
    return dataset.labels[pictures] if get_spec(dataset.name).has_new_classes else pictures


def has_generator(config: Config) -> bool:
    """Are the generator of a run and the embeddings that it draws from here?"""
    return generator_path(config).exists() and embeddings_path(config, "test").exists()


def method_embeddings(config: Config, evaluator: Evaluator) -> dict[str, Floats]:
    """Method -> (n, D) embeddings of the evaluated sentences that the generator of a recipe is given.

    The recipe ``text`` gives a row per recognizer: the transcripts that chapter 12 kept, encoded by the text encoder. What
    ``text_transcripts`` is given are transcripts.
    """
    own = {RECIPES[config.recipe].method: load_array(embeddings_path(config, "test"))[evaluator.rows]}
    if config.recipe == "text":
        model = load_speech_model(config).to(pick_device())
        for name in RECOGNIZERS:
            transcripts = write_transcripts(config, name, evaluator.rows)
            own[f"two-stage, {name}"] = embed_inputs(model, Sentences(transcripts), config)
    return own


def sample_images(config: Config, generator: nn.Module, embeddings: torch.Tensor, size: int = 256) -> Iterator[torch.Tensor]:
    """Pictures for (n, D) embeddings, `size` at a time; every part has its own noise, the same for every recipe."""
    for number, part in enumerate(embeddings.split(size)):
        yield generate(generator, part, config, seed=1000 * config.seed + number)


def attribute_probes(
    train: SpokenImages, test: SpokenImages, train_embeddings: Floats, test_embeddings: Floats
) -> pd.DataFrame:
    """Which mentioned attributes can be read off sentence embeddings by a linear map, tested on unseen classes?

    Args:
        train_embeddings, test_embeddings: (U, D), in the row order of ``SpokenImages.utterances``.

    Returns:
        One row per attribute that is mentioned with more than one value: ``attribute``, ``accuracy``, ``commonest`` (the share
        of the commonest answer), ``n``.
    """
    said = {
        "train": [utterance.caption.mentioned for utterance in train.utterances],
        "test": [utterance.caption.mentioned for utterance in test.utterances],
    }
    rows = []
    for attribute in get_spec(train.name).attributes:
        where = {split: [i for i, mentioned in enumerate(part) if attribute in mentioned] for split, part in said.items()}
        answers = {split: np.array([said[split][i][attribute] for i in where[split]]) for split in said}
        if where["test"] and len(set(answers["train"])) > 1:
            accuracy = metrics.linear_probe(
                train_embeddings[where["train"]], answers["train"], test_embeddings[where["test"]], answers["test"]
            )
            commonest = np.unique(answers["test"], return_counts=True)[1].max() / len(answers["test"])
            rows.append({"attribute": attribute, "accuracy": accuracy, "commonest": commonest, "n": len(where["test"])})
    return pd.DataFrame(rows, columns=["attribute", "accuracy", "commonest", "n"])
