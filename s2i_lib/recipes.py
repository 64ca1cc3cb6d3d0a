"""The recipes: which method is trained. One table, read by configuration, workflow, help texts, tables and figures.

Adding a recipe is one entry here. A recipe lays values over those of the profile (``profiles.PROFILES``), by section; where it
needs other values in one profile, ``profiles`` has them. Nothing in the project branches on the name of a recipe.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Recipe:
    """One method, a variant of it or a baseline.

    Attributes:
        name: in commands, folders and records.
        description: one line for help texts.
        kind: ``method`` (Tables II and III), ``ablation`` (differs from `paper` in one thing) or ``extension`` (beyond the
            paper), ``crossed`` (the encoder of one recipe and the generator of another, chapter 29), ``release`` (trains for
            hours what ``models/`` holds, and only where it is asked for).
        overrides: section -> values that are laid over those of every profile.
        profiles: profile -> section -> values for that profile alone.
        encoder_from: the recipe whose trained encoder it uses; empty for one of its own.
        further_encoders: recipes whose embeddings its generator is taught, too, so that it serves their encoders as well.
        method: what Table II calls it; empty if it stands in no table of methods.
        label: in legends and tables of variants; `name` if empty.
        colour: in figures, as a hexadecimal code.
        tables: those of the paper that it is a row of.
        several_changes: does it differ from `paper` in more than one thing?
        further_seeds: are further seeds trained, since its table compares small differences?
        datasets: those that it is trained for; none: all.
    """

    name: str
    description: str
    kind: Literal["method", "ablation", "extension", "crossed", "release"] = "ablation"
    overrides: Values = field(default_factory=dict)
    profiles: Mapping[str, Values] = field(default_factory=dict)
    encoder_from: str = ""
    further_encoders: tuple[str, ...] = ()
    method: str = ""
    label: str = ""
    colour: str = "#8a949b"
    tables: tuple[str, ...] = ()
    several_changes: bool = False
    further_seeds: bool = False
    datasets: tuple[str, ...] = ()

    @property
    def encoder(self) -> str:
        """The recipe that trains the encoder."""
        return self.encoder_from or self.name

    @property
    def encoders(self) -> tuple[str, ...]:
        """The recipes whose embeddings its generator is taught."""
        return (self.encoder, *self.further_encoders)

    @property
    def display(self) -> str:
        """Its name in legends and tables of variants."""
        return self.label or self.name


# Cheaper per step, so it takes more steps, and spliced sentences can be learned from for longer.
_RECOMMENDED: Values = {
    "teacher": {"stages": "all"},
    "encoder": {"loss": "contrastive", "splice": True, "class_mean_targets": True},
    "gan": {
        "model": "modulated",
        "discriminator_learning_rate": 4e-4,
        "beta1": 0.0,
        "penalty_weight": 0.05,
        "penalty_every": 16,
        "consistency_weight": 1.0,
        "patch_weight": 1.0,
    },
}
_RECOMMENDED_SMALL: Values = {
    "encoder": {"epochs": 20, "weight_decay": 1e-5, "ema_decay": 0.0},
    "gan": {
        "steps": 4800,
        "generator_width": 32,
        "discriminator_width": 32,
        "generator_learning_rate": 6e-4,
        "discriminator_learning_rate": 1.2e-3,
        "matching_weight": 0.5,
        "ema_decay": 0.998,
    },
}

# R1 sums over pixels, of which pictures of 256 px have 16 times as many as those of 64 px.
_LARGE_PICTURES: Values = {"gan": {"penalty_weight": 0.8}}
_RECOMMENDED_PROFILES = {"small": _RECOMMENDED_SMALL, "large": _LARGE_PICTURES, "paper": _LARGE_PICTURES}

_LONG: Values = {
    **_RECOMMENDED_SMALL["gan"],
    "num_scales": 4,
    "batch_size": 64,
    "generator_width": 48,
    "discriminator_width": 48,
    "ema_decay": 0.999,
}


# The frozen encoder of a recognizer, and a network before which it stands: chosen in results/choices.csv. It costs as much per
# step as the encoder of `recommended`.
_WHISPER: Values = {"front_end": "whisper", "convolutions": 5, "growth": 2}


def _extension(
    name: str, description: str, colour: str, epochs: int = 20, datasets: tuple[str, ...] = ("birds",), **encoder: Any
) -> Recipe:
    """`recommended` with other values for its encoder (chapter 20).

    Args:
        epochs: in profile `small`; about as many steps for all: half the epochs where every caption is spoken twice.
    """
    small = {**_RECOMMENDED_SMALL, "encoder": {**_RECOMMENDED_SMALL["encoder"], "epochs": epochs}}
    overrides = {**_RECOMMENDED, "encoder": {**_RECOMMENDED["encoder"], **encoder}}
    profiles = {**_RECOMMENDED_PROFILES, "small": small}
    return Recipe(name, description, "extension", overrides, profiles, colour=colour, datasets=datasets)


_TABLE: tuple[Recipe, ...] = (
    Recipe(
        "paper",
        "the paper's method: the losses of Eqs. 6-9 and a StackGAN-v2",
        kind="method",
        method="ours",
        label="norm + JEL + KDL",
        colour="#b5651d",
        tables=("II", "III", "IV", "V"),
        further_seeds=True,
    ),
    Recipe(
        "recommended",
        "same data, encoder and interface; a contrastive loss and a generator whose blocks the sentence modulates",
        kind="method",
        overrides=_RECOMMENDED,
        profiles=_RECOMMENDED_PROFILES,
        method="ours",
        colour="#1f6f8b",
        tables=("II", "III"),
    ),
    # What `models/` holds. As many steps as a GPU took in the minutes that it was lent for.
    Recipe(
        "recommended_long",
        "the generator of `recommended` at 128 px, wider, and taught by both front ends: what `models/` holds",
        kind="release",
        overrides=_RECOMMENDED,
        profiles={**_RECOMMENDED_PROFILES, "small": {"gan": {**_LONG, "steps": 4618, "penalty_weight": 0.2, "redrawn": 8}}},
        encoder_from="recommended",
        further_encoders=("whisper_many_voices",),
        colour="#0b3c5d",
    ),
    Recipe(
        "photographs_long",
        "`recommended_long` for photographs, which a discriminator sees shifted and partly blank: what `models/` holds",
        kind="release",
        overrides={**_RECOMMENDED, "gan": {**_RECOMMENDED["gan"], "diff_augment": True}},
        profiles={**_RECOMMENDED_PROFILES, "small": {"gan": {**_LONG, "steps": 7301, "penalty_weight": 0.4}}},
        encoder_from="recommended",
        further_encoders=("whisper",),
        colour="#0b3c5d",
        datasets=("cub",),
    ),
    # The baselines of Section IV-B. They have the paper's generator, schedule and teacher; only what is encoded differs.
    Recipe(
        "classifier",
        "the features of a classifier of spoken classes (Section IV-B)",
        kind="method",
        overrides={"encoder": {"loss": "classifier"}},
        # Cross entropy learns slowly: after six epochs at a constant rate it names 19 % of its own training classes, where 84 %
        # could be named.
        profiles={"small": {"encoder": {"epochs": 12, "ema_decay": 0.0}}},
        method="classifier-based",
        colour="#8d5b8c",
        tables=("II", "III"),
    ),
    Recipe(
        "text",
        "StackGAN-v2 from text; with a speech recognizer before it, the two-stage baseline (Section IV-B)",
        kind="method",
        overrides={"encoder": {"input": "text"}},
        method="StackGAN-v2",
        colour="#5b8c5a",
        tables=("II", "III"),
    ),
    Recipe(
        "text_transcripts",
        "the two-stage baseline taught on the recognizer's transcripts: its mistakes are known in training",
        kind="method",
        overrides={"encoder": {"input": "text", "text": "transcripts"}},
        method="two-stage, whisper_tiny_en",
        label="taught on transcripts",
        colour="#9a8c98",
        tables=("II", "III"),
    ),
    Recipe(
        "text_v1",
        "StackGAN-v1 from text, with the encoder of `text`",
        kind="method",
        # It draws twice, the second picture four times as large.
        overrides={"encoder": {"input": "text"}, "gan": {"model": "stackgan_v1", "num_scales": 3}},
        # It trains one network at a time, each for `steps`. Its second stage, which works at 16 px throughout, is narrower to
        # cost as much per step, and its only discriminator wider.
        profiles={"small": {"gan": {"generator_width": 32, "discriminator_width": 32}}},
        encoder_from="text",
        method="StackGAN-v1",
        colour="#c9a227",
        tables=("II",),
    ),
    # Table IV (Section V-A): fewer terms in Eq. 6.
    Recipe("norm", "Table IV: L_norm alone", overrides={"encoder": {"loss": "norm"}}, tables=("IV",), further_seeds=True),
    Recipe(
        "norm_jel",
        "Table IV: L_norm and L_JEL",
        overrides={"encoder": {"loss": "norm_jel"}},
        label="norm + JEL",
        tables=("IV",),
        further_seeds=True,
    ),
    # Further loss variants: the weights as printed, the loss of the released code, and one term with a learned temperature.
    Recipe(
        "printed",
        "Eq. 6 with the weights 1, 5 and 1000 as printed",
        overrides={"encoder": {"weights": "paper"}},
        label="Eq. 6, printed weights",
    ),
    Recipe(
        "released",
        "the loss that the released code minimises",
        overrides={"encoder": {"loss": "released"}},
        label="released code",
    ),
    # Whatever is ours in `paper` and that the paper does not mention, left out at once.
    Recipe(
        "as_printed",
        "`paper` without several of our additions: printed weights, all features as targets, no masking or clipping",
        overrides={
            "encoder": {"weights": "paper", "target_dim": None, "masking": False, "clipping": 0.0, "normalise": False},
            "gan": {"mismatched": 1},
        },
        several_changes=True,
        label="as printed",
    ),
    Recipe("contrastive", "a contrastive loss alone", overrides={"encoder": {"loss": "contrastive"}}),
    # How the time steps of an utterance become one vector: over silent ones too, as released, or the last states of the LSTM.
    Recipe(
        "all_steps",
        "embedding = mean over 32 time steps, however long the speech is (as released)",
        overrides={"encoder": {"pooling": "all_steps"}},
        label="mean over 32 time steps",
    ),
    Recipe(
        "last_state",
        "embedding = last states of the LSTM",
        overrides={"encoder": {"pooling": "last"}},
        label="last states",
    ),
    # Table V: the generator stops after the first or the second scale.
    Recipe(
        "one_scale",
        "Table V: the generator stops after the first scale",
        overrides={"gan": {"num_scales": 1}},
        encoder_from="paper",
        tables=("V",),
    ),
    Recipe(
        "two_scales",
        "Table V: the generator stops after the second scale",
        overrides={"gan": {"num_scales": 2}},
        encoder_from="paper",
        tables=("V",),
    ),
    # Beyond the paper (chapter 20): two front ends, taught by one voice or by many. The frozen encoder is that of a recognizer,
    # which learned from transcripts of other speech: those recipes use no text of this task, but are not "without text".
    _extension(
        "many_voices",
        "`recommended`, its encoder taught by many voices in many conditions",
        "#6c5ce7",
        epochs=10,
        datasets=("birds", "cub"),
        speech="many_voices",
    ),
    _extension(
        "whisper",
        "`recommended`, with Whisper's frozen encoder (which learned from transcripts) before a small network",
        "#d35d9c",
        datasets=("birds", "cub"),
        **_WHISPER,
    ),
    _extension(
        "whisper_all_layers",
        "`whisper`, with a learned sum of all layers instead of the last one",
        "#c98a2b",
        **_WHISPER,
        layers="all",
    ),
    _extension(
        "whisper_many_voices",
        "`whisper`, taught by many voices in many conditions",
        "#b03060",
        epochs=10,
        datasets=(),  # what is released for all
        **_WHISPER,
        speech="many_voices",
    ),
    _extension(
        "recommended_text",
        "the second of two stages: a text encoder that reads what `many_voices` hears, for the generator of `recommended`",
        "#5b8c5a",
        epochs=10,
        input="text",
        speech="many_voices",
    ),
    # Chapter 29: the encoder of one, the generator of another. `paper` and `recommended` are the other two cells of that table.
    Recipe(
        "paper_modulated",
        "the encoder of `paper`, the generator of `recommended`",
        kind="crossed",
        overrides={"gan": _RECOMMENDED["gan"]},
        profiles={name: {"gan": values["gan"]} for name, values in _RECOMMENDED_PROFILES.items()},
        encoder_from="paper",
        colour="#d9a441",
    ),
    Recipe(
        "recommended_stackgan",
        "the encoder of `recommended`, the StackGAN-v2 of `paper`",
        kind="crossed",
        overrides={name: _RECOMMENDED[name] for name in ("teacher", "encoder")},
        profiles={"small": {"encoder": _RECOMMENDED_SMALL["encoder"]}},
        encoder_from="recommended",
        colour="#7fb3c8",
    ),
    Recipe(
        "whisper_stackgan",
        "the encoder of `whisper`, the StackGAN-v2 of `paper`",
        kind="crossed",
        overrides={"teacher": _RECOMMENDED["teacher"], "encoder": {**_RECOMMENDED["encoder"], **_WHISPER}},
        profiles={"small": {"encoder": _RECOMMENDED_SMALL["encoder"]}},
        encoder_from="whisper",
        colour="#e8a8cf",
        datasets=("birds", "cub"),
    ),
    Recipe(
        "whisper_modulated",
        "the encoder of `whisper`, the generator of `recommended`",
        kind="crossed",
        overrides={**_RECOMMENDED, "encoder": {**_RECOMMENDED["encoder"], **_WHISPER}},
        profiles=_RECOMMENDED_PROFILES,
        encoder_from="whisper",
        colour="#a63d7c",
        datasets=("birds", "cub"),
    ),
    # Chapter 24: the same voices say the same things of the same pictures, in English and in a language that has no letters.
    _extension(
        "several_voices",
        "`recommended`, its encoder taught by several voices in quiet: the control of `invented`",
        "#457b9d",
        speech="several_voices",
    ),
    _extension(
        "whisper_several_voices",
        "`whisper`, taught by several voices in quiet: the control of `invented_whisper`",
        "#e07a5f",
        **_WHISPER,
        speech="several_voices",
    ),
    _extension(
        "invented",
        "`recommended`, its encoder taught and tested in an invented language that nobody writes",
        "#2a9d8f",
        speech="invented",
    ),
    _extension(
        "invented_whisper",
        "`invented`, with Whisper's frozen encoder (which learned from transcripts of English) before a small network",
        "#7a9e2d",
        **_WHISPER,
        speech="invented",
    ),
)

RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in _TABLE}
TRAINED_BY_DEFAULT = tuple(recipe.name for recipe in _TABLE if recipe.kind != "release")


def recipes_of(kind: str = "", table: str = "") -> tuple[str, ...]:
    """Names of the recipes of one kind, or of one table of the paper, in the order of the table above."""
    return tuple(
        name for name, recipe in RECIPES.items() if (not kind or recipe.kind == kind) and (not table or table in recipe.tables)
    )
