"""``./run_all.sh --publish``: put what runs have made in place of what is committed. Nothing else changes a tracked file.

Records, manifests, tables and figures are copied from ``runs/``; the outputs of executed chapters go into ``notebooks/``, whose
code, text and default parameters stay as they are; the README's tables are made again from the records. Photographs are not
passed on: chapters that were executed on them stay as they are, but for those that show none (``Chapter.shown_on``).
"""

import base64
import io
import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nbformat
from PIL import Image

from s2i_lib.datasets import DATASETS, get_spec
from s2i_lib.files import save_atomically, save_text
from s2i_lib.recipes import RECIPES
from s2i_lib.run.chapters import CHAPTERS
from s2i_lib.run.execute import declared_parameters, is_exercise
from s2i_lib.run.options import PROFILES

MAX_BYTES = 1_500_000
# Width in pixels and quality of JPEG that images are reduced to: the first pair that makes a chapter small enough. Without a
# quality all are PNG; else an image is JPEG where that is smaller, which curves are not.
IMAGE_LEVELS = [(1400, None), (1400, 93), (1000, 90), (800, 85)]
IMAGE_TYPES = ("image/png", "image/jpeg")
WIDGET = "application/vnd.jupyter.widget-view+json"
Notebook = Any  # nbformat has no types


class PublishError(ValueError):
    """Nothing can be published; the message says why."""


def publish(root: Path, profile: str = "small", dataset: str = "birds", seed: int = 0, recipe: str = "recommended") -> None:
    """Publish all results of a profile, and one execution of each chapter. Says what is replaced.

    Args:
        root: the project's folder, a checkout.
        profile: of the results.
        dataset, seed, recipe: of the executed chapters that are shown.

    Raises:
        PublishError: no run has made anything, a chapter has changed since it ran, or its outputs are too large.
    """
    if profile == "smoke":
        raise PublishError("results of profile smoke mean nothing and are not published.")
    merged = dict(_merged_notebooks(root, profile, dataset, seed, recipe))  # first, so that an error here changes nothing
    copies = dict(own_results(root, profile))
    if not merged and not copies:
        raise PublishError(
            f"no chapter has been run; start ./run_all.sh --profile {profile} --dataset {dataset} --seeds {seed} first."
        )
    for source, target in copies.items():
        _replace(root, source, target)
    for path, notebook in merged.items():
        save_text(path, nbformat.writes(notebook).rstrip("\n") + "\n")
        print(f"{path.relative_to(root)}: {path.stat().st_size / 1e6:.2f} MB")
    if (root / "README.md").exists() and (root / "results" / "records").exists():
        _rewrite_readme(root, profile)


def own_results(root: Path, profile: str) -> Iterator[tuple[Path, Path]]:
    """(file of a run, committed file) of all records, rows, manifests and tables of a profile, and of all figures."""
    results = root / "runs" / "results"
    paths = [path for folder in ("records", "rows", "manifests") for path in results.glob(f"{folder}/*-{profile}-s*.*")]
    paths += [path for path in results.glob("*.csv") if not _is_of_another(path, profile)]
    for path in sorted(paths):
        yield path, root / "results" / path.relative_to(results)
    figures = root / "runs" / "figures"
    for path in sorted(path for path in figures.glob("*/*") if path.is_file() and not path.name.startswith(".")):
        yield path, root / "figures" / path.relative_to(figures)


def _is_of_another(table: Path, profile: str) -> bool:
    """Tables end with the profile's name, or are about all profiles."""
    return any(table.stem.endswith(f"_{name}") for name in PROFILES if name != profile)


def _replace(root: Path, source: Path, target: Path) -> None:
    """Copy a file and say so, unless the committed one is the same."""
    content = _with_longest(source, target) if source.parent.name == "manifests" else source.read_bytes()
    if target.exists() and target.read_bytes() == content:
        return
    what = "replaced" if target.exists() else "new"
    save_atomically(target, lambda file: file.write(content))
    print(f"{target.relative_to(root)}: {what}")


def _with_longest(source: Path, target: Path) -> bytes:
    """A manifest that remembers the longest execution of its configuration, were it that of the committed one: a chapter that
    was executed again to mend its text found its training done.
    """
    manifest, before = (json.loads(path.read_text()) if path.exists() else {} for path in (source, target))
    if before and before["fingerprint"] == manifest["fingerprint"]:
        manifest["longest_seconds"] = max(manifest["longest_seconds"], before["longest_seconds"])
    return (json.dumps(manifest, indent=1) + "\n").encode()


def find_executed(name: str, root: Path, profile: str, dataset: str, seed: int, recipe: str) -> Path | None:
    """The executed notebook of a chapter, wherever the workflow has put it, or None if it has not been run.

    A chapter that is about one recipe, one data set or all of them has one place; the others follow the arguments. Where the
    chosen recipe has no execution, one of Table IV is shown, which trains both networks: the last in the table of recipes; else
    the recipe that the chapter runs on by default.
    """
    run = root / "runs" / f"{dataset}-{profile}-s{seed}"
    folders = [root / "data" / f"{dataset}-{profile}", run / recipe]
    folders += [run / name for name, one in reversed([*RECIPES.items()]) if one.kind == "ablation" and one.further_seeds]
    source = root / "notebooks" / name
    declared = declared_parameters(source) if source.exists() else {}
    folders += [run / declared["recipe"]["default"].strip("\"'")] if "recipe" in declared else []
    folders += [run, root / "runs" / f"tables-{profile}"]
    folders += [*sorted(run.glob("*/")), *sorted((root / "data").glob(f"*-{profile}"))]
    shows_photographs = [root / "data" / f"{each}-{profile}" for each in DATASETS if not get_spec(each).rendered]
    paths = [folder / "chapters" / name for folder in folders if folder not in shows_photographs]
    return next((path for path in paths if path.exists()), None)


def _merged_notebooks(root: Path, profile: str, dataset: str, seed: int, recipe: str) -> Iterator[tuple[Path, Notebook]]:
    """Every chapter that has been run, with the outputs of its execution."""
    origin = {"profile": profile, "seed": seed, "recipe": recipe, "commit": _commit(root)}
    for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        names = [chapter.shown_on] if (chapter := CHAPTERS.get(path.stem)) and chapter.shown_on else []
        names += [dataset] if get_spec(dataset).rendered else []
        found = (find_executed(path.name, root, profile, name, seed, recipe) for name in names)
        executed = next((each for each in found if each), None)
        if executed is None:
            why = "has not been run" if names else "may show photographs"
            print(f"{path.name} {why} and stays as it is")
            continue
        notebook = merge(nbformat.read(path, as_version=4), nbformat.read(executed, as_version=4))
        notebook.metadata["s2i"] = origin
        yield path, notebook


def merge(source: Notebook, executed: Notebook) -> Notebook:
    """`source` with the outputs of `executed`. Cells are the same when their id and their text are.

    Raises:
        PublishError: a cell of `source` has changed, or the outputs are too large.
    """
    done = {cell["id"]: cell for cell in executed.cells if cell.cell_type == "code"}
    count = 0
    for cell in source.cells:
        if cell.cell_type != "code":
            continue
        if is_exercise(cell):
            cell.execution_count, cell.outputs = None, []
            continue
        other = done.get(cell["id"])
        if other is None or other.source != cell.source:
            raise PublishError(f"cell {cell['id']} has changed since the chapter ran; start ./run_all.sh again.")
        count += 1
        cell.execution_count = count
        cell.outputs = clean_outputs(other.outputs, count)
        cell.metadata.pop("execution", None)
    shrink_images(source)
    return source


def clean_outputs(outputs: Iterable[Any], count: int) -> list[Any]:
    """What a reader wants to see: no standard error, no progress bars or other live widgets."""
    kept = [output for output in outputs if output.get("name") != "stderr" and WIDGET not in output.get("data", {})]
    for output in kept:
        if "execution_count" in output:
            output["execution_count"] = count
    return kept


def shrunk(encoded: str, width: int, quality: int | None) -> tuple[str, str]:
    """Type and base64 of an image of at most this width: PNG, or JPEG of a quality from 1 to 95 where that is smaller."""
    image: Image.Image = Image.open(io.BytesIO(base64.b64decode(encoded)))
    if image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    found = {"image/png": _encoded(image, "PNG", optimize=True)}
    if quality:
        opaque = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
        found["image/jpeg"] = _encoded(opaque, "JPEG", quality=quality, subsampling=0)
    return min(found.items(), key=lambda item: len(item[1]))


def _encoded(image: Image.Image, kind: str, **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return base64.b64encode(buffer.getvalue()).decode()


def shrink_images(notebook: Notebook, max_bytes: int = MAX_BYTES) -> None:
    """Reduce the images of `notebook` in place until it takes at most `max_bytes`.

    Raises:
        PublishError: it takes more even with small images.
    """
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    originals = [output["data"]["image/png"] for output in outputs]
    for width, quality in IMAGE_LEVELS:
        for output, original in zip(outputs, originals, strict=True):
            kind, image = shrunk(original, width, quality)
            for other in IMAGE_TYPES:
                output["data"].pop(other, None)
                output["metadata"].pop(other, None)  # the size before
            output["data"][kind] = image
        if len(nbformat.writes(notebook).encode()) <= max_bytes:
            return
    raise PublishError(f"the outputs take more than {max_bytes} bytes even with small images; show less.")


def _commit(root: Path) -> str:
    """The commit that the checkout is at, marked when files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    except OSError:  # no git here
        return "unknown"


def _rewrite_readme(root: Path, profile: str) -> None:
    from s2i_lib.results.records import read_records
    from s2i_lib.results.report import report
    from s2i_lib.results.tables import full_tables, readme_tables, replace_section

    if (root / "results" / f"what_holds_{profile}.csv").exists():
        save_text(root / "results" / "report.md", report(root / "results", profile))
    records = read_records(root / "results")
    for path, tables in ((root / "README.md", readme_tables), (root / "results" / "README.md", full_tables)):
        before = path.read_bytes()
        replace_section(path, "results", tables(records, profile))
        if path.read_bytes() != before:
            print(f"{path.relative_to(root)}: replaced tables")
