"""The command that counts a DCGAN's mistakes: its shares by hand, its figure's rows, a tiny run."""

import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.experiments import shapes as benchmark
from gan_common import data, shapes


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_shares_of_counts_by_hand(rng):
    pictures = np.concatenate(
        [shapes.draw_count([1, 3, 3, 5, 0], rng), shapes.draw_count([2], rng, fault="merged")]
    )
    # Asked for: 1, 3, 4, 1, 1, 2 discs.
    shares = benchmark.shares(pictures, np.array([0, 2, 3, 0, 0, 1]), "count")
    assert shares["right"] == pytest.approx(3 / 6)
    assert shares["wrong"] == pytest.approx(2 / 6)  # five discs, and none
    assert shares["unreadable"] == pytest.approx(1 / 6)  # merged
    assert shares["as_asked"] == pytest.approx(2 / 6)


def test_shares_of_views_and_structures_by_hand(rng):
    static = rng.integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    boxes = np.concatenate(
        [shapes.draw_box([0, 4], rng), shapes.draw_box([2], rng, fault="two views"), static]
    )
    shares = benchmark.shares(boxes, np.array([0, 0, 2, 2]), "perspective")
    assert [shares[name] for name in benchmark.SHARES] == [0.5, 0.25, 0.25]
    assert shares["as_asked"] == 0.25

    headless = shapes.draw_figure(rng, 2, fault="missing", part="head")
    figures = np.concatenate([shapes.draw_figure(rng, 1), headless, static])
    shares = benchmark.shares(figures, np.zeros(4, int), "structure")
    assert [shares[name] for name in benchmark.SHARES] == [0.25, 0.5, 0.25]
    assert shares["kinds"]["head missing"] == 0.5
    assert "as_asked" not in shares


def test_seeds_are_averaged():
    cells = [{"right": 0.2, "kinds": {"a": 0.1}}, {"right": 0.4, "kinds": {}}]
    both = benchmark.summarize(cells)
    assert both["right"] == pytest.approx(0.3)
    assert both["right_std"] == pytest.approx(0.02**0.5)
    assert both["seeds"] == cells
    assert benchmark.summarize(cells[:1]) == {"right": 0.2, "seeds": cells[:1]}


def test_the_figure_shows_each_kind_once_before_any_twice(rng):
    five, merged, right = (
        shapes.draw_count(np.full(12, 5), rng),
        shapes.draw_count(np.full(2, 2), rng, fault="merged"),
        shapes.draw_count(np.full(9, 3), rng),
    )
    rows = benchmark.examples(right, np.concatenate([right, five, merged]), "count")
    (_, real, *_), (_, good, *_), (_, wrong, boxes, captions) = rows
    np.testing.assert_array_equal(real, right[: benchmark.SHOWN])
    np.testing.assert_array_equal(good, right[: benchmark.SHOWN])
    five_said, merged_said = "5 discs, never in the data", "merged or misshapen"
    assert captions == [five_said, merged_said] * 2 + [five_said] * (benchmark.SHOWN - 4)
    np.testing.assert_array_equal(wrong[[0, 1, 2]], np.array([five[0], merged[0], five[1]]))
    assert all(len(framed) == 1 for framed in boxes)


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("--families=box", "--families box: unknown; there are count, perspective, structure"),
        ("--settings=magic", "--settings magic: unknown; there are plain, conditioned, "),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(flag, says, capsys):
    with pytest.raises(SystemExit) as stopped:
        benchmark.main(["shapes", flag])
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.integration
def test_a_tiny_run_leaves_table_and_figure_and_is_not_trained_again(tmp_path, monkeypatch, capsys):
    def few(n_train, n_test, seed, family, full=shapes.dataset):
        return full(32, 12, seed, family)

    monkeypatch.setattr(shapes, "dataset", few)
    results = tmp_path / "table.json"
    command = [
        *("shapes", "--families=structure", "--settings=plain,conditioned", "--epochs=1"),
        *("--width=2", "--samples=10", f"--runs={tmp_path / 'runs'}", f"--json={results}"),
    ]
    monkeypatch.setitem(benchmark.SETTINGS, "plain", {"batch_size": 16, "precision": "float32"})
    monkeypatch.setitem(
        benchmark.SETTINGS,
        "conditioned",
        {"batch_size": 16, "precision": "float32", "preset": "cgan"},
    )
    with pytest.raises(SystemExit) as stopped:
        benchmark.main(command)
    assert stopped.value.code == 0
    first = results.read_text(encoding="utf-8")
    table = json.loads(first)
    assert table["command"] == (
        "python -m benchmarks.experiments.shapes --families=structure "
        "--settings=plain,conditioned --epochs=1 --width=2 --samples=10"
    )
    cells = table["shares"]["structure"]
    assert list(cells) == ["real", "plain", "conditioned"]
    assert (cells["real"]["right"], cells["real"]["pictures"]) == (1.0, 12)
    for setting in ("plain", "conditioned"):
        assert sum(cells[setting][name] for name in benchmark.SHARES) == pytest.approx(1)
        assert cells[setting]["images_per_second"] > 0
    with Image.open(results.with_suffix(".png")) as figure:
        assert figure.width > 500

    monkeypatch.setattr(benchmark.train, "train", None)  # would fail if it were called
    with pytest.raises(SystemExit):
        benchmark.main(command)
    assert results.read_text(encoding="utf-8") == first
    assert "real images" in capsys.readouterr().out


def test_a_training_that_is_interrupted_ends_the_command_with_its_status(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark.train, "train", lambda config: 143)
    with pytest.raises(SystemExit) as stopped:
        benchmark.main(["shapes", f"--runs={tmp_path}", f"--json={tmp_path / 'table.json'}"])
    assert stopped.value.code == 143
    assert not list(tmp_path.iterdir())


@pytest.mark.integration
def test_real_pictures_are_nearly_always_right():
    for family in shapes.FAMILIES:
        dataset = data.load(f"shapes:{family}")
        shares = benchmark.shares(dataset.x_test[:300], dataset.y_test[:300], family)
        assert shares["right"] >= 0.99
