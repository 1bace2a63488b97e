"""Pages in two languages: each leads to the other, and says in which language it is.

A Chinese page lies in a folder zh beside the English one.  A notebook's headings answer to the English
anchors, so that a link to a section is good in both.
"""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

from book import translation

CHINESE = "zh-CN"
NAMES = {"en": "English", CHINESE: "中文"}


def language(docname: str) -> str:
    """The language that a page is in, as HTML names it."""
    return CHINESE if "/zh/" in docname or docname.endswith(".zh-CN") else "en"


def other(docname: str) -> str:
    """Where the page is in the other language, if it is."""
    folder, _, name = docname.rpartition("/")
    return f"{folder.removesuffix('/zh')}/{name}" if "/zh/" in docname else f"{folder}/zh/{name}"


def _anchors(app: Sphinx, document: nodes.document) -> None:
    source = Path(app.env.doc2path(app.env.docname))
    if source.parent != translation.FOLDER:
        return
    notebook = translation.notebook_of(source)
    app.env.note_dependency(str(notebook))
    titles = translation.headings(translation.read(notebook))
    sections = list(document.findall(nodes.section))
    for section, title in zip(sections, titles, strict=False):
        anchor = nodes.make_id(title)
        if anchor and anchor not in document.ids:
            section["ids"].insert(0, anchor)
            document.ids[anchor] = section


def _link(app: Sphinx, document: nodes.document) -> None:
    here = app.env.docname
    target = other(here)
    title = document.next_node(nodes.title)
    if target not in app.env.found_docs or title is None:
        return
    get = app.builder.get_target_uri
    to = language(target)
    link = nodes.reference(
        "", NAMES[to], refuri=relative_uri(get(here), get(target)), internal=True
    )
    # docutils makes a class language-… the attribute lang.
    title.parent.insert(1, nodes.paragraph("", "", link, classes=["language", f"language-{to}"]))


def _tell(
    app: Sphinx,
    pagename: str,
    _template: str,
    context: dict[str, Any],
    _doctree: nodes.document | None,
) -> None:
    """Tell browsers, screen readers and search engines."""
    context["language"] = language(pagename)
    target = other(pagename)
    if target in app.env.found_docs:
        get = app.builder.get_target_uri
        address = relative_uri(get(pagename), get(target))
        context["metatags"] = (
            context.get("metatags", "")
            + f'<link rel="alternate" hreflang="{language(target)}" href="{address}">'
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's entry point."""
    app.connect("doctree-read", _anchors, priority=90)  # before networks are embedded by anchor
    app.connect("doctree-read", _link, priority=95)
    app.connect("html-page-context", _tell)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
