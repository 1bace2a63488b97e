"""What an SSGAN training may be told: presets, what was typed, and what makes no sense."""

import dataclasses

import pytest

from gan_common import cli, files
from gan_common.errors import UserError
from ssgan_tf.config import Config, Flags, parse_sweep, resolve
from ssgan_tf.presets import COLOR, PRESETS


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
