"""The directive `chapters`: each notebook as a card with the figure that `notebooks.execute` kept of it.

With an argument, those that are translated: `{chapters} zh`.
"""

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri


class Chapters(SphinxDirective):
    """Cards in the order of the chapter."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        cards = nodes.container(classes=["cards"])
        folder = "/".join(("notebooks", *self.arguments))
        for path in sorted((root / folder).glob("*.md" if self.arguments else "*.ipynb")):
            self.env.note_dependency(str(path))
            target = relative_uri("index.html", f"{folder}/{path.stem}.html")
            card = nodes.reference(refuri=target, classes=["card"], internal=True)
            figure = root / "notebooks" / "figures" / f"{path.stem}.png"
            if figure.is_file():
                # what the text says; the picture is an ornament
                card += nodes.image(uri=f"/{figure.relative_to(root).as_posix()}", alt="")
            card += nodes.inline("", title(path))
            cards += nodes.paragraph("", "", card)
        return [cards]


def title(notebook: Path) -> str:
    """The first heading of a notebook, or of its translation."""
    texts = [notebook.read_text(encoding="utf-8")]
    if notebook.suffix == ".ipynb":
        cells = json.loads(texts[0])["cells"]
        texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    found = next(filter(None, (re.search(r"^# (.*)$", text, re.M) for text in texts)), None)
    return found[1] if found else notebook.stem


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's entry point."""
    app.add_directive("chapters", Chapters)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
