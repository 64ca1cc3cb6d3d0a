"""Every chapter keeps to the same form, so that papermill, nbval and readers can rely on it."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from s2i_lib.run import chapters as workflow
from s2i_lib.run.execute import is_exercise

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
CHAPTERS = sorted(NOTEBOOKS.glob("*.ipynb"))
HEADINGS = ("Prerequisites", "Predict", "Limits", "Exercises")
# A path from the root folder, a home folder or a drive: it exists on one machine only.
ABSOLUTE_PATH = re.compile(r"""(?<![\w.:/~<])(/[A-Za-z]\w*/\w|~/\w|[A-Z]:\\\w)""")


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_chapters_are_those_of_the_workflow():
    assert sorted(path.stem for path in CHAPTERS) == sorted(workflow.CHAPTERS)


def test_name_is_numbered(path):
    assert re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", path.name)


def test_notebook_is_valid_and_small(path, notebook):
    nbformat.validate(notebook)
    assert path.stat().st_size < 2_000_000


def test_cells_with_outputs_have_been_run(notebook):
    """Or nbval refuses them."""
    assert not [cell.id for cell in code_cells(notebook) if cell.outputs and cell.execution_count is None]


def test_kernel_is_the_common_one(notebook):
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.kernelspec.display_name.startswith("Python 3")
    assert set(notebook.metadata) <= {"kernelspec", "language_info", "s2i"}


def test_first_cell_is_the_title(notebook):
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")


def test_parameters_are_typed_literals(notebook):
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    statements = ast.parse(tagged[0].source).body
    assert statements
    defaults = {}
    for statement in statements:
        assert isinstance(statement, ast.AnnAssign) and statement.value is not None, ast.unparse(statement)
        value = ast.literal_eval(statement.value)
        assert type(value).__name__ == ast.unparse(statement.annotation), ast.unparse(statement)
        defaults[statement.target.id] = value
    assert defaults.get("profile", "smoke") == "smoke"  # nbval runs chapters with their defaults


def test_last_code_cell_writes_results(notebook):
    assert "results." in [cell for cell in code_cells(notebook) if not is_exercise(cell)][-1].source


def test_code_is_plain_python_in_short_cells(notebook):
    for cell in code_cells(notebook):
        ast.parse(cell.source)  # `!` and `%` lines are no Python
        assert len(cell.source.splitlines()) <= 25, cell.source


def test_no_absolute_paths(notebook):
    for cell in notebook.cells:
        found = ABSOLUTE_PATH.search(cell.source) if cell.cell_type == "code" else None
        assert not found, cell.source
        for output in cell.get("outputs", []):
            text = "".join(output.get("text", "")) + str(output.get("data", {}).get("text/plain", ""))
            assert not ABSOLUTE_PATH.search(text), text[:500]


def test_headings(path, notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = re.findall(r"^(?:#+ |\| \*\*)(.+)$", text, flags=re.MULTILINE)  # or a row of the table under the title
    for wanted in HEADINGS:
        if not (wanted == "Predict" and path.stem.startswith("00")):
            assert any(wanted.lower() in heading.lower() for heading in headings), wanted
