"""Which combinations of attributes a data set shows: balanced tables of classes, and random tables of images.

A table of classes is first made of integer codes, (classes, attributes) indices into the values of each attribute. Which
combinations a data set cannot show, it says by a function of these codes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Attributes = dict[str, tuple[str, ...]]  # attribute -> its values
Codes = NDArray[np.int64]
Rows = NDArray[np.bool_]  # (classes,)

MIN_DISTANCE = 3  # attributes in which any two classes differ
MAX_IMAGES = 100_000  # of a class whose images have their own attributes
_TABLES, _SWAPS = 20, 1000  # attempts to find a table, and to mend one


# --- of classes ---


def has_value(codes: Codes, attributes: Attributes, name: str, value: str) -> Rows:
    """Which classes have a value of an attribute."""
    return codes[:, list(attributes).index(name)] == attributes[name].index(value)


@dataclass(frozen=True)
class BalancedTable:
    """Gives each class its attributes.

    Within the training and within the test classes every value of an attribute is about equally frequent, so that as many
    training classes as an attribute has values suffice for all of them to occur in training. Any two classes differ in at least
    three attributes.

    Attributes:
        attributes: the values of each attribute.
        num_classes: how many classes, unless a caller asks for another number.
        num_train: how many of them are for training.
        impossible: which of the classes with some codes must not occur; None: any combination can be shown.
    """

    attributes: Attributes
    num_classes: int
    num_train: int
    impossible: Callable[[Codes], Rows] | None = None

    def __call__(self, num_classes: int | None = None, num_train: int | None = None, seed: int = 0) -> list[dict[str, str]]:
        """The attributes of each class; labels below `num_train` are for training, and another seed gives another table.

        Raises:
            ValueError: unless 0 < num_train <= num_classes, and if no such table was found, which happens only for tables of
                many thousands or for few attributes.
        """
        num_classes = self.num_classes if num_classes is None else num_classes
        num_train = self.num_train if num_train is None else num_train
        if not 0 < num_train <= num_classes:
            raise ValueError(f"need 0 < num_train <= num_classes, got {num_train} and {num_classes}")
        rng = np.random.default_rng(seed)
        blocks = [np.arange(num_train), np.arange(num_train, num_classes)]
        for _ in range(_TABLES):
            codes = np.concatenate([_balanced_codes(self.attributes, len(block), rng) for block in blocks])
            if _repair(codes, blocks, self._faulty, rng):
                return [self._decoded(row) for row in codes]
        raise _found_none(num_classes)

    def further(self, known: list[dict[str, str]], count: int, seed: int = 0) -> list[dict[str, str]]:
        """`count` more classes that differ from each other and from those of a table in at least three attributes. Every value
        is about as frequent among them as any other, but for those of combinations that cannot be shown.

        Raises:
            ValueError: there are not so many.
        """
        rng, chosen, wanted = np.random.default_rng([seed, len(known)]), self._encoded(known), len(known) + count
        for _ in range(_TABLES):
            if len(chosen) == wanted:
                break
            codes = _balanced_codes(self.attributes, count, rng)
            possible = np.ones(count, dtype=bool) if self.impossible is None else ~self.impossible(codes)
            for row in codes[possible]:
                if len(chosen) < wanted and (chosen != row).sum(1).min() >= MIN_DISTANCE:
                    chosen = np.concatenate([chosen, row[None]])
        if len(chosen) < wanted:
            raise _found_none(count)
        return [self._decoded(row) for row in chosen[len(known) :]]

    def _decoded(self, codes: Codes) -> dict[str, str]:
        return {name: values[code] for (name, values), code in zip(self.attributes.items(), codes)}

    def _encoded(self, table: list[dict[str, str]]) -> Codes:
        return np.array([[values.index(row[name]) for name, values in self.attributes.items()] for row in table])

    def _faulty(self, codes: Codes) -> NDArray[np.intp]:
        """Labels of the classes that must be changed."""
        distance = (codes[:, None] != codes[None]).sum(-1)
        np.fill_diagonal(distance, len(self.attributes))
        faulty = distance.min(1) < MIN_DISTANCE
        return np.flatnonzero(faulty if self.impossible is None else faulty | self.impossible(codes))


@dataclass(frozen=True)
class LargerTable:
    """The classes of another table, and further ones for training: it is tested on the classes of that one.

    Attributes:
        base: the other table.
        num_classes, num_train: as of ``BalancedTable``.
    """

    base: BalancedTable
    num_classes: int
    num_train: int

    def __call__(self, num_classes: int | None = None, num_train: int | None = None, seed: int = 0) -> list[dict[str, str]]:
        """See ``BalancedTable``. If no more training classes are asked for than the other table has, these are its own.

        Raises:
            ValueError: as ``BalancedTable`` does.
        """
        num_classes = self.num_classes if num_classes is None else num_classes
        num_train = self.num_train if num_train is None else num_train
        first = min(num_train, self.base.num_train)
        known = self.base(first + num_classes - num_train, first, seed)
        return known[:first] + self.base.further(known, num_train - first, seed) + known[first:]


def _found_none(count: int) -> ValueError:
    return ValueError(f"found no {count} classes that differ in {MIN_DISTANCE} attributes: ask for fewer classes")


def _balanced_codes(attributes: Attributes, count: int, rng: np.random.Generator) -> Codes:
    """Value indices (count, attributes), each column balanced and shuffled."""
    columns = []
    for values in attributes.values():
        rounds = [rng.permutation(len(values)) for _ in range(count // len(values) + 1)]
        columns.append(rng.permutation(np.concatenate(rounds)[:count]))
    return np.stack(columns, axis=1)


def _repair(
    codes: Codes,
    blocks: list[NDArray[np.int64]],
    find_faulty: Callable[[Codes], NDArray[np.intp]],
    rng: np.random.Generator,
) -> bool:
    """Swap values within columns, which keeps the balance, until no row is faulty."""
    faulty = find_faulty(codes)
    for _ in range(_SWAPS):
        if not len(faulty):
            return True
        row = rng.choice(faulty)
        block = next(block for block in blocks if row in block)
        pair, column = [row, rng.choice(block)], rng.integers(codes.shape[1])
        codes[pair, column] = codes[pair[::-1], column]
        changed = find_faulty(codes)
        if len(changed) <= len(faulty):
            faulty = changed
        else:
            codes[pair, column] = codes[pair[::-1], column]
    return False


# --- of images ---


def random_table(
    attributes: Attributes,
    class_attribute: str,
    label: int,
    num_images: int,
    seed: int,
    possible: Callable[[dict[str, str]], bool],
) -> list[dict[str, str]]:
    """The attributes of the images of a class that has one attribute in common, in random order and no two alike.

    Each is drawn at random from the possible combinations. Any part of the table is therefore a random sample, and the first
    images can be those for training.

    Args:
        attributes: the values of each attribute.
        class_attribute: the one whose values are the classes.
        label: index of the class among these values.
        num_images: how many.
        seed: another seed gives another table.
        possible: whether a combination may occur.

    Raises:
        ValueError: if there is no such class, or if more than 100,000 images are asked for.
    """
    classes = attributes[class_attribute]
    if label not in range(len(classes)):
        raise ValueError(f"there are {len(classes)} classes of {class_attribute}, so there is none with label {label}")
    if num_images > MAX_IMAGES:
        raise ValueError(f"{num_images} different images of a class are too many; ask for {MAX_IMAGES} or fewer")
    rng = np.random.default_rng([seed, label])
    table: dict[tuple[str, ...], dict[str, str]] = {}
    while len(table) < num_images:
        chosen = {name: values[rng.integers(len(values))] for name, values in attributes.items()}
        chosen[class_attribute] = classes[label]
        if possible(chosen):
            table.setdefault(tuple(chosen.values()), chosen)
    return list(table.values())


# --- checks ---


def check_attributes(given: dict[str, str], attributes: Attributes) -> None:
    """Make sure that every attribute is given with one of its values.

    Raises:
        ValueError: an attribute is missing, unknown or has an unknown value; the message names it and what is allowed.
    """
    for name, value in given.items():
        if name not in attributes:
            raise ValueError(f"unknown attribute {name!r}; there are {', '.join(attributes)}")
        if value not in attributes[name]:
            allowed = ", ".join(attributes[name])
            raise ValueError(f"unknown value {value!r} of {name}; allowed are {allowed}")
    missing = [name for name in attributes if name not in given]
    if missing:
        raise ValueError(f"missing attributes: {', '.join(missing)}")


def check_drawing(given: dict[str, str], attributes: Attributes, size: int) -> None:
    """What every ``draw`` asks of its arguments: ``check_attributes``, and a `size` of 32 pixels or more.

    Raises:
        ValueError: as ``check_attributes`` does, or a smaller size.
    """
    check_attributes(given, attributes)
    if size < 32:
        raise ValueError(f"size must be 32 or more, got {size}")
