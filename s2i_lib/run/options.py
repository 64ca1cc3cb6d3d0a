"""The options of a run. Needs nothing that is not in Python itself, so that ``./run_all.sh --help`` works without packages."""

import argparse
import re
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from s2i_lib.recipes import RECIPES, TRAINED_BY_DEFAULT

PROFILES = {
    "smoke": "every step in minutes; its numbers mean nothing",
    "small": "two CPU cores, about an hour for one data set with the two recipes of the paper's method",
    "large": "one GPU, hours; the paper's network sizes on the rendered data",
    "paper": "one GPU, days; the paper's own data, which you have to get: a dry run says what is missing and where to get it, "
    "and a run that misses something stops at once with exit code 3",
}
RENDERED_BY_DEFAULT = ("birds", "flowers")
MORE_SEEDS = {"small": (1, 2)}  # by profile
EPILOG = """\
Everything else goes to Snakemake, for example --forceall, --executor slurm, or one executed chapter that is wanted with
what it needs: data/birds-small/chapters/04_teacher.ipynb.
"""


class OptionError(ValueError):
    """Options that cannot be used; the message names the option and the cure."""


@dataclass(frozen=True)
class Options:
    """What a run is asked for. No data sets: those that suit the profile."""

    profile: str = "small"
    datasets: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    more_seeds: tuple[int, ...] = ()
    recipes: tuple[str, ...] = TRAINED_BY_DEFAULT
    cores: str = "all"
    dry_run: bool = False
    publish: bool = False
    recipe: str = "recommended"
    snakemake: tuple[str, ...] = ()


class _Parser(argparse.ArgumentParser):
    """Its errors are one sentence, as those of all commands."""

    def error(self, message: str) -> NoReturn:
        missing = re.match(r"argument (\S+): expected one argument", message)
        raise OptionError(f"{missing[1]} needs a value; see ./run_all.sh --help." if missing else f"{message}.")


def parse(arguments: list[str]) -> Options:
    """The options of a run; ``--help`` prints them and ends the process.

    Raises:
        OptionError: an option without its value, or with one that is unknown.
    """
    # Not left to argparse, which would split Snakemake's -np.
    words = ["--dry-run" if word == "-n" else "--help" if word == "-h" else word for word in arguments]
    given, others = _parser(help_text="--help" in words).parse_known_args(words)
    if given.profile not in PROFILES:
        raise OptionError(f"profile '{given.profile}' is unknown; choose from {', '.join(PROFILES)}.")
    if given.recipe not in RECIPES:
        raise OptionError(f"recipe '{given.recipe}' is unknown; choose from {', '.join(RECIPES)}.")
    more_seeds = given.more_seeds
    if more_seeds is None:
        more_seeds = ",".join(map(str, MORE_SEEDS.get(given.profile, ())))
    if not re.fullmatch("[1-9][0-9]*|all", given.cores):
        raise OptionError(f"cores '{given.cores}' is neither a number of cores nor 'all'.")
    return Options(
        given.profile,
        tuple(given.dataset.split(",")) if given.dataset else (),
        _seeds(given.seeds, "seeds", "0,1,2"),
        _seeds(more_seeds, "more seeds", "1,2") if more_seeds else (),
        _recipes(given.recipes),
        given.cores,
        given.dry_run,
        given.publish,
        given.recipe,
        tuple(others),
    )


def _seeds(text: str, name: str, example: str) -> tuple[int, ...]:
    if not re.fullmatch("[0-9]+(,[0-9]+)*", text):
        raise OptionError(f"{name} '{text}' are not whole numbers with commas between, such as {example}.")
    return tuple(map(int, text.split(",")))


def _recipes(text: str) -> tuple[str, ...]:
    """The names in a list, each with the recipe whose encoder it uses."""
    names = tuple(text.split(","))
    for name in names:
        if name not in RECIPES:
            raise OptionError(f"recipe '{name}' is unknown; choose from {', '.join(RECIPES)}, with commas between.")
    for name in names:
        for encoder in RECIPES[name].encoders:
            if encoder not in names:
                raise OptionError(f"recipe {name} uses the encoder of {encoder}; ask for both.")
    return names


def _parser(help_text: bool) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="./run_all.sh",
        usage="./run_all.sh [options] [Snakemake options and targets]",
        description="Runs every chapter in order. Stop it at any time, with any signal; the next start goes on from there.",
        epilog=EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
        allow_abbrev=False,
    )
    rows = {name: recipe.description for name, recipe in RECIPES.items()}
    others = [name for name in RECIPES if name not in TRAINED_BY_DEFAULT]
    for name, metavar, default, text in (
        ("--profile", "NAME", "small", _table("how large everything is (default: small)", PROFILES)),
        ("--dataset", "LIST", "", _datasets() if help_text else ""),  # names of data sets take a second to import
        ("--seeds", "N,N,...", "0", "training seeds, one after the other (default: 0); --seed N for one"),
        (
            "--more-seeds",
            "N,N,...",
            None,
            "further training seeds for the rows of Table IV, which differ least, and for chapter 17;\n"
            "'' for none (default: 1,2 with profile small, otherwise none)",
        ),
        (
            "--recipes",
            "LIST",
            ",".join(TRAINED_BY_DEFAULT),
            _table(f"what to train, with commas between (default: all but {', '.join(others)})", rows),
        ),
        ("--cores", "N", "all", "CPU cores to use (default: all)"),
        (
            "--recipe",
            "NAME",
            "recommended",
            "with --publish: whose execution of chapters that run once per recipe (default: recommended)",
        ),
    ):
        parser.add_argument(name, metavar=metavar, default=default, help=text)
    parser.add_argument("--seed", dest="seeds", help=argparse.SUPPRESS)
    parser.add_argument("--dry-run", action="store_true", help="say which chapters would run, and why; run nothing")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="run nothing: put the records, tables and figures of earlier runs in place of the committed ones,\n"
        "and what the chapters show for one --dataset, --seed and --recipe into notebooks/",
    )
    return parser


def _table(text: str, rows: Mapping[str, str]) -> str:
    """Help with a line, or more, for each of several names."""
    width = max(map(len, rows)) + 2
    lines = [text]
    for name, row in rows.items():
        lines += textwrap.wrap(row, 110, initial_indent=f"  {name:{width}}", subsequent_indent=" " * (width + 2))
    return "\n".join(lines).replace("%", "%%")


def _datasets() -> str:
    """Help about the data sets, with their names if the packages are there that these are made with."""
    text = "data sets with commas between (default: birds,flowers, and with profile paper all photo data sets)"
    try:
        from s2i_lib.datasets import DATASETS
    except ImportError:
        return text
    rendered = ", ".join(name for name, spec in DATASETS.items() if spec.rendered)
    photos = ", ".join(name for name, spec in DATASETS.items() if not spec.rendered)
    composed = ", ".join(name for name, spec in DATASETS.items() if not spec.rendered and spec.attributes)
    return f"{text}:\n  {rendered}; photographs: {composed}; with profile paper {photos}"


if __name__ == "__main__":  # ./run_all.sh asks before it makes an environment
    try:
        parse(sys.argv[1:])
    except OptionError as error:
        print(f"error: {error}")
        sys.exit(2)
