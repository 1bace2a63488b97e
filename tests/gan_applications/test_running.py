"""A whole run: its files, going on to the same weights, being applied; what is mistyped or not there."""

import itertools
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gan_applications import (
    applying,
    discogan,
    fidelity,
    next_frames,
    pix2pix,
    running,
    srgan,
    stackgan,
    video,
)
from gan_common import catalogue
from gan_common.cli import effects
from gan_common.errors import UserError
from gan_common.runs import Run


def command(module, *words):
    """Exit status of a command in this process."""
    with pytest.raises(SystemExit) as ended:
        module.main(["name", *map(str, words)])
    return ended.value.code or 0


def saved(folder):
    """Name → value of all that the last checkpoint holds."""
    (path,) = (folder / "checkpoints").glob("step-00000006/variables.index")
    found = tf.train.load_checkpoint(str(path.with_suffix("")))
    names = (name for name in found.get_variable_to_shape_map() if "ATTRIBUTES" in name)
    return {name: found.get_tensor(name) for name in names}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Folders of pairs, a run of six steps, and one of six that was interrupted after three."""
    root = tmp_path_factory.mktemp("applications")
    draw = np.random.default_rng(0)
    for folder in ("a", "b"):
        (root / folder).mkdir()
        for number in range(12):
            pixels = draw.integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{number}.png")
    common = ["--dataset=pairs", f"--inputs={root / 'a'}", f"--targets={root / 'b'}"]
    common += ["--image_size=16", "--width=2", "--batch_size=4", "--steps=6"]
    assert (
        command(pix2pix, *common, f"--run_dir={root / 'whole'}", f"--json={root / 'it.json'}") == 0
    )
    with pytest.MonkeyPatch.context() as patch:
        step = pix2pix.Pix2Pix.step

        def stopped(self, batch, done, fraction):
            if done == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            return step(self, batch, done, fraction)

        patch.setattr(pix2pix.Pix2Pix, "step", stopped)
        assert command(pix2pix, *common, f"--run_dir={root / 'parts'}", "--noevaluate") == 143
    assert command(pix2pix, f"--resume={root / 'parts'}") == 0
    return root


@pytest.mark.integration
def test_a_run_that_was_interrupted_comes_to_the_same_weights(place):
    whole, parts = saved(place / "whole"), saved(place / "parts")
    assert len(whole) > 50
    assert set(whole) == set(parts)
    for name, value in whole.items():
        np.testing.assert_array_equal(value, parts[name], name)
    assert Run(place / "parts").summary()["steps"] == 6


@pytest.mark.integration
def test_what_a_run_leaves(place):
    told = json.loads((place / "it.json").read_text())
    assert (told["system"], told["dataset"], told["seed"], told["steps"]) == (
        "pix2pix",
        "pairs",
        1,
        6,
    )
    assert set(told["measures"]) - {"vgg16_distance"} == {"psnr", "l1", "feature_distance"}
    for name, one in told["measures"].items():
        assert one["better"] == fidelity.MEASURES[name][1]
        assert set(one["baselines"]) == {"L1 alone", "mean color", "nearest training pair"}
    with Image.open(place / "whole" / "figure.png") as figure:
        assert figure.width > 6 * 16
    assert {"curves.png", "samples.gif", "summary.json"} <= set(os.listdir(place / "whole"))
    card = (place / "whole" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# gan_applications: pix2pix on pairs")
    assert "| l1 | " in card
    assert "## How to use it\n\n`python -m gan_applications.pix2pix --run_dir " in card
    assert "Yours: say here whose images they are" in card


@pytest.mark.integration
def test_a_trained_run_is_applied(place, capsys):
    (place / "own" / "deep").mkdir(parents=True)
    Image.new("RGB", (40, 30), "red").save(place / "own" / "x.png")
    Image.new("RGB", (10, 10), "blue").save(place / "own" / "deep" / "x.jpg")
    (place / "own" / "bad.png").write_text("no image")
    assert command(pix2pix, f"--run_dir={place / 'whole'}", f"--apply={place / 'own'}") == 0
    assert "bad.png" in capsys.readouterr().err
    made = sorted((place / "whole" / "applied").iterdir())
    assert [path.name for path in made] == ["x-2.png", "x.png"]
    with Image.open(made[0]) as image:
        assert image.size == (16, 16)


BAD = [
    ("--apply={root}/no.png --run_dir={root}/whole", "no such file or folder"),
    ("--apply={root}/it.json --run_dir={root}/whole", "could be read"),
    ("--apply={root}/a", "--run_dir is missing"),
    (
        "--apply={root}/a --run_dir={root}/whole --steps=3",
        "--apply asks a trained run and takes no --steps",
    ),
    ("--apply={root}/a --run_dir={root}/whole --out={root}/x.png", "images go into a folder"),
    ("--apply={root}/a --run_dir={root}/a", "there is no run here"),
    ("--out={root}/x", "--out belongs to --apply"),
    ("--resume={root}/whole --width=3", "width=2, not 3; leave --width out, or begin a new run$"),
    ("--resume={root}/whole --inputs={root}/b --targets={root}/less", "names in common|began with"),
    ("--tricks=magic", "magic: unknown; the tricks are r1, augment"),
    ("--widthh=3", "unknown flag --widthh"),
]


@pytest.mark.integration
@pytest.mark.parametrize(("words", "told"), BAD)
def test_what_can_be_mended_is_one_line(words, told, place, capsys):
    (place / "less").mkdir(exist_ok=True)
    Image.new("RGB", (16, 16)).save(place / "less" / "0.png")
    assert command(pix2pix, *words.format(root=place).split()) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    with pytest.raises(UserError, match=told):
        raise UserError(last)


@pytest.mark.integration
def test_a_run_of_another_system_is_refused(place, capsys):
    assert command(srgan, f"--run_dir={place / 'whole'}", f"--apply={place / 'a'}") == 2
    assert "of a run of 'gan_applications.pix2pix'" in capsys.readouterr().err


def test_a_mistyped_flag_is_answered_before_tensorflow_is_imported(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('imported')")
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    ended = subprocess.run(
        [sys.executable, "-m", "gan_applications.srgan", "--magic"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("srgan: unknown flag --magic; the flags are: --dataset")


IN_VAIN = [
    (pix2pix, {"game_weight": 0.0, "conditional": False}, "--conditional"),
    (pix2pix, {"game_weight": 1.0, "conditional": False}, None),
    (discogan, {"reconstruction": "none", "weight": 2.0}, "--weight"),
    (srgan, {"content": "pixels", "pixel_weight": 2.0}, "--pixel_weight"),
    (srgan, {"data_dir": "x"}, "--data_dir"),
    (srgan, {"data_dir": "x", "dataset": "cifar10"}, None),
    (stackgan, {"augmentation": False, "kl_weight": 2.0}, "--kl_weight"),
    (video, {"two_streams": False, "mask_weight": 2.0}, "--mask_weight"),
    (next_frames, {"distance_weight": 0.0, "power": 2}, "--power"),
]


@pytest.mark.parametrize(("system", "given", "flag"), IN_VAIN)
def test_a_flag_that_was_typed_in_vain_is_told(system, given, flag):
    lines = effects.in_vain(
        system.Config(**given), given, system.Config.EFFECTS, catalogue.APPLICATIONS
    )
    assert [line.split()[0] for line in lines] == [flag] * (flag is not None)


def test_names_that_are_taken_are_numbered(tmp_path):
    image = np.zeros((2, 2, 3), np.uint8)
    assert applying.write_images(tmp_path, [(f"{n}/x.png", image) for n in range(3)]) == 3
    assert sorted(os.listdir(tmp_path)) == ["x-2.png", "x-3.png", "x.png"]


def test_names_of_results_are_names_on_every_system_and_differ_there(tmp_path):
    given = ["X.png", "x.jpg", "caf\xe9.png", "cafe\u0301.png", "aux.png", "a:b.png", "con.1.png"]
    assert applying.write_images(tmp_path, [(n, np.zeros((2, 2, 3), np.uint8)) for n in given]) == 7
    written = ["X", "x-2", "caf\xe9", "cafe\u0301-2", "aux_", "a_b", "con_.1"]
    assert sorted(os.listdir(tmp_path)) == sorted(f"{name}.png" for name in written)


def test_a_trial_trains_in_memory_with_rates_that_fall():
    class Stub:
        def __init__(self):
            self.shares, self.players = [], {"generator": self}

        def batches(self, given, start):
            return itertools.repeat((given,))

        def schedule(self, fraction):
            self.shares.append(fraction)

        def step(self, batch, done, fraction):
            return {"done": done, "fraction": fraction, "given": batch[0]}

    stub, looked = Stub(), []
    rows = running.trial(stub, 7, 4, looked.append, every=2)
    assert rows == [{"done": n, "fraction": n / 4, "given": 7} for n in range(4)]
    assert stub.shares == [0, 0.25, 0.5, 0.75]
    assert looked == [0, 2, 4]
