"""Every measure on a case worked by hand, and against a slow and plain computation of the formula."""

import json

import ml_dtypes
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from gan_common import metrics
from gan_common.metrics import distances, neighbors


def exact_gaussian(n, mean, covariance, seed=0):
    """n samples whose mean and (N − 1) covariance are exactly these."""
    x = np.random.default_rng(seed).normal(size=(n, len(mean)))
    x -= x.mean(axis=0)
    x = np.linalg.solve(np.linalg.cholesky(np.cov(x.T).reshape(len(mean), -1)), x.T).T
    return x @ np.linalg.cholesky(np.atleast_2d(covariance)).T + mean


def features(n, d=8, seed=0, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, d)) @ np.diag(np.arange(1, d + 1)) + shift


def sure_of(classes, number):
    """Probabilities of a classifier that is sure of each of these classes."""
    return np.eye(number)[np.asarray(classes)]


# Fréchet distance


def test_fid_of_two_gaussians_by_hand():
    """Diagonal covariances: (3² + 4²) + (1 − 2)² + (3 − 1)² = 30."""
    real = exact_gaussian(50, [0, 0], np.diag([1.0, 9.0]), seed=1)
    fake = exact_gaussian(70, [3, 4], np.diag([4.0, 1.0]), seed=2)
    assert metrics.frechet_distance(real, fake) == pytest.approx(30, rel=1e-10)


def test_fid_of_covariances_that_do_not_commute_by_hand():
    """tr √(ΣS) of 2×2 matrices is √(tr ΣS + 2 √det ΣS): here √(4 + 2 √3) = 1 + √3."""
    one, other = np.array([[2.0, 1.0], [1.0, 2.0]]), np.diag([1.0, 1.0])
    real, fake = exact_gaussian(40, [0, 0], one), exact_gaussian(40, [0, 0], other, seed=5)
    expected = 4 + 2 - 2 * (1 + np.sqrt(3))
    assert metrics.frechet_distance(real, fake) == pytest.approx(expected, rel=1e-10)


def test_fid_equals_scipys_matrix_square_root():
    real, fake = features(300, seed=1), features(200, seed=2, shift=0.5) @ np.triu(np.ones((8, 8)))
    root = scipy.linalg.sqrtm(np.cov(real.T) @ np.cov(fake.T))
    expected = np.sum((real.mean(axis=0) - fake.mean(axis=0)) ** 2) + np.trace(
        np.cov(real.T) + np.cov(fake.T) - 2 * root.real
    )
    assert metrics.frechet_distance(real, fake) == pytest.approx(expected, rel=1e-9)


def test_fid_of_singular_covariances():
    """Few samples, and a feature that is always 0: on a line, the distance is (σ_r − σ_f)²."""
    line = np.array([1.0, 2.0, 2.0, 0.0]) / 3
    real, fake = np.outer([-1.0, 1.0], line), np.outer([-3.0, 3.0], line)
    assert metrics.frechet_distance(real, fake) == pytest.approx(2 * (3 - 1) ** 2, rel=1e-12)
    few = features(5, d=40)
    moved = few + 2.0
    assert metrics.frechet_distance(few, moved) == pytest.approx(40 * 4, rel=1e-12)


@pytest.mark.parametrize("shift", [0.0, 1e4])
def test_fid_of_a_set_and_itself_is_zero(shift):
    x = features(60, seed=3, shift=shift)
    assert metrics.frechet_distance(x, x[::-1]) == pytest.approx(0, abs=1e-8)
    assert metrics.frechet_distance(x, x) >= 0


def test_fid_does_not_depend_on_the_order_or_a_rotation():
    real, fake = features(80, seed=1), features(90, seed=2, shift=1)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))
    expected = metrics.frechet_distance(real, fake)
    assert metrics.frechet_distance(fake, real) == pytest.approx(expected, rel=1e-9)
    rotated = metrics.frechet_distance(real @ rotation, fake @ rotation)
    assert rotated == pytest.approx(expected, rel=1e-9)


# Kernel distance


def test_kid_by_hand():
    """One feature, so k(x, y) = (xy + 1)³.  Reals 0, 1: k = 1.  Fakes 1, 2: k = 27.
    Across: k(0, ·) = 1, 1; k(1, ·) = 8, 27; mean 37/4.  1 + 27 − 2 · 37/4 = 9.5."""
    assert metrics.kernel_distance([[0.0], [1.0]], [[1.0], [2.0]]) == pytest.approx(9.5)


def test_kid_equals_the_double_sum(monkeypatch):
    real, fake = features(23, d=5, seed=1), features(31, d=5, seed=2, shift=0.3)

    def mean_kernel(x, y, same):
        pairs = [
            (a @ b / 5 + 1) ** 3
            for i, a in enumerate(x)
            for j, b in enumerate(y)
            if not (same and i == j)
        ]
        return np.mean(pairs)

    expected = (
        mean_kernel(real, real, True)
        + mean_kernel(fake, fake, True)
        - 2 * mean_kernel(real, fake, False)
    )
    assert metrics.kernel_distance(real, fake) == pytest.approx(expected, rel=1e-9)
    monkeypatch.setattr(distances, "CHUNK", 100)  # several chunks
    assert metrics.kernel_distance(real, fake) == pytest.approx(expected, rel=1e-9)


def test_kid_is_unbiased():
    """Same distribution: zero on average, negative about half of the time."""
    rng = np.random.default_rng(0)
    values = [metrics.kernel_distance(*rng.normal(size=(2, 20, 3))) for _ in range(400)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))
    assert min(values) < 0 < max(values)


# Precision, recall, density, coverage


def test_precision_and_recall_by_hand():
    """On a line, k = 1.  Reals 0, 1, 3 have radii 1, 1, 2; fakes 1.5, 2, 10 have .5, .5, 8.
    Of the fakes 1.5 and 2 lie in a real ball (2 on the edge of 1 ± 1), 10 in none.  Of the reals 1 lies on
    the edge of 1.5 ± .5 and 3 in 10 ± 8, 0 in none."""
    real, fake = np.array([[0.0], [1.0], [3.0]]), np.array([[1.5], [2.0], [10.0]])
    assert metrics.precision_recall(real, fake, k=1) == pytest.approx((2 / 3, 2 / 3))


def test_density_and_coverage_by_hand():
    """On a line, k = 2.  Reals 0, 1, 3, 7 have radii 3, 2, 3, 6.  Fake 2.5 lies in the balls around 0, 1,
    3, 7 (4 of them), −2.5 in that around 0 only, 20 in none: density 5 / (2 · 3).  Fake 12.9 alone lies in
    the last ball only: a quarter is covered."""
    real = np.array([[0.0], [1.0], [3.0], [7.0]])
    fake = np.array([[2.5], [-2.5], [20.0]])
    assert metrics.density_coverage(real, fake, k=2) == pytest.approx((5 / 6, 1))
    assert metrics.density_coverage(real, [[12.9]], k=2) == pytest.approx((1 / 2, 1 / 4))


def slow_neighbor_measures(real, fake, k_precision, k_density):
    def radii(x, k):
        return np.sort(cdist(x, x), axis=1)[:, k]

    across = cdist(real, fake)
    inside = across < radii(real, k_density)[:, None]
    return (
        (across <= radii(real, k_precision)[:, None]).any(axis=0).mean(),
        (across <= radii(fake, k_precision)[None]).any(axis=1).mean(),
        inside.sum() / k_density / len(fake),
        inside.any(axis=1).mean(),
    )


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("mebibytes", [0.001, 0.01, 32])
def test_neighbor_measures_equal_the_plain_computation(monkeypatch, mebibytes, offset):
    monkeypatch.setattr(neighbors, "WORKING_MEMORY", mebibytes)
    real, fake = features(90, seed=1) + offset, 0.8 * features(70, seed=2, shift=1) + offset
    expected = slow_neighbor_measures(real, fake, 3, 5)
    got = metrics.precision_recall(real, fake) + metrics.density_coverage(real, fake)
    assert got == pytest.approx(expected, abs=1e-12)
    assert 0.1 < min(expected[0], expected[1], expected[3]) < 1  # the case is not trivial


@pytest.mark.parametrize("n", [6, 50, 333])
def test_a_set_against_itself_scores_one(n):
    x = features(n, d=16, seed=4)
    assert metrics.precision_recall(x, x) == (1, 1)
    assert metrics.density_coverage(x, x) == pytest.approx((1, 1))
    assert metrics.density_coverage(x, x[::-1].copy()) == pytest.approx((1, 1))


def test_a_collapsed_generator_is_precise_and_recalls_nothing():
    real = features(200, d=4, seed=1)
    fake = real[:1] + 1e-3 * features(200, d=4, seed=2)
    precision, recall = metrics.precision_recall(real, fake)
    assert precision == 1
    assert recall <= 0.01
    density, coverage = metrics.density_coverage(real, fake)
    assert density > 0.5
    assert coverage < 0.1


# Inception score and histograms


@pytest.mark.parametrize(
    ("probabilities", "score"),
    [
        (sure_of([0, 1, 2, 3], 4), 4),
        (sure_of([2, 2, 2], 4), 1),
        (np.full((5, 4), 0.25), 1),
        (sure_of([0, 0, 1, 1, 1, 1, 2, 2], 3), np.exp(1.5 * np.log(2))),  # entropy of ¼, ½, ¼
        ([[0.9, 0.1], [0.1, 0.9]], np.exp(np.log(2) + 0.9 * np.log(0.9) + 0.1 * np.log(0.1))),
    ],
)
def test_inception_score_by_hand(probabilities, score):
    assert metrics.inception_score(probabilities) == pytest.approx(score, rel=1e-12)


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 20), st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0.01, 30))
def test_inception_score_lies_between_one_and_the_number_of_classes(n, classes, seed, sharpness):
    logits = sharpness * np.random.default_rng(seed).normal(size=(n, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    score = metrics.inception_score(probabilities)
    assert 1 - 1e-9 <= score <= min(n, classes) + 1e-9


def test_class_histogram_and_kl_by_hand():
    probabilities = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.4, 0.35, 0.25], [0.8, 0.1, 0.1]]
    histogram = metrics.class_histogram(probabilities)
    np.testing.assert_array_equal(histogram, [0.75, 0.25, 0])
    expected = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.25)
    assert metrics.class_kl(histogram, [0.5, 0.25, 0.25]) == pytest.approx(expected)
    assert metrics.class_kl(histogram, histogram) == 0
    assert metrics.class_kl([0.5, 0.5], [1, 0]) == np.inf
    assert metrics.class_kl([1, 0], [0.5, 0.5]) == pytest.approx(np.log(2))


# Report


def three_sets():
    """Real images of two classes, two to one; a generator that makes the first class only."""
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0, 0], [20, 0, 0]])

    def real(n):
        classes = np.arange(n) % 3 // 2
        return centres[classes] + rng.normal(size=(n, 3)), sure_of(classes, 2)

    generated = rng.normal(size=(120, 3)), np.tile([0.8, 0.2], (120, 1))
    generated[1][:30] = [0.95, 0.05]
    return real(300), real(150), generated


def test_report_puts_each_value_beside_its_floor():
    reference, held_out, generated = three_sets()
    got = metrics.report(reference, held_out, generated)
    assert all(type(value) in (float, int) for value in got.values())
    json.dumps(got, allow_nan=False)
    assert (got["samples"], got["reference_samples"]) == (120, 300)
    # all of the reference and of the generated images are used, so these can be computed again
    real, fake = reference[0], generated[0]
    assert got["fid"] == pytest.approx(metrics.frechet_distance(real, fake))
    assert got["kid"] == pytest.approx(metrics.kernel_distance(real, fake))
    assert (got["precision"], got["recall"]) == metrics.precision_recall(real, fake)
    assert (got["density"], got["coverage"]) == metrics.density_coverage(real, fake)
    assert got["class_kl"] == pytest.approx(np.log(3 / 2))
    assert (got["min_class_share"], got["confident_share"]) == (0, 0.25)
    assert got["inception_score"] == metrics.inception_score(generated[1])
    # and the floors are those of good images
    assert got["fid_floor"] < 1 < 50 < got["fid"]
    assert got["kid_floor"] < got["kid"]
    assert got["recall_floor"] > 0.8 > got["recall"]
    assert got["coverage_floor"] > 0.7 > got["coverage"]
    assert got["confident_share_floor"] == 1
    assert got["min_class_share_floor"] == pytest.approx(1 / 3, abs=0.08)
    assert got["class_kl_floor"] == pytest.approx(0, abs=0.02)
    assert {name for name in got if f"{name}_floor" not in got and not name.endswith("_floor")} == {
        "samples",
        "reference_samples",
    }


def test_report_compares_equal_numbers_because_fid_is_biased():
    reference, held_out, generated = three_sets()
    got = metrics.report(reference, held_out, tuple(array[:20] for array in generated))
    assert got["samples"] == 20
    floor_of_all = metrics.frechet_distance(reference[0], held_out[0])
    assert got["fid_floor"] > 1.5 * floor_of_all  # 20 real images look worse than 150
    capped = metrics.report(reference, held_out, generated, max_samples=30)
    assert (capped["samples"], capped["reference_samples"]) == (30, 30)


def test_report_is_reproducible_and_its_choice_of_samples_is_seeded():
    one, again, other = (
        metrics.report(*three_sets(), max_samples=40, seed=seed) for seed in (1, 1, 2)
    )
    assert one == again
    assert one["fid"] != other["fid"]


def test_format_report_shows_value_floor_and_direction():
    got = metrics.report(*three_sets())
    text = metrics.format_report(got)
    assert "120 generated images" in text
    (fid,) = [line for line in text.splitlines() if "FID" in line]
    assert fid.split()[-3:] == [f"{got['fid']:.2f}", f"{got['fid_floor']:.4f}", "lower"]
    (recall,) = [line for line in text.splitlines() if line.startswith("recall")]
    assert recall.split() == [
        "recall",
        f"{got['recall']:.4f}",
        f"{got['recall_floor']:.4f}",
        "higher",
    ]
    assert len({len(line.rsplit("  ", 1)[0]) for line in text.splitlines()[1:-1]}) == 1  # aligned


def test_a_report_without_classes_shows_the_measures_of_features_only():
    got = metrics.report(*three_sets())
    kept = {name: value for name, value in got.items() if not metrics.needs_classes(name)}
    assert {name for name in kept if not name.endswith("_floor")} == {
        *("fid", "kid", "precision", "recall", "density", "coverage"),
        *("samples", "reference_samples"),
    }
    assert len(kept) == 14
    rows, fewer = metrics.format_report(got).splitlines(), metrics.format_report(kept).splitlines()
    assert [row for row in rows if row in fewer] == fewer
    assert len(rows) - len(fewer) == 4


# Arguments

PAIRS = (
    metrics.frechet_distance,
    metrics.kernel_distance,
    metrics.precision_recall,
    metrics.density_coverage,
)


@pytest.mark.parametrize("measure", PAIRS)
def test_half_precision_features_are_computed_in_float64(measure):
    real = features(30).astype(ml_dtypes.bfloat16)
    fake = features(30, seed=1).astype(np.float16)
    assert measure(real, fake) == measure(real.astype(np.float64), fake.astype(np.float64))


@pytest.mark.parametrize("measure", PAIRS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(measure, bad):
    broken = features(10)
    broken[3, 2] = bad
    with pytest.raises(ValueError, match=r"real must be finite.*in 1 samples"):
        measure(broken, features(10))
    with pytest.raises(ValueError, match=r"fake must be finite.*in 1 samples"):
        measure(features(10), broken)


@pytest.mark.parametrize("measure", PAIRS)
def test_wrong_shapes_are_refused(measure):
    with pytest.raises(ValueError, match=r"Received: shapes \(10, 8\) and \(10, 7\)"):
        measure(features(10), features(10, d=7))
    with pytest.raises(ValueError, match=r"Received: shape=\(10, 2, 4\)"):
        measure(features(10).reshape(10, 2, 4), features(10))
    with pytest.raises(ValueError, match=r"fake must be .* Received: shape=\(3,\)"):
        measure(features(10), np.zeros(3))


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match=r"at least 2 samples. Received: 1"):
        metrics.frechet_distance(features(1), features(5))
    with pytest.raises(ValueError, match=r"at least 2 samples. Received: 1"):
        metrics.kernel_distance(features(5), features(1))
    with pytest.raises(ValueError, match=r"fake must have at least 4 samples. Received: 3"):
        metrics.precision_recall(features(9), features(3), k=3)
    with pytest.raises(ValueError, match=r"real must have at least 6 samples. Received: 5"):
        metrics.density_coverage(features(5), features(9), k=5)
    for k in (0, -1, 2.5):
        with pytest.raises(ValueError, match=f"Received: k={k}"):
            metrics.precision_recall(features(9), features(9), k=k)


@pytest.mark.parametrize("measure", [metrics.inception_score, metrics.class_histogram])
@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ([[0.5, 0.6]], "sum to 1. Received: a sum of 1.1"),
        ([[1.5, -0.5]], "not be negative. Received: -0.5"),
        ([[np.nan, 1.0]], "finite"),
        ([0.5, 0.5], r"Received: shape=\(2,\)"),
        (np.empty((0, 3)), r"Received: shape=\(0, 3\)"),
    ],
)
def test_what_is_no_probability_is_refused(measure, probabilities, message):
    with pytest.raises(ValueError, match=message):
        measure(probabilities)


def test_histograms_of_different_classes_are_refused():
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\)"):
        metrics.class_kl([0.5, 0.5], [0.5, 0.25, 0.25])


def test_a_report_of_unequal_features_and_probabilities_is_refused():
    reference, held_out, generated = three_sets()
    with pytest.raises(ValueError, match=r"held_out.*Received: 150 and 149"):
        metrics.report(reference, (held_out[0], held_out[1][1:]), generated)
