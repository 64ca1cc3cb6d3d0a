"""The sections of a configuration: what each holds, and its default values, over which ``config`` lays others."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _power_of_two(side: int) -> int:
    if side & (side - 1):
        raise ValueError("it has to be a power of two")
    return side


# Strict: neither "500" nor true is a number.
Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
Times = Annotated[int, Field(strict=True, ge=0, le=1000)]
Batch = Annotated[int, Field(strict=True, ge=2, le=2**16)]  # a single item has no statistics and no negatives
Side = Annotated[int, Field(strict=True, ge=16, le=2048)]  # of a picture, in pixels
Base = Annotated[int, Field(strict=True, ge=4, le=512), AfterValidator(_power_of_two)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]
Amount = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(strict=True, gt=0, le=1)]  # of learning
Decay = Annotated[float, Field(strict=True, ge=0, lt=1)]  # per step
Share = Annotated[float, Field(strict=True, ge=0, le=0.5)]
Degree = Annotated[float, Field(strict=True, ge=0, le=1)]


class Section(BaseModel):
    """Values that cannot be changed; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(Section):
    """How much of the data set is made. Counts are per class; `images_for_classifier` more images of each test class, used for
    nothing else, train the class classifier behind the inception score. `renditions` is how often, for recipes of many voices,
    as many captions of every training picture are spoken: each time further captions, by other voices in other conditions.
    `speech` is what is recorded: the synthetic voice itself, or simulated degraded speech made from it (``acoustics``).
    `captions` says where sentences come from: composed from `attributes`, those of rendered pictures or what annotators saw;
    written by people for `reed` et al. (2016); or `transcripts` of what people said.
    `validation_share` of the training classes (of the training images, where the test has no new classes) is set aside:
    learning curves and all choices are about these, no encoder and no generator learns from them.
    """

    num_classes: Count = 200
    num_train_classes: Count = 150
    images_per_train_class: Count = 30
    images_per_test_class: Count = 20
    images_for_classifier: Count = 40
    spoken_captions: Count = 2
    renditions: Count = 2
    speech: Literal["clean", "degraded"] = "clean"
    captions: Literal["attributes", "reed", "transcripts"] = "attributes"
    validation_share: Share = 0.0
    image_size: Side = 256
    seed: Seed = 0

    @model_validator(mode="after")
    def _check_classes(self) -> Self:
        if self.num_train_classes > self.num_classes:
            raise ValueError(
                f"num_train_classes, {self.num_train_classes}, cannot be more than num_classes, {self.num_classes}"
            )
        return self

    @property
    def validation_every(self) -> int:
        """Every how many-th training class is set aside; 0 for none."""
        return round(1 / self.validation_share) if self.validation_share else 0

    def taught_of(self, count: int) -> int:
        """How many of so many classes or pictures are not set aside."""
        return count - (count // self.validation_every if self.validation_every else 0)

    @property
    def taught_classes(self) -> int:
        """Training classes that are not set aside."""
        return self.taught_of(self.num_train_classes)


class TeacherConfig(Section):
    """The frozen image encoder (Eq. 3). `power` is the exponent of the generalised mean over its grid, 1 for the mean.

    `views` says what it is shown of a picture, see ``models.teacher.teacher_views``: the `whole` of it (Section III-B, "a
    resolution of 256 x 256"), the whole and its `mirror` image (ours), its `centre` (how these networks are usually tested) or
    ten crops as in the `released` code. `stages` says which features a student is taught: those of the `last` grid (Eq. 3), or
    of what `all` stages of the network end with, see ``models.pretrained``.
    """

    name: Literal["efficientnet_lite0", "googlenet"] = "efficientnet_lite0"
    views: Literal["whole", "mirror", "centre", "released"] = "mirror"
    image_size: Side = 224
    power: Annotated[float, Field(strict=True, ge=1, le=100)] = 3.0
    stages: Literal["last", "all"] = "last"
    batch_size: Batch = 32


class EncoderConfig(Section):
    """The speech encoder (Eq. 2), or the text encoder of the baselines, and its training (Eq. 6).

    `splice` joins halves of two utterances, `class_mean_targets` lets the student aim at class means; both belong to the
    recommended recipe. `text` says what a text encoder reads: the captions as they were written, or `transcripts` of their
    recordings by a recognizer. `one_caption` learns from one caption of each image per epoch, drawn anew, instead of from all.
    `positives` says which pictures one sentence describes equally well, so that they share their target and
    are no negatives for each other's sentences: those of a class, or none but the picture itself. `speech` is what is learned
    from: the recordings; many voices in many conditions that say more captions (a text encoder reads those); several voices
    that say each once, in quiet; or what the captions mention, said by these voices in the `invented` language, in which the
    test is heard, too. `front_end` `whisper` puts the frozen encoder of a recognizer before a small network, which reads its
    last layer or a learned sum of all `layers`; `whisper_weights` is a file of it, by default the one in a package. That
    network has so many `convolutions` over time, each of which looks `growth` times as far as the one before. `pooling`
    makes one vector of the states of all time steps, see ``models.speech_encoder``. `ema_decay` is the decay per step of an
    exponential moving average of the weights: the learning rate then stays constant and the average is kept; 0 keeps the
    last weights of a rate that falls to zero. `target_dim` is the number of discriminant directions of the teacher's
    features that the student is taught, None for all features; it is the dimension D of the embedding. With `target_whitening`
    1 all of them count alike, with 0 each as much as class means differ in it. `masking` silences short stretches of what is
    learned from, of sentences as of sound; `clipping` is the largest norm of a gradient, 0 for any; `normalise` gives all
    embeddings one length before a generator sees them. The paper mentions none of the three.
    """

    input: Literal["speech", "text"] = "speech"
    text: Literal["captions", "transcripts"] = "captions"
    front_end: Literal["log_mel", "whisper"] = "log_mel"
    layers: Literal["last", "all"] = "last"
    whisper_weights: str = ""
    convolutions: Count = 2
    growth: Count = 1
    speech: Literal["recorded", "many_voices", "several_voices", "invented"] = "recorded"
    target_dim: Count | None = 128
    target_whitening: Degree = 1.0
    width: Count = 32
    rnn_dim: Count | None = 512
    pooling: Literal["mean", "all_steps", "last"] = "mean"
    loss: Literal["teacher_student", "norm", "norm_jel", "released", "contrastive", "classifier"] = "teacher_student"
    weights: Literal["balanced", "paper"] = "balanced"
    epochs: Count = 40
    batch_size: Batch = 64
    learning_rate: Rate = 1e-3
    weight_decay: Amount = 1e-5
    ema_decay: Decay = 0.0
    one_caption: bool = False
    splice: bool = False
    class_mean_targets: bool = False
    positives: Literal["class", "image"] = "class"
    masking: bool = True
    clipping: Amount = 5.0
    normalise: bool = True


class GanConfig(Section):
    """The generator, its discriminators and their training (Eqs. 10-14).

    `steps` are those of each network that is trained by itself, the only one or each stage of a StackGAN-v1.
    `mismatched` is how many wrong sentences every real picture of a StackGAN is shown with in a step (Eq. 13).
    `redrawn` is how often every training picture of a rendered data set is drawn again, of the same attributes in another pose
    and place, so that a discriminator that trains for long finds little to learn by heart; photographs stay as they are.
    With `diff_augment` a discriminator sees every picture shifted and partly blank (``training.gan_steps.shifted_and_cut``), so
    that a few thousand photographs are not soon known by heart.
    `compile` fuses the layers of a StackGAN-v2 by ``torch.compile``: a minute at the start, which pays on a GPU.
    Of the modulated generator's loss, `consistency_weight` is that of the frozen teacher (``training.consistency``) and
    `patch_weight` that of the discriminator's opinion about patches.
    """

    model: Literal["stackgan_v2", "stackgan_v1", "modulated"] = "stackgan_v2"
    base_size: Base = 16
    num_scales: Annotated[int, Field(strict=True, ge=1, le=5)] = 3
    noise_dim: Count = 100
    condition_dim: Count = 128
    generator_width: Count = 32
    discriminator_width: Count = 32
    augment_condition: bool = True
    kl_weight: Amount = 2.0
    penalty_weight: Amount = 2.0
    penalty_every: Count = 4
    matching_weight: Amount = 1.0
    steps: Count = 4000
    batch_size: Batch = 24
    generator_learning_rate: Rate = 2e-4
    discriminator_learning_rate: Rate = 2e-4
    beta1: Decay = 0.5
    ema_decay: Decay = 0.999
    consistency_weight: Amount = 0.0
    patch_weight: Amount = 0.0
    mismatched: Count = 3
    redrawn: Times = 0
    diff_augment: bool = False
    compile: bool = False

    @model_validator(mode="after")
    def _check_wrong_sentences(self) -> Self:
        if self.mismatched >= self.batch_size:
            raise ValueError(
                f"a batch of {self.batch_size} has no {self.mismatched} wrong sentences for a picture (mismatched)"
            )
        return self

    @property
    def total_steps(self) -> int:
        """Steps of the whole training: a StackGAN-v1 trains its two stages one after the other."""
        return self.steps * (2 if self.model == "stackgan_v1" else 1)

    @property
    def draws_conditions(self) -> bool:
        """Does the generator draw random numbers beside its noise (conditioning augmentation)?"""
        return self.augment_condition and self.model != "modulated"

    @property
    def image_size(self) -> int:
        """Side of the largest image drawn, in pixels. StackGAN-v1 goes from the smallest to the largest of three scales."""
        return self.base_size * 2 ** (self.num_scales - 1)


class ClassifierConfig(Section):
    """The classifiers that score generated images; they never see a generated image in training. The attribute classifier
    learns from `images` pictures of random attribute combinations. `network` is that of the class classifier: a small residual
    network or a pretrained Inception-v3 (Section IV-A, chapter 22).
    """

    network: Literal["residual", "inception"] = "residual"
    images: Count = 4000
    width: Count = 32
    epochs: Count = 12
    batch_size: Batch = 64
    learning_rate: Rate = 2e-3


class ScoreConfig(Section):
    """How many images are generated for the scores, and by which `network` the distances see them: EfficientNet-Lite0, or the
    Inception-v3 that FID is defined with.
    """

    network: Literal["lite0", "inception"] = "lite0"
    captions: Count = 1000
    gallery_sentences: Count = 5
    gallery_samples: Count = 8
    inception_splits: Count = 10


# Fields that committed records were made without.
NEWER = {
    "data": ("renditions", "captions", "validation_share"),
    "teacher": ("stages",),
    "encoder": (
        "front_end",
        "layers",
        "whisper_weights",
        "convolutions",
        "growth",
        "target_whitening",
        "masking",
        "clipping",
        "normalise",
        "text",
        "one_caption",
    ),
    "gan": ("consistency_weight", "patch_weight", "mismatched", "redrawn", "diff_augment"),
}
