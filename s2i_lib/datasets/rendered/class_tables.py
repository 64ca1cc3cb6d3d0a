"""Class tables: balanced combinations of attributes that are told apart by several of them.

A table is first made of integer codes, ``(classes, attributes)`` indices into
the values of each attribute.  Which combinations a data set cannot show, it
says by a function of these codes.
"""

from collections.abc import Callable

import numpy as np

Attributes = dict[str, tuple[str, ...]]

MIN_DISTANCE = 3  # attributes in which any two classes differ


def has_value(codes: np.ndarray, attributes: Attributes, name: str, value: str) -> np.ndarray:
    """Which classes ``(classes,)`` bool have a value of an attribute."""
    return codes[:, list(attributes).index(name)] == attributes[name].index(value)


def balanced_table(
    attributes: Attributes, num_classes: int, num_train: int, seed: int, impossible: Callable[[np.ndarray], np.ndarray]
) -> list[dict[str, str]]:
    """The attributes of each class; labels below ``num_train`` are for training.

    Within the training and within the test classes every value of an
    attribute is about equally frequent.  Any two classes differ in at least
    three attributes.

    Args:
        attributes: the values of each attribute.
        num_classes: how many classes.
        num_train: how many of them are for training.
        seed: another seed gives another table.
        impossible: maps codes to a mask ``(classes,)`` of those that must not occur.

    Raises:
        ValueError: unless ``0 < num_train <= num_classes``, and if no such
            table was found, which happens only for tables of many thousands.
    """
    if not 0 < num_train <= num_classes:
        raise ValueError(f"need 0 < num_train <= num_classes, got {num_train} and {num_classes}")

    def faulty_rows(codes: np.ndarray) -> np.ndarray:
        distance = (codes[:, None] != codes[None]).sum(-1)
        np.fill_diagonal(distance, len(attributes))
        return np.flatnonzero((distance.min(1) < MIN_DISTANCE) | impossible(codes))

    rng = np.random.default_rng(seed)
    blocks = [np.arange(num_train), np.arange(num_train, num_classes)]
    for _ in range(20):
        codes = np.concatenate([_balanced_codes(attributes, len(block), rng) for block in blocks])
        if _repair(codes, blocks, faulty_rows, rng):
            return [{name: values[code] for (name, values), code in zip(attributes.items(), row)} for row in codes]
    raise ValueError(f"found no {num_classes} classes that differ in {MIN_DISTANCE} attributes")


def _balanced_codes(attributes: Attributes, count: int, rng: np.random.Generator) -> np.ndarray:
    """Value indices ``(count, attributes)``, each column balanced and shuffled."""
    columns = []
    for values in attributes.values():
        rounds = [rng.permutation(len(values)) for _ in range(count // len(values) + 1)]
        columns.append(rng.permutation(np.concatenate(rounds)[:count]))
    return np.stack(columns, axis=1)


def _repair(
    codes: np.ndarray, blocks: list[np.ndarray], faulty_rows: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator
) -> bool:
    """Swap values within columns, which keeps the balance, until no row is faulty."""
    faulty = faulty_rows(codes)
    for _ in range(1000):
        if not len(faulty):
            return True
        row = rng.choice(faulty)
        block = next(block for block in blocks if row in block)
        pair, column = [row, rng.choice(block)], rng.integers(codes.shape[1])
        codes[pair, column] = codes[pair[::-1], column]
        changed = faulty_rows(codes)
        if len(changed) <= len(faulty):
            faulty = changed
        else:
            codes[pair, column] = codes[pair[::-1], column]
    return False


def check_attributes(given: dict[str, str], attributes: Attributes) -> None:
    """Raise ``ValueError`` unless every attribute is given with one of its values."""
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
    """What every ``draw`` asks of its arguments.

    Raises ``ValueError`` as :func:`check_attributes` does, and if ``size`` is below 32 pixels.
    """
    check_attributes(given, attributes)
    if size < 32:
        raise ValueError(f"size must be 32 or more, got {size}")
