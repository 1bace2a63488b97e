"""What an SSGAN training may be told: presets, what was typed, and what makes no sense."""

import dataclasses
import json
from pathlib import Path

import pytest

from gan_common import cli, files
from gan_common.cli import length
from gan_common.errors import UserError
from ssgan_tf.config import Config, Flags, parse_sweep, resolve
from ssgan_tf.expectations import MEASURED, expected
from ssgan_tf.presets import COLOR, PRESETS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("dataset", ["mnist5k", "cifar10"])
def test_every_preset_leaves_nothing_open(preset, dataset):
    config = resolve({"preset": preset, "dataset": dataset})
    may_be_open = {"data_dir", "image_size", "run_dir", "resume", "max_minutes", "steps", "labels"}
    may_be_open |= {"validation_size", "width", "sample_every", "save_every", "json", "from_"}
    may_be_open |= {"labelled_augment", "game_batch"}  # as another flag
    left_open = {k for k, v in dataclasses.asdict(config).items() if v is None}
    assert left_open <= may_be_open


def test_improved_is_the_papers():
    config = resolve({"preset": "improved"})
    assert (config.generator_lr, config.beta_1, config.batch_size) == (3e-3, 0.5, 100)
    assert (config.feature_norm, config.consistency_weight, config.epsilon) == ("l2", 0, 1e-4)
    color = resolve({"preset": "improved", "dataset": "cifar10"})
    assert (color.generator_lr, color.feature_norm, color.epochs) == (3e-4, "l1", 1200)


def test_what_was_typed_goes_before_tricks_and_these_before_the_preset():
    assert resolve({}).real_label == 1.0
    assert resolve({"tricks": ("label_smoothing",)}).real_label == 0.9
    assert resolve({"tricks": ("label_smoothing",), "real_label": 0.8}).real_label == 0.8


def test_a_time_limit_alone_lifts_the_limit_of_epochs():
    assert resolve({"max_minutes": 3.0}).epochs > resolve({}).epochs
    assert resolve({"max_minutes": 3.0, "epochs": 2}).epochs == 2


@pytest.mark.parametrize(
    ("dataset", "labels", "minutes"),
    [
        ("cifar10", "4000", 45),
        ("svhn", "1000", 45),
        ("fashion_mnist", "1000", 30),
        ("mnist", "100", 30),
        ("mnist5k", "100", None),
        ("folder:x", "all", None),
    ],
)
def test_each_data_set_has_its_labels_and_a_length(dataset, labels, minutes):
    config = resolve({"dataset": dataset})
    assert (config.labels, config.max_minutes) == (labels, minutes)
    assert config.epochs == (length.TIMED_EPOCHS if minutes else 40)
    # What is typed wins, and a length that is typed stands alone.
    assert resolve({"dataset": dataset, "labels": "50"}).labels == "50"
    assert resolve({"dataset": dataset, "epochs": 3}).max_minutes is None
    assert resolve({"dataset": dataset, "steps": 3}).max_minutes is None
    assert resolve({"dataset": dataset, "max_minutes": 2.0}).max_minutes == 2
    assert resolve({"dataset": dataset, "preset": "improved"}).max_minutes is None


def test_what_to_expect_is_what_was_measured():
    table = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    for row in MEASURED:
        told = json.loads((ROOT / "results" / f"ssgan_{row.row}.json").read_text())
        mean = told["test_error_percent"]["SSGAN"]["mean"]
        assert abs(mean - row.error) < 0.006, row.row
        (line,) = [line for line in table.splitlines() if f"[{row.row}](" in line]
        assert f"**{row.error:.2f}%**" in line
        assert row.machine in line
        runs = told["runs"]["SSGAN"].values()
        assert all(run["labels"] == row.labels for run in runs)
        minutes = [run["seconds"] / 60 for run in runs]
        assert row.minutes == pytest.approx(sum(minutes) / len(minutes), abs=0.5)


def test_the_line_of_what_to_expect():
    assert expected(resolve({"dataset": "cifar10"})) == (
        "to expect: 21.6% test error with 4,000 labels after 45 minutes on one core with AMX "
        "(results/README.md, cifar4000)"
    )
    line = expected(resolve({"dataset": "mnist", "labels": "90"}))
    assert "with 90 labels not measured; 0.9% test error with 100 labels" in line
    assert expected(resolve({"dataset": "svhn"})) == "to expect: not measured on svhn"
    assert "see results/README.md" in expected(resolve({"baseline": True}))
    assert expected(resolve({"dataset": "folder:x"})) is None


def test_none_switches_augmentation_off():
    assert resolve({"augment": ("none",)}).augment == ()
    assert resolve({"dataset": "cifar10"}).augment == COLOR["fast"]["augment"]
    assert resolve({"dataset": "cifar10", "labelled_augment": ("none",)}).of_labelled == ()


def test_labelled_pictures_have_views_of_their_own_unless_one_kind_was_typed_for_all():
    assert resolve({"dataset": "mnist"}).of_labelled == ("shift", "affine")
    color = {"dataset": "cifar10"}
    assert resolve(color).of_labelled == COLOR["fast"]["labelled_augment"]
    assert resolve({**color, "augment": ("flip",)}).of_labelled == ("flip",)
    both = resolve({**color, "augment": ("flip",), "labelled_augment": ("shift",)})
    assert (both.augment, both.of_labelled) == (("flip",), ("shift",))


def test_the_presets_values_give_way_to_what_was_typed():
    assert resolve({}).game_batch == PRESETS["fast"]["game_batch"] < resolve({}).batch_size
    assert resolve({"batch_size": 8}).game_batch == 8
    assert resolve({"consistency_target": "present"}).game_batch is None
    alone = resolve({"weight_average": 0.0})
    assert (alone.consistency_target, alone.game_batch) == ("present", None)
    assert resolve({"consistency_weight": 0.0}).game_batch == 16


def test_the_networks_for_color_have_batch_norm_so_some_tricks_have_no_place():
    for trick in ("r1", "weight_norm", "gradient_penalty"):
        assert resolve({"tricks": (trick,)}).tricks == (trick,)
        with pytest.raises(UserError, match=r"fast on color images: .*batch"):
            resolve({"tricks": (trick,), "dataset": "cifar10"})


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"norm": "instance"}, "reference"),
        ({"upsample": "nearest", "preset": "improved"}, "reference"),
        ({"width": 8, "preset": "improved"}, "fast"),
        ({"steps": 10, "epochs": 1}, "exclude"),
        ({"augment": ("blur",)}, "blur"),
        ({"game_batch": 128, "consistency_weight": 0.0}, "more than the 32"),
        ({"game_batch": 32, "consistency_target": "present"}, "consistency_target average"),
        ({"consistency_target": "average", "weight_average": 0.0}, "needs --weight_average"),
        ({"baseline": True, "game_batch": 32}, "game_batch"),
        ({"labelled_augment": ("blur",)}, "--labelled_augment blur"),
        ({"baseline": True, "consistency_threshold": 0.5}, "consistency_threshold"),
        ({"labels": "many"}, "many"),
        ({"labels": "-10"}, "-10"),
        ({"weight_average": 1.0}, "never moves"),
        ({"beta_1": 1.0}, "never moves"),
        ({"generator_loss": "non_saturating", "feature_norm": "l1"}, "feature_norm"),
        ({"baseline": True, "generator_lr": 1e-3}, "generator_lr"),
        ({"baseline": True, "unsupervised_weight": 0.0}, "unsupervised_weight"),
        ({"tricks": ("magic",)}, "magic: unknown; the tricks are gradient_penalty, r1"),
        ({"tricks": ("minibatch",)}, "would depend on the other images"),
        ({"tricks": ("r1",), "preset": "reference"}, "batch norm mixes"),
        ({"tricks": ("replay",), "distribute": "mirrored"}, "one process"),
        ({"tricks": ("replay",), "baseline": True}, "classifier alone"),
    ],
)
def test_what_makes_no_sense_is_refused(given, word):
    with pytest.raises(UserError, match=word):
        resolve(given)


def test_the_saved_configuration_reads_back_the_same(tmp_path):
    config = resolve({"dataset": "cifar10", "labels": "all", "max_minutes": 1.5, "baseline": True})
    files.write_json(tmp_path / "config.json", dataclasses.asdict(config))
    assert cli.saved(Config, str(tmp_path)) == config


def test_flags_are_read_from_the_command_line():
    argv = ["train", "--labels=50", "--augment=shift,flip", "--nobaseline"]
    argv += ["--sweep=labels=50", "--seeds=2"]
    given = cli.parse(Flags, argv, "")
    assert given == {
        "labels": "50",
        "augment": ("shift", "flip"),
        "baseline": False,
        "sweep": "labels=50",
        "seeds": 2,
    }


def test_sweeps_are_read_and_nonsense_refused():
    assert parse_sweep("labels=50, 100,all") == ("50", "100", "all")
    for text in ("width=3", "labels=", "labels=50,x", "50,100"):
        with pytest.raises(UserError, match="labels=50,100,1000"):
            parse_sweep(text)
