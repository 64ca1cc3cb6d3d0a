"""The workflow on tiny chapters: order and parameters, when a chapter runs again, and what a failure leaves behind."""

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

import publish
import run_chapter

ROOT = Path(__file__).resolve().parents[1]
DATA = ["profile=small", "dataset=birds"]
OURS = "recipes=paper,recommended"
CHAPTERS = ["00_overview", "01_data", "02_speech", "03_log_mel", "04_teacher", "05_speech_encoder", "06_gan", "07_scores",
            "08_gallery", "09_flowers", "10_classifier", "11_text_to_image", "12_two_stage", "13_table_2",
            "14_ablation", "15_table_4", "16_table_5", "17_interpolation", "18_what_holds", "19_table_3", "20_robustness",
            "21_paper_profile", "22_inception", "23_cost"]
PARAMETERS = ('profile: str = "smoke"\ndataset: str = "birds"\nseed: int = 0\nrecipe: str = "recommended"\n'
              'recipes: str = "paper,recommended"\ndatasets: str = "birds"\nseeds: str = "0"')


def write_notebook(path, *code):
    cells = [new_markdown_cell("# Title"), new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
             *map(new_code_cell, code)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), path)
    return path


def edit(path, change):
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)


@pytest.fixture
def tree(tmp_path):
    """A copy of the repository whose chapters do nothing."""
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "s2i_lib").symlink_to(ROOT / "s2i_lib")
    (tmp_path / "notebooks").mkdir()
    for name in CHAPTERS:
        write_notebook(tmp_path / "notebooks" / f"{name}.ipynb", f"print('{name}', profile, seed)")
    return tmp_path


def snakemake(tree, *options):
    """Run Snakemake as run_all.sh does."""
    command = [sys.executable, "-m", "snakemake", *options, "--snakefile", "workflow/Snakefile", "--cores", "1", "--nolock",
               "--rerun-triggers", "params", "input", "mtime", "--scheduler", "greedy"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def planned(tree, *options):
    """What a dry run would start: (chapter, parameters), in order."""
    text = snakemake(tree, *options, "--dry-run", "--printshellcmds")
    commands = re.findall(r"run_chapter\.py \S*?(\w+)\.ipynb \S+\s+--log \S+ --parameters (.*)", text)
    return [(chapter, tuple(parameters.split())) for chapter, parameters in commands]


def test_two_seeds_run_every_chapter_once_with_its_parameters(tree):
    plan = planned(tree, "--config", "profile=small", "seeds=0,1", OURS)
    expected = {("00_overview", (*DATA, "seed=0"))} | {(name, tuple(DATA)) for name in [*CHAPTERS[1:5], "22_inception"]}
    expected |= {(name, ("profile=small", "datasets=birds", "seeds=0,1")) for name in ("21_paper_profile", "23_cost")}
    for seed in ("seed=0", "seed=1"):
        expected |= {(name, (*DATA, seed, f"recipe={recipe}")) for name in CHAPTERS[5:7]
                     for recipe in ("paper", "recommended")}
        expected |= {(name, (*DATA, seed, OURS)) for name in CHAPTERS[7:9]}
    assert len(plan) == len(expected) and set(plan) == expected


def test_all_methods_and_both_data_sets_run_the_baselines_and_one_table(tree):
    plan = planned(tree, "--config", "profile=small", "datasets=birds,flowers")
    count = {name: sum(chapter == name for chapter, _ in plan) for name in CHAPTERS}
    assert count == {"00_overview": 1, "09_flowers": 1, "13_table_2": 1, "15_table_4": 1, "16_table_5": 1, "18_what_holds": 1,
                     "19_table_3": 0, "20_robustness": 1, "21_paper_profile": 1, "22_inception": 1, "23_cost": 1,
                     "05_speech_encoder": 4, "06_gan": 10, "14_ablation": 18, **{name: 2 for name in CHAPTERS if name[:2] in (
                         "01", "02", "03", "04", "07", "08", "10", "11", "12", "17")}}
    assert ("13_table_2", ("profile=small", "datasets=birds,flowers", "seeds=0")) in plan
    assert ("09_flowers", ("profile=small", "dataset=flowers")) in plan
    order = [(name, parameters[-1]) for name, parameters in plan if "dataset=birds" in parameters]
    for encoder, recipe in [("10_classifier", "classifier"), ("11_text_to_image", "text")]:
        assert order.index((encoder, f"recipe={recipe}")) < order.index(("06_gan", f"recipe={recipe}"))
    assert order.index(("11_text_to_image", "recipe=text")) < order.index(("06_gan", "recipe=text_v1"))
    assert order.index(("05_speech_encoder", "recipe=paper")) < order.index(("14_ablation", "recipe=one_scale"))


def test_rooms_run_table_3_and_nothing_that_is_about_birds(tree):
    plan = planned(tree, "--config", "profile=small", "datasets=scenes")
    once = ["01", "02", "03", "04", "07", "08", "10", "11", "12", "19", "21"]
    count = {name: sum(chapter == name for chapter, _ in plan) for name in CHAPTERS}
    assert count == {**dict.fromkeys(CHAPTERS, 0), **{name: 1 for name in CHAPTERS if name[:2] in once},
                     "05_speech_encoder": 2, "06_gan": 4}
    assert ("19_table_3", ("profile=small", "datasets=scenes", "seeds=0")) in plan


def test_further_seeds_train_the_rows_of_table_4_and_walk_between_sentences(tree):
    plan = planned(tree, "--config", "profile=small", "datasets=birds,scenes", "more_seeds=1,2")
    further = [(name, parameters[1], parameters[-1]) for name, parameters in plan if "seed=1" in parameters]
    assert sorted(further) == [("05_speech_encoder", "dataset=birds", "recipe=paper"), ("06_gan", "dataset=birds", "recipe=paper"),
                               ("14_ablation", "dataset=birds", "recipe=norm"), ("14_ablation", "dataset=birds", "recipe=norm_jel"),
                               ("17_interpolation", "dataset=birds", "seed=1")]
    assert sum("seed=2" in parameters for _, parameters in plan) == 5
    seeds = {name: parameters[-1] for name, parameters in plan if parameters[-1].startswith("seeds=")}
    assert {name for name, value in seeds.items() if value == "seeds=0,1,2"} == {"15_table_4", "18_what_holds"}
    assert {name for name, value in seeds.items() if value == "seeds=0"} >= {"13_table_2", "16_table_5", "19_table_3"}
    without = planned(tree, "--config", "profile=small", "more_seeds=1,2", OURS)
    assert sorted(without) == sorted(planned(tree, "--config", "profile=small", OURS))  # no Table IV, no further seeds


def test_a_table_of_some_data_sets_neither_gets_nor_waits_for_others(tree):
    plan = planned(tree, "--config", "profile=small", "datasets=birds,scenes")
    assert ("13_table_2", ("profile=small", "datasets=birds", "seeds=0")) in plan
    assert ("19_table_3", ("profile=small", "datasets=scenes", "seeds=0")) in plan
    assert ("20_robustness", ("profile=small", "dataset=birds", "seed=0")) in plan
    assert not [name for name, parameters in plan if name[:2] in ("14", "17") and "dataset=scenes" in parameters]
    assert ("06_gan", ("profile=small", "dataset=scenes", "seed=0", "recipe=text_v1")) not in plan
def test_photographs_are_judged_by_the_inception_of_their_own_chapter(tree):
    plan = planned(tree, "--config", "profile=paper", "datasets=cub,places")
    names = [name for name, _ in plan]
    assert not {"00_overview", "09_flowers", "20_robustness", "23_cost"} & set(names)
    for name, datasets in {"13_table_2": "cub", "15_table_4": "cub", "16_table_5": "cub", "18_what_holds": "cub", "19_table_3": "places"}.items():
        assert [parameters[1] for chapter, parameters in plan if chapter == name] == [f"datasets={datasets}"]
    assert names.count("22_inception") == 2 and names.count("07_scores") == 2 and names.count("21_paper_profile") == 1
    for dataset in ("dataset=cub", "dataset=places"):
        order = [name for name, parameters in plan if dataset in parameters]
        assert order.index("04_teacher") < order.index("22_inception") < min(order.index("07_scores"), order.index("12_two_stage"))
    variants = {parameters[1:] for name, parameters in plan if name == "14_ablation"}
    assert ("dataset=cub", "seed=0", "recipe=two_scales") in variants
    assert not any("recipe=printed" in parameters for parameters in variants)  # the paper's recipe has them there
    assert not any("dataset=places" in parameters for parameters in variants)  # Tables IV and V are about birds and flowers


def test_cells_about_attributes_are_left_out_for_photographs_only():
    tagged = new_code_cell("nobody_knows()", metadata={"tags": ["attributes"]})
    notebook = new_notebook(cells=[new_markdown_cell("# Title"), tagged, new_code_cell("1 + 1")])
    kept = run_chapter.without_attributes(notebook)
    nbformat.validate(nbformat.from_dict(kept))
    assert [cell["cell_type"] for cell in kept["cells"]] == ["markdown", "markdown", "code"] and "Left out" in kept["cells"][1]["source"]
    assert [run_chapter.has_attributes({"dataset": name}) for name in ("birds", "rooms", "cub", "places")] == [True, True, False, False]
    assert run_chapter.has_attributes({"datasets": "birds,flowers"}) and run_chapter.has_attributes({})
    assert not run_chapter.has_attributes({"datasets": "cub,oxford"})


def test_a_table_waits_for_every_recipe_that_it_compares(tree):
    scales = "recipes=paper,one_scale,two_scales"
    plan = [name for name, _ in planned(tree, "--config", "profile=small", scales)]
    assert plan.index("16_table_5") > max(place for place, name in enumerate(plan) if name in ("06_gan", "14_ablation"))
    assert "15_table_4" not in plan and plan.count("14_ablation") == 2
    assert "16_table_5" not in [name for name, _ in planned(tree, "--config", "profile=small", "recipes=paper,one_scale")]


def test_a_chapter_comes_after_those_that_it_needs(tree):
    order = [name for name, _ in planned(tree, "--config", "recipes=paper")]
    for before, after in ["12", "23", "14", "35", "45", "56", "67", "68"]:
        assert order.index(CHAPTERS[int(before)]) < order.index(CHAPTERS[int(after)])


def test_a_chapter_runs_again_when_its_code_changes_and_not_when_its_outputs_do(tree):
    target = "data/birds-small/chapters/01_data.ipynb"
    snakemake(tree, target)
    assert "small 0" in (tree / target).read_text()
    assert planned(tree, target) == []
    assert planned(tree, target, "--config", "seeds=1", "recipes=paper") == []  # data is shared by seeds and recipes

    def show(notebook):
        notebook.cells[2].outputs = [new_output("stream", text="seen")]

    def change(notebook):
        notebook.cells[2].source += "  # changed"

    edit(tree / "notebooks" / "01_data.ipynb", show)
    assert planned(tree, target) == []
    edit(tree / "notebooks" / "01_data.ipynb", change)
    assert planned(tree, target) == [("01_data", tuple(DATA))]


def test_digest_follows_code_only(tmp_path):
    path = write_notebook(tmp_path / "chapter.ipynb", "1 + 1")
    before = run_chapter.code_digest(path)

    def show(notebook):
        notebook.cells[0].source = "# Another title"
        notebook.cells[2].outputs = [new_output("stream", text="2")]

    edit(path, show)
    assert run_chapter.code_digest(path) == before
    edit(path, lambda notebook: notebook.cells[2].update(source="1 + 2"))
    assert run_chapter.code_digest(path) != before


def run_script(*arguments, **environment):
    command = [sys.executable, str(ROOT / "workflow" / "run_chapter.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=os.environ | environment)


def test_run_chapter_writes_its_output_and_nothing_else(tmp_path):
    source = write_notebook(tmp_path / "chapter.ipynb", "print(repr(profile), repr(seed), repr(seeds))",
                            "import matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    output = tmp_path / "out" / "chapter.ipynb"
    done = run_script(source, output, "--parameters", "profile=small", "seed=3", "seeds=3")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in output.parent.iterdir()] == ["chapter.ipynb"]
    *_, text, figure = nbformat.read(output, as_version=4).cells
    assert text.outputs[0].text == "'small' 3 '3'\n"
    assert "image/png" in figure.outputs[-1].data  # also under MPLBACKEND=agg


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


def png(width, height):
    """A base64 PNG that does not compress."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_publish_copies_outputs_and_keeps_the_source(tmp_path):
    (tmp_path / "notebooks").mkdir()
    source = write_notebook(tmp_path / "notebooks" / "06_gan.ipynb", "show()", "1 + 1")
    before = nbformat.read(source, as_version=4)
    executed = nbformat.read(source, as_version=4)
    executed.cells[2].outputs = [
        new_output("stream", name="stderr", text="warning"),
        new_output("display_data", {publish.WIDGET: {"model_id": "x"}, "text/plain": "100%"}),
        new_output("display_data", {"image/png": png(1600, 900)}, metadata={"image/png": {"width": 1600}})]
    executed.cells[3].outputs = [new_output("execute_result", {"text/plain": "2"}, execution_count=4)]
    executed.cells[3].metadata["execution"] = {"shell.execute_reply": "2026-01-01"}
    executed.cells.insert(2, new_code_cell('profile = "small"', metadata={"tags": ["injected-parameters"]}))
    target = tmp_path / "runs" / "birds-small-s0" / "recommended" / "chapters"
    target.mkdir(parents=True)
    nbformat.write(executed, target / "06_gan.ipynb")

    publish.main(["--profile", "small"], root=tmp_path)

    after = nbformat.read(source, as_version=4)
    assert [(cell.id, cell.source, cell.metadata) for cell in after.cells] == \
        [(cell.id, cell.source, cell.metadata) for cell in before.cells]
    (image,), (result,) = after.cells[2].outputs, after.cells[3].outputs
    assert Image.open(io.BytesIO(base64.b64decode(image.data["image/png"]))).width <= 1400
    assert "image/png" not in image.metadata
    assert (result.execution_count, result.data["text/plain"]) == (3, "2")
    assert source.stat().st_size <= publish.MAX_BYTES
    assert {"profile": "small", "seed": 0, "recipe": "recommended"}.items() <= after.metadata["s2i"].items()


def test_publish_refuses_outputs_of_other_code_and_changes_nothing(tmp_path):
    (tmp_path / "notebooks").mkdir()
    source = write_notebook(tmp_path / "notebooks" / "01_data.ipynb", "1 + 1")
    with pytest.raises(SystemExit, match="no chapter has been run"):
        publish.main([], root=tmp_path)
    target = tmp_path / "data" / "birds-small" / "chapters"
    target.mkdir(parents=True)
    shutil.copy(source, target)
    edit(source, lambda notebook: notebook.cells[2].update(source="1 + 2"))
    before = json.loads(source.read_text())
    with pytest.raises(SystemExit, match="has changed since"):
        publish.main([], root=tmp_path)
    assert json.loads(source.read_text()) == before


def test_the_committed_tables_are_made_again_without_training(committed):
    root = committed("results", "figures/birds")
    names = "table_4_small.csv", "what_holds_small.csv"
    before = [(root / "results" / name).read_text() for name in names]
    records = (root / "results" / "records").glob("birds-small-s*-15_table_4.csv")
    seeds = ",".join(sorted(re.search("-s([0-9]+)-", path.name)[1] for path in records))
    for chapter in ("15_table_4", "18_what_holds"):
        done = run_script(ROOT / "notebooks" / f"{chapter}.ipynb", root / "out" / f"{chapter}.ipynb", "--parameters",
                          "profile=small", "datasets=birds,flowers", f"seeds={seeds}", S2I_ROOT=str(root))
        assert done.returncode == 0, done.stdout
    assert [(root / "results" / name).read_text() for name in names] == before
