"""The notebooks: in sync with their sources, shaped as promised, and each runs to the end."""

import itertools
import json
import re
import subprocess

import nbformat
import pytest

from gan_common.lessons import lesson
from notebooks import checkpoints, execute, stored

SOURCES = execute.sources()
NAMES = [source.stem for source in SOURCES]


def committed(source):
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_the_notebook_is_in_sync_with_its_source(source):
    def cells(notebook):
        return [(cell.cell_type, cell.source) for cell in notebook.cells]

    assert cells(committed(source)) == cells(execute.convert(source)), (
        f"{source.name} has changed: python -m notebooks.execute --sync {source.stem}"
    )


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_the_committed_notebook_holds_its_outputs_and_is_small(source):
    assert source.with_suffix(".ipynb").stat().st_size < 1_000_000
    notebook = committed(source)
    executed = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in executed)
    outputs = [output for cell in executed for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert execute.warnings_in(notebook) == []


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_every_figure_has_a_title(source):
    """A figure's text form is its title; matplotlib's and IPython's own would read `<Figure size …>`."""
    for cell in committed(source).cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data:
                assert re.match(r"[^<]{10,}", data["text/plain"]), data["text/plain"]


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_a_question_stands_before_every_cell(source):
    cells = execute.convert(source).cells
    assert cells[0].cell_type == "markdown"
    for before, cell in itertools.pairwise(cells):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown", cell.source


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_it_says_what_one_will_be_able_to_do_and_ends_with_exercises(source):
    cells = execute.convert(source).cells
    opening = cells[0].source
    assert opening.startswith("# " + source.stem.split("_")[0].replace("-5", "–2.3.5"))
    assert "you will be able to" in opening
    assert re.search(r"\d+ (minutes?|seconds)", opening)
    last = next(c.source for c in reversed(cells) if c.cell_type == "markdown")
    assert last.startswith("## Exercises")
    assert 2 <= len(re.findall(r"^\d\. ", last, re.MULTILINE)) <= 3


def test_folded_solutions_are_code_that_runs_with_the_notebook():
    told = "<details><summary>Solution</summary>\n\n```python\nassert 1 + 1 == 2\n```\n</details>\n"
    cells = [nbformat.v4.new_markdown_cell(told + "```python\nnot a solution\n```")]
    (found,) = execute.solutions(nbformat.v4.new_notebook(cells=cells))
    assert found.source == "assert 1 + 1 == 2\n"


def test_the_commands_of_trained_runs_are_ones_that_the_packages_take(tmp_path, monkeypatch):
    monkeypatch.setattr(lesson, "QUICK", True)
    commands = []

    def trained(command, **_):
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(checkpoints.subprocess, "run", trained)
    for name, training in checkpoints.RUNS.items():
        assert checkpoints.folder(name).name == name
        given = dict(each.removeprefix("--").split("=") for each in commands[-1][3:] if "=" in each)
        given.pop("run_dir")
        assert given.pop("steps") == "3"
        assert {name: given[name] for name in ("dataset", "preset")} == {
            name: training.flags[name] for name in ("dataset", "preset")
        }
        assert "--noevaluate" in commands[-1]
        assert "--epochs" not in " ".join(commands[-1])


def test_the_quick_form_trains_in_memory_with_the_same_flags(monkeypatch):
    from gan_common import data
    from keras_dcgan import config, train

    def trial(dataset, steps, **flags):
        assert steps == 3
        assert "epochs" not in flags
        return (dataset, config.resolve(flags)), "history"

    monkeypatch.setattr(lesson, "QUICK", True)
    monkeypatch.setattr(data, "load", lambda name: name)
    monkeypatch.setattr(train, "trial", trial)
    for name, training in checkpoints.RUNS.items():
        dataset, resolved = checkpoints.load(name)
        assert (dataset, resolved.preset) == (training.flags["dataset"], training.flags["preset"])
        assert resolved.width == 4


def test_the_long_result_of_a_system_is_shown_beside_its_ablations_or_said_to_be_missing(
    tmp_path, monkeypatch, capsys
):
    def measured(value, beside=()):
        return {
            "psnr": {"value": value, "deviation": 0.25, "better": "higher", "baselines": beside}
        }

    runs = {str(seed): {"seconds": 1800.0} for seed in (1, 2, 3)}
    headline = {"measures": measured(17.25, {"mean color": 11.5}), "runs": runs}
    ablation = {"measures": measured(16.5), "runs": {"1": runs["1"]}}
    shown = []
    monkeypatch.setattr(stored, "FOLDER", tmp_path)
    monkeypatch.setattr("IPython.display.display", shown.append)
    stored.show_application("pix2pix")
    assert "make applications" in capsys.readouterr().out
    assert not shown
    table = {"rows": {"pix2pix": headline, "pix2pix: no skips": ablation}, "date": "2 May"}
    (tmp_path / "applications.json").write_text(json.dumps(table))
    (tmp_path / "applications_pix2pix.png").write_bytes(b"png")
    stored.show_application("pix2pix", "srgan")
    assert capsys.readouterr().out.startswith("srgan: no long result")
    text, figure = shown
    assert text.data.splitlines() == [
        "| 3 seeds, 30 minutes each on one core, 2 May | psnr, higher |",
        "|---|---|",
        "| **pix2pix** | 17.2 ± 0.2 |",
        "| mean color | 11.5 |",
        "| *ablation, one seed:* no skips | 16.5 |",
    ]
    assert figure.png == b"png"


@pytest.mark.notebook
@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_the_quick_form_runs_to_the_end_without_a_warning(source):
    notebook = execute.run(source, quick=True)
    assert execute.warnings_in(notebook) == []
