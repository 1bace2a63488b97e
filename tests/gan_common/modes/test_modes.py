"""What counts as a mode, and what the command takes and refuses."""

import json

import numpy as np
import pytest

from benchmarks.experiments import modes as table
from gan_common import catalogue, modes
from gan_common.errors import UserError
from gan_common.modes import __main__ as command
from gan_common.modes import play as play_module
from gan_common.modes import tasks

# ------------------------------------------------------------------------------------------ the protocol


def test_eight_distinct_centres_on_the_circle():
    centres = modes.centres("ring")
    assert centres.shape == (8, 2)
    assert len(np.unique(centres.round(6), axis=0)) == 8
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1.0)
    gaps = np.linalg.norm(centres - np.roll(centres, 1, axis=0), axis=1)
    np.testing.assert_allclose(
        gaps, 2 * np.sin(np.pi / 8)
    )  # the last one next to the first as well


def test_twenty_five_centres_on_the_grid():
    centres = modes.centres("grid")
    assert {tuple(c) for c in centres} == {(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)}


@pytest.mark.parametrize(("task", "sigma"), [("ring", 0.01), ("grid", 0.05)])
def test_samples_are_evenly_spread_gaussians(task, sigma):
    centres, samples = modes.centres(task), modes.sample(task, 50_000, seed=3)
    assert samples.dtype == np.float32
    nearest = np.linalg.norm(samples[:, None] - centres, axis=-1).argmin(axis=1)
    expected = 50_000 / len(centres)
    counts = np.bincount(nearest, minlength=len(centres))
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)
    offset = samples - centres[nearest]
    np.testing.assert_allclose(offset.std(axis=0), sigma, rtol=0.02)
    np.testing.assert_allclose(offset.mean(axis=0), 0, atol=5 * sigma / np.sqrt(50_000))
    np.testing.assert_array_equal(samples[:10], modes.sample(task, 50_000, seed=3)[:10])
    assert not np.array_equal(samples[:10], modes.sample(task, 10, seed=4))


@pytest.mark.parametrize(("task", "count"), [("ring", 8), ("grid", 25)])
def test_real_data_scores_all_modes_and_98_9_percent(task, count):
    captured, share = modes.mode_coverage(
        modes.sample(task, 100_000, 1), modes.centres(task), modes.SIGMA[task]
    )
    assert captured == count
    assert share == pytest.approx(1 - np.exp(-4.5), abs=0.0015)  # 4.5 standard errors
    assert modes.mode_coverage(
        modes.sample(task, 2500, 1), modes.centres(task), modes.SIGMA[task]
    )[0] == count  # fmt: skip


def test_coverage_by_hand():
    centres = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    samples = [
        [0.29, 0.0],  # good, mode 0
        [0.0, -0.1],  # good, mode 0
        [1.0, 0.31],  # 3.1 σ from mode 1
        [0.0, 1.25],  # good, mode 2
        [np.nan, 0.0],
    ]
    assert modes.mode_coverage(samples, centres, 0.1) == (2, 3 / 5)
    assert modes.mode_coverage(samples, centres, 0.2) == (3, 4 / 5)
    assert modes.mode_coverage([[9.0, 9.0]], centres, 0.1) == (0, 0.0)


def test_evenness_by_hand():
    """Of 40 samples in 4 modes 10 are due: 2 fill a mode, 1 captures it only."""
    found = modes.evenness([20, 10, 2, 1], 40)
    assert (found["modes"], found["filled"]) == (4, 3)
    assert found["least"] == pytest.approx(0.1)
    share = np.array([20, 10, 2, 1]) / 33
    assert found["kl"] == pytest.approx(np.log(4) + np.sum(share * np.log(share)))
    assert modes.evenness([0, 5], 10) == {
        "modes": 1, "filled": 1, "least": 0.0, "kl": pytest.approx(np.log(2)),
    }  # fmt: skip
    assert modes.evenness([0, 0], 3)["kl"] == pytest.approx(np.log(2))
    for counts, samples in (([], 1), ([-1, 2], 3), ([2, 2], 3), ([0], 0)):
        with pytest.raises(ValueError, match="counts must be"):
            modes.evenness(counts, samples)


def test_coverage_counts_good_samples_alone():
    """Four good samples in the first mode, one in the second; five between them."""
    samples = [[0.0]] * 4 + [[1.0]] + [[0.5]] * 5
    found = modes.coverage(samples, np.array([[0.0], [1.0]]), 0.1)
    kl = np.log(2) + 0.8 * np.log(0.8) + 0.2 * np.log(0.2)
    assert found == {
        "modes": 2, "filled": 2, "least": 0.2, "kl": pytest.approx(kl), "high_quality": 0.5,
    }  # fmt: skip


def test_what_is_described_is_all_that_a_training_depends_on():
    """Each flag of a setting, so that rows of another α, pack or k never stand in one mean."""
    told = modes.describe(modes.resolve({"tricks": ("packing", "label_smoothing")}))
    assert told.keys() >= {"alpha", "beta", "pack", "unrolled_steps", "r1", "activation"}
    other = {"tricks": ("packing", "label_smoothing"), "pack": 4}
    assert modes.describe(modes.resolve(other)) != told
    assert not told.keys() & {"seed", "seeds", "json", "run_dir", "data_dir"}


def test_a_sample_between_two_centres_counts_for_one():
    assert modes.mode_coverage([[0.5, 0.0]], [[0.0, 0.0], [1.0, 0.0]], 1.0) == (1, 1.0)


@pytest.mark.parametrize(
    ("samples", "centres", "sigma", "message"),
    [
        (np.zeros((3, 3)), np.zeros((2, 2)), 1.0, r"\(3, 3\) and \(2, 2\)"),
        (np.zeros(3), np.zeros((2, 2)), 1.0, r"\(3,\)"),
        (np.zeros((0, 2)), np.zeros((2, 2)), 1.0, "0 samples"),
        (np.zeros((1, 2)), np.zeros((2, 2)), 0.0, "sigma=0"),
        (np.zeros((1, 2)), np.zeros((2, 2)), np.nan, "sigma=nan"),
    ],
)
def test_coverage_refuses(samples, centres, sigma, message):
    with pytest.raises(ValueError, match=message):
        modes.mode_coverage(samples, centres, sigma)


def test_unknown_tasks_are_refused():
    with pytest.raises(ValueError, match="cube"):
        modes.centres("cube")
    with pytest.raises(ValueError, match="stacked"):
        modes.sample("stacked", 3, 0)
    with pytest.raises(ValueError, match="n=-1"):
        modes.sample("ring", -1, 0)


def test_triples_by_hand():
    even = {"modes": 1000, "filled": 1000, "least": 1.0, "kl": pytest.approx(0, abs=1e-9)}
    assert tasks.triples(np.arange(1000)) == even
    one = {"modes": 1, "filled": 1, "least": 0.0, "kl": pytest.approx(np.log(1000))}
    assert tasks.triples(np.full(50, 123)) == one
    half = tasks.triples(np.repeat([0, 999], [1, 3]))
    assert half["kl"] == pytest.approx(np.log(1000) + 0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    with pytest.raises(ValueError, match="1000"):
        tasks.triples([1000])


def test_the_floor_of_the_divergence_at_26000_samples():
    """About (modes − 1) / (2 · samples) = 0.019 nats; counting as published gives 0.02 as well."""
    even = np.random.default_rng(0).integers(1000, size=26_000)
    assert tasks.triples(even)["kl"] == pytest.approx(999 / 52_000, rel=0.15)


# ------------------------------------------------------------------------------------------- the command


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tricks": ("magic",)}, "magic: unknown; the tricks are gradient_penalty, r1"),
        ({"tricks": ("r1", "unrolled")}, "third derivatives"),
        ({"tricks": ("minimax", "non_saturating")}, "each is the loss that G minimizes"),
        ({"tricks": ("minimax",), "loss": "hinge"}, "one loss"),
        ({"tricks": ("feature_matching", "unrolled")}, "gradient that G follows"),
        ({"tricks": ("conditional", "replay")}, "without their modes"),
        ({"tricks": ("label_smoothing",), "loss": "wasserstein"}, "no labels to change"),
        ({"tricks": ("packing",), "batch_size": 9}, "multiple of --pack 2"),
        ({"pack": 3}, "--pack: has no effect without --tricks packing"),
        ({"unrolled_steps": 3}, "without --tricks unrolled"),
        ({"beta": 0.3, "tricks": ("label_smoothing",)}, "without --tricks fake_smoothing"),
        ({"task": "stacked", "tricks": ("conditional",)}, "1,000 modes"),
        ({"task": "stacked", "tricks": ("r1",)}, "batch norm in D"),
        ({"task": "stacked", "preset": "cured"}, "for points"),
        ({"task": "stacked", "preset": "modern", "waves": 8}, "see pixels"),
        ({"loss": "relativistic"}, "needs --preset modern"),
        ({"r2": False}, "--r2: has no effect without --preset modern"),
        ({"preset": "modern", "tricks": ("packing",)}, "packing: --preset modern takes none"),
        ({"preset": "modern", "loss": "hinge"}, "hinge: --preset modern has relativistic"),
        ({"codes": 9}, "--codes: has no effect without --preset modern"),
        ({"r1": 0.1}, "--r1: has no effect without --tricks r1"),
        ({"preset": "cured", "tricks": ("unrolled",)}, "third derivatives"),
        ({"preset": "cured", "tricks": ("replay",)}, "without their modes"),
    ],
)
def test_nonsense_is_refused_with_the_reason(given, message):
    with pytest.raises(UserError, match=message):
        modes.resolve(given)


def test_the_default_is_the_published_plain_gan():
    options = modes.resolve({})
    assert options.tricks == ()
    assert (options.batch_size, options.latent_dim, options.steps) == (512, 256, 25_000)
    assert (options.generator_lr, options.discriminator_lr) == (1e-3, 1e-4)
    assert (options.activation, options.loss) == ("tanh", "non_saturating")
    assert modes.resolve({"tricks": ("minimax",)}).loss == "minimax"
    assert modes.resolve({"preset": "quick", "steps": 7}).steps == 7


def test_help_lists_every_trick_that_is_taken(capsys):
    assert command._main(["modes", "--tricks", "help"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()[:-1]]
    assert sorted(listed) == sorted(catalogue.names("modes"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "spiral"], "spiral"),
        (["--trick", "unrolled"], "unknown flag --trick"),
        (["--tricks", "unroled"], "unroled: unknown; the tricks are"),
        (["--steps", "0"], "steps"),
    ],
)
def test_the_command_answers_mistakes_in_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        command.main(["modes", *arguments])
    error = capsys.readouterr().err
    assert end.value.code == 2
    assert message in error
    assert error.count("\n") == 1


def test_summary_by_hand():
    runs = [{"seed": 1, "modes": 2, "kl": 1.0}, {"seed": 2, "modes": 4, "kl": 2.0}]
    result = modes.summary(runs)
    assert result["mean"] == {"modes": 3.0, "kl": 1.5}
    assert result["spread"]["modes"] == pytest.approx(np.sqrt(2))
    assert modes.summary(runs[:1])["spread"] == {"modes": 0.0, "kl": 0.0}


def test_a_tiny_run_from_end_to_end(tmp_path, capsys):
    target = tmp_path / "out.json"
    arguments = f"--preset quick --steps 3 --batch_size 16 --seeds 2 --json {target}"
    command._main(
        ["modes", *arguments.split(), "--tricks", "packing", "--run_dir", f"{tmp_path}/r"]
    )
    result = json.loads(target.read_text())
    assert result["command"] == (
        "python -m gan_common.modes --preset quick --tricks packing --steps 3 --batch_size 16 --seeds 2"
    )
    assert [run["seed"] for run in result["runs"]] == [1, 2]
    assert result["mean"]["modes"] == np.mean([run["modes"] for run in result["runs"]])
    assert 0 <= result["mean"]["high_quality"] <= 1
    assert (result["task"], result["tricks"], result["steps"]) == ("ring", ["packing"], 3)
    assert (tmp_path / "r" / "samples.png").stat().st_size < 200_000
    assert (tmp_path / "r" / "training.gif").stat().st_size < 200_000
    assert json.loads((tmp_path / "r" / "result.json").read_text()) == result
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["seed", "seed", "mean"]


# --------------------------------------------------------------------------------------------- the table


def test_a_table_trains_only_what_it_lacks(tmp_path, monkeypatch):
    trained = []

    def play(options, seeds, finished):
        for seed in seeds:
            trained.append((options.tricks, seed))
            finished({"seed": seed, "modes": seed, "high_quality": 0.5, "steps_per_second": 10.0})

    monkeypatch.setattr(play_module, "play", play)

    numbers = f"0,{list(table.POINT_SETTINGS).index('packing, m = 2')}"

    def command(*more):
        table._main(["modes", "--settings", numbers, "--nofigures", f"--results={tmp_path}", *more])
        return json.loads((tmp_path / "modes_ring.json").read_text())

    assert command("--seeds", "1")["settings"]["plain"]["mean"]["modes"] == 1
    assert trained == [((), 1), (("packing",), 1)]
    result = command("--seeds", "3")
    assert trained[2:] == [((), 2), ((), 3), (("packing",), 2), (("packing",), 3)]
    assert result["settings"]["packing, m = 2"]["mean"]["modes"] == 2
    assert result["real"]["modes"] == 8

    # A setting that was changed is trained anew, one that is no more is dropped.
    result["settings"]["gone"] = result["settings"]["plain"]
    (tmp_path / "modes_ring.json").write_text(json.dumps(result))
    monkeypatch.setitem(table.POINT_SETTINGS, "plain", {"preset": "quick", "steps": 7})
    result = command("--seeds", "1")
    assert result["settings"]["plain"]["steps"] == 7
    assert list(result["settings"]) == ["plain", "packing, m = 2"]
    assert trained[6:] == [((), 1)]


def test_every_setting_of_the_tables_is_possible():
    for task, settings in table.SETTINGS.items():
        for given in settings.values():
            assert modes.resolve(given | {"task": task}).steps >= 1000
    assert set(table.SETTINGS) == set(modes.TASKS)
    for given in table.PICTURE_SETTINGS.values():
        assert modes.resolve(given | {"task": "stacked"}).batch_size == 64
    with pytest.raises(UserError, match="--settings 99: the settings are 0 plain, 1 minimax"):
        table._main(["modes", "--settings", "99"])
