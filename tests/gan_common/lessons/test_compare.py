"""Comparisons over seeds, the history in memory, and the nearest image: numbers worked by hand."""

import numpy as np
import pytest
from scipy import stats

from gan_common import metrics
from gan_common.lessons import compare, lesson
from gan_common.plotting import figures
from gan_common.runs.history import History


def comparison(without, found):
    return compare.Comparison(
        {"without": [{"FID": v} for v in without], "with": [{"FID": v} for v in found]}
    )


@pytest.mark.parametrize(
    ("without", "found", "lower", "higher"),
    [
        ([4.0, 8.0, 6.0], [2.0, 4.1, 3.0], "helped", "harmed"),  # half of it, seed by seed
        ([2.0, 4.1, 3.0], [4.0, 8.0, 6.0], "harmed", "helped"),
        ([4.0, 5.0], [4.0, 3.0], "unclear", "unclear"),  # no difference for one seed
        ([4.0, 4.0], [3.0, 5.0], "unclear", "unclear"),
        ([4.0, 5.0, 4.5], [3.0, 4.9, 4.6], "unclear", "unclear"),
        ([8.0, 8.0, 8.0], [4.0, 4.0, 4.0], "helped", "harmed"),  # without any spread
        ([8.0, 8.0, 8.0], [8.0, 8.0, 8.0], "unclear", "unclear"),
        ([4.0], [1.0], "unclear", "unclear"),  # one seed says nothing
    ],
)
def test_an_effect_is_one_between_runs_of_the_same_seed(without, found, lower, higher):
    assert comparison(without, found).effects("FID", "lower") == {"with": lower}
    assert comparison(without, found).effects("FID", "higher") == {"with": higher}


def test_where_nothing_differs_an_effect_is_rarely_told():
    seeds = np.exp(np.random.default_rng(0).normal(size=(2, 400, 4)))
    told = [comparison(*pair).effects("FID", "lower") for pair in seeds.swapaxes(0, 1)]
    assert 0.02 < np.mean([effect["with"] != "unclear" for effect in told]) < 0.08


def test_of_many_variants_the_p_values_are_corrected():
    draws = np.random.default_rng(1)
    wrong = 0
    for _ in range(100):
        runs = {str(k): [{"modes": v} for v in draws.normal(size=4)] for k in range(11)}
        effects = compare.Comparison(runs).effects("modes", "higher")
        wrong += any(effect != "unclear" for effect in effects.values())
    assert wrong < 20  # uncorrected, ten tests find something two times in five


def test_fids_are_compared_as_ratios_and_paired_by_seed():
    # log ratios ln 2, ln 2, ln 4, worked by hand: mean 4/3 ln 2, deviation ln 2 / √3
    found = comparison([1.0, 2.0, 3.0], [2.0, 4.0, 12.0]).difference("FID", "with")
    half = stats.t.ppf(0.975, 2) * np.log(2) / 3
    np.testing.assert_allclose(np.log(found.mean), 4 / 3 * np.log(2))
    np.testing.assert_allclose(np.log([found.low, found.high]) - 4 / 3 * np.log(2), [-half, half])


def test_every_variant_is_trained_with_every_seed(capsys):
    runs = []

    def train(variant, seed):
        runs.append((variant, seed))
        return {"modes": variant * seed}

    found = compare.compare({"without": 1, "with": 5}, train, seeds=(4, 5, 6))
    assert sorted(runs) == [(1, 4), (1, 5), (1, 6), (5, 4), (5, 5), (5, 6)]
    assert found.values("modes") == {"without": [4, 5, 6], "with": [20, 25, 30]}
    assert "| with | 25 ± 5 |" in found._repr_markdown_()
    found.verdict("modes", "higher")
    said = capsys.readouterr().out
    assert "seed 5  with: modes 25" in said
    assert "with: modes 5 → 25 (higher is better)" in said
    # the differences are 16, 20, 24: 20 ± 4.303 · 4 / √3
    assert (
        "+20 (95% interval 10.1 to 29.9), better for 3 of 3 seeds, worst 20: it helped here" in said
    )


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            [5, 9, 50, 300],
            "worse with every seed; by how much 4 seeds leave open",
        ),  # two have failed
        ([3, 9, 50, 300], "not visible with 4 seeds"),
        ([4, 9, 50, 300], "not visible with 4 seeds"),  # one as it was
        ([5, 300], "not visible with 2 seeds"),
    ],
)
def test_an_effect_that_fails_some_seeds_is_not_told_as_none(found, told, capsys):
    comparison([4.0] * len(found), found).verdict("FID", "lower")
    assert told in capsys.readouterr().out


def test_a_comparison_wants_two_variants_with_as_many_seeds():
    with pytest.raises(ValueError, match="'a': 1, 'b': 2"):
        compare.Comparison({"a": [{}], "b": [{}, {}]})
    with pytest.raises(ValueError, match="two variants"):
        compare.Comparison({"a": [{}]})
    with pytest.raises(ValueError, match="better='less'"):
        comparison([1, 2], [3, 4]).effects("FID", "less")


def test_a_history_keeps_rows_and_samples_and_ends_by_itself():
    seen = []
    history = History(
        5, draw_samples=lambda: np.zeros(1), sample_every=2, on_sample=lambda h: seen.append(h.step)
    )
    ends = [history.after_step(step, {"d_loss": step}) for step in range(1, 6)]
    assert ends == [False, False, False, False, True]
    assert seen == list(history.samples) == [2, 4, 5]
    steps, values = history.curve("d_loss", window=2)
    assert (steps.tolist(), values.tolist()) == ([2, 4], [1.5, 3.5])
    assert history.last("d_loss", 2) == 4.5
    with pytest.raises(ValueError, match="total_steps=0"):
        History(0)


def test_the_nearest_row_and_its_distance():
    rows, distances = metrics.nearest([[0, 0], [3, 4.5]], [[3, 4], [0, 1], [9, 9]])
    assert rows.tolist() == [1, 0]
    np.testing.assert_allclose(distances, [1, 0.5])
    with pytest.raises(ValueError, match="as many columns"):
        metrics.nearest([[0, 0]], [[1]])


def test_a_figure_shows_itself_and_says_what_it_is():
    figure = figures.bars({"without": [1, 2], "with": [0.5]}, "Bars of a test", "FID", floor=0.1)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert repr(figure) == "Bars of a test"


def test_an_explored_figure_has_a_static_form_and_follows_its_sliders(capsys):
    drawn = []

    def draw(k):
        drawn.append(k)
        return figures.Figure(b"png", f"k = {k}")

    controls = lesson.explore(draw, {"k": (1, 5, 1)}, {"k": 2}, figures.Figure(b"still", "still"))
    controls["k"].value = 4
    assert drawn == [2, 4]


def test_a_frame_runs_along_the_inside_of_its_box():
    framed = figures.framed(np.zeros((1, 8, 8, 3), np.uint8), [[(1, 2, 5, 8)]], scale=4)[0]
    red = (framed == (230, 20, 20)).all(axis=-1)
    rows, columns = np.nonzero(red)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (4, 19, 8, 31)
    assert not red[10:30, 6:18].any()
