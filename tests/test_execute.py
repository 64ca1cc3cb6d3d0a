"""One chapter: what its execution leaves behind, also when it fails."""

import re
from itertools import chain

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from stub_chapters import ROOT, run_script, write_notebook

from s2i_lib import progress
from s2i_lib.run import execute


def test_it_writes_its_output_and_nothing_else(tmp_path):
    folder = tmp_path / "v{1} + (x)"  # papermill puts values in place of what stands in braces
    folder.mkdir()
    source = write_notebook(
        folder / "chapter.ipynb",
        "print(repr(profile), repr(seed), repr(seeds))",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        "from s2i_lib.progress import bar\nfor _ in bar(range(3), desc='work', unit='step'):\n    pass",
    )
    output = folder / "out" / "chapter.ipynb"
    done = run_script(source, output, "--parameters", "profile=small", "seed=3", "seeds=3")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in output.parent.iterdir()] == ["chapter.ipynb"]
    *_, text, figure, _ = nbformat.read(output, as_version=4).cells
    assert text.outputs[0].text == "'small' 3 '3'\n"
    assert "image/png" in figure.outputs[-1].data  # also under MPLBACKEND=agg
    assert done.stderr.count("work: 3/3 step") == 1


def test_a_failed_chapter_leaves_no_output(tmp_path):
    source = write_notebook(tmp_path / "chapter.ipynb", "raise ValueError('no such bird')")
    output = tmp_path / "chapter.executed.ipynb"
    output.write_text("an older run")
    done = run_script(source, output, "--log", tmp_path / "chapter.log", "--parameters", "seed=0")
    assert done.returncode == 1 and not output.exists()
    assert (tmp_path / "chapter.executed.failed.ipynb").exists()
    assert "error: chapter seed=0: cell 3 raised ValueError: no such bird" in done.stdout
    assert str(tmp_path / "chapter.log") in done.stdout


def test_an_unknown_parameter_is_an_error(tmp_path):
    source = write_notebook(tmp_path / "chapter.ipynb", "print(seed)")
    done = run_script(source, tmp_path / "out.ipynb", "--parameters", "sed=1")
    assert done.returncode == 1 and "no parameter 'sed'" in done.stdout


def test_a_dead_kernel_hints_at_memory(tmp_path):
    source = write_notebook(tmp_path / "chapter.ipynb", "import os\nos._exit(1)")
    done = run_script(source, tmp_path / "out.ipynb")
    assert done.returncode == 1 and "memory" in done.stdout
    assert not (tmp_path / "out.ipynb").exists()


def test_a_kernel_that_never_started_hints_at_memory_too():
    error = RuntimeError(execute.NOT_STARTED)
    assert re.fullmatch(r"01_data: the kernel died 3 times .* lack of memory.*", execute.explain(error, "01_data", 0))


def test_the_end_of_a_log_can_be_shown_whatever_is_in_it(tmp_path):
    log = tmp_path / "chapter.log"
    log.write_bytes("grün\n\x1b[31mred\x1b[0m\n".encode() + "ü".encode()[:1])
    assert execute.last_lines(log) == ["grün", "red", "\N{REPLACEMENT CHARACTER}"]
    log.write_text("\n".join(map(str, range(30))))
    assert execute.last_lines(log) == [str(number) for number in range(18, 30)]


def test_cells_about_attributes_are_left_out_for_photographs_only():
    tagged = new_code_cell("nobody_knows()", metadata={"tags": ["attributes"]})
    notebook = new_notebook(cells=[new_markdown_cell("# Title"), tagged, new_code_cell("1 + 1")])
    kept = execute.without({"attributes"}, notebook)
    nbformat.validate(nbformat.from_dict(kept))
    assert [cell["cell_type"] for cell in kept["cells"]] == ["markdown", "markdown", "code"]
    assert "Left out" in kept["cells"][1]["source"]
    drawn = {"datasets": "birds,flowers,rooms", "profile": "small"}
    assert execute.tags_left_out(drawn) == execute.tags_left_out({}) == set()
    for name in ("cub", "oxford", "places"):
        composed = name != "places"  # in profile `paper`, people have written or spoken the captions
        assert execute.tags_left_out({"dataset": name, "profile": "paper"}) == {"rendered", "attributes"}
        assert not composed or execute.tags_left_out({"dataset": name, "profile": "small"}) == {"rendered"}


def test_exercises_are_left_to_the_reader(tmp_path):
    source = write_notebook(tmp_path / "chapter.ipynb", "print(profile)")
    notebook = nbformat.read(source, as_version=4)
    notebook.cells.append(new_code_cell("1 / 0", metadata={"tags": ["exercise"]}))
    nbformat.write(notebook, source)
    output = tmp_path / "out" / "chapter.ipynb"
    done = run_script(source, output, "--parameters", "profile=small")
    assert done.returncode == 0, done.stderr
    cells = nbformat.read(output, as_version=4).cells
    assert cells[-1].cell_type == "markdown" and cells[-2].outputs[0].text == "small\n"
    assert [path.name for path in output.parent.iterdir()] == ["chapter.ipynb"]


def test_both_sides_of_the_progress_mean_the_same_variables():
    assert (execute.FILE_VARIABLE, execute.FOLDER_VARIABLE) == (progress.FILE_VARIABLE, progress.FOLDER_VARIABLE)


@pytest.mark.parametrize("word, value", [("seed=3", ("seed", 3)), ("seeds=0,1", ("seeds", "0,1")), ("a=b=c", ("a", "b=c"))])
def test_parameters_are_numbers_or_texts(word, value):
    assert execute.parse_parameter(word) == value


def test_the_committed_tables_are_made_again_without_training(committed):
    root = committed("results", "figures/birds")
    names = "table_4_small.csv", "what_holds_small.csv"
    before = [(root / "results" / name).read_text() for name in names]
    tables = [pd.read_csv(root / "results" / name) for name in names]
    datasets = tables[0]["data set"].unique(), [name for name in ("birds", "flowers") if (tables[1].data == name).any()]
    for chapter, about in zip(("15_table_4", "18_what_holds"), datasets):
        records = chain.from_iterable((root / "results" / "records").glob(f"{name}-small-s*-15_table_4.csv") for name in about)
        seeds = ",".join(sorted({re.search("-s([0-9]+)-", path.name)[1] for path in records}))
        words = ["profile=small", f"datasets={','.join(about)}", f"seeds={seeds}"]
        source, output = ROOT / "notebooks" / f"{chapter}.ipynb", root / "out" / f"{chapter}.ipynb"
        done = run_script(source, output, "--parameters", *words, S2I_ROOT=str(root))
        assert done.returncode == 0, done.stdout
    assert [(root / "runs" / "results" / name).read_text() for name in names] == before
    assert [(root / "results" / name).read_text() for name in names] == before


@pytest.mark.parametrize("failures", [1, 3])
def test_a_kernel_whose_ports_were_taken_is_started_again(tmp_path, monkeypatch, failures):
    import papermill

    source, really, calls = write_notebook(tmp_path / "chapter.ipynb", "print(seed)"), papermill.execute_notebook, []

    def start(*args, **kwargs):
        calls.append(args)
        if len(calls) <= failures:
            raise RuntimeError(execute.NOT_STARTED)
        return really(*args, **kwargs)

    monkeypatch.setattr(papermill, "execute_notebook", start)
    output = tmp_path / "output.ipynb"
    if failures == execute.START_ATTEMPTS:
        with pytest.raises(RuntimeError, match="died before replying"):
            execute.execute(source, output, {"seed": 4})
    else:
        execute.execute(source, output, {"seed": 4})
        assert output.exists()
    assert len(calls) == min(failures + 1, execute.START_ATTEMPTS)
