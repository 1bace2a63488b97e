"""Where a run's images lie now."""

import dataclasses

import pytest

from gan_common.cli import TrainingConfig, images
from gan_common.errors import UserError

CONFIG = TrainingConfig(dataset="folder:old/cats")


def moved(config=CONFIG, dataset=None, data_dir=None):
    return images.moved(config, "run", dataset, None if data_dir is None else str(data_dir))


def test_a_folder_is_named_anew_by_dataset():
    assert moved() is CONFIG
    assert moved(dataset="folder:new") == dataclasses.replace(CONFIG, dataset="folder:new")


def test_a_folder_is_found_in_data_dir_or_is_it(tmp_path):
    assert moved(data_dir=tmp_path).dataset == f"folder:{tmp_path}"
    (tmp_path / "cats").mkdir()
    assert moved(data_dir=tmp_path).dataset == f"folder:{tmp_path}/cats"
    assert moved(data_dir=tmp_path).data_dir is None
    with pytest.raises(UserError, match=r"--data_dir '.*absent' is not a folder"):
        moved(data_dir=tmp_path / "absent")


def test_another_data_set_is_refused(tmp_path):
    mnist = TrainingConfig(dataset="mnist")
    assert moved(mnist, "mnist") == mnist
    assert moved(mnist, data_dir=tmp_path).data_dir == str(tmp_path)
    for config, dataset in ((mnist, "folder:x"), (CONFIG, "mnist"), (mnist, "cifar10")):
        with pytest.raises(UserError, match=f"run: .* not '{dataset}'; leave --dataset out"):
            moved(config, dataset)
