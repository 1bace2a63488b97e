"""Links to files of the repository that are no pages of the book: each gets a page that shows it.

Text is shown with its colors, other files are copied, a folder is a list of what is in it.  A name in the
text such as `gan_common/losses.py:generator_loss` becomes a link to that line.
"""

import html
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.osutil import relative_uri

PLACE = "files"  # of these pages, in the site
NAMED = re.compile(
    r"^([\w./-]+\.\w+|[\w./-]+/)(?::(\w+))?$"
)  # in code: a path, perhaps a function in it


def _kept(env: BuildEnvironment) -> dict[str, set[str]]:
    """Page → the paths, from the repository's root, that it links to."""
    if not hasattr(env, "repository_files"):
        env.repository_files = {}  # type: ignore[attr-defined]
    return env.repository_files  # type: ignore[attr-defined]


def tracked(root: Path) -> set[str]:
    """The repository's files; where there is no git, all but hidden and built ones."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
        )
        return {name for name in listed.stdout.split("\0") if name and (root / name).is_file()}
    except (OSError, subprocess.CalledProcessError):
        left_out = {"build", "runs", "__pycache__"}
        paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return {
            path.as_posix()
            for path in paths
            if not any(part in left_out or part.startswith(".") for part in path.parts)
        }


def _address(env: BuildEnvironment, path: str) -> str:
    """Where a file or folder is, from the site's top."""
    root = Path(env.srcdir)
    docname = env.path2doc(str(root / path))
    if docname and docname in env.found_docs:
        return f"{docname}.html"
    if (root / path).is_dir():
        return f"{PLACE}/{path}/index.html"
    return f"{PLACE}/{path}" + (".html" if is_text(root / path) else "")


def is_text(path: Path) -> bool:
    """Whether a file can be shown as text."""
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _line(path: Path, name: str | None) -> str:
    """The anchor of the line that defines a name."""
    if name:
        pattern = re.compile(rf"\s*(?:def|class) {name}\b|{name}\b.*=")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if pattern.match(line):
                return f"#line-{number}"
    return ""


def _resolve(app: Sphinx, document: nodes.document) -> None:
    """Turn each link to a file or folder that is no page, and each path in code, into a link to its page."""
    env, root = app.env, Path(app.srcdir)
    docname = env.docname
    here = (root / docname).parent
    seen = _kept(env)[docname] = set()

    def link(path: Path, anchor: str = "") -> nodes.reference | None:
        try:
            name = path.resolve().relative_to(root.resolve()).as_posix()
        except ValueError:
            return None
        seen.add(name)
        page = app.builder.get_target_uri(docname)
        uri = relative_uri(page, _address(env, name)) + anchor
        return nodes.reference(refuri=uri, internal=True)

    for node in list(document.findall(addnodes.download_reference)):
        if made := link(here / node["reftarget"]):
            made += node.children
            node.replace_self(made)
    for node in list(document.findall(addnodes.pending_xref)):
        target = node["reftarget"]
        if node.get("refdomain") is None and (here / target).is_dir():
            made = link(here / target)
            if made is not None:
                made += node.children
                node.replace_self(made)
    for node in list(document.findall(nodes.literal)):
        found = NAMED.match(node.astext())
        if not found or "/" not in found[1] or isinstance(node.parent, nodes.reference):
            continue
        path = root / found[1]
        if path.is_relative_to(root) and path.exists() and found[1].rstrip("/") in _known(app):
            made = link(path, _line(path, found[2]) if path.is_file() else "")
            if made is not None:
                node.replace_self(made)
                made += node


def _known(app: Sphinx) -> set[str]:
    """Files, and the folders that they lie in."""
    if not hasattr(app, "_repository_names"):
        files = tracked(Path(app.srcdir))
        folders = {p.as_posix() for name in files for p in Path(name).parents} - {"."}
        app._repository_names = files | folders  # type: ignore[attr-defined]
    return app._repository_names  # type: ignore[attr-defined]


def _pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The page of each file that is linked, and of each in a folder that is."""
    root, known = Path(app.srcdir), _known(app)
    wanted = sorted(set().union(*_kept(app.env).values()))
    done: set[str] = set()
    while wanted:
        name = wanted.pop()
        path = root / name
        if name in done or not _address(app.env, name).startswith(f"{PLACE}/"):
            continue
        done.add(name)
        if path.is_dir():
            inside = sorted(k for k in known if Path(k).parent.as_posix() == name)
            wanted += inside
            pagename, body = f"{PLACE}/{name}/index", _listing(app, name, inside)
        elif is_text(path):
            pagename, body = f"{PLACE}/{name}", _shown(path)
        else:
            target = Path(app.outdir) / PLACE / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            continue
        context = {"title": html.escape(name), "body": f"<h1>{html.escape(name)}</h1>\n{body}"}
        yield pagename, context, "page.html"


def _listing(app: Sphinx, name: str, inside: list[str]) -> str:
    here = f"{PLACE}/{name}/index.html"
    rows = [
        f'<li><a href="{html.escape(relative_uri(here, _address(app.env, each)))}">'
        f"{html.escape(each.rpartition('/')[2])}{'/' if (Path(app.srcdir) / each).is_dir() else ''}</a></li>"
        for each in inside
    ]
    return "<ul>\n" + "\n".join(rows) + "\n</ul>"


def _shown(path: Path) -> str:
    try:
        lexer = get_lexer_for_filename(path.name)
    except ClassNotFound:
        lexer = TextLexer()
    lines = HtmlFormatter(lineanchors="line", cssclass="highlight")
    return highlight(path.read_text(encoding="utf-8"), lexer, lines)


def _purge(_app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    _kept(env).pop(docname, None)


def _merge(
    _app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment
) -> None:
    _kept(env).update({name: paths for name, paths in _kept(other).items() if name in docnames})


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's entry point."""
    app.connect("doctree-read", _resolve, priority=100)  # before Sphinx copies what is linked
    app.connect("env-purge-doc", _purge)
    app.connect("env-merge-info", _merge)
    app.connect("html-collect-pages", _pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
