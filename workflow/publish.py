"""Copy what the chapters of a finished run show into notebooks/, and its scores into the README.

    python workflow/publish.py --profile small --dataset birds --seed 0 --recipe recommended

Only outputs are copied: code, text and the smoke defaults of the parameters cells stay as they are.
"""

import argparse
import base64
import io
import os
import subprocess
import sys
from pathlib import Path

import nbformat
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from s2i_lib import results  # noqa: E402

MAX_BYTES = 1_500_000
ABLATION = "norm_jel"  # whose execution of chapter 14 is shown: it trains both networks
# Width in pixels and number of colours that images are reduced to: the first pair that makes a chapter small enough.
IMAGE_LEVELS = [(1400, None), (1400, 256), (1000, 256), (800, 128)]
WIDGET = "application/vnd.jupyter.widget-view+json"


def find_executed(name: str, profile: str, dataset: str, seed: int, recipe: str, root: Path = ROOT) -> Path | None:
    """The executed notebook of a chapter, wherever the workflow has put it, or None if it has not been run.

    A chapter that is about one recipe, one data set or all of them has one place; the others follow the arguments.
    """
    run = root / "runs" / f"{dataset}-{profile}-s{seed}"
    folders = [root / "data" / f"{dataset}-{profile}", run / recipe, run / ABLATION, run, root / "runs" / f"tables-{profile}"]
    folders += [*sorted(run.glob("*/")), *sorted((root / "data").glob(f"*-{profile}"))]
    return next((folder / "chapters" / name for folder in folders if (folder / "chapters" / name).exists()), None)


def clean_outputs(outputs: list, count: int) -> list:
    """What a reader wants to see: no standard error, no progress bars or other live widgets."""
    kept = [output for output in outputs
            if output.get("name") != "stderr" and WIDGET not in output.get("data", {})]
    for output in kept:
        if "execution_count" in output:
            output["execution_count"] = count
    return kept


def shrink_png(png: str, width: int, colours: int | None) -> str:
    """A base64 PNG of at most this width and number of colours (None: all of them)."""
    image = Image.open(io.BytesIO(base64.b64decode(png)))
    if image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    if colours:
        image = image.convert("RGBA").quantize(colours, method=Image.Quantize.FASTOCTREE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def shrink_images(notebook, max_bytes: int = MAX_BYTES) -> None:
    """Reduce the images of `notebook` in place until it takes at most `max_bytes`."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])
               if "image/png" in output.get("data", {})]
    originals = [output["data"]["image/png"] for output in outputs]
    for width, colours in IMAGE_LEVELS:
        for output, original in zip(outputs, originals):
            output["data"]["image/png"] = shrink_png(original, width, colours)
            output["metadata"].pop("image/png", None)  # the size before
        if len(nbformat.writes(notebook).encode()) <= max_bytes:
            return
    raise SystemExit(f"error: the outputs take more than {max_bytes} bytes even with small images; show less.")


def merge(source, executed):
    """`source` with the outputs of `executed`. Cells are the same when their id and their text are."""
    done = {cell["id"]: cell for cell in executed.cells if cell.cell_type == "code"}
    count = 0
    for cell in source.cells:
        if cell.cell_type != "code":
            continue
        other = done.get(cell["id"])
        if other is None or other.source != cell.source:
            raise SystemExit(f"error: cell {cell['id']} has changed since the chapter ran; start ./run_all.sh again.")
        count += 1
        cell.execution_count = count
        cell.outputs = clean_outputs(other.outputs, count)
        cell.metadata.pop("execution", None)
    shrink_images(source)
    return source


def commit() -> str:
    """The commit that the checkout is at, marked when files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip() or "unknown"


def main(arguments: list[str] | None = None, root: Path = ROOT) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="small")
    parser.add_argument("--dataset", default="birds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", default="recommended", help="whose execution of chapters that run once per recipe")
    options = parser.parse_args(arguments)

    origin = {"profile": options.profile, "seed": options.seed, "recipe": options.recipe, "commit": commit()}
    merged = {}
    for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        executed = find_executed(path.name, options.profile, options.dataset, options.seed, options.recipe, root)
        if executed is None:
            print(f"{path.name} has not been run and stays as it is")
            continue
        merged[path] = merge(nbformat.read(path, as_version=4), nbformat.read(executed, as_version=4))
        merged[path].metadata["s2i"] = origin
    if not merged:
        raise SystemExit(f"error: no chapter has been run; start ./run_all.sh --profile {options.profile} --dataset "
                         f"{options.dataset} --seeds {options.seed} first.")
    for path, notebook in merged.items():  # only now, so that an error above changes nothing
        partial = path.with_suffix(".partial")
        nbformat.write(notebook, partial)
        os.replace(partial, path)
        print(f"{path.relative_to(root)}: {path.stat().st_size / 1e6:.2f} MB")
    if (root / "README.md").exists():
        tables = results.readme_tables(results.load_records(root / "results"), options.profile)
        results.replace_section(root / "README.md", "results", tables)


if __name__ == "__main__":
    main()
