"""The structure of the code: sizes, layers, names."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "s2i_lib"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
# What the field has better words for; only CHANGELOG.md, which says what was renamed, may hold them.
OLD_WORDS = (
    r"judge[sd]?|examin(?:er|ers|ed|ation)|rulers?|luck|knobs?|listeners?|painter|half_width(?<!ci_half_width)"
    r"|said colours|colours as said|shuffled speech|loss laboratory|detours?|unevenness|derived voices?|field speech|SHORTENING"
    r"|all_slots|studio|recognis\w*|synthesis(?:er|ers|e|ed|es|ing)|SHAPES|ADJUSTMENTS|PARTICULARS|alike_images|class_targets"
)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(name: str) -> set[str]:
    """Modules of the package that a module imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(tree(MODULES[name])):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in MODULES}
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= submodules & MODULES.keys() or {node.module}
    return found - {name}


def reached(name: str) -> set[str]:
    """Modules that a module imports, and those that these import in turn."""
    found, waiting = set(), [name]
    while waiting:
        new = imported(waiting.pop()) - found
        found |= new
        waiting += new
    return found


@pytest.mark.parametrize("name", MODULES)
def test_no_module_is_long_and_no_function_either(name):
    lines = MODULES[name].read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 400
    functions = [node for node in ast.walk(tree(MODULES[name])) if isinstance(node, ast.FunctionDef)]
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions if node.end_lineno - node.lineno >= 60}
    assert not long


@pytest.mark.parametrize("name", MODULES)
def test_no_module_reaches_itself(name):
    assert name not in reached(name)


def test_who_draws_a_picture_loads_no_training():
    assert not [name for name in reached("s2i_lib.inference") if name.startswith("s2i_lib.training")]


def layers() -> list[list[str]]:
    """The rooms of CONTRIBUTING.md, from the top to the bottom, one line per layer."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    diagram = re.search(r"<!-- rooms -->\n```\w*\n(.*?)```", text, re.DOTALL)
    return [re.findall(r"[a-z_]+", line.partition("#")[0]) for line in diagram[1].splitlines()]


def room(name: str) -> str:
    """The room of a module: the file or folder of the package that it is or lies in."""
    return (name.split(".") + ["__init__"])[1]


def test_the_diagram_of_rooms_is_that_of_the_imports():
    """Every room is in it once, and whoever imports stands above whom it imports; rooms of a line do not know each other."""
    height = {name: -line for line, names in enumerate(layers()) for name in names}
    rooms = {room(name) for name in MODULES} - {"__init__"}
    assert sorted(height) == sorted(rooms) and sum(map(len, layers())) == len(rooms)
    climbs = {
        f"{name} imports {other}"
        for name in MODULES
        for other in imported(name)
        if room(name) != "__init__"
        and room(other) not in (room(name), "__init__")
        and height[room(name)] <= height[room(other)]
    }
    assert not climbs


def test_the_fields_words_are_used_everywhere():
    """Code, chapters, records, tables and guides; embedded outputs of chapters too."""
    names = ["*.py", "*.ipynb", "*.md", "*.csv", "*.json", "*.sh", "*.toml", "*.yml", "*.yaml", "*.cff", "workflow/Snakefile"]
    listed = subprocess.run(["git", "ls-files", *names], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no checkout")
    pattern, found = re.compile(rf"(?<![\w/])(?:{OLD_WORDS})(?!\w)"), []
    for name in listed.stdout.splitlines():
        if name in ("CHANGELOG.md", "tests/test_code.py", "results/published.csv"):
            continue
        text = re.sub(r'"image/(png|jpeg)": "[^"]*"', "", (ROOT / name).read_text(encoding="utf-8"))
        found += [f"{name}: {match[0]}" for match in pattern.finditer(text)]
    assert not found, f"{len(found)}: {sorted(set(found))[:40]}"
