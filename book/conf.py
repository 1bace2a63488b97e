"""The book's configuration for Sphinx: the chapter from its committed outputs, readable without a network.

    make book

Sources are the files as they lie in the repository; nothing is copied, and nothing is executed.
"""

import sys
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

project = "Unsupervised Learning with GAN"
author = "Kuntal Ganguly's chapter 2, reproduced"
language = "en"

# The repository's root is the source folder: so each link goes where it goes on a code-hosting site.
root_doc = "book/index"
include_patterns = [
    "README.md", "README.zh-CN.md", "book/index.md", "docs/**.md", "notebooks/*.ipynb", "notebooks/zh/*.md",
    "results/README.md",
]  # fmt: skip
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
extensions = [
    "myst_nb",
    *(
        f"book.{name}"
        for name in ("builder", "chapters", "figures", "languages", "live", "repository")
    ),
]

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 4  # links to headings, as code-hosting sites make them
# A notebook's Chinese prose is read as that notebook: its code and its outputs are there once.
nb_custom_formats = {
    f"zh/{path.name}": ["book.translation.page", {"name": path.stem}]
    for path in (ROOT / "notebooks" / "zh").glob("*.md")
}
nb_execution_mode = "off"
nb_merge_streams = True
# Sliders need a kernel; their picture stands beside them.
nb_mime_priority_overrides = [("*", "application/vnd.jupyter.widget-view+json", None)]
nb_ipywidgets_js = {}
nb_render_markdown_format = "myst"  # tables

# What a notebook may do: skip a level of headings, and show code that is not all Python.
suppress_warnings = ["misc.highlighting_failure", "myst.header"]

html_theme = "furo"
html_title = project
# MathJax as one file without fonts, from a package: a browser loads it from a disk, too.
MATHJAX = "sphinx-mathjax-offline/static/mathjax/tex-svg.js"
mathjax_path = "tex-svg.js"
html_static_path = ["static", str(distribution("sphinx-mathjax-offline").locate_file(MATHJAX))]
html_extra_path = ["../build/live"] if (ROOT / "build" / "live").is_dir() else []
html_favicon = "static/icon.svg"
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_copy_source = False
html_show_copyright = False
html_use_index = False
# Lines of code have up to 100 characters.
html_theme_options = {
    "light_css_variables": {"code-font-size": "75%"},
    "navigation_with_keys": True,
}
