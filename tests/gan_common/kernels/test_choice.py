"""Forms are measured once, kept, and a run's own choices hold."""

import json

import keras
import pytest
import tensorflow as tf

from gan_common.kernels import choice, machine
from gan_common.kernels.convolutions import Conv2D, Conv2DTranspose
from gan_common.kernels.forms import PLAIN, Forms
from gan_common.tricks import WeightNormalization

FAST = Forms("blocks", "taps", "columns")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / choice.FILE


@pytest.fixture
def measured(monkeypatch):
    """What was measured, in place of a measurement that takes its time and wavers."""
    found = []

    def fastest(operation, work):
        found.append((operation, str(work)))
        return getattr(FAST, operation)

    monkeypatch.setattr(choice, "fastest", fastest)
    monkeypatch.setattr(choice, "LEAST_PRODUCTS", 1)
    return found


def network():
    inputs = keras.Input((8, 8, 3))
    x = Conv2D(4, 4, 2, "same")(inputs)
    x = WeightNormalization(Conv2D(4, 3, padding="same"))(x)
    inner = keras.Sequential([keras.Input((4, 4, 4)), Conv2DTranspose(5, 4, 2, "same")])
    return keras.Model(inputs, inner(x))


def forms_of(model):
    first, normed, inner = model.layers[1:]
    return [first.forms, normed.layer.forms, inner.layers[0].forms]


def test_convolutions_however_deep_are_given_what_was_measured_once(cache, measured):
    said = []
    for _ in range(2):
        model = network()
        assert forms_of(model) == [PLAIN] * 3
        choice.choose([model], 16, say=said.append)
        assert forms_of(model) == [FAST] * 3
    assert len(measured) == len(set(measured)) == 9
    assert measured[0] == ("forward", "16x8x8x3 to 4, 4x4, stride 2, same, float32")
    assert len(said) == 2
    assert "9 operations" in said[1]
    assert len(json.loads(cache.read_text())[machine.description()]) == 9
    choice.choose([network()], 32, say=said.append)  # other batches are other shapes
    assert len(measured) == 18


def test_a_runs_own_choices_hold(cache, measured, tmp_path):
    kept = tmp_path / "run.json"
    choice.choose([network()], 16, kept, say=str)
    content = json.loads(kept.read_text())
    assert len(content) == 9
    name = "to_input of 16x8x8x3 to 4, 4x4, stride 2, same, float32"
    kept.write_text(json.dumps({**content, name: "product"}))
    cache.unlink()
    model = network()
    choice.choose([model], 16, kept, say=str)
    assert forms_of(model) == [Forms("blocks", "product", "columns"), FAST, FAST]
    assert len(measured) == 9


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"a": 1}', "null", "[" * 100_000, "NAMES"],
    ids=lambda text: text[:9],
)
def test_a_damaged_file_is_measured_anew(cache, measured, tmp_path, content):
    kept = tmp_path / "run.json"
    if content == "NAMES":
        choice.choose([network()], 16, kept, say=str)
        measured.clear()
        names = dict.fromkeys(json.loads(kept.read_text()), "__import__")
        kept.write_text(json.dumps(names))
        content = json.dumps({machine.description(): names})
    else:
        kept.write_text(content)
    cache.parent.mkdir(exist_ok=True)
    cache.write_text(content)
    model = network()
    choice.choose([model], 16, kept, say=str)
    assert forms_of(model) == [FAST] * 3
    assert len(measured) == 9


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(cache, measured):
    cache.parent.write_text("a file in the folder's place")
    model = network()
    choice.choose([model], 16, say=str)
    assert forms_of(model) == [FAST] * 3


def test_what_is_small_is_not_measured(cache):
    model = network()
    choice.choose([model], 16, say=pytest.fail)
    assert forms_of(model) == [PLAIN] * 3
    assert not cache.exists()


def test_what_another_process_wrote_meanwhile_holds(cache, monkeypatch):
    monkeypatch.setattr(choice, "LEAST_PRODUCTS", 1)

    def fastest(operation, work):
        name = f"{operation} of {work}"
        cache.parent.mkdir(exist_ok=True)
        cache.write_text(json.dumps({machine.description(): {name: getattr(FAST, operation)}}))
        return "library"

    monkeypatch.setattr(choice, "fastest", fastest)
    model = network()
    choice.choose([model], 16, say=str)
    assert forms_of(model)[2].to_kernel == "columns"  # the last that it wrote
    assert forms_of(model)[0] == PLAIN


@pytest.mark.parametrize("slow", ["library", "taps"])
def test_the_fastest_is_found_and_a_small_gain_is_none(monkeypatch, slow):
    now = {"at": 0.0}

    def form(name, seconds):
        def run(*_):
            def wait(x):
                now["at"] += seconds
                return x

            return tf.py_function(wait, [0.0], tf.float32)

        return run

    monkeypatch.setattr(choice.time, "perf_counter", lambda: now["at"])
    seconds = {"library": 2.0 if slow == "library" else 1.05, "taps": 1.0}
    forms = {name: form(name, value) for name, value in seconds.items()}
    monkeypatch.setitem(choice.OPERATIONS, "to_kernel", forms)
    layer = Conv2D(4, 4, 2, "same")
    layer.build((None, 8, 8, 3))
    expected = "taps" if slow == "library" else "library"
    assert choice.fastest("to_kernel", layer.work(2)) == expected


def test_real_measurements_end_in_forms_that_there_are():
    layer = Conv2D(8, 4, 2, "same")
    layer.build((None, 8, 8, 3))
    for operation, forms in choice.OPERATIONS.items():
        assert choice.fastest(operation, layer.work(16)) in forms
