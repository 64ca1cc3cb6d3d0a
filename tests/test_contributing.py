"""The examples of CONTRIBUTING work as they stand there."""

import re
import shlex
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from s2i_lib import metrics
from s2i_lib.config import load_config
from s2i_lib.datasets import DATASETS
from s2i_lib.datasets.rendered import RENDERED
from s2i_lib.datasets.rendered.captions import one_word_changes
from s2i_lib.recipes import RECIPES, Recipe
from s2i_lib.run import chapters, plan
from s2i_lib.run.chapters import CHAPTERS, Chapter
from s2i_lib.run.options import parse
from s2i_lib.run.plan import Job, Selection
from s2i_lib.sections import GanConfig

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()


def blocks(language):
    """Every block of the guide in one language, in the order of the guide."""
    found = re.findall(rf"^ *```{language}\n(.+?)^ *```", GUIDE, flags=re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]


def example(start):
    """The Python block of the guide that begins with `start`."""
    (found,) = [block for block in blocks("python") if block.startswith(start)]
    return found


@pytest.fixture(scope="module")
def kites():
    names = {}
    exec(compile(example('"""Rendered kites'), "CONTRIBUTING.md", "exec"), names)
    return names["SPEC"]


@pytest.fixture
def more_noise(monkeypatch):
    """The recipe of the guide, in the table of recipes and, as it would be after an import, in chapter 14."""
    recipe = eval(example("Recipe("), {"Recipe": Recipe})
    monkeypatch.setitem(RECIPES, recipe.name, recipe)
    ablation = CHAPTERS["14_ablation"]
    monkeypatch.setitem(CHAPTERS, ablation.name, replace(ablation, recipes=(*ablation.recipes, recipe.name)))
    return recipe


# --- the data set ---


def test_the_data_set_is_short_and_formatted():
    code = example('"""Rendered kites')
    assert len(code.splitlines()) <= 60
    for command in (["format", "--check"], ["check"]):
        words = [sys.executable, "-m", "ruff", *command, "--stdin-filename", "s2i_lib/datasets/rendered/kites.py", "-"]
        result = subprocess.run(words, input=code, cwd=ROOT, text=True, capture_output=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


def test_the_data_set_has_classes_of_its_size_and_of_that_of_smoke(kites, monkeypatch):
    monkeypatch.setitem(DATASETS, kites.name, kites)
    for profile in ("smoke", "small", "large"):
        settings = load_config(profile, "kites")
        data = settings.data
        assert settings.encoder.target_dim < data.num_train_classes
        assert len(kites.class_table(data.num_classes, data.num_train_classes)) == data.num_classes
        assert data.num_classes == (20 if profile == "smoke" else kites.num_classes)
    assert len(kites.class_table()) == kites.num_classes


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
    for part, before, after, sentence, kept in changes:
        (mentioned,) = [mentioned for text, mentioned in captions if text == sentence.format(before)]
        assert {part, *kept} == colours.keys() & mentioned.keys()
        assert mentioned[part] == before != after and {before, after} <= set(colours[part])
        assert after not in mentioned.values() and not re.search(r"\ba [aeiou]|\ban [^aeiou]", sentence.format(after))


def test_captions_without_a_colour_have_no_word_to_replace():
    with pytest.raises(ValueError, match="no caption"):
        one_word_changes([("it has a long tail.", {"tail": "long"})], {"wing": ("red", "blue")}, 3)


# --- the recipe and the chapter ---


def test_the_recipe_differs_from_the_paper_in_what_it_says(more_noise):
    assert more_noise.kind == "ablation" and more_noise.encoder == "paper"
    assert GanConfig(**more_noise.overrides["gan"]).noise_dim == 2 * GanConfig().noise_dim
    for profile in ("smoke", "small"):
        mine, paper = (load_config(profile, "birds", name).model_dump() for name in (more_noise.name, "paper"))
        assert [name for name in mine["gan"] if mine["gan"][name] != paper["gan"][name]] == ["noise_dim"]


def test_chapter_14_trains_the_recipe_with_the_encoder_of_the_paper(more_noise):
    selection = Selection("smoke", recipes=("paper", more_noise.name))
    job = Job("14_ablation", "birds", 0, more_noise.name)
    assert job in plan.jobs_of(CHAPTERS["14_ablation"], selection)
    assert Job("05_speech_encoder", "birds", 0, "paper") in plan.needs(job, selection)


def test_the_chapter_compares_the_recipe_with_the_paper(more_noise, monkeypatch):
    chapter = eval(example("Chapter("), {"Chapter": Chapter, "new_classes": chapters.new_classes})
    monkeypatch.setitem(CHAPTERS, chapter.name, chapter)
    selection = Selection("smoke", ("birds", "rooms"), recipes=("paper", more_noise.name))
    (job,) = plan.jobs_of(chapter, selection)
    assert job == Job(chapter.name, "birds", 0) and plan.parameters(job, selection).keys() == {"profile", "dataset", "seed"}
    assert {(needed.chapter, needed.recipe) for needed in plan.needs(job, selection)} == {
        ("06_gan", "paper"),
        ("14_ablation", more_noise.name),
    }
    assert plan.jobs_of(chapter, replace(selection, recipes=("paper",))) == []


# --- the metric ---


def test_the_metric_has_the_value_that_it_says(monkeypatch):
    names, rows = {"np": np}, []
    exec(example("def spread("), names)
    assert names["spread"](4 * np.eye(3), np.eye(3)) == pytest.approx(2.0)
    monkeypatch.setattr(metrics, "spread", names["spread"], raising=False)
    real, ours = (metrics.FeatureStatistics(3).update(size * np.random.default_rng(0).normal(size=(50, 3))) for size in (1, 2))
    run = SimpleNamespace(add=lambda method, name, value, n, recipe: rows.append((method, name, value, n, recipe)))
    evaluator = SimpleNamespace(config=load_config("smoke", "birds"))
    arguments = {"self": evaluator, "ours": ours, "real": real, "run": run, "method": "ours", "recipe": "paper"}
    exec(example("spread = metrics.spread("), {"metrics": metrics, **arguments})
    assert rows == [("ours", "spread_lite0_n50", pytest.approx(2.0), 50, "paper")]


# --- the commands ---


def test_the_commands_of_the_guide_exist(more_noise):
    commands = [shlex.split(line, comments=True) for block in blocks("bash") for line in block.splitlines() if '"' not in line]
    for words in (words for words in commands if words[:1] == ["./run_all.sh"] and "--help" not in words):
        assert parse(words[1:]).snakemake == (), words
    tests = [word for words in commands for word in words if word.startswith("tests/")]
    assert tests and all((ROOT / test).exists() for test in tests)


def test_the_files_of_the_guide_exist():
    names = re.findall(r"`((?:s2i_lib|tests|workflow|results)/[\w/.]+)`", GUIDE)
    assert names and all((ROOT / name).exists() for name in names)
