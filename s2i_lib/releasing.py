"""Makes a released model of finished runs: scores it, writes its card, and copies its weights in half precision.

python -m s2i_lib models --release birds --dataset birds --encoder whisper_many_voices --generator recommended
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from s2i_lib import metrics
from s2i_lib.config import Config
from s2i_lib.datasets import get_spec, load_dataset
from s2i_lib.evaluation import Evaluator
from s2i_lib.features import load_speech_data, set_aside
from s2i_lib.files import save_atomically, save_text, sha256
from s2i_lib.inference import embed_inputs
from s2i_lib.models.checkpoint import (
    CLASSIFIER_FILE,
    DESCRIPTION_FILE,
    classifier_path,
    encoder_path,
    generator_path,
    load_generator,
    load_speech_model,
    read_tensors,
)
from s2i_lib.novelty import REFERENCE_FILE
from s2i_lib.preparation.features import recorded_inputs
from s2i_lib.preparation.speech import write_voice
from s2i_lib.recipes import RECIPES
from s2i_lib.released import CARD_FILE, CHECKSUMS_FILE, models_folder, read_json
from s2i_lib.results import class_metric
from s2i_lib.results.records import Run, save_run
from s2i_lib.speech import TEST_VOICES, TRAINING_VOICES

LARGEST, LARGEST_OF_ALL = 10 * 2**20, 40 * 2**20  # bytes, of a file and of all together
REAL = "real test images"
OTHERS = "other voices"  # method of the records about ``speech.TEST_VOICES``
SHARED = ("generator.safetensors", CLASSIFIER_FILE)  # kept once, where releases differ in what they hear with


def make_release(name: str, encoder: Config, generator: Config) -> Path:
    """Score a model, write its card and put it into ``models/``.

    Args:
        name: of the release; one of the same name is replaced as a whole.
        encoder, generator: the runs of which it takes either; of one data set, profile and space of embeddings.

    Returns:
        Its folder.

    Raises:
        FileNotFoundError: a run is not finished.
        ValueError: the runs do not belong together, or the files would be too large, see ``release``.
    """
    for part, path in {"encoder": encoder_path(encoder), "generator": generator_path(generator)}.items():
        if not path.exists():
            raise FileNotFoundError(f"the {part} is not trained: there is no {path}")
    return release(name, encoder, generator, measure(encoder, generator))


def _joined(encoder: Config, generator: Config) -> Config:
    """The configuration of a model that hears with the one run and draws with the other.

    Raises:
        ValueError: the embeddings of the one are not what the other has learned to draw.
    """
    for section in ("dataset", "profile", "data", "teacher"):
        if getattr(encoder, section) != getattr(generator, section):
            raise ValueError(
                f"{encoder.recipe} and {generator.recipe} have not the same {section}: choose runs that belong together"
            )
    if encoder.encoder.target_dim != generator.encoder.target_dim:
        raise ValueError(
            f"{encoder.recipe} and {generator.recipe} have embeddings of different length: choose runs that belong together"
        )
    return encoder.model_copy(update={"gan": generator.gan})


def measure(encoder: Config, generator: Config) -> pd.DataFrame:
    """Score the encoder on all test sentences, and on some of them in voices that no training hears, and the pictures for the
    sentences of chapter 07; returns the records.
    """
    run = Run(_joined(encoder, generator), chapter="release")
    embeddings = _score_encoder(run, encoder)
    evaluator = Evaluator(generator)
    drawn = evaluator.predict_generated(generator, load_generator(generator, embeddings.shape[1]), embeddings[evaluator.rows])
    evaluator.score(run, "ours", drawn, recipe=encoder.recipe)
    evaluator.score(run, REAL, evaluator.predict_real())
    return save_run(run)


def _score_encoder(run: Run, encoder: Config) -> NDArray[np.float32]:
    """Whether the class is found from one sentence, in the first voice and in others; returns the embeddings in the first."""
    model, unseen = load_speech_model(encoder), load_speech_data(encoder, "test")
    embeddings = embed_inputs(model, unseen.inputs, encoder)
    with torch.no_grad():
        gallery = model.targets(unseen.features[:, 0]).numpy()
    truth, metric = unseen.labels[unseen.image_of], class_metric(encoder.dataset)
    right = metrics.nearest_class(embeddings, gallery, unseen.labels) == truth
    run.add("ours", metric, right.mean(), n=len(right), standard_error=right.std() / np.sqrt(len(right)))
    rows = np.linspace(0, len(truth) - 1, min(200, len(truth))).round().astype(int)[::2]  # every other one of chapter 20
    spoken = [path for voice in TEST_VOICES for path in write_voice(encoder, rows, voice)]
    others = embed_inputs(model, recorded_inputs(encoder, spoken), encoder)
    found = metrics.nearest_class(others, gallery, unseen.labels).reshape(len(TEST_VOICES), -1)
    by_sentence = (found == truth[rows]).mean(0)  # what all voices say is one trial
    error = by_sentence.std() / np.sqrt(len(rows))
    run.add(OTHERS, metric, by_sentence.mean(), n=len(rows), standard_error=error)
    return embeddings


def release(name: str, encoder: Config, generator: Config, scores: pd.DataFrame) -> Path:
    """Put a trained encoder and a trained generator into ``models/``, in half precision, with card and checksums.

    Args:
        name: of the release; one of the same name is replaced as a whole.
        encoder, generator: the runs of which it takes either. A generator that another release has is not stored again:
            ``model.json`` names that release.
        scores: records of ``measure``, for the card.

    Returns:
        Its folder.

    Raises:
        FileNotFoundError: a run is not finished.
        ValueError: a file would be larger than 10 MiB, or all releases together than 40 MiB.
    """
    target, prepared = models_folder() / name, models_folder() / f".{name}.part"
    shutil.rmtree(prepared, ignore_errors=True)
    try:
        for weights in (encoder_path(encoder), generator_path(generator)):
            _halve(weights, prepared / weights.name)
        if get_spec(encoder.dataset).knows_attributes:
            _halve(classifier_path(generator, "attributes"), prepared / CLASSIFIER_FILE)
        described: dict[str, Any] = {"config": _joined(encoder, generator).model_dump()}
        if other := _release_with(name, {path.name: sha256(path) for path in prepared.iterdir() if path.name in SHARED}):
            described["drawn_by"] = other
            for shared in SHARED:
                (prepared / shared).unlink(missing_ok=True)
        if not get_spec(encoder.dataset).rendered:
            described["examples"] = unseen_captions(encoder)
        save_text(prepared / DESCRIPTION_FILE, json.dumps(described, indent=1) + "\n")
        if (encoder.encoder_dir / REFERENCE_FILE).exists():
            shutil.copyfile(encoder.encoder_dir / REFERENCE_FILE, prepared / REFERENCE_FILE)
        save_text(prepared / CARD_FILE, model_card(name, encoder, generator, scores, described.get("drawn_by", "")))
        _check_sizes(prepared, replaced=target)
        digests = {path.name: sha256(path) for path in sorted(prepared.iterdir())}
        save_text(prepared / CHECKSUMS_FILE, json.dumps(digests, indent=1) + "\n")
        shutil.rmtree(target, ignore_errors=True)
        prepared.rename(target)
    finally:
        shutil.rmtree(prepared, ignore_errors=True)
    return target


def unseen_captions(config: Config, count: int = 5) -> list[str]:
    """Captions of test pictures, each of another class as far as there are so many: what a gallery lets a voice say where the
    pictures themselves must not be passed on.
    """
    test = load_dataset(config.dataset, "test", config.data_dir)
    rows = np.linspace(0, len(test) - 1, count).round().astype(int)
    return [test[row].captions[0].text for row in rows]


def _release_with(name: str, digests: dict[str, str]) -> str:
    """The release other than `name` that holds these very files itself; empty if there is none."""
    for path in sorted(models_folder().glob(f"[!.]*/{CHECKSUMS_FILE}")):
        if path.parent.name != name and digests.items() <= json.loads(path.read_text()).items():
            return path.parent.name
    return ""


def _halve(source: Path, target: Path) -> None:
    halves = {key: value.half() if value.is_floating_point() else value for key, value in read_tensors(source).items()}
    save_atomically(target, lambda file: file.write(save(halves)))


def _check_sizes(prepared: Path, replaced: Path) -> None:
    for path in prepared.iterdir():
        if path.stat().st_size > LARGEST:
            raise ValueError(f"{path.name} has {path.stat().st_size / 2**20:.1f} MiB; a released file may have 10")
    others = [path for path in models_folder().rglob("*") if path.is_file() and not path.is_relative_to(replaced)]
    total = sum(path.stat().st_size for path in others)
    if total > LARGEST_OF_ALL:
        raise ValueError(f"all released models together would have {total / 2**20:.1f} MiB; they may have 40")


# --- the card ---

SHOWN = {
    "colour_attribute_accuracy": "mentioned colours right",
    "attribute_accuracy_breast_pattern": "breast pattern right when mentioned",
    "attribute_accuracy_crest": "crest right when mentioned",
    "attribute_accuracy_wing_bars": "wing bars right when mentioned",
    "attribute_accuracy_room": "kind of room right when mentioned",
    "frechet_classifier": "Fréchet distance, classifier features",
    "precision_classifier": "precision, classifier features",
    "recall_classifier": "recall, classifier features",
    "coverage_classifier": "coverage, classifier features",
}


HEARD = {
    "whisper": "a small network on the states of the frozen encoder of Whisper tiny.en, which learned from transcripts "
    "elsewhere: no text of this task, but not “without text”",
    "log_mel": "a network on log-mel spectrograms that has learned from these recordings alone, without text",
}


MATERIAL = {  # of what it learned, by whether that is rendered
    True: "rendered {noun}s",
    False: "photographs of {noun}s from {title}, which are not passed on, with captions composed from annotations",
}
PERSON = {  # by front end
    "whisper": "No person has spoken in this training; Whisper's encoder learned from recordings of people.",
    "log_mel": "It has never heard a person.",
}
LICENCE = {
    True: "that of this repository ([LICENSE](../../LICENSE))",
    False: "that of this repository ([LICENSE](../../LICENSE)) for the weights; the photographs behind them belong to others "
    "and are meant for research",
}
REAL_PICTURES = {True: "Real pictures (the rendered ones of the test set)", False: "Real photographs"}
REFUSED = "A sentence about something else is refused, or with `--anyway` drawn as what is nearest."
REFUSED_TOO = " So are some about what training has not seen (chapter 26)."
NOT_REFUSED = "It does not notice a sentence about something else, and draws what is nearest."
LIMITS = {
    True: "- The {noun}s are drawings. Small pictures of one style; nothing here says what it would do with photographs.",
    False: "- The {noun}s were photographed by people and described by what annotators saw, not by anybody's words. Generated "
    "pictures are no evidence of what a species looks like.",
}


def model_card(name: str, encoder: Config, generator: Config, scores: pd.DataFrame, shared: str = "") -> str:
    """The model card in Markdown: what it is, what it learned from, how long, its scores and its limits.

    Args:
        name: of the release.
        encoder, generator: the runs that it was made of.
        scores: records of ``measure``.
        shared: the release that holds the generator, if it is another one.
    """
    spec, shifted = get_spec(encoder.dataset), encoder.encoder.speech == "many_voices"
    classes, images = encoder.taught
    encoders = [f"`{name}`" for name in RECIPES[generator.recipe].encoders]
    if not spec.rendered:
        images = int((~set_aside(encoder, load_dataset(encoder.dataset, "train", encoder.data_dir))).sum())
    template = Path(__file__).with_name("model_card.md").read_text()
    return template.format(
        name=name,
        noun=spec.noun,
        size=generator.gan.image_size,
        heard=HEARD[encoder.encoder.front_end],
        encoder=encoder.recipe,
        generator=generator.recipe,
        shared=f", which lies in [{shared}](../{shared}/)" if shared else "",
        taught=f"; it learned from the embeddings of {' and '.join(encoders)}" if len(encoders) > 1 else "",
        dataset=encoder.dataset,
        material=MATERIAL[spec.rendered].format(noun=spec.noun, title=spec.title),
        images=images,
        classes=classes,
        voices=_in_numbers(TRAINING_VOICES, "synthetic voices") if shifted else "one synthetic voice",
        epochs=encoder.encoder.epochs,
        steps=generator.gan.steps,
        batch=generator.gan.batch_size,
        redrawn=f"; each training picture drawn {generator.times_redrawn} times more" if generator.times_redrawn else "",
        encoder_trained=_encoder_trained(encoder),
        generator_trained=_generator_trained(generator),
        profile=encoder.profile,
        seed=encoder.seed,
        recipes=",".join(dict.fromkeys([*RECIPES[generator.recipe].encoders, encoder.recipe, generator.recipe])),
        unseen="Classes" if spec.has_new_classes else "Pictures",
        scores=_score_rows(encoder.dataset, scores),
        classifier=CLASSIFIER_FILE,
        limits=LIMITS[spec.rendered].format(noun=spec.noun),
        simulated="; shifted voices, rooms and telephones are simulated" if shifted else "",
        person=PERSON[encoder.encoder.front_end],
        licence=LICENCE[spec.rendered],
        real=REAL_PICTURES[spec.rendered],
        refused=_refused(encoder),
        attributes=", ".join(attribute.replace("_", " ") for attribute in spec.attributes),
    )


def _refused(encoder: Config) -> str:
    """What becomes of sentences about other things: only an encoder with a reference notices them."""
    if not (encoder.encoder_dir / REFERENCE_FILE).exists():
        return NOT_REFUSED
    return REFUSED if get_spec(encoder.dataset).rendered else REFUSED + REFUSED_TOO


def _in_numbers(voices: tuple[str, ...], what: str) -> str:
    """How many voices, and how many of them are variants of one synthesizer."""
    return f"{len(voices)} {what}, {sum(voice.startswith('espeak') for voice in voices)} of them variants of eSpeak NG"


def _encoder_trained(config: Config) -> str:
    """How long the training of an encoder took, and where it ended: older checkpoints do not say where."""
    checkpoint = encoder_path(config).with_suffix(".ckpt")
    if not checkpoint.exists():
        return "unknown"
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    minutes = sum(row["seconds"] for row in state["history"]) / 60
    return _in_words(minutes, state.get("machine", "an unknown machine"))


def _generator_trained(config: Config) -> str:
    """How long the training of a generator took, and where: runs older than this note do not say it."""
    trained = read_json(config.run_dir / DESCRIPTION_FILE).get("trained")
    return _in_words(trained["minutes"], trained["machine"]) if trained else "unknown"


def _in_words(minutes: float, machine: str) -> str:
    return (f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours") + f" on {machine}"


def _score_rows(dataset: str, scores: pd.DataFrame) -> str:
    """Table rows in Markdown of what ``SHOWN`` names, and of the class from one sentence in the first voice and in others."""
    found_class = class_metric(dataset)
    shown = [
        (found_class, "class from one sentence", "ours"),
        (found_class, f"class from one sentence, {_in_numbers(TEST_VOICES, 'voices that no training hears')}", OTHERS),
        *((metric, words, "ours") for metric, words in SHOWN.items()),
    ]
    rows = []
    for metric, words, method in shown:
        found = scores[scores.metric.str.fullmatch(rf"{metric}(_n\d+)?")]
        ours, real = found[found.method == method], found[found.method == REAL]
        if len(ours):
            row = ours.iloc[0]
            margin = "" if pd.isna(row.standard_error) else f" ± {1.96 * row.standard_error:.3f}"
            beside = f"{real.iloc[0].value:.3f}" if len(real) else ""
            rows.append(f"| {words} | {row.value:.3f}{margin} | {beside} | {row.n:,} |")
    return "\n".join(rows)
