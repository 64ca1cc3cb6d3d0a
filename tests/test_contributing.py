"""The examples of CONTRIBUTING work as they stand there."""

import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from s2i_lib.config import GanConfig
from s2i_lib.datasets.rendered import RENDERED
from s2i_lib.datasets.rendered.captions import one_word_changes
from s2i_lib.recipes import Recipe

GUIDE = (Path(__file__).resolve().parents[1] / "CONTRIBUTING.md").read_text()


def example(start):
    """The Python block of the guide that begins with `start`."""
    blocks = [
        textwrap.dedent(block) for block in re.findall(r"^ *```python\n(.+?)^ *```", GUIDE, flags=re.MULTILINE | re.DOTALL)
    ]
    (found,) = [block for block in blocks if block.startswith(start)]
    return found


@pytest.fixture(scope="module")
def kites():
    names = {}
    exec(compile(example('"""Rendered kites'), "CONTRIBUTING.md", "exec"), names)
    return names["SPEC"]


def test_the_data_set_has_classes_of_its_size_and_of_that_of_smoke(kites):
    assert len(kites.class_table()) == kites.num_classes
    assert len(kites.class_table(20, 15)) == 20


def test_every_attribute_of_the_data_set_shows(kites):
    start = kites.class_table()[0]
    for name, values in kites.attributes.items():
        pictures = [kites.draw({**start, name: value}, np.random.default_rng(0), 64) for value in values]
        assert pictures[0].shape == (64, 64, 3) and pictures[0].dtype == np.uint8
        assert len({picture.tobytes() for picture in pictures}) == len(values), name


def test_captions_of_the_data_set_state_what_they_return(kites):
    rng, table = np.random.default_rng(0), kites.class_table()
    for number in range(200):
        row = table[number % len(table)]
        text, mentioned = kites.describe(row, rng)
        assert 6 <= len(text.split()) <= 18 and mentioned.items() <= row.items()


@pytest.mark.parametrize("name", ["kites", "birds", "flowers"])
def test_one_word_gives_a_part_another_colour(kites, name):
    spec = kites if name == "kites" else RENDERED[name]
    rng, colours = np.random.default_rng(0), {part: spec.attributes[part] for part in spec.colour_attributes}
    captions = [spec.describe(row, rng) for row in spec.class_table()]
    changes = one_word_changes(captions, colours, 3)
    assert len(changes) == len({part for part, *_ in changes}) == 3
    for part, before, after, sentence in changes:
        (mentioned,) = [mentioned for text, mentioned in captions if text == sentence.format(before)]
        assert mentioned[part] == before != after and {before, after} <= set(colours[part])
        assert after not in mentioned.values() and not re.search(r"\ba [aeiou]|\ban [^aeiou]", sentence.format(after))


def test_captions_without_a_colour_have_no_word_to_replace():
    with pytest.raises(ValueError, match="no caption"):
        one_word_changes([("it has a long tail.", {"tail": "long"})], {"wing": ("red", "blue")}, 3)


def test_the_recipe_differs_from_the_paper_in_what_it_says():
    (recipe,) = eval(example("Recipe("), {"Recipe": Recipe})
    assert recipe.kind == "ablation" and recipe.encoder == "paper"
    assert GanConfig(**recipe.overrides["gan"]).noise_dim == 2 * GanConfig().noise_dim


def test_the_metric_has_the_value_that_it_says():
    names = {"np": np, "NDArray": NDArray}
    exec(example("def spread("), names)
    assert names["spread"](4 * np.eye(3), np.eye(3)) == pytest.approx(2.0)
