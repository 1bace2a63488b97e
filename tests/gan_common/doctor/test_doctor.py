"""Each diagnosis from a series made by hand: begun once, ended once, silent on healthy ones."""

import json
import math

import numpy as np
import pytest

from gan_common import doctor, files
from gan_common.doctor import DIAGNOSES, FOLLOWS_FROM, GUESSING, Doctor, Look
from keras_dcgan.presets import BROKEN

HEALTHY = {
    "d_loss": 1.25,
    "g_loss": 0.9,
    "d_real_accuracy": 0.8,
    "d_fake_accuracy": 0.75,
    "d_gradient_norm": 2.0,
    "g_gradient_norm": 1.0,
}
WON = HEALTHY | {"d_loss": 0.02, "d_real_accuracy": 1.0, "d_fake_accuracy": 1.0}
RNG = np.random.default_rng(0)
REAL_PICTURES = RNG.uniform(-0.9, 0.9, (64, 8, 8, 1))
REAL = doctor.look_at(REAL_PICTURES)
LIVELY = RNG.uniform(-0.9, 0.9, (64, 8, 8, 1))  # as varied as the data
GRAY = 0.4 * LIVELY  # of a G that has learnt nothing
ALIKE = 0.01 * LIVELY
NOISE = np.sign(LIVELY)  # every pixel clipped, far from each other
TWINS = LIVELY[:4].repeat(16, axis=0)  # four modes


def healthy(step):
    return HEALTHY | {"d_loss": 1.25 + 0.1 * math.sin(step)}


def told(series, steps, pictures=None, watching=None):
    """All findings of a series: step → values, and step → images."""
    watching = watching or Doctor(REAL)
    findings = watching.look(0, pictures(0) if pictures else GRAY) if watching.step == 0 else []
    for step in range(watching.step + 1, steps + 1):
        findings += watching.observe(step, series(step))
        if doctor.look_due(step):
            findings += watching.look(step, pictures(step) if pictures else LIVELY)
    return [(f.step, f.name, f.began) for f in findings], findings, watching


def test_healthy_series_are_silent():
    assert told(healthy, 1000)[0] == []

    def bumpy(step):  # D wins a window now and then, and a gradient leaps
        values = WON if step // 20 % 5 == 0 else healthy(step)
        return values | {"d_gradient_norm": 1500.0 if step % 40 == 7 else 2.0}

    assert told(bumpy, 1000)[0] == []


def test_a_d_that_wins_is_told_once_and_taken_back_once():
    def series(step):
        return WON if step <= 300 else healthy(step)

    changes, findings, watching = told(series, 1000)
    # Two windows of twenty steps; ten calm ones after the last lost one.
    assert changes == [(40, "strong_d", True), (500, "strong_d", False)]
    assert not watching.active
    text = str(findings[0])
    assert "D is too strong" in text
    assert "D's loss is 0.020" in text
    assert "100% of real and 100% of generated" in text
    assert "Section 2.3.1" in text
    assert "--on_failure pause" in text
    assert "over: D is too strong" in str(findings[1])


def test_a_d_that_still_guesses_is_told_and_one_that_guesses_in_the_end_is_not():
    guesses = HEALTHY | {"d_loss": 1.386, "d_real_accuracy": 0.9, "d_fake_accuracy": 0.1}

    changes, findings, _ = told(lambda step: guesses if step <= 500 else healthy(step), 1000)
    assert changes == [(200, "weak_d", True), (520, "weak_d", False)]
    text = str(findings[0])
    assert "D's loss is 1.386 where guessing costs 1.386" in text
    assert "higher --discriminator_lr" in text
    assert told(lambda step: healthy(step) if step <= 20 else guesses, 1000)[0] == []
    # A D that need not judge, or that is held back, proves nothing by it.
    assert told(lambda _: guesses, 500, watching=Doctor(REAL, needs_verdict=False))[0] == []
    watching = Doctor(REAL)
    assert [f for step in range(1, 501) for f in watching.observe(step, guesses, True)] == []


def test_smoothed_labels_have_a_least_loss_of_their_own():
    # −0.9 ln 0.9 − 0.1 ln 0.1
    assert doctor.least_loss("non_saturating", 0.9) == pytest.approx(0.3250830)
    assert doctor.least_loss("non_saturating", 1.0) == doctor.least_loss("hinge", 0.9) == 0
    won = WON | {"d_loss": 0.35}
    assert told(lambda step: won, 200)[0] == []
    smoothed = Doctor(REAL, least=doctor.least_loss("minimax", 0.9))
    assert told(lambda step: won, 200, watching=smoothed)[0] == [(40, "strong_d", True)]


def test_a_d_that_g_still_answers_has_not_won():
    # D's loss and accuracies by windows, --break strong_d on openmoji of 32 pixels, 16 filters, float32.
    windows = [
        (1.19, 0.96, 0.85),
        (0.85, 0.98, 1.0),
        (0.59, 0.98, 1.0),
        (0.98, 0.91, 0.82),
        (0.56, 0.98, 0.97),
    ]

    def series(step):
        names = ("d_loss", "d_real_accuracy", "d_fake_accuracy")
        return HEALTHY | dict(zip(names, windows[(step - 1) // 20], strict=True))

    assert told(series, 100)[0] == []


def test_where_g_does_not_need_ds_verdict_a_d_that_wins_is_no_failure():
    assert told(lambda step: WON, 200, watching=Doctor(REAL, needs_verdict=False))[0] == []
    wasserstein = Doctor(REAL, GUESSING["wasserstein"])
    series = HEALTHY | {"d_real_accuracy": 1.0, "d_fake_accuracy": 1.0}
    changes = told(lambda step: series | {"d_loss": -50.0 * (step % 2)}, 200, watching=wasserstein)
    assert changes[0] == []


def test_of_an_ssgan_the_loss_of_real_against_generated_counts():
    series = WON | {"d_loss": 3.0, "unsupervised_loss": 0.02, "supervised_loss": 2.98}
    assert told(lambda step: series, 60)[0] == [(40, "strong_d", True)]


@pytest.mark.parametrize("net", ["d", "g"])
def test_gradients_over_a_hundred_are_trouble(net):
    series = HEALTHY | {f"{net}_gradient_norm": 150.0}
    changes, findings, _ = told(lambda step: series, 500)
    assert changes == [(40, "high_lr", True)]
    assert f"the norm of {net.upper()}'s gradient is 150, over 100" in findings[0].evidence


def test_a_loss_that_jumps_means_steps_that_overshoot():
    def series(step):
        return HEALTHY | {"d_loss": 3.0 * (step % 2 == 0)}  # standard deviation 1.5

    changes, findings, _ = told(lambda step: series(step) if step <= 100 else healthy(step), 600)
    assert changes == [(20, "high_lr", True), (300, "high_lr", False)]
    assert "varies by 1.50" in findings[0].evidence
    # Later D may once lose what it has learnt, as when a paused G catches up.
    assert not told(lambda step: series(step) if 20 < step <= 40 else healthy(step), 200)[0]
    changes = told(lambda step: series(step) if 20 < step <= 60 else healthy(step), 100)[0]
    assert changes == [(60, "high_lr", True)]


def test_coming_down_from_first_weights_that_cost_much_is_no_overshooting():
    # The first losses of an SSGAN whose weights are scaled by data, mnist5k, seed 3.
    first = [4.9, 2.4, 3.7, 1.3, 4.4, 0.7, 0.6, 0.4, 0.6, 0.4]

    def series(step):
        return HEALTHY | {"d_loss": first[step - 1] if step <= len(first) else 0.5}

    assert told(series, 400)[0] == []
    # From where guessing is, with steps fifty times too large.
    leap = [1.4, 4.5, 1.4, 1.8, 1.5, 1.3, 1.3, 1.2, 1.1, 1.0, 1.0, 0.9, 0.7, 0.4]

    def leaping(step):
        return HEALTHY | {"d_loss": leap[step - 1] if step <= len(leap) else 0.2}

    assert told(leaping, 20)[0] == [(20, "high_lr", True)]


def test_a_saturated_generator_means_steps_that_overshoot():
    changes, findings, _ = told(healthy, 400, lambda step: NOISE if step else GRAY)
    assert changes == [(80, "high_lr", True)]
    assert "100% of the generated pixels are clipped, 0% of the data's" in findings[0].evidence


def test_that_d_wins_over_a_saturated_generator_is_no_finding_of_its_own():
    changes = told(lambda step: WON, 400, lambda step: NOISE if step else GRAY)[0]
    assert changes == [(40, "strong_d", True), (80, "high_lr", True)]  # won before the first look

    def later(step):
        return WON if step > 40 else healthy(step)

    changes = told(later, 400, lambda step: NOISE if step else GRAY)[0]
    assert changes == [(80, "high_lr", True)]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["d_loss", "g_gradient_norm", "sure_share"])
def test_what_is_not_finite_is_told_at_once(name, value):
    def series(step):
        return HEALTHY | {name: value} if step in (7, 8) else healthy(step)

    changes, findings, _ = told(series, 100)
    assert changes == [(7, "nan", True), (9, "nan", False)]
    assert findings[0].evidence == f"{name} is {value}"


def test_pictures_that_are_not_finite_are_told():
    broken = np.where(LIVELY > 0, math.nan, LIVELY)
    changes = told(healthy, 40, lambda step: broken if step else GRAY)[0]
    assert changes == [(40, "nan", True)]


def test_a_bad_start_is_told_before_the_first_step_and_its_consequences_are_not():
    def pictures(step):
        return NOISE if step < 200 else LIVELY

    changes, findings, _ = told(lambda s: WON if s < 200 else healthy(s), 1000, pictures)
    # Two good looks: at 200 D has only just stopped winning, so at 240 and 280.
    assert changes == [(0, "bad_init", True), (280, "bad_init", False)]
    assert "100% of the pixels are clipped before the first step" in findings[0].evidence


def test_a_lost_latent_is_told_before_the_first_step():
    changes, findings, _ = told(healthy, 400, lambda step: ALIKE)
    assert changes == [(0, "no_bn", True)]
    assert "differ by 1.0% of what two real ones do" in findings[0].evidence
    assert "2.4.6" in str(findings[0])


@pytest.mark.parametrize(("collapsed", "share"), [(ALIKE, "by 1%"), (TWINS, "nearest two by 0%")])
def test_pictures_that_are_alike_are_a_collapse(collapsed, share):
    def pictures(step):
        return GRAY if step == 0 else collapsed if step < 400 else LIVELY

    changes, findings, _ = told(healthy, 1000, pictures)
    assert changes == [(80, "collapse", True), (400, "collapse", False)]
    assert share in findings[0].evidence
    assert "2.3.2" in str(findings[0])


def test_one_look_at_pictures_that_are_alike_is_no_collapse():
    assert told(healthy, 400, lambda step: ALIKE if step == 120 else LIVELY)[0] == []


def test_without_pictures_the_numbers_still_speak():
    watching = Doctor(None)
    assert watching.look(0, NOISE) == []
    assert told(lambda step: WON, 60, watching=watching)[0] == [(40, "strong_d", True)]


def test_ahead_and_caught_up_by_the_last_five_steps():
    watching = Doctor(REAL)
    for step in range(1, 5):
        watching.observe(step, WON)
    assert not watching.d_is_ahead  # four are too few
    watching.observe(5, WON)
    assert watching.d_is_ahead
    assert not watching.g_has_caught_up
    for step in range(6, 11):
        watching.observe(step, HEALTHY | {"d_fake_accuracy": 0.5})
    assert not watching.d_is_ahead
    assert watching.g_has_caught_up


def test_a_state_that_went_through_json_goes_on_alike():
    def series(step):
        return WON if 30 < step < 300 else healthy(step)

    def pictures(step):
        return ALIKE if 550 < step < 950 else LIVELY

    whole = told(series, 1000, pictures)
    assert [name for _, name, _ in whole[0]] == ["strong_d", "strong_d", "collapse", "collapse"]
    for stop in (1, 33, 45, 299, 480, 601, 801):
        before, _, watching = told(series, stop, pictures)
        resumed = Doctor(REAL)
        resumed.restore(json.loads(json.dumps(watching.state())))
        after, _, end = told(series, 1000, pictures, resumed)
        assert before + after == whole[0]
        assert end.state() == whole[2].state()


def test_a_state_without_a_look_goes_on_from_a_runs_file():
    """Of several replicas no image is looked at; a run's files have null for NaN."""
    watching = Doctor(REAL)
    watching.observe(1, WON)
    resumed = Doctor(REAL)
    resumed.restore(json.loads(files.as_json(watching.state())))
    assert all(math.isnan(value) for value in (resumed.clipped, resumed.diversity, resumed.nearest))
    for step in range(2, 60):  # until D is too strong, and the cause is looked for
        assert resumed.observe(step, WON) == watching.observe(step, WON)
    assert "strong_d" in resumed.active


def test_measures_of_pictures_by_hand():
    # Distances 2, 2 and 0; nearest 0, 0 and 2; two pixels of three are white or black.
    pictures = np.array([0.0, 0.0, 2.0]).reshape(3, 1, 1, 1) - 1
    pictures[:2] = 0.0
    pictures[2] = 1.0
    look = doctor.look_at(pictures)
    assert look.distance == pytest.approx(2 / 3)
    assert look.nearest == pytest.approx(1 / 3)
    assert look.clipped == pytest.approx(1 / 3)
    as_bytes = np.array([0, 255], np.uint8).reshape(2, 1, 1, 1)
    assert doctor.look_at(as_bytes) == Look(2.0, 2.0, 1.0)
    # Nothing but the two middle grays: neither is within half a level of an end.
    assert doctor.look_at(np.array([1, 254], np.uint8).reshape(2, 1, 1, 1)).clipped == 0


@pytest.mark.parametrize("shape", [(1, 4, 4, 1), (4, 4, 1)])
def test_too_few_pictures_are_refused(shape):
    with pytest.raises(ValueError, match=r"2 or more, H, W, C.*Received"):
        doctor.look_at(np.zeros(shape))


def test_the_datas_pictures_are_chosen_by_the_seed():
    a, b = (doctor.look_at_data(REAL_PICTURES, seed, count=8) for seed in (1, 1))
    assert a == b != doctor.look_at_data(REAL_PICTURES, 2, count=8)
    assert doctor.look_at_data(REAL_PICTURES, 3) == REAL  # fewer than asked for: all of them


def test_a_look_at_large_images_holds_a_part_of_them_as_floats(monkeypatch):
    pictures = np.random.default_rng(1).integers(0, 256, (5, 7, 6, 3), np.uint8)
    pictures[0, :2] = 255
    whole = doctor.look_at(pictures)
    monkeypatch.setattr("gan_common.doctor.diagnosis.COLUMNS", 10)
    parts = doctor.look_at(pictures)
    assert parts.clipped == whole.clipped >= 36 / 630
    assert parts.distance == pytest.approx(whole.distance, rel=1e-12)
    assert parts.nearest == pytest.approx(whole.nearest, rel=1e-12)


def test_looks_are_frequent_at_first():
    due = [step for step in range(1001) if doctor.look_due(step)]
    assert due == [*range(0, 401, 40), 600, 800, 1000]


def test_every_failure_that_can_be_made_has_a_diagnosis_of_its_name():
    assert set(BROKEN) <= set(DIAGNOSES)
    assert {*FOLLOWS_FROM, *sum(FOLLOWS_FROM.values(), ())} <= set(DIAGNOSES)
    for diagnosis in DIAGNOSES.values():
        assert diagnosis.section.startswith("2.")
        assert diagnosis.advice
