"""What --on_failure does: by hand on series, on the networks of both packages, and over whole runs."""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gan_common import doctor
from gan_common.doctor import Doctor, Finding, diagnosis, treatment
from gan_common.doctor.callback import DoctorCallback
from gan_common.doctor.treatment import GO_BACK, GO_ON, STOP, Treatment
from gan_common.errors import UserError
from gan_common.runs.recorder import Recorder
from keras_dcgan import models as dcgan
from keras_dcgan import train as train_dcgan
from keras_dcgan.config import resolve
from keras_dcgan.presets import BROKEN
from ssgan_tf import config as ssgan_config
from ssgan_tf import models as ssgan
from ssgan_tf import train as train_ssgan

HEALTHY = {"d_loss": 1.25, "d_real_accuracy": 0.8, "d_fake_accuracy": 0.75}
WON = {"d_loss": 0.02, "d_real_accuracy": 1.0, "d_fake_accuracy": 1.0}
FOOLED = {"d_loss": 2.0, "d_real_accuracy": 0.9, "d_fake_accuracy": 0.3}


def treated(on_failure, watching=None):
    """A treatment, the rates that it sets, and the sentences that it says."""
    rates, said = [], []
    made = Treatment(
        watching or Doctor(None), on_failure, lambda *r: rates.append(r), say=said.append
    )
    return made, rates, said


def feed(made, *parts):
    """Feed (steps, values) one after the other; the actions."""
    actions = []
    for steps, values in parts:
        for _ in range(steps):
            actions.append(made.after_step(made.doctor.step + 1, values))
    return actions


# ------------------------------------------------------------------------- by hand


@pytest.mark.parametrize(("on_failure", "rate"), [("pause", 0.0), ("lower_lr", 0.1)])
def test_d_is_held_back_until_g_has_caught_up(on_failure, rate):
    made, rates, said = treated(on_failure)
    actions = feed(made, (60, WON), (10, FOOLED), (30, HEALTHY), (5, WON), (7, FOOLED))
    assert set(actions) == {GO_ON}
    # The finding holds from step 40.  Five steps of 1, 1, 1, .3, .3 have a mean of .72: caught up.
    # The finding still holds when D is ahead again for five steps.
    assert rates == [(rate, 1.0), (1.0, 1.0), (rate, 1.0), (1.0, 1.0)]
    assert len(said) == 1
    assert "D is too strong" in said[0]


def test_a_g_that_never_catches_up_is_waited_for_five_hundred_steps():
    made, rates, _ = treated("pause")
    feed(made, (540, WON))
    assert rates == [(0.0, 1.0), (1.0, 1.0)]
    assert made.held_since is None
    feed(made, (1, WON))
    assert rates[-1] == (0.0, 1.0)


def test_a_warning_changes_nothing():
    made, rates, said = treated("warn")
    feed(made, (200, WON))
    assert rates == []
    assert made.rates == (1.0, 1.0)
    assert len(said) == 1


def test_stop_stops_at_the_first_finding():
    made, _, _ = treated("stop")
    actions = feed(made, (40, WON))
    assert actions == [GO_ON] * 39 + [STOP]


@pytest.mark.parametrize("on_failure", ["warn", "pause", "stop"])
def test_what_is_not_finite_ends_the_training(on_failure):
    made, _, _ = treated(on_failure)
    assert feed(made, (3, HEALTHY), (1, HEALTHY | {"d_loss": math.nan}))[-1] == STOP


def test_lowered_rates_go_back_three_times_and_then_give_up():
    made, rates, _ = treated("lower_lr")
    for lowered in (0.1, 0.01, 0.001):
        kept = json.loads(json.dumps(made.state()))
        assert feed(made, (3, HEALTHY), (1, HEALTHY | {"d_loss": math.inf}))[-1] == GO_BACK
        before = made.lowered, made.findings
        made.restore(kept)
        made.gone_back(*before)
        assert rates[-1] == pytest.approx((lowered, lowered))
    assert feed(made, (3, HEALTHY), (1, HEALTHY | {"d_loss": math.inf}))[-1] == STOP
    assert [f.name for f in made.findings if f.began] == ["nan"] * 4


def test_steps_that_overshoot_lower_both_rates_for_good():
    made, rates, _ = treated("lower_lr")
    jumpy = HEALTHY | {"d_gradient_norm": 1e4}
    feed(made, (60, jumpy), (400, HEALTHY))
    assert rates == [(pytest.approx(0.1), pytest.approx(0.1))]
    assert not made.doctor.active


def test_a_state_restores_rates_and_findings():
    made, rates, _ = treated("pause")
    feed(made, (45, WON))
    assert rates == [(0.0, 1.0)]
    again, set_again, _ = treated("pause")
    again.restore(json.loads(json.dumps(made.state())))
    assert set_again == [(0.0, 1.0)]
    assert again.findings == made.findings
    assert json.dumps(again.state()) == json.dumps(made.state())


def test_a_row_numbers_the_first_finding_that_holds():
    made, _, _ = treated("warn")
    assert made.row() == {"diagnosis": 0.0}
    feed(made, (40, WON))
    assert made.row() == {"diagnosis": 1.0 + list(doctor.DIAGNOSES).index("strong_d")}


def test_bands_are_findings_and_the_time_that_d_was_held_back():
    findings = [
        Finding(40, "strong_d", True, ""),
        Finding(80, "collapse", True, ""),
        Finding(120, "strong_d", False, ""),
    ]
    rates = {20: 1, 40: 0.6, 60: 0.3, 80: 0, 100: 1, 120: 0.4}
    rows = [{"step": step, "d_rate": rate, "g_rate": 1} for step, rate in rates.items()]
    assert sorted(treatment.bands(findings, rows, 130)) == [
        (40, 80, "D held back"),
        (40, 120, "D too strong"),
        (80, 130, "collapse"),
        (100, 120, "D held back"),
    ]
    # Both rates lowered alike hold nobody back.
    assert treatment.bands([], [{"step": 20, "d_rate": 0.1, "g_rate": 0.1}], 20) == []


# ------------------------------------------------------------------ on the networks

SMALL = {"width": 4, "latent_dim": 6, "batch_size": 8, "precision": "float32"}
SSGAN = {"width": 4, "latent_dim": 4, "batch_size": 8, "labelled_batch": 4, "precision": "float32"}
PICTURES = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 1), dtype=np.uint8)
LABELS = np.arange(8, dtype=np.int32) % 2


def small_dcgan(**changes):
    return dcgan.build(resolve({**SMALL, **changes}), (16, 16, 1), 2)


def small_ssgan(**changes):
    gan = ssgan.build(ssgan_config.resolve({**SSGAN, **changes}), (16, 16, 1), 2, PICTURES)
    gan.set_schedule(0.0)
    return gan


def dcgan_step(gan):
    step = tf.function(gan.train_step)
    return lambda: step((tf.constant(PICTURES), tf.constant(LABELS)))


def ssgan_step(gan):
    def step():
        gan.set_schedule(0.0)
        values = gan.train_step(PICTURES[:4], LABELS[:4], PICTURES, gan.d_learns)
        gan.end_step()
        return values

    return step


def snapshot(variables):
    return [np.array(v) for v in variables]


def moved(before, variables):
    return [not np.array_equal(a, b) for a, b in zip(before, variables, strict=True)]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("make", "take"),
    [
        (small_dcgan, dcgan_step),
        (lambda: small_dcgan(tricks=("sgd_discriminator",)), dcgan_step),  # momentum would move it
        (small_ssgan, ssgan_step),
    ],
)
def test_a_pause_leaves_d_as_it_is_while_g_moves_and_ends_with_the_rate_restored(make, take):
    gan = make()
    step = take(gan)
    step()
    rates = [float(o.learning_rate) for o in (gan.discriminator_optimizer, gan.generator_optimizer)]
    d_weights = gan.discriminator.trainable_variables
    slots = [v for v in gan.discriminator_optimizer.variables if "learning_rate" not in v.path]
    before = [snapshot(d_weights), snapshot(slots), snapshot(gan.generator.trainable_variables)]

    gan.set_rates(0.0, 1.0)
    values = step()
    assert not any(moved(before[0], d_weights) + moved(before[1], slots))
    assert all(moved(before[2], gan.generator.trainable_variables))
    assert float(values["d_gradient_norm"]) > 0  # still measured

    gan.set_rates(0.1, 1.0)
    step()
    assert float(gan.discriminator_optimizer.learning_rate) == pytest.approx(rates[0] / 10)
    gan.set_rates(1.0, 1.0)
    before = snapshot(d_weights)
    step()
    trained = [v.trainable for v in d_weights]
    assert moved(before, d_weights) == trained
    for optimizer, rate in zip(
        (gan.discriminator_optimizer, gan.generator_optimizer), rates, strict=True
    ):
        assert float(optimizer.learning_rate) == rate


@pytest.mark.parametrize(
    "make",
    [
        small_dcgan,
        lambda: small_dcgan(preset="cgan", tricks=("dropout_noise",)),
        lambda: small_dcgan(tricks=("virtual_batch_norm",)),
        small_ssgan,
    ],
)
def test_looking_moves_nothing_and_repeats(make):
    gan = make()
    everything = [v for group in gan.checkpoint_variables().values() for v in group]
    before = snapshot(everything)
    first, again = gan.look(8), gan.look(8)
    np.testing.assert_array_equal(first, again)
    assert first.shape == (8, 16, 16, 1)
    assert not any(moved(before, everything))
    assert not np.array_equal(first[0], first[1])


def test_the_callback_and_a_loop_of_ones_own_agree():
    stream = tf.data.Dataset.from_tensors((PICTURES, LABELS)).repeat()
    states, rates = [], []
    for under_fit in (True, False):
        gan = small_dcgan(break_="no_bn")
        watching = Doctor(doctor.look_at_data(PICTURES, 1))
        set_rates = []
        made = Treatment(
            watching,
            "pause",
            lambda *r, g=gan, s=set_rates: (s.append(r), g.set_rates(*r)),
            gan.look,
            say=lambda text: None,
        )
        if under_fit:
            calls = [DoctorCallback(made)]
            more = {"callbacks": calls, "shuffle": False, "verbose": 0}
            gan.fit(stream, steps_per_epoch=22, epochs=2, **more)
        else:
            made.start()
            step = dcgan_step(gan)
            for number in range(1, 45):
                made.after_step(number, {k: float(v) for k, v in step().items()})
        states.append(made.state())
        rates.append(set_rates)
    assert states[0] == states[1]
    assert rates[0] == rates[1]
    assert states[0]["findings"][0]["name"] == "no_bn"


def test_the_callback_ends_a_fit_that_should_stop():
    gan = small_dcgan(break_="no_bn")
    made = Treatment(
        Doctor(doctor.look_at_data(PICTURES, 1)),
        "stop",
        gan.set_rates,
        gan.look,
        say=lambda t: None,
    )
    stream = tf.data.Dataset.from_tensors((PICTURES, LABELS)).repeat()
    callback = DoctorCallback(made)
    more = {"callbacks": [callback], "shuffle": False, "verbose": 0}
    gan.fit(stream, steps_per_epoch=5, epochs=9, **more)
    assert callback.step <= 1
    assert [f.name for f in made.findings] == ["no_bn"]


# ---------------------------------------------------------------------------- --break


# Mean distances of 28×28 digits, and their share of black and white pixels.
LOOK_OF_DIGITS = doctor.Look(20.9, 13.6, 0.80)


@pytest.mark.parametrize("name", BROKEN)
def test_what_break_changes(name):
    sound, broken = (
        dcgan.build(resolve({**SMALL, "latent_dim": 100, "width": 16, "break_": b}), (28, 28, 1), 2)
        for b in (None, name)
    )
    norms = sum(isinstance(la, keras.layers.BatchNormalization) for la in broken.generator.layers)
    assert (norms == 0) == (name in ("no_bn", "collapse"))
    norms = sum(
        isinstance(la, keras.layers.BatchNormalization) for la in broken.discriminator.layers
    )
    assert (norms == 0) == (name in ("no_bn", "collapse"))
    rates = {gan: (gan.config.generator_lr, gan.config.discriminator_lr) for gan in (sound, broken)}
    assert (rates[sound] == rates[broken]) == (name in ("bad_init", "no_bn"))
    kernel = next(w for w in broken.generator.trainable_variables if w.path.endswith("kernel"))
    stddev = {"bad_init": 0.5, "collapse": math.sqrt(2 / 100)}.get(name, 0.02)
    assert np.std(kernel) == pytest.approx(stddev, rel=0.02)
    # What the doctor says of it before the first step.
    watching = Doctor(LOOK_OF_DIGITS)
    watching.look(0, broken.look())
    assert list(watching.active) == ([name] if name in ("bad_init", "no_bn") else [])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"break_": "no_bn", "preset": "gan"}, "--break no_bn with --preset gan: choose one of"),
        ({"break_": "no_bn", "tricks": ("instance_norm",)}, "it mends what is to be broken"),
    ],
)
def test_what_cannot_be_broken_is_refused(given, says):
    with pytest.raises(UserError, match=says):
        resolve(given)


def test_several_machines_are_not_paused():
    with pytest.raises(UserError, match="--on_failure pause works in one process"):
        ssgan_config.resolve({"distribute": "multiworker", "on_failure": "pause"})


# --------------------------------------------------------------------------- whole runs


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of 12×12 gray noise, two classes."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (root / name).mkdir()
        for i in range(45):
            Image.fromarray(rng.integers(0, 256, (12, 12), np.uint8)).save(root / name / f"{i}.png")
    return root


def command(package, pictures, run_dir, *more):
    """The status of a tiny training of a package: 20 steps or so, a checkpoint every ten."""
    small = SMALL if package is train_dcgan else SSGAN
    flags = {"dataset": f"folder:{pictures}", "image_size": 12, "run_dir": run_dir, **small}
    flags |= {"save_every": 1, "sample_every": 1}
    if package is train_ssgan:
        flags |= {"validation_size": 0, "labels": "all"}
    argv = [f"--{name}={value}" for name, value in flags.items()]
    with pytest.raises(SystemExit) as end:
        package.main(["train", *argv, "--epochs=2", "--noevaluate", *map(str, more)])
    return end.value.code


def resume(package, run_dir):
    with pytest.raises(SystemExit) as end:
        package.main(["train", f"--resume={run_dir}"])
    return end.value.code


def left_by(package, run_dir):
    """What two runs that are alike have alike: weights, rows, findings."""
    run = dcgan.runs.Run(run_dir)
    module, kind = (dcgan, train_dcgan) if package is train_dcgan else (ssgan, train_ssgan)
    shape, names = run.dataset_facts()
    gan = module.restore(run, kind.cli.saved(kind.Config, str(run_dir)), shape, len(names))
    weights = snapshot(v for group in gan.checkpoint_variables().values() for v in group)
    timing = ("seconds", "images_per_second")
    rows = [{k: v for k, v in row.items() if k not in timing} for row in run.rows()]
    return weights, rows, (run_dir / "doctor.json").read_text()


@pytest.fixture
def eager_doctor(monkeypatch):
    """A doctor that holds D back every few steps of a training that has hardly begun."""
    monkeypatch.setattr(diagnosis, "WINDOW", 2)
    monkeypatch.setattr(diagnosis, "RECENT", 2)
    for name in ("WON_LOSS", "AHEAD_LOSS"):
        monkeypatch.setattr(diagnosis, name, 10.0)
    for name in ("WON_ACCURACY", "AHEAD_ACCURACY"):
        monkeypatch.setattr(diagnosis, name, 0.0)
    monkeypatch.setattr(diagnosis, "LOSS_SPREAD", 10.0)  # of the first two steps it may be anything
    monkeypatch.setattr(treatment, "MOST_HELD", 3)
    monkeypatch.setattr(diagnosis, "CAUGHT_UP", -1.0)
    # --generator_loss: D's verdict is not what `fast` follows.
    kept = Doctor.__init__
    monkeypatch.setattr(
        Doctor, "__init__", lambda self, *a, **k: kept(self, *a, **{**k, "needs_verdict": True})
    )


@pytest.mark.integration
@pytest.mark.parametrize(
    ("package", "on_failure"), [(train_dcgan, "pause"), (train_ssgan, "lower_lr")]
)
def test_a_run_resumed_amid_a_treatment_equals_an_uninterrupted_one(
    package, on_failure, pictures, tmp_path, monkeypatch, eager_doctor
):
    assert command(package, pictures, tmp_path / "whole", f"--on_failure={on_failure}") == 0
    after_step = Recorder.after_step

    def interrupted(recorder, step, values):
        if step == 6:  # held back since step 4
            recorder.interrupted = 15
        return after_step(recorder, step, values)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "after_step", interrupted)
        flags = (pictures, tmp_path / "again", f"--on_failure={on_failure}")
        assert command(package, *flags) == 143
    assert resume(package, tmp_path / "again") == 0

    whole, again = (left_by(package, tmp_path / name) for name in ("whole", "again"))
    for a, b in zip(whole[0], again[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert whole[1] == again[1]
    assert 0 < min(row["d_rate"] for row in whole[1]) < 1
    assert whole[2] == again[2]
    assert "strong_d" in whole[2]


@pytest.mark.parametrize("package", [train_dcgan, train_ssgan])
def test_a_loss_that_is_not_finite_goes_back_with_lower_rates(
    package, pictures, tmp_path, monkeypatch, capsys
):
    after_step, failed = Recorder.after_step, []

    def once(recorder, step, values):
        if step == 13 and not failed:
            failed.append(step)
            values = {**values, "d_loss": math.nan}
        return after_step(recorder, step, values)

    monkeypatch.setattr(Recorder, "after_step", once)
    run_dir = tmp_path / "run"
    assert command(package, pictures, run_dir, "--on_failure=lower_lr") == 0
    assert failed == [13]
    out = capsys.readouterr().out
    assert "step 13: a number is not finite" in out
    assert "back from step 13 to the checkpoint of step 10" in out
    run = dcgan.runs.Run(run_dir)
    assert run.summary()["steps"] == 20
    row = run.rows()[-1]
    # Ten steps at the full rates, ten at a tenth.
    assert row["d_rate"] == row["g_rate"] == pytest.approx(0.55)
    assert all(math.isfinite(value) for value in row.values())
    changes = json.loads((run_dir / "doctor.json").read_text())["findings"]
    assert [(f["step"], f["name"], f["began"]) for f in changes][:2] == [
        (13, "nan", True),
        (11, "nan", False),
    ]


def test_a_loss_that_is_not_finite_ends_a_run_at_its_last_good_checkpoint(
    pictures, tmp_path, monkeypatch, capsys
):
    after_step = Recorder.after_step

    def broken(recorder, step, values):
        return after_step(
            recorder, step, values | {"g_gradient_norm": math.inf} if step == 13 else values
        )

    monkeypatch.setattr(Recorder, "after_step", broken)
    run_dir = tmp_path / "run"
    assert command(train_dcgan, pictures, run_dir) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "g_gradient_norm is inf" in error
    assert f"the last good checkpoint is {run_dir}/checkpoints/step-00000010" in error
    assert f"--resume {run_dir} --on_failure" in error
    assert [p.name for p in sorted((run_dir / "checkpoints").iterdir())] == ["step-00000010"]


def test_stop_ends_a_run_that_starts_badly_before_its_first_step(
    pictures, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(diagnosis, "START_CLIPPED", -1.0)
    flags = (pictures, tmp_path / "run", "--break=bad_init", "--on_failure=stop")
    assert command(train_dcgan, *flags) == 2
    error = capsys.readouterr().err
    assert "step 0: the networks start badly" in error
    assert "no checkpoint yet" in error
    with open(tmp_path / "run" / "config.json", encoding="utf-8") as file:
        assert json.load(file)["break_"] == "bad_init"
    assert not (tmp_path / "run" / "metrics.csv").exists()
