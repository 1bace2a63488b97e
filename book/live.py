"""Exported networks inside the pages that teach them, where `make book-live` has made them.

A browser runs such a network from a web server only: read from a disk, the page says so.
"""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

from book.languages import CHINESE, language

FOLDER = Path("build/live")  # everything in it becomes part of the site
WORDS = {  # by language: the link, and what is said from a disk
    "en": ("{}, drawn by your browser", "(needs a web server: {})"),
    CHINESE: ("{}，由你的浏览器画出", "（需要一个网页服务器：{}）"),
}
SERVER = "<code>python3 -m http.server -d build/book</code>"
# page → the section at whose end the network is shown (else the page's), the exported page, its title
SHOWN = {
    "docs/pages": (
        "a-page-that-needs-nothing-but-a-browser",
        "live/digits",
        "A generator of digits",
    ),
    "notebooks/2.1_what_a_gan_is": ("latent-space", "live/digits", "A conditional GAN of digits"),
    "notebooks/zh/2.1_what_a_gan_is": ("latent-space", "live/digits", "画数字的条件 GAN"),
}


def _embed(app: Sphinx, document: nodes.document) -> None:
    name, target, title = SHOWN.get(app.env.docname, ("", "", ""))
    if not target or not (Path(app.srcdir) / FOLDER / target / "index.html").is_file():
        return
    sections = list(document.findall(nodes.section))
    place = next((each for each in sections if name in (*each["ids"], *each["names"])), sections[0])
    page = app.builder.get_target_uri(app.env.docname)
    link, needs = WORDS[language(app.env.docname)]
    source = relative_uri(page, f"{target}/index.html")
    place += nodes.raw(
        "",
        f'<div class="live"><p><a href="{source}">{link.format(title)}</a>'
        f"<span> {needs.format(SERVER)}</span></p>"
        f'<iframe data-src="{source}" title="{title}" hidden></iframe></div>',
        format="html",
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's entry point."""
    app.connect("doctree-read", _embed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
