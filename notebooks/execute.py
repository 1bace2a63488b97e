"""Turn the notebooks' sources into .ipynb files, run or not.

    python -m notebooks.execute                     every notebook in its normal form, outputs refreshed
    python -m notebooks.execute --quick 2.4.2       those whose names begin so, in the quick form
    python -m notebooks.execute --sync              sources only: outputs stay where the code did not change

A notebook is written as NAME.py, in jupytext's percent format, which diffs; NAME.ipynb beside it holds the
same cells and their outputs.  Everything runs in a kernel of its own, one notebook after the other.
"""

import argparse
import base64
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import jupytext
import nbformat

FOLDER = Path(__file__).resolve().parent
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
CELL_SECONDS = 3600  # after which a cell counts as stuck, on however busy a machine
MARK = "# shown in the README"


def sources(prefixes=()) -> list[Path]:
    """The notebooks' sources in the order of the chapter; those whose names begin with a prefix."""
    found = sorted(FOLDER.glob("[0-9]*.py"))
    return [p for p in found if not prefixes or p.stem.startswith(tuple(prefixes))]


def convert(source: Path) -> nbformat.NotebookNode:
    """The notebook of a source, without outputs.  Cells are numbered, so that diffs stay small."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = nbformat.from_dict({})
    return notebook


def solutions(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The code that is folded into the exercises, as cells."""
    folded = [
        block
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for part in re.findall(r"<details>.*?</details>", cell.source, re.DOTALL)
        for block in re.findall(r"```python\n(.*?)```", part, re.DOTALL)
    ]
    return [nbformat.v4.new_code_cell(code) for code in folded]


def run(source: Path, quick: bool = False) -> nbformat.NotebookNode:
    """The notebook of a source with its outputs, from a clean kernel; the solutions run too, and leave nothing.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell, or a solution, raised.
    """
    from nbclient import NotebookClient
    from traitlets.config import Config

    notebook = convert(source)
    shown = len(notebook.cells)
    notebook.cells += solutions(notebook)
    paths = [str(FOLDER.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "GAN_QUICK": "1" if quick else "",
        "GAN_STRICT": "1",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        # as on a page of 80 columns, whatever the terminal at hand
        "COLUMNS": "80",
    }
    with tempfile.TemporaryDirectory() as folder:
        # The kernel is talked to through files: nothing listens on the network.
        sockets = {"transport": "ipc", "ip": f"{folder}/kernel"}
        NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            startup_timeout=CELL_SECONDS,
            kernel_name=KERNEL["name"],
            record_timing=False,
            resources={"metadata": {"path": str(FOLDER)}},
            config=Config({"KernelManager": sockets}),
        ).execute(env=environment)
    notebook.cells = notebook.cells[:shown]
    for cell in notebook.cells:
        _join_streams(cell)
    notebook.metadata.pop("language_info", None)  # says which patch release of Python ran
    return notebook


def warnings_in(notebook: nbformat.NotebookNode) -> list[str]:
    """What its cells wrote to stderr, where Python's warnings go, and what calls itself a warning."""
    return [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream"
        and (output.name == "stderr" or "WARNING" in output.text or "Warning" in output.text)
    ]


def outputs_kept(notebook: nbformat.NotebookNode, old: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs that `old` has, cell for cell, as long as the code is the same."""
    if not old.exists():
        return notebook
    before = nbformat.read(old, as_version=4)
    for cell, was in zip(notebook.cells, before.cells, strict=False):
        sources = {text.removeprefix(MARK).strip() for text in (cell.source, was.source)}
        if cell.cell_type == was.cell_type == "code" and len(sources) == 1:
            cell.outputs, cell.execution_count = was.outputs, was.execution_count
    if "widgets" in before.metadata:
        notebook.metadata["widgets"] = before.metadata["widgets"]
    return notebook


def write(notebook: nbformat.NotebookNode, source: Path) -> Path:
    """Write the .ipynb beside its source, whole or not at all."""
    path = source.with_suffix(".ipynb")
    temporary = path.with_suffix(".tmp")
    nbformat.write(notebook, temporary)
    os.replace(temporary, path)
    return path


def keep_figure(notebook: nbformat.NotebookNode, source: Path) -> Path | None:
    """Save the figure of the cell that begins with `MARK`, for the README."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()) if cell.source.startswith(MARK) else ():
            if png := output.get("data", {}).get("image/png"):
                path = FOLDER / "figures" / f"{source.stem}.png"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(base64.b64decode(png))
                return path
    return None


def _join_streams(cell) -> None:
    """One output for what a cell prints between two figures, however the kernel cut it up."""
    joined = []
    for output in cell.get("outputs", ()):
        if (
            joined
            and output.output_type == joined[-1].output_type == "stream"
            and output.name == joined[-1].name
        ):
            joined[-1].text += output.text
        else:
            joined.append(output)
    if cell.cell_type == "code":
        cell.outputs = joined


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", help="beginnings of names, 2.4 or 2.1_what; all if none"
    )
    parser.add_argument("--quick", action="store_true", help="the quick form")
    parser.add_argument("--sync", action="store_true", help="run nothing")
    options = parser.parse_args()
    chosen = sources(options.names)
    if not chosen:
        print(f"no notebook begins with {' or '.join(options.names)}", file=sys.stderr)
        return 2
    status = 0
    for source in chosen:
        start = time.perf_counter()
        if options.sync:
            notebook = outputs_kept(convert(source), source.with_suffix(".ipynb"))
        else:
            print(f"{source.stem} ...", end=" ", flush=True)
            notebook = run(source, options.quick)
        path = write(notebook, source)
        keep_figure(notebook, source)
        size = path.stat().st_size / 1000
        print(f"{path.name}: {time.perf_counter() - start:.0f} s, {size:.0f} kB", flush=True)
        for text in warnings_in(notebook):
            print(f"  warning: {text.strip()}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
