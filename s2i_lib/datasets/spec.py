"""What a data set is: one specification per data set, which everything above reads.

A rendered data set is drawn and described from attributes that are known; a photo data set is one of the paper's own, and
nobody knows what its captions mention. Both become the same files (chapter 01), and nothing after that knows the difference.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pathlib import Path

    from s2i_lib.datasets.photos.parts import Excerpt, Part, Photo

Overrides = dict[str, dict[str, Any]]  # section of the configuration -> key -> value


@dataclass(frozen=True, eq=False, kw_only=True)
class DatasetSpec:
    """What rendered and photo data sets have in common. There is one specification of each, which is equal to itself only.

    Attributes:
        name: in the command line, in folders and in records.
        noun: what an image shows, in the singular.
        title: for people; the name, if none is given.
        attributes: attribute -> its values; of photographs, those that sentences can be composed from.
        colour_attributes: those whose values are colours of a part of the subject.
        num_classes: all classes.
        num_train_classes: how many of them have training images; those come first.
        split: how training and test differ: by `classes`, or by `images` of the same classes.
        captions_per_image: sentences per image.
        quarter_turns: does an image turned by quarters show the same attributes?
        published_as: name in the paper of the data set whose shape it has; empty if it has none.
        profiles: profile -> values of the configuration that this data set needs there.
        recipes: recipe -> values of the configuration that this data set needs with it.
    """

    name: str
    noun: str
    title: str = ""
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    colour_attributes: tuple[str, ...] = ()
    num_classes: int
    num_train_classes: int
    split: Literal["classes", "images"]
    captions_per_image: int
    quarter_turns: bool = False
    published_as: str = ""
    profiles: Mapping[str, Overrides] = field(default_factory=dict)
    recipes: Mapping[str, Overrides] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.title:
            object.__setattr__(self, "title", self.name)

    @property
    def rendered(self) -> bool:
        """Is it drawn, or a collection of photographs? ``isinstance(spec, RenderedSpec)`` says the same to a type checker."""
        return isinstance(self, RenderedSpec)

    @property
    def has_new_classes(self) -> bool:
        """Has the test split classes of its own, so that finding them is zero-shot, or unseen images of the same classes?"""
        return self.num_train_classes < self.num_classes

    @property
    def knows_attributes(self) -> bool:
        """Is it known what an image shows and what a caption mentions?"""
        return bool(self.attributes)


class Draw(Protocol):
    """Draws one image."""

    def __call__(self, attributes: dict[str, str], rng: np.random.Generator, size: int = 256) -> NDArray[np.uint8]:
        """One picture with the given attributes. The same state of `rng` gives the same picture.

        Args:
            attributes: a value for every attribute of the data set.
            rng: source of all that varies between pictures of the same attributes.
            size: side of the picture in pixels, 32 or more.

        Returns:
            (size, size, 3) uint8 RGB.

        Raises:
            ValueError: an attribute is missing, unknown or has an unknown value, or `size` is below 32.
        """
        ...


class Describe(Protocol):
    """Composes one caption."""

    def __call__(self, attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
        """One caption, and exactly the attributes that it states.

        Args:
            attributes: a value for every attribute of the data set.
            rng: source of the choice of attributes, words and sentence form.

        Returns:
            Lower-case words with commas and full stops, and attribute -> value of what they mention.

        Raises:
            ValueError: an attribute is missing, unknown or has an unknown value.
        """
        ...


class ClassTable(Protocol):
    """Says which attributes the classes have, where all images of a class have the same."""

    def __call__(self, num_classes: int = ..., num_train: int = ..., seed: int = 0) -> list[dict[str, str]]:
        """The attributes of each class; labels below `num_train` are for training.

        Raises:
            ValueError: unless 0 < num_train <= num_classes, or no such table was found.
        """
        ...


class ImageTable(Protocol):
    """Says which attributes the images of a class have, where each has its own."""

    def __call__(self, label: int, num_images: int, seed: int = 0) -> list[dict[str, str]]:
        """The attributes of the images of one class, no two alike; any part of the table is a random sample.

        Raises:
            ValueError: no such class, or more images than there are combinations.
        """
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class RenderedSpec(DatasetSpec):
    """A data set that is drawn: any combination of its values can be drawn and described.

    Attributes:
        draw: see ``Draw``.
        describe: see ``Describe``.
        class_table: see ``ClassTable``; None if the split is by images.
        image_table: see ``ImageTable``; None if the split is by classes.

    Raises:
        ValueError: the table that belongs to the split is missing, or the other one is given.
    """

    draw: Draw
    describe: Describe
    class_table: ClassTable | None = None
    image_table: ImageTable | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        given = {"classes": self.class_table is not None, "images": self.image_table is not None}
        if [split for split, is_given in given.items() if is_given] != [self.split]:
            raise ValueError(f"{self.name} is split by {self.split}: give the table of these and no other")


class ReadPhotos(Protocol):
    """Reads a photo data set."""

    def __call__(self, folder: "Path", captions: str = ...) -> "list[Photo]":
        """Every photo with its captions, in class order.

        Args:
            folder: holds the archives as they unpack.
            captions: which ones, see ``DataConfig.captions``.

        Raises:
            DatasetError: it has no such captions, or a part is missing or damaged; the message names the file.
        """
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class PhotoSpec(DatasetSpec):
    """One of the paper's own data sets, which each user downloads.

    Attributes:
        parts: the published files.
        split_sizes: split -> how many images it has (Tables I and III).
        read: see ``ReadPhotos``.
        excerpt: of a folder that holds complete classes only, how many; None if it holds all of them or is not there.
    """

    parts: "tuple[Part, ...]"
    split_sizes: dict[str, int]
    read: ReadPhotos
    excerpt: "Callable[[Path], Excerpt | None]" = lambda folder: None
