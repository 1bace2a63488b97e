"""How a collapse is told, the sweep of D's rate, one case a remedy, and what counts as an alarm."""

import json
import types

import numpy as np
import pytest

from benchmarks.experiments import alarms, cases, collapse, rates
from gan_common import modes, plotting
from gan_common.plotting import planes

RING = modes.centres("ring")


def heap(place, spread=0.01, n=400, seed=0):
    return place + np.random.default_rng(seed).normal(scale=spread, size=(n, 2))


def test_samples_sit_on_a_mode_are_on_the_way_or_are_spread():
    at = collapse.look_at(25, heap(RING[3]), RING)
    assert (at.mode, at.together, at.sits) == (3, True, True)
    assert at.spread == pytest.approx(0.01 * 2**0.5, rel=0.1)
    away = collapse.look_at(25, heap(0.7 * RING[3]), RING)
    assert (away.mode, away.together, away.sits) == (3, True, False)
    spread = collapse.look_at(25, np.repeat(RING, 50, axis=0), RING)
    assert (spread.together, spread.sits) == (False, False)
    assert spread.spread == pytest.approx(1.0)


def test_a_hop_is_from_one_mode_that_was_sat_on_to_another():
    places = [RING[1], RING[1], 0.5 * RING[1], RING[1], RING[4], 0.5 * RING[4], RING[1]]
    looks = [collapse.look_at(25 * n, heap(p), RING) for n, p in enumerate(places, 1)]
    told = collapse.told(looks)
    # 1, 1, on the way, 1 | 4, on the way | 1
    assert told["hops"] == pytest.approx(2 / 175 * 1000)
    assert (told["visited"], told["together"]) == (2, 1.0)
    assert told["sits"] == pytest.approx(5 / 7)
    assert collapse.hop(looks, 0) == 2
    assert collapse.hop(looks, 75) == 5
    assert collapse.hop(looks, 150) == 6


def test_every_setting_can_be_trained():
    for changed in collapse.SETTINGS.values():
        assert modes.resolve(collapse.HOPPING | changed).preset == "quick"
    for remedy in rates.REMEDIES.values():
        modes.resolve(rates.BASE | remedy)
    for case in cases.CASES.values():
        both = cases.settings(case)
        assert set(both["with"].tricks) - set(both["without"].tricks) == {case.trick}


def test_a_sweep_goes_on_where_it_stopped(tmp_path, monkeypatch):
    trained = []

    def run(game, seed, rate):
        trained.append((game, seed, rate))
        found = {"modes": 8, "filled": 4, "least": 0.0, "kl": 0.1, "high_quality": 0.5}
        return {"seed": seed, **found}

    monkeypatch.setattr(rates, "run", run)
    monkeypatch.setattr("gan_common.modes.game.Game", lambda options, data: options.tricks)
    flags = ["rates", "--only=plain,packing", f"--results={tmp_path}"]
    for seeds, new in ((1, 12), (2, 12), (2, 0)):
        trained.clear()
        with pytest.raises(SystemExit) as end:
            rates.main([*flags, f"--seeds={seeds}"])
        assert (end.value.code, len(trained)) == (0, new)
    table = json.loads((tmp_path / "rates.json").read_text())["remedies"]
    assert list(table) == ["plain", "packing"]
    assert [float(ratio) for ratio in table["packing"]] == list(rates.RATIOS)
    assert table["packing"]["3"]["discriminator_lr"] == 3e-3
    assert [r["seed"] for r in table["packing"]["3"]["runs"]] == [31, 32]
    assert (tmp_path / "rates.png").stat().st_size < 200_000
    with pytest.raises(SystemExit) as end:
        rates.main(["rates", "--only=magic"])
    assert end.value.code == 2


def test_a_case_is_told_with_the_interval_of_its_differences():
    def runs(*pairs):
        return [{"modes": f, "filled": f, "high_quality": h} for f, h in pairs]

    text = cases.told(runs((0, 0.1), (1, 0.0)), runs((8, 0.5), (8, 0.7)))
    # differences 8 and 7: 7.5 ± 12.7 · 0.5
    assert text.startswith("0.5 → 8.0 captured (+1.1 to +13.9), 0.5 → 8.0 filled (+1.1 to +13.9), ")
    assert ", 5.0 → 60.0 % good (" in text


def test_alarms_and_names_are_counted():
    strong = {"name": "strong_d", "step": 80, "began": True, "evidence": ""}
    broken = {"findings": [strong], **alarms.doctor.diagnosed("strong_d", [strong])}
    quiet = {"findings": []}
    met = alarms.goals({"color, seed 1": quiet, "--break strong_d, color, float32": broken})
    assert met == {
        "1 of 1 healthy trainings raise no alarm": True,
        "1 of 1 failures are named within 200 steps": True,
    }
    assert not all(alarms.goals({"color, seed 1": {"findings": [strong]}}).values())
    names = alarms.trainings(alarms.Options(only=("color", "video"), seeds=2))
    assert list(names)[:4] == ["color, seed 1", "color, seed 2", "video, seed 1", "video, seed 2"]
    assert "--break collapse, color, bfloat16" in names
    assert len(names) == 4 + 10


def test_the_field_is_minus_the_slope_of_gs_loss():
    import tensorflow as tf

    from gan_common.modes.field import field

    slope = np.array([3.0, -1.0], np.float32)
    game = types.SimpleNamespace(
        options=types.SimpleNamespace(loss="non_saturating"),
        verdicts=lambda places: tf.linalg.matvec(places, slope),
    )
    places = np.array([[0.0, 0.0], [1.0, 1.0]], np.float32)
    # loss −log σ(v), v = 0 and 2: σ(−v) times the slope
    expected = slope / (1 + np.exp([[0.0], [2.0]]))
    np.testing.assert_allclose(field(game, places), expected, rtol=1e-5)
    game.verdicts = lambda places: None
    with pytest.raises(ValueError, match="no verdict"):
        field(game, places)


def test_the_figures_of_a_collapse_are_small_and_need_no_training(tmp_path):
    points, places = heap(RING[0]), planes.lattice(1.8, 5)
    scene = planes.Scene(points, planes.lattice(1.8)[:, 0], places, np.ones((25, 2)))
    course = [(25, 0, True), (50, 0, False), (75, 3, True)]
    planes.hopping(tmp_path / "a.png", {25: points, 50: points}, course, {75: scene}, RING, 1.8)
    columns = {"a": {"without": points, "with": points}, "b": {"1": points, "2": points}}
    planes.columns(tmp_path / "b.png", columns, RING, 1.8, "title")
    curve = [(0.1, 1.0, 0.0, 2.0), (1.0, 8.0, 8.0, 8.0)]
    panels = {"plain": {"filled": curve}, "packing": {"filled": curve}}
    plotting.courses(tmp_path / "c.png", panels, "plain", "title", "ratio")
    for name in "abc":
        assert 2_000 < (tmp_path / f"{name}.png").stat().st_size < 200_000
    with pytest.raises(ValueError, match="must hold 'plain' and more"):
        plotting.courses(tmp_path / "c.png", {"plain": {}}, "plain", "title", "ratio")
