"""A short round of `python -m benchmarks.stress.fuzz`, the same files every time."""

import json
import random

import pytest

from benchmarks.stress import fuzz, fuzz_pages


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    return fuzz.make_targets(tmp_path_factory.mktemp("fuzz"))


NAMES = (
    *("idx", "npz", "pickle", "mat", "config of keras_dcgan", "config of ssgan_tf"),
    *("image", "labels.csv", "dataset.json", "images.json", "metrics.csv", "checkpoint"),
    *("summary.json", "card's summary", "card", "calibration", "labelled.npy"),
    *(
        "kernels.json",
        "index",
        "lock",
        "sentence",
        "moving image",
        "doctor.json",
        "generator.keras",
        "TF_CONFIG",
    ),
)
# Of these anything will do: what is not known is made anew, or is a person's own.
FORGIVING = {"card", "kernels.json", "index", "lock"}


@pytest.mark.parametrize("name", NAMES)
def test_only_our_own_errors_come_out(targets, name):
    # Each of MATLAB's files is read in a process of its own; Keras takes a while to build a network.
    rounds = {"mat": 15, "generator.keras": 4}.get(name, 60)
    counts = fuzz.fuzz(targets[name], rounds)
    assert (counts["refused"] > counts.total() / 20) == (name not in FORGIVING)
    assert counts.total() >= rounds


def test_every_target_is_tried(targets):
    assert set(targets) == set(NAMES)


def test_the_counts_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "make_targets", lambda _: {})
    with pytest.raises(SystemExit) as end:
        fuzz.main(["fuzz", "--minutes=0", f"--json={tmp_path / 'fuzz.json'}"])
    assert end.value.code == 0
    assert (tmp_path / "fuzz.json").exists()


def test_an_error_that_is_not_ours_is_shown(targets):
    def broken():
        raise KeyError("labels")

    target = fuzz.dataclasses.replace(targets["idx"], read=broken)
    with pytest.raises(KeyError, match="labels"):
        fuzz.fuzz(target, 3)


# ------------------------------------------------------------------------ pages

HTML = r"""<script>parseElements(String.raw`{"4":{"tag":"p","text":"a &lt; b"},"7":{"tag":"input",
"events":[{"listener_id":"l1","type":"input"},{"listener_id":"l2","type":"click"}]}}`)</script>"""
LOG = """Traceback (most recent call last):
  File "/lib/nicegui/events.py", line 1, in handle
    act(event)
  File "/home/me/gan_common/play/page.py", line 281, in _has_drawn
    int(event.args)
TypeError: int() argument must be a string
a line between
Traceback (most recent call last):
  File "/lib/nicegui/client.py", line 453, in handle_event
    json.loads(arg)
json.decoder.JSONDecodeError: Expecting value
"""


def test_what_a_page_listens_to_is_found_and_sent_events_of_every_kind():
    listeners = fuzz_pages.listeners_of(HTML)
    assert listeners == [(7, "l1", "input"), (7, "l2", "click")]
    sent = [fuzz_pages.message(random.Random(i), "tab", listeners) for i in range(400)]
    again = [fuzz_pages.message(random.Random(i), "tab", listeners) for i in range(400)]
    assert list(map(repr, sent)) == list(map(repr, again))
    assert {name for name, _ in sent} > {"event", "log", "nonsense"}
    sound = [said for name, said in sent if name == "event" and isinstance(said, dict)]
    assert {said.get("listener_id") for said in sound} > {"l1", "l2", "nobody"}
    assert json.dumps(sound)
    with pytest.raises(fuzz.UserError, match="NiceGUI is another"):
        fuzz_pages.listeners_of("<html>")


def test_only_tracebacks_with_a_line_of_ours_count():
    (found,) = fuzz_pages.ours(LOG)
    assert found == (
        'File "/home/me/gan_common/play/page.py", line 281, in _has_drawn: '
        "TypeError: int() argument must be a string"
    )
