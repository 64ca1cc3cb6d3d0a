"""One validated configuration per run: a profile (how much), a recipe (which method), a data set and a seed.

``load_config("small", recipe="paper")`` is the only way to make one. Profiles say how large everything is, recipes say
what is heard (speech or text), which loss teaches the encoder and which generator draws; nothing else in the project
branches on either name.
"""

import difflib
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

ROOT = Path(os.environ.get("S2I_ROOT", Path(__file__).resolve().parents[1]))
PROFILE_NAMES = ("smoke", "small", "large", "paper")
METHOD_NAMES = ("paper", "recommended", "classifier", "text", "text_v1")
# variants of the recipe `paper` in which one thing differs (Section IV-D): see RECIPES
ABLATION_NAMES = ("norm", "norm_jel", "printed", "released", "contrastive", "all_slots", "last_state", "one_scale", "two_scales")
RECIPE_NAMES = METHOD_NAMES + ABLATION_NAMES + ("field",)


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key and the cure."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Section):
    """How much of the data set is made. Counts are per class; `images_for_judge` more images of each test class, used for
    nothing else, train the classifier behind the inception score. `speech` is what is recorded: the synthetic voice itself or
    a simulated field recording of it (``field``)."""

    num_classes: int = 200
    num_train_classes: int = 150
    images_per_train_class: int = 30
    images_per_test_class: int = 20
    images_for_judge: int = 40
    spoken_captions: int = 2
    speech: Literal["clean", "field"] = "clean"
    image_size: int = 256
    seed: int = 0


class TeacherConfig(_Section):
    """The frozen image encoder (Eq. 3). `power` is the exponent of the generalised mean over its grid, 1 for the mean.

    `views` says what it is shown of a picture, see ``encoders.teacher_views``: the `whole` of it (Section III-B, "a resolution of
    256 x 256"), the whole and its `mirror` image (ours), its `centre` (how these networks are usually tested) or ten crops as
    in the `released` code.
    """

    name: Literal["efficientnet_lite0", "googlenet"] = "efficientnet_lite0"
    views: Literal["whole", "mirror", "centre", "released"] = "mirror"
    image_size: int = 224
    power: float = 3.0
    batch_size: int = 32


class EncoderConfig(_Section):
    """The speech encoder (Eq. 2), or the text encoder of the baselines, and its training (Eq. 6).

    `splice` joins halves of two utterances, `class_targets` lets the student aim at class means; both belong to the
    recommended recipe. `alike` says which pictures one sentence describes equally well, so that they share their target and are
    no wrong answers to each other's sentences: those of a class, or none but the picture itself. `speech` is what is learned
    from: the recordings, or simulated field recordings of them. `pooling` makes one vector of the states of all slots, see
    ``encoders.SpeechEncoder``. `average` is the decay per step of a running average of the weights: the learning rate then stays
    constant and the average is kept; 0 keeps the last weights of a rate that falls to zero. `target_dim` is the number of
    discriminant directions of the teacher's features that the student is taught, None for all features; it is the dimension D
    of the embedding.
    """

    input: Literal["speech", "text"] = "speech"
    speech: Literal["recorded", "field"] = "recorded"
    target_dim: int | None = 128
    width: int = 32
    rnn_dim: int | None = 512
    pooling: Literal["mean", "all_slots", "last"] = "mean"
    loss: Literal["teacher_student", "norm", "norm_jel", "released", "contrastive", "classifier"] = "teacher_student"
    weights: Literal["balanced", "paper"] = "balanced"
    epochs: int = 40
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    average: float = 0.0
    splice: bool = False
    class_targets: bool = False
    alike: Literal["class", "image"] = "class"


class GanConfig(_Section):
    """The generator, its discriminators and their training (Eqs. 10-14)."""

    model: Literal["stackgan_v2", "stackgan_v1", "modulated"] = "stackgan_v2"
    base_size: int = 16
    num_scales: int = 3
    noise_dim: int = 100
    condition_dim: int = 128
    generator_width: int = 32
    discriminator_width: int = 32
    augment_condition: bool = True
    kl_weight: float = 2.0
    penalty_weight: float = 2.0
    penalty_every: int = 4
    matching_weight: float = 1.0
    steps: int = 4000
    batch_size: int = 24
    generator_learning_rate: float = 2e-4
    discriminator_learning_rate: float = 2e-4
    beta1: float = 0.5
    ema_decay: float = 0.999

    @property
    def image_size(self) -> int:
        """Side of the largest image drawn, in pixels. StackGAN-v1 goes from the smallest to the largest of three scales."""
        return self.base_size * 2 ** (self.num_scales - 1)


class JudgeConfig(_Section):
    """The classifiers that score generated images; they never see a generated image in training. The attribute judge
    learns from `images` birds of random attribute combinations. `network` is that of the class judge: a small residual network
    or a pretrained Inception-v3 (Section IV-A, chapter 22)."""

    network: Literal["residual", "inception"] = "residual"
    images: int = 4000
    width: int = 32
    epochs: int = 12
    batch_size: int = 64
    learning_rate: float = 2e-3


class ScoreConfig(_Section):
    """How many images are generated for the scores, and by which `network` the distances see them: EfficientNet-Lite0, or the
    Inception-v3 that FID is defined with."""

    network: Literal["lite0", "inception"] = "lite0"
    captions: int = 1000
    gallery_sentences: int = 5
    gallery_samples: int = 8
    inception_splits: int = 10


class Config(_Section):
    """Everything that a run depends on. Frozen; its hash names the run in every result record."""

    profile: str
    dataset: str
    recipe: str
    seed: int = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    data: DataConfig = DataConfig()
    teacher: TeacherConfig = TeacherConfig()
    encoder: EncoderConfig = EncoderConfig()
    gan: GanConfig = GanConfig()
    judge: JudgeConfig = JudgeConfig()
    scores: ScoreConfig = ScoreConfig()

    @property
    def data_dir(self) -> Path:
        """Images, captions, speech, spectrograms and teacher features: shared by seeds and recipes."""
        return ROOT / "data" / f"{self.dataset}-{self.profile}"

    @property
    def seed_dir(self) -> Path:
        """What one seed shares between recipes: the judges, the scores and the executed chapters."""
        return ROOT / "runs" / f"{self.dataset}-{self.profile}-s{self.seed}"

    @property
    def run_dir(self) -> Path:
        """What one seed of one recipe trains: the speech encoder and the generator."""
        return self.seed_dir / self.recipe

    @property
    def encoder_dir(self) -> Path:
        """Where the encoder and its embeddings are: recipes that differ in the generator only listen to the same encoder."""
        return self.seed_dir / {"text_v1": "text", "one_scale": "paper", "two_scales": "paper"}.get(self.recipe, self.recipe)

    @property
    def judge_size(self) -> int:
        """Side in pixels of what the judges read: the largest of three scales, whichever of them a recipe draws."""
        return 4 * self.gan.base_size

    @property
    def results_dir(self) -> Path:
        """Where tables and manifests go. Smoke runs keep theirs to themselves: they are no results."""
        return self.seed_dir / "results" if self.profile == "smoke" else ROOT / "results"

    @property
    def figures_dir(self) -> Path:
        """Where figures go: those of the default seed beside the tables, since a figure's name has no seed; others with their run."""
        return (self.seed_dir if self.profile == "smoke" or self.seed else ROOT) / "figures" / self.dataset

    def fingerprint(self, *sections: str) -> str:
        """Twelve hexadecimal digits of a SHA-256 over every value, or over the values of some sections only."""
        values = self.model_dump(include=set(sections) or None)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


PROFILES: dict[str, dict[str, Any]] = {
    # Every code path in minutes; its numbers mean nothing and never reach results/.
    "smoke": {
        "data": {"num_classes": 20, "num_train_classes": 15, "images_per_train_class": 8, "images_per_test_class": 8,
                 "images_for_judge": 8, "spoken_captions": 1},
        "teacher": {"image_size": 96},
        "encoder": {"target_dim": 12, "rnn_dim": 64, "width": 8, "epochs": 3, "batch_size": 24},
        "gan": {"base_size": 8, "generator_width": 8, "discriminator_width": 8, "steps": 16, "batch_size": 16},
        "judge": {"images": 128, "width": 8, "epochs": 2},
        "scores": {"captions": 16, "gallery_sentences": 2, "gallery_samples": 4, "inception_splits": 2},
    },
    # Two CPU cores, about an hour a data set. Few epochs: with the paper's loss the accuracy on unseen classes soon falls
    # while the training loss goes on falling, and a falling rate learns the training classes by heart sooner than averaged
    # weights do. No conditioning augmentation, which the paper does not mention: in so few steps its noise hides the sentence.
    # Narrow discriminators: wider ones soon tell every picture from a real one and then teach nothing about the sentence.
    "small": {
        "encoder": {"epochs": 6, "learning_rate": 1.5e-3, "weight_decay": 1e-4, "average": 0.995},
        "gan": {"steps": 2000, "batch_size": 32, "generator_width": 64, "discriminator_width": 16, "augment_condition": False,
                "generator_learning_rate": 4e-4, "discriminator_learning_rate": 4e-4, "ema_decay": 0.995},
    },
    # One GPU, hours: the network sizes of the paper on the rendered data.
    "large": {
        "data": {"images_per_train_class": 60, "images_per_test_class": 58, "spoken_captions": 10},
        "encoder": {"width": 64, "rnn_dim": None, "epochs": 100},
        "gan": {"base_size": 64, "generator_width": 64, "discriminator_width": 64, "steps": 100_000},
        "judge": {"images": 20_000, "width": 64, "epochs": 20},
        "scores": {"captions": 29_000},
    },
    # The paper's own data and schedule. Chapter 21 gives the source of every value, and a reason where the paper is silent.
    "paper": {
        "data": {"spoken_captions": 10},
        "teacher": {"name": "googlenet", "views": "whole", "image_size": 256, "power": 1.0},
        "encoder": {"width": 64, "rnn_dim": None, "target_dim": None, "weights": "paper", "epochs": 100},
        "gan": {"base_size": 64, "generator_width": 64, "discriminator_width": 64, "steps": 220_000},
        "judge": {"network": "inception", "epochs": 10, "learning_rate": 1e-4},
        "scores": {"network": "inception", "captions": 29_330},
    },
}

RECIPES: dict[str, dict[str, Any]] = {
    "paper": {},
    "recommended": {
        "encoder": {"loss": "contrastive", "splice": True, "class_targets": True},
        "gan": {"model": "modulated", "discriminator_learning_rate": 4e-4, "beta1": 0.0},
    },
    # The baselines of Section IV-B. They have the paper's generator, schedule and teacher; only what they hear differs.
    "classifier": {"encoder": {"loss": "classifier"}},
    "text": {"encoder": {"input": "text"}},
    "text_v1": {"encoder": {"input": "text"}, "gan": {"model": "stackgan_v1", "num_scales": 3}},  # it repaints four times as large
    # The ablations of Section IV-D. Table IV: fewer terms in Eq. 6.
    "norm": {"encoder": {"loss": "norm"}},
    "norm_jel": {"encoder": {"loss": "norm_jel"}},
    # The loss laboratory: the weights as printed, the loss of the released code, and one term with a learned temperature.
    "printed": {"encoder": {"weights": "paper"}},
    "released": {"encoder": {"loss": "released"}},
    "contrastive": {"encoder": {"loss": "contrastive"}},
    # How the slots of an utterance become one vector: over silent ones too, as released, or the last states of the LSTM.
    "all_slots": {"encoder": {"pooling": "all_slots"}},
    "last_state": {"encoder": {"pooling": "last"}},
    # Table V: the generator stops after the first or the second scale.
    "one_scale": {"gan": {"num_scales": 1}},
    "two_scales": {"gan": {"num_scales": 2}},
}
# Beyond the paper: the recommended recipe, its encoder taught with simulated field speech (the robustness study).
RECIPES["field"] = {**RECIPES["recommended"], "encoder": {**RECIPES["recommended"]["encoder"], "speech": "field"}}

# Seven room types, in training and in test, with one spoken caption per image. They differ in six directions only, too few for
# what a caption says, so that the student is taught all features. People described Places into their own microphones; rendered
# rooms are heard as simulated field speech.
_PLACES = {"num_classes": 7, "num_train_classes": 7, "spoken_captions": 1}
_ROOMS = {**_PLACES, "speech": "field"}
_AS_MANY_ROOMS = {**_ROOMS, "images_per_train_class": 1562, "images_per_test_class": 410, "images_for_judge": 400}

# Where a data set has another shape than birds, in one profile. Flowers: as many pictures, in Oxford's 82 + 20 classes; after
# twelve epochs the judge of flowers still missed every fifth second colour. Scenes: the paper's subset of Places has 13,803
# pairs, of which 2,870 are for testing; every room has attributes of its own, so that more is to be learned and nothing by heart;
# the older recogniser is slow in noise, so that fewer sentences are asked for.
SHAPES: dict[tuple[str, str], dict[str, Any]] = {
    ("small", "flowers"): {
        "data": {"num_classes": 102, "num_train_classes": 82, "images_per_train_class": 55, "images_per_test_class": 50,
                 "images_for_judge": 100},
        "encoder": {"target_dim": 64}, "judge": {"epochs": 36}},
    ("large", "flowers"): {
        "data": {"num_classes": 102, "num_train_classes": 82, "images_per_train_class": 86, "images_per_test_class": 58},
        "encoder": {"target_dim": 64}, "scores": {"captions": 11_600}},
    ("smoke", "scenes"): {
        "data": {**_ROOMS, "images_per_train_class": 16, "images_per_test_class": 8, "images_for_judge": 8},
        "encoder": {"target_dim": None}, "scores": {"captions": 8}},
    ("small", "scenes"): {
        "data": {**_ROOMS, "images_per_train_class": 643, "images_per_test_class": 171, "images_for_judge": 200},
        "encoder": {"target_dim": None, "epochs": 24}, "scores": {"captions": 240}},
    ("large", "scenes"): {"data": _AS_MANY_ROOMS, "encoder": {"target_dim": None}},
    ("paper", "scenes"): {"data": _AS_MANY_ROOMS},
    ("paper", "oxford"): {"data": {"num_classes": 102, "num_train_classes": 82}, "gan": {"steps": 100_000},
                          "scores": {"captions": 11_550}},
    # 128 px, drawn in two scales; no number of steps is given for these
    ("paper", "places"): {"data": _PLACES, "gan": {"num_scales": 2, "steps": 100_000}, "scores": {"captions": 2870}},
}

# Where a recipe needs other values in one profile: the recommended generator is cheaper per step, so it takes more steps, and
# spliced sentences can be learned from for longer; cross entropy learns slowly (after six epochs at a constant rate it names
# 19 % of its own training classes, where 84 % could be named). StackGAN-v1 trains one network at a time: its second stage,
# which works at 16 px throughout, is narrower to cost as much per step, and its only discriminator wider.
ADJUSTMENTS: dict[tuple[str, str], dict[str, Any]] = {
    ("small", "recommended"): {"encoder": {"epochs": 20, "weight_decay": 1e-5, "average": 0.0}, "gan": {
        "steps": 2400, "generator_width": 32, "discriminator_width": 32, "generator_learning_rate": 3e-4,
        "discriminator_learning_rate": 6e-4, "matching_weight": 0.5}},
    ("small", "classifier"): {"encoder": {"epochs": 12, "average": 0.0}},
    ("small", "text_v1"): {"gan": {"generator_width": 32, "discriminator_width": 32}},
}
ADJUSTMENTS["small", "field"] = ADJUSTMENTS["small", "recommended"]

# Where a recipe needs other values for one data set. One sentence fits every bird of a class, but of all bedrooms only the one
# that it describes. A contrastive loss that forgave other bedrooms would ask for the room type and for nothing else, and the
# mean over them has no colours. The paper's own losses keep the classes that it prints.
PARTICULARS: dict[tuple[str, str], dict[str, Any]] = {
    (dataset, "recommended"): {"encoder": {"alike": "image"}} for dataset in ("scenes", "places")}


def _merge(base: dict, update: dict) -> dict:
    """A copy of `base` with the nested values of `update` laid over it."""
    merged = dict(base)
    for key, value in update.items():
        merged[key] = _merge(merged[key], value) if isinstance(value, dict) and key in merged else value
    return merged


def _choose(kind: str, name: str, allowed: tuple[str, ...]) -> str:
    if name not in allowed:
        raise ConfigError(f"{kind} {name!r} is unknown{_nearest(name, allowed)}; choose from {', '.join(allowed)}")
    return name


def _nearest(name: str, allowed) -> str:
    close = difflib.get_close_matches(str(name), list(allowed), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _explain(error: ValidationError) -> str:
    """The first validation problem as one sentence that names the key and the nearest valid one."""
    problem = error.errors()[0]
    *parents, key = problem["loc"]
    path = ".".join(str(part) for part in problem["loc"])
    if problem["type"] != "extra_forbidden":
        return f"configuration value {path}: {problem['msg']}"
    model = Config
    for parent in parents:
        model = model.model_fields[parent].annotation
    return f"configuration key {path!r} is unknown{_nearest(key, model.model_fields)}"


def load_config(profile: str = "small", dataset: str = "birds", recipe: str = "recommended", seed: int = 0,
                overrides: dict[str, Any] | None = None) -> Config:
    """The configuration of one run.

    Args:
        profile: ``smoke``, ``small``, ``large`` or ``paper``.
        dataset: name of a module in ``s2i_lib.datasets``.
        recipe: ``paper`` (Eqs. 6-14 as printed), ``recommended``, or a baseline: ``classifier`` (speech features of a
            classifier), ``text`` (StackGAN-v2 from text), ``text_v1`` (StackGAN-v1 from text), ``field`` (the recommended recipe
            taught with simulated field speech) or an ablation of the paper's recipe.
        seed: training seed; the data set has its own (``data.seed``).
        overrides: nested values laid over the profile, for example ``{"gan": {"steps": 500}}``. The environment variable
            ``S2I_OVERRIDES`` may name a JSON file with such values for a whole run of the workflow: tests shrink it in this way.

    Raises:
        ConfigError: unknown profile, recipe or key (the message names the nearest one), or a value of the wrong type.
    """
    values = _merge(PROFILES[_choose("profile", profile, PROFILE_NAMES)], SHAPES.get((profile, dataset), {}))
    values = _merge(values, RECIPES[_choose("recipe", recipe, RECIPE_NAMES)])
    values = _merge(values, ADJUSTMENTS.get((profile, recipe), {}))
    values = _merge(values, PARTICULARS.get((dataset, recipe), {}))
    values = _merge(values, {"profile": profile, "dataset": dataset, "recipe": recipe, "seed": seed})
    if "S2I_OVERRIDES" in os.environ:
        values = _merge(values, json.loads(Path(os.environ["S2I_OVERRIDES"]).read_text()))
    values = _merge(values, overrides or {})
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None


def differs_from_paper(profile: str, dataset: str, recipe: str) -> bool:
    """Whether a recipe is another model than ``paper`` there: profile ``paper`` has the printed weights, and Places two scales."""
    same = load_config(profile, dataset, recipe).model_copy(update={"recipe": "paper"})
    return same != load_config(profile, dataset, "paper")
