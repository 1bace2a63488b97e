"""A notebook's figure says in words what it shows: its title, which stands beside it in the notebook."""

import base64
import hashlib
import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from book import translation


def titles(notebook: dict) -> dict[str, str]:
    """SHA-256 of each figure, by which MyST-NB names its file → the figure's text form."""
    found = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data and "text/plain" in data:
                content = base64.b64decode("".join(data["image/png"]))
                found[hashlib.sha256(content).hexdigest()] = "".join(data["text/plain"])
    return found


def _describe(app: Sphinx, document: nodes.document) -> None:
    source = Path(app.env.doc2path(app.env.docname))
    text = source.read_text(encoding="utf-8")
    if source.suffix == ".ipynb":
        known = titles(json.loads(text))
    elif source.parent == translation.FOLDER:
        known = titles(translation.page(text, source.stem))
    else:
        return
    for image in document.findall(nodes.image):
        if told := known.get(Path(image["uri"]).stem):
            image["alt"] = told


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's entry point."""
    app.connect("doctree-read", _describe, priority=100)  # while the files still have those names
    return {"parallel_read_safe": True, "parallel_write_safe": True}
