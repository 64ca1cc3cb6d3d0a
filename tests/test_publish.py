"""What ``--publish`` puts in place of what is committed."""

import base64
import io
import json
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_output
from PIL import Image
from stub_chapters import edit, write_notebook

from s2i_lib.run import publish
from s2i_lib.run.publish import PublishError


def png(pixels):
    """(height, width, 3) uint8 as a base64 PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def noise(width, height):
    """A base64 PNG that does not compress."""
    return png(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def opened(encoded):
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def put(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"own {path}\n")


def test_it_copies_outputs_and_keeps_the_source(tmp_path):
    (tmp_path / "notebooks").mkdir()
    source = write_notebook(tmp_path / "notebooks" / "06_gan.ipynb", "show()", "1 + 1")
    before = nbformat.read(source, as_version=4)
    executed = nbformat.read(source, as_version=4)
    exercise = new_code_cell("answer = 42", metadata={"tags": ["exercise"]}, outputs=[new_output("stream", text="right")])
    before.cells.append(exercise)
    nbformat.write(before, source)
    executed.cells[2].outputs = [
        new_output("stream", name="stderr", text="warning"),
        new_output("display_data", {publish.WIDGET: {"model_id": "x"}, "text/plain": "100%"}),
        new_output("display_data", {"image/png": noise(1600, 900)}, metadata={"image/png": {"width": 1600}}),
    ]
    executed.cells[3].outputs = [new_output("execute_result", {"text/plain": "2"}, execution_count=4)]
    executed.cells[3].metadata["execution"] = {"shell.execute_reply": "2026-01-01"}
    executed.cells.insert(2, new_code_cell('profile = "small"', metadata={"tags": ["injected-parameters"]}))
    target = tmp_path / "runs" / "birds-small-s0" / "recommended" / "chapters"
    target.mkdir(parents=True)
    nbformat.write(executed, target / "06_gan.ipynb")

    publish.publish(tmp_path, "small")

    after = nbformat.read(source, as_version=4)
    kept = [[(cell.id, cell.source, cell.metadata) for cell in notebook.cells] for notebook in (before, after)]
    assert kept[0] == kept[1] and after.cells[-1].outputs == []  # an exercise is not executed, and keeps no answer
    (image,), (result,) = after.cells[2].outputs, after.cells[3].outputs
    assert image.data.keys() == {"image/jpeg"} and "image/png" not in image.metadata
    assert opened(image.data["image/jpeg"]).width <= 1400
    assert (result.execution_count, result.data["text/plain"]) == (3, "2")
    assert source.stat().st_size <= publish.MAX_BYTES
    assert {"profile": "small", "seed": 0, "recipe": "recommended"}.items() <= after.metadata["s2i"].items()


@pytest.mark.parametrize("quality, kind", [(None, "image/png"), (93, "image/jpeg")])
def test_pictures_keep_their_colours(quality, kind):
    rows, columns = np.mgrid[:200, :300]
    smooth = np.stack([columns * 255 // 299, rows * 255 // 199, (rows + columns) // 2], axis=2).astype(np.uint8)
    smooth = (smooth + np.random.default_rng(0).integers(0, 4, smooth.shape)).clip(0, 255).astype(np.uint8)
    found, encoded = publish.shrunk(png(smooth), 1400, quality)
    after = np.asarray(opened(encoded).convert("RGB"), dtype=int)
    assert found == kind and np.abs(after - smooth).mean() < 2
    assert len(np.unique(after.reshape(-1, 3), axis=0)) > 5000  # a palette of 256 showed bands in the sky


def test_curves_stay_sharp():
    lines = np.full((200, 300, 3), 255, dtype=np.uint8)
    lines[::20], lines[:, ::30] = 0, (200, 30, 30)
    found, encoded = publish.shrunk(png(lines), 1400, 93)
    assert found == "image/png"
    assert (np.asarray(opened(encoded).convert("RGB")) == lines).all()


def test_it_refuses_outputs_of_other_code_and_changes_nothing(tmp_path):
    (tmp_path / "notebooks").mkdir()
    source = write_notebook(tmp_path / "notebooks" / "01_data.ipynb", "1 + 1")
    with pytest.raises(PublishError, match="no chapter has been run"):
        publish.publish(tmp_path)
    target = tmp_path / "data" / "birds-small" / "chapters"
    target.mkdir(parents=True)
    shutil.copy(source, target)
    put(tmp_path, "runs/results/table_2_small.csv")
    edit(source, lambda notebook: notebook.cells[2].update(source="1 + 2"))
    before = json.loads(source.read_text())
    with pytest.raises(PublishError, match="has changed since"):
        publish.publish(tmp_path)
    assert json.loads(source.read_text()) == before and not (tmp_path / "results").exists()


def test_it_copies_the_results_of_one_profile_and_all_figures_and_says_so(tmp_path, capsys):
    own = [
        "records/birds-small-s0-06_gan.csv",
        "manifests/rooms-small-s2-07_scores.json",
        "rows/rooms-small-s2-text-13_table_2.json",
        "rows/rooms-small-s2-text-13_table_2.png",
        "table_2_small.csv",
        "paper_profile.csv",
    ]
    other = [
        "records/birds-large-s0-06_gan.csv",
        "manifests/cub-paper-s0-07_scores.json",
        "table_2_paper.csv",
        ".part.csv.part",
    ]
    put(tmp_path, *(f"runs/results/{name}" for name in own + other))
    put(tmp_path, "runs/figures/birds/06_samples.jpg", "runs/figures/birds/06_samples.csv", "runs/birds-small-s1/figures/x.jpg")
    put(tmp_path, "results/table_2_small.csv", "results/published.csv")
    (tmp_path / "runs" / "results" / own[1]).write_text('{"fingerprint": "a"}')
    (tmp_path / "results" / "paper_profile.csv").write_text("own runs/results/paper_profile.csv\n")  # as it is already

    publish.publish(tmp_path, "small")

    assert {str(path.relative_to(tmp_path / "results")) for path in (tmp_path / "results").rglob("*.*")} == {
        *own,
        "published.csv",
    }
    assert {path.name for path in (tmp_path / "figures" / "birds").iterdir()} == {"06_samples.jpg", "06_samples.csv"}
    assert (tmp_path / "results" / own[0]).read_text() == f"own runs/results/{own[0]}\n"
    said = capsys.readouterr().out.splitlines()
    assert "results/table_2_small.csv: replaced" in said and f"results/{own[0]}: new" in said
    assert not any("paper_profile" in line or "published" in line for line in said)


@pytest.mark.parametrize("before, longest", [("same", 600.0), ("other", 50.0)])
def test_a_manifest_remembers_the_longest_execution_of_its_configuration(tmp_path, before, longest):
    name = "manifests/birds-small-s0-paper-05_speech_encoder.json"
    for folder, fingerprint, seconds in (("results", before, 600.0), ("runs/results", "same", 50.0)):
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"fingerprint": fingerprint, "seconds": seconds, "longest_seconds": seconds}))
    publish.publish(tmp_path, "small")
    manifest = json.loads((tmp_path / "results" / name).read_text())
    assert (manifest["seconds"], manifest["longest_seconds"]) == (50.0, longest)


def test_results_of_the_smallest_profile_are_refused(tmp_path):
    put(tmp_path, "runs/birds-smoke-s0/results/records/birds-smoke-s0-06_gan.csv")
    with pytest.raises(PublishError, match="smoke mean nothing"):
        publish.publish(tmp_path, "smoke")


def test_an_execution_is_found_wherever_the_workflow_puts_it(tmp_path):
    for path in (
        "data/birds-small/chapters/04_teacher.ipynb",
        "data/flowers-small/chapters/09_flowers.ipynb",
        "runs/birds-small-s0/paper/chapters/06_gan.ipynb",
        "runs/birds-small-s0/recommended/chapters/06_gan.ipynb",
        "runs/birds-small-s0/norm/chapters/14_ablation.ipynb",
        "runs/birds-small-s0/norm_jel/chapters/14_ablation.ipynb",
        "runs/birds-small-s0/classifier/chapters/10_classifier.ipynb",
        "runs/tables-small/chapters/13_table_2.ipynb",
    ):
        put(tmp_path, path)
        if "paper" not in path and "norm/" not in path:
            found = publish.find_executed(path.split("/")[-1], tmp_path, "small", "birds", 0, "recommended")
            assert found == tmp_path / path
    found = publish.find_executed("06_gan.ipynb", tmp_path, "small", "birds", 0, "paper")
    assert found == tmp_path / "runs/birds-small-s0/paper/chapters/06_gan.ipynb"
    assert publish.find_executed("06_gan.ipynb", tmp_path, "small", "rooms", 0, "paper") is None


def test_what_the_chosen_recipe_does_not_run_is_shown_of_the_usual_one(tmp_path):
    for recipe in ("many_voices", "whisper_many_voices", "whisper"):
        put(tmp_path, f"runs/birds-small-s0/{recipe}/chapters/26_hearing.ipynb")
    shutil.copytree(Path(__file__).parents[1] / "notebooks", tmp_path / "notebooks")
    found = publish.find_executed("26_hearing.ipynb", tmp_path, "small", "birds", 0, "recommended")
    assert found.parts[-3] == "whisper_many_voices", "the default of the chapter's parameter `recipe`"


def test_chapters_that_were_executed_on_photographs_stay_as_they_are(tmp_path, capsys):
    (tmp_path / "notebooks").mkdir()
    places = {
        "01_data": "data/cub-small",
        "06_gan": "runs/cub-small-s0/recommended",
        "09_flowers": "data/cub-small",
        "28_photographs": "runs/cub-small-s0",  # shows none
    }
    for name, folder in places.items():
        source = write_notebook(tmp_path / "notebooks" / f"{name}.ipynb", "1 + 1")
        executed = nbformat.read(source, as_version=4)
        executed.cells[2].outputs = [new_output("stream", text="what was executed")]
        (tmp_path / folder / "chapters").mkdir(parents=True, exist_ok=True)
        nbformat.write(executed, tmp_path / folder / "chapters" / f"{name}.ipynb")
    for dataset in ("birds", "cub"):
        publish.publish(tmp_path, "small", dataset)
        shown = [name for name in places if "executed" in (tmp_path / "notebooks" / f"{name}.ipynb").read_text()]
        assert shown == ["28_photographs"]
    assert "01_data.ipynb has not been run" in capsys.readouterr().out
