"""The site: ``sphinx-build -W -c docs . build/site``, from the project's folder; needs no network.

Sources stay where they are (`include_patterns`). Chapters are shown with their committed outputs and are not executed.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import yaml
from sphinx.application import Sphinx

import s2i_lib
from s2i_lib.datasets.rendered import RENDERED

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
ALTERNATIVE_TEXTS = DOCS / "alternative_texts.yml"
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
PAPER = CITATION["references"][0]
# "owner/name" on GitHub, for links to Binder, Colab and the sources; where nobody says it, the site has no such links.
REPOSITORY = os.environ.get("GITHUB_REPOSITORY", CITATION.get("repository-code", "").removeprefix("https://github.com/"))

project = html_title = "Speech to image, step by step"
author = project_copyright = CITATION["authors"][0]["name"]
version = release = s2i_lib.__version__
language = "en"

root_doc = "index"
include_patterns = [
    "*.md",
    "docs/**",
    "notebooks/*.ipynb",
    "teaching/*.md",
    "results/*.md",
    "models/README.md",
    "models/*/README.md",
    "workflow/README.md",
    "benchmarks/README.md",
]
exclude_patterns = [".*", "build", "data", "runs", "**/.ipynb_checkpoints"]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx-mathjax-offline",
]
if REPOSITORY:
    tags.add("hosted")  # noqa: F821, sphinx puts `tags` here

# chapters and other texts
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js: dict[str, Any] = {}  # no script from elsewhere
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath", "substitution"]
myst_heading_anchors = 4
myst_url_schemes = {
    "http": None,
    "https": None,
    "mailto": None,
    "binder": f"https://mybinder.org/v2/gh/{REPOSITORY}/HEAD?urlpath=lab/tree/{{{{path}}}}",
    "colab": f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/{{{{path}}}}",
}

myst_substitutions = {
    "paper": "{authors}. {title}. *{journal}* {volume}({issue}), {year}. [doi:{doi}](https://doi.org/{doi})".format(
        **PAPER | {"authors": ", ".join(f"{one['given-names']} {one['family-names']}" for one in PAPER["authors"])}
    ),
    "companion": f"{author}. {CITATION['title']}. Version {CITATION['version']}, {CITATION['license']} licence.",
    "rendered": "\n".join(
        [
            "| data set | classes for training | for tests | what a sentence can mention |",
            "|---|---|---|---|",
            *(
                f"| {spec.title} | {spec.num_train_classes} | {spec.num_classes - spec.num_train_classes or 'the same'} "
                f"| {', '.join(spec.attributes).replace('_', ' ')} |"
                for spec in RENDERED.values()
            ),
        ]
    ),
}

# reference
default_role = "code"  # `name` in a docstring
napoleon_use_ivar = True
napoleon_attr_annotations = False  # the signature of a class has the types of its fields
autodoc_default_options = {"members": True, "ignore-module-all": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"

# looks
html_theme = "sphinx_book_theme"
html_static_path = ["_static", "demo"]  # the demo's recordings are played on the first page, too
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_theme_options: dict[str, Any] = {
    "navbar_persistent": [],  # the sidebar has the search
    "show_toc_level": 2,
    "use_fullscreen_button": False,
}
if REPOSITORY:
    html_theme_options |= {"repository_url": f"https://github.com/{REPOSITORY}", "use_repository_button": True}


def with_alternative_texts(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give the figures of a chapter the texts of ``alternative_texts.yml``."""
    if app.env.doc2path(docname).suffix == ".ipynb":
        app.env.note_dependency(ALTERNATIVE_TEXTS)
        texts, notebook = yaml.safe_load(ALTERNATIVE_TEXTS.read_text()), json.loads(source[0])
        for cell in notebook["cells"]:
            if cell.get("id") in texts:
                cell["metadata"]["mystnb"] = {"image": {"alt": texts[cell["id"]]}}
        source[0] = json.dumps(notebook)


def with_links_that_lead_somewhere(app: Sphinx, docname: str, source: list[str]) -> None:
    """Links to folders, for readers of the repository, become their text; slides, written for Marp, files to download."""
    if app.env.doc2path(docname).suffix == ".md":
        text = re.sub(r"\[([^\[\]]+)\]\((?!\w+:)[^()\s]*/\)", r"\1", source[0])
        source[0] = text.replace("](slides/", "](path:slides/")


def is_field_of_a_tuple(app: Sphinx, what: str, name: str, value: object, skip: bool, options: Any) -> bool | None:
    """Leave out "Alias for field number 0": the class describes its fields."""
    return True if type(value).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", with_alternative_texts)
    app.connect("source-read", with_links_that_lead_somewhere)
    app.connect("autodoc-skip-member", is_field_of_a_tuple)
