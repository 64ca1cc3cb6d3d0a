"""The site builds without a warning, shows every chapter in order, and describes every figure."""

import base64
import functools
import http.server
import io
import json
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "docs" / "demo.ipynb"
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TEXTS = yaml.safe_load((ROOT / "docs" / "alternative_texts.yml").read_text())
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# One page of every kind.
PAGES = (
    "index.html",
    "notebooks/03_log_mel.html",
    "notebooks/13_table_2.html",
    "docs/demo.html",
    "docs/speak.html",
    "docs/results.html",
    "docs/api.html",
    "docs/api/s2i_lib.audio.html",
    "docs/api/s2i_lib.run.chapters.html",
    "docs/messages.html",
    "genindex.html",
    "_modules/s2i_lib/audio.html",
    "README.html",
    "models/birds/README.html",
    "teaching/README.html",
    "results/report.html",
    "search.html",
)


def build(out, *options):
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", out / "doctrees", "-c", "docs", *options]
    return subprocess.run([*map(str, command), ".", str(out / "site")], cwd=ROOT, capture_output=True, text=True, check=False)


def draws(cell):
    """Whether a cell draws a figure: it has a picture among its outputs, or would have if it had been run."""
    outputs = [output.get("data", {}) for output in cell.get("outputs", [])]
    return cell.cell_type == "code" and bool(
        re.search(r"save_figure\(|^plt\.show\(", cell.source, flags=re.MULTILINE)
        or any(kind.startswith("image/") for data in outputs for kind in data)
    )


# --- quick ---


def test_a_few_pages_build_without_a_warning(tmp_path):
    pages = ("notebooks/10_classifier", "models/birds/README", "docs/cite")
    options = {
        "include_patterns": "notebooks/10_classifier.ipynb,models/birds/README.md,docs/cite.md",
        "root_doc": pages[0],
        "suppress_warnings": "toc.not_included",
    }
    run = build(tmp_path, *chain.from_iterable(("-D", f"{key}={value}") for key, value in options.items()))
    assert run.returncode == 0, run.stderr
    assert all((tmp_path / "site" / f"{page}.html").exists() for page in pages)
    assert TEXTS["10-10"] in [picture["alt"] for picture in Page(tmp_path / "site" / f"{pages[0]}.html").pictures]


def test_the_contents_have_every_chapter_in_order():
    entries = re.findall(r"^notebooks/\S+$", (ROOT / "index.md").read_text(), flags=re.MULTILINE)
    assert list(chain.from_iterable(sorted(ROOT.glob(f"{entry}.ipynb")) for entry in entries)) == CHAPTERS


def test_every_figure_has_an_alternative_text():
    notebooks = [nbformat.read(path, as_version=4) for path in (*CHAPTERS, DEMO)]
    drawing = [cell.id for notebook in notebooks for cell in notebook.cells if draws(cell)]
    assert len(set(drawing)) == len(drawing)
    assert set(drawing) - set(TEXTS) == set(), "what do these cells draw? see docs/alternative_texts.yml"
    assert set(TEXTS) - set(drawing) == set(), "no figure is drawn here any more"
    for text in TEXTS.values():
        assert len(text) >= 40 and text.endswith("."), text
    assert len(set(TEXTS.values())) == len(TEXTS)


def test_pictures_in_texts_are_described():
    sources = [path.read_text() for path in ROOT.glob("*.md")] + [path.read_text() for path in (ROOT / "docs").glob("*.md")]
    sources += [cell.source for path in CHAPTERS for cell in nbformat.read(path, as_version=4).cells]
    assert not [text for source in sources for text in re.findall(r"!\[([^\]]*)\]\(", source) if len(text) < 10]


def test_the_first_page_shows_what_the_demo_draws():
    drawn = {cell.id: cell for cell in nbformat.read(DEMO, as_version=4).cells}
    for name, cell in (("red_crown", "demo-red"), ("yellow_breast", "demo-yellow")):
        (png,) = [output.data["image/png"] for output in drawn[cell].outputs if "image/png" in output.get("data", {})]
        demo = np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"), dtype=float)
        first = np.asarray(Image.open(ROOT / "docs" / "demo" / f"{name}.jpg"), dtype=float)
        assert np.abs(demo[:, : first.shape[1]] - first).mean() < 3


def test_doors_install_the_small_group():
    lines = [line for line in (ROOT / "binder" / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines == ["-c ../requirements.lock", "-e ."]
    assert (ROOT / "binder" / "runtime.txt").read_text().strip() == "python-3.11"
    (address,) = re.findall(r'^ADDRESS = "(.*?)"', nbformat.read(DEMO, as_version=4).cells[1].source, flags=re.MULTILINE)
    assert address == CITATION.get("repository-code", "")


DEMO_ALONE = """
import json, sys

sys.modules.update(dict.fromkeys(%r))  # Python takes these for not installed
names = {}
for cell in json.load(open("demo.ipynb"))["cells"]:
    if cell["cell_type"] == "code":
        exec("".join(cell["source"]), names)
"""


@pytest.mark.slow
def test_the_demo_needs_no_other_group():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    others = {Requirement(line).name for name, lines in groups.items() if name != "all" for line in lines}
    imports = {"hibari-tts": "hibari", "efficientnet-lite-pytorch": "efficientnet_lite_pytorch", "py-cpuinfo": "cpuinfo"}
    refused = {imports.get(name, name.replace("-", "_")) for name in others} - {"packaging"}
    script = DEMO_ALONE % refused
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=DEMO.parent,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "Audio" in run.stdout and "not here yet" in run.stdout


# --- the whole site ---


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("build")
    run = build(out)
    assert run.returncode == 0, run.stderr
    return out / "site"


class Page(HTMLParser):
    """Names, links, loaded files and pictures of an HTML file."""

    def __init__(self, path):
        super().__init__()
        self.names, self.links, self.loaded, self.pictures = set(), [], [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.names.add(attributes.get("id"))
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        elif "src" in attributes or tag == "link":
            self.loaded.append(attributes.get("src") or attributes["href"])
        if tag == "img" and attributes.get("class") != "toggler":  # a button of the index of modules
            self.pictures.append(attributes)


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}


@pytest.mark.slow
def test_the_sidebar_lists_the_chapters(site, pages):
    links = [link for link in dict.fromkeys(pages[site / "index.html"].links) if link.startswith("notebooks/")]
    assert links == [f"notebooks/{path.stem}.html" for path in CHAPTERS]


@pytest.mark.slow
def test_every_internal_link_leads_somewhere(pages):
    dead = []
    for path, page in pages.items():
        for link in page.links + page.loaded:
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            names = pages[target].names if target in pages else {unquote(address.fragment)}
            if not target.exists() or (address.fragment and unquote(address.fragment) not in names):
                dead.append(f"{path.name}: {link}")
    assert not dead


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(pages):
    assert not [(path, address) for path, page in pages.items() for address in page.loaded if urlsplit(address).netloc]


@pytest.mark.slow
def test_every_picture_of_the_site_is_described(pages):
    pictures = [picture for page in pages.values() for picture in page.pictures]
    assert pictures
    assert not [picture["src"] for picture in pictures if len(picture.get("alt") or "") < 10]


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing of requests."""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt-get install chromium)")
@pytest.mark.parametrize(("width", "scheme"), [(1366, "light"), (390, "dark")])
def test_pages_are_accessible_and_fit(site, width, scheme):
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    handler = functools.partial(Files, directory=str(site))
    found = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
        for name in PAGES:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/{name}", wait_until="load")
            violations = Axe().run(page).response["violations"]
            found += [(name, v["id"], v["nodes"][0]["html"]) for v in violations if v["impact"] in ("serious", "critical")]
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append((name, "wider than the screen", ""))
            page.close()
        browser.close()
        server.shutdown()
    assert not found, json.dumps(found, indent=1)
