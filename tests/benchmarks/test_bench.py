"""What speed is measured with: operations counted by hand, ports that train, turns that are taken."""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.experiments import quality, running
from benchmarks.speed import (
    bench,
    contenders,
    fast_port,
    flops,
    growth,
    improved_port,
    keras_ports,
    profile,
)
from gan_common import tricks
from keras_dcgan import networks
from keras_dcgan.config import resolve
from ssgan_tf import config as ssgan_config
from ssgan_tf import models as ssgan_models

PICTURES = np.random.default_rng(1).integers(0, 256, (16, 28, 28, 1), np.uint8)


def test_operations_of_layers_by_hand():
    chain = [
        keras.layers.Conv2D(4, 3),  # (8, 8, 2) → (6, 6, 4): 36 positions of 3·3·2·4 products
        keras.layers.ReLU(),
        keras.layers.Conv2DTranspose(2, 5, 2, "same"),  # → (12, 12, 2): 36 inputs meet 5·5·4·2
        tricks.UpsampleConv2D(3, 5),  # → (24, 24, 3): 576 positions of 5·5·2·3
        keras.layers.Flatten(),
        tricks.WeightNormalization(keras.layers.Dense(7)),  # 1728 · 7
    ]
    keras.Sequential([keras.Input((8, 8, 2)), *chain])
    counts = flops.chain_flops(chain, (None, 8, 8, 2))
    assert counts == [2 * 36 * 72, 2 * 36 * 200, 2 * 576 * 150, 2 * 1728 * 7]


def test_operations_of_a_step_by_hand():
    # G 10 + 20, D 3 + 4 forward.  G: 30 + weights 30 + inputs 20.  D on two images: 7 + 7 + 4 each;
    # through D for G: 7 forward, 7 back to the image.
    assert flops.step_flops([10, 20], [3, 4]) == 80 + 36 + 14


def test_keras_dcgans_networks_have_the_operations_that_are_known():
    """About 0.78 GFLOP in the plain loop: a forward pass of G more than the step here, less what it skips."""
    here = bench.step_flops("reference")
    assert here == pytest.approx(0.68e9, rel=0.01)
    config = resolve({"preset": "reference"})
    ours = networks.reference_generator(config, (28, 28, 1))
    plain = keras_ports.reference_generator()
    assert flops.chain_flops(ours.layers, (None, 100)) == flops.chain_flops(
        plain.layers, (None, 100)
    )


def test_the_ports_networks_are_those_of_reference():
    config = resolve({"preset": "reference", "precision": "float32"})
    ours = networks.reference_discriminator(config, (28, 28, 1))
    plain = keras_ports.reference_discriminator()
    plain.set_weights(ours.get_weights())
    images = tricks.scale_images(PICTURES)
    np.testing.assert_allclose(ours(images), plain(images), rtol=1e-4, atol=1e-5)
    ours, plain = (
        networks.reference_generator(config, (28, 28, 1)),
        keras_ports.reference_generator(),
    )
    plain.set_weights(ours.get_weights())
    latents = tf.random.stateless_uniform((4, 100), (1, 2), -1, 1)
    np.testing.assert_allclose(ours(latents), plain(latents), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 3)], ids=str)
def test_the_ports_networks_are_those_of_dcgan(shape):
    config = resolve({"preset": "dcgan", "precision": "float32"})
    make = networks.dcgan_generator, networks.dcgan_discriminator
    inputs = tf.random.normal((2, 100)), tf.random.uniform((2, *shape), -1, 1)
    for ours, plain, x in zip(make, keras_ports.NETWORKS["dcgan"], inputs, strict=False):
        ours, plain = ours(config, shape), plain(shape)
        # The plain one may normalize before it reshapes: the same weights in the same order.
        plain.set_weights(
            [
                w.reshape(p.shape)
                for w, p in zip(ours.get_weights(), plain.get_weights(), strict=True)
            ]
        )
        np.testing.assert_allclose(ours(x), plain(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 3)], ids=str)
def test_pytorchs_networks_have_as_many_weights(shape):
    torch_ports = pytest.importorskip("benchmarks.speed.torch_ports", reason="PyTorch is an extra")
    for name in ("reference", "dcgan"):
        for player in (0, 1):
            network = torch_ports.NETWORKS[name][player](shape[0], shape[-1])
            plain = keras_ports.NETWORKS[name][player](shape)
            count = sum(p.numel() for p in network.parameters())
            assert count == sum(np.prod(w.shape) for w in plain.trainable_variables)


@pytest.mark.parametrize("name", ["reference", "dcgan"])
def test_pytorchs_step_trains_both_nets(name):
    torch_ports = pytest.importorskip("benchmarks.speed.torch_ports", reason="PyTorch is an extra")
    trainer = torch_ports.TorchStep(PICTURES, 4, name, channels_last=True, bfloat16=True)
    nets = trainer.generator, trainer.discriminator
    before = [[p.detach().clone() for p in net.parameters()] for net in nets]
    assert np.isfinite(trainer.step()).all()
    for net, old in zip(nets, before, strict=True):
        moved = [(new != was).any() for new, was in zip(net.parameters(), old, strict=True)]
        assert moved[0]
        assert sum(moved) >= len(moved) - 1  # the gradient of a lone bias may vanish in bfloat16


def test_a_steps_sections_compare_in_each_precision(monkeypatch):
    asked = []

    def take_turns(makers, rounds, seconds):
        asked.append(makers)
        return {name: 10.0 * (i + 1) for i, name in enumerate(makers)} | {"gemm": 1e11}

    monkeypatch.setattr(bench, "take_turns", take_turns)
    monkeypatch.setattr(bench.machine, "choose_precision", lambda precision: "bfloat16")
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(bench.shutil, "which", lambda name: None)
    found = bench._step("dcgan64", bench.Options())
    assert [makers["ours"][1]["precision"] for makers in asked] == ["float32", "bfloat16"]
    assert asked[1]["torch_channels_last"][1]["bfloat16"]
    assert "torch_compiled" not in asked[0]  # without a compiler
    assert found["dcgan64_float32_over_plain"] == 10 / 30
    assert found["dcgan64_bfloat16_over_torch"] == 10 / 60
    share = 10 * found["dcgan64_flops_per_image"] / 1e11
    assert found["dcgan64_float32_of_peak"] == pytest.approx(share)
    assert bench._precisions(bench.Options(avx2=True)) == ["float32"]


def test_the_plain_loop_trains_each_net_in_its_turn():
    loop = keras_ports.PlainLoop(PICTURES, batch_size=4)
    nets = (loop.generator, loop.discriminator)
    before = [[np.array(w) for w in net.trainable_variables] for net in nets]
    loop.discriminator.trainable = True
    for _ in range(2):
        d_loss, g_loss = loop.step()
        assert np.isfinite([d_loss, g_loss]).all()
    loop.discriminator.trainable = True
    for net, old in zip(nets, before, strict=True):
        for new, was in zip(net.trainable_variables, old, strict=True):
            assert not np.array_equal(new, was)


@pytest.mark.integration
def test_the_tutorials_step_and_improved_gans_train():
    trainer = keras_ports.TutorialStep(PICTURES, batch_size=4)
    assert np.isfinite([float(loss) for loss in trainer.step()]).all()
    labels = (np.arange(16) % 10).astype(np.int32)
    trainer = improved_port.PlainStep(PICTURES, labels, batch_size=4)
    weight = np.array(trainer.d_variables[0])
    assert np.isfinite([float(loss) for loss in trainer.step()]).all()
    assert not np.array_equal(weight, trainer.d_variables[0])
    for pictures in (PICTURES, np.repeat(np.pad(PICTURES, [(0, 0), (2, 2), (2, 2), (0, 0)]), 3, 3)):
        sizes = dict.fromkeys(("batch_size", "labelled_batch", "game_batch"), 4)
        trainer = fast_port.FastStep(pictures, labels, **sizes)
        before = [np.array(net.trainable_variables[0]) for net in (trainer.d, trainer.g)]
        assert np.isfinite([float(loss) for loss in trainer.step()]).all()
        for net, was in zip((trainer.d, trainer.g), before, strict=True):
            assert not np.array_equal(net.trainable_variables[0], was)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)], ids=str)
def test_the_straightforward_networks_of_fast_have_as_many_weights(shape):
    dataset = "mnist" if shape[-1] == 1 else "cifar10"
    config = ssgan_config.resolve({"dataset": dataset, "precision": "float32"})
    gan = ssgan_models.build(config, shape, 10)
    ports = fast_port.generator(shape), fast_port.discriminator(shape)
    for ours, plain in zip(gan.networks, ports, strict=False):
        # what is trained; the scale of normalized weights is not, in the plain step
        count = sum(int(np.prod(w.shape)) for w in ours.trainable_variables if w.name != "g")
        assert count == sum(int(np.prod(w.shape)) for w in plain.trainable_variables)


def test_turns_are_taken_and_the_median_counts():
    makers = {"slow": ("pause", {"seconds": 0.05}), "fast": ("pause", {"seconds": 0.01})}
    rates = bench.take_turns(makers, rounds=3, seconds=0.1)
    assert rates["slow"] == sorted(rates["rounds"]["slow"])[1] <= 20
    assert rates["slow"] < rates["fast"] <= 100


def test_a_torch_that_crashes_is_left_out_and_another_contender_is_not(capsys):
    makers = {"one": ("pause", {}), "torch_compiled": ("pause", {"nothing": "such"})}
    rates = bench.take_turns(makers, rounds=1, seconds=0.01)
    assert set(rates) == {"one", "rounds"}
    assert "left out   torch_compiled" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="contender"):
        bench.take_turns({"ours": ("pause", {"nothing": "such"})}, rounds=1, seconds=0.01)


def test_the_table_has_what_was_measured(tmp_path, capsys, monkeypatch):
    taken = []

    def take_turns(makers, rounds, seconds):
        taken.append((list(makers), rounds))
        return {name: 10.0 * (i + 1) for i, name in enumerate(makers)}

    monkeypatch.setattr(bench, "take_turns", take_turns)
    path = tmp_path / "bench.json"
    flags = {"only": "generate,ssgan", "rounds": 2, "json": path}
    with pytest.raises(SystemExit) as end:
        bench.main(["bench", *(f"--{name}={value}" for name, value in flags.items())])
    assert end.value.code == 0
    result = json.loads(path.read_text())
    assert taken[0] == (["plain", "ours"], 2)
    targets = {name: row["reached"] for name, row in result["targets"].items()}
    assert targets == {
        "improved_mnist_over_plain": "required",  # 2
        "improved_cifar10_over_plain": "goal",
        "fast_mnist_over_plain": "required",
        "fast_cifar10_over_plain": "required",
        "generate_over_predict": "required",
    }
    assert result["command"] == "python -m benchmarks.speed.bench --only generate,ssgan --rounds 2"
    assert "required" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("maker", "more"),
    [("keras_dcgan", {}), ("ssgan", {"labelled_batch": 2, "labels": "10"})],
)
def test_the_projects_own_training_goes_on_from_turn_to_turn(maker, more):
    small = {"preset": "dcgan" if maker == "keras_dcgan" else "fast", "width": 2, "latent_dim": 4}
    common = {"image_shape": (12, 12, 1), "count": 40, "steps": 2, "batch_size": 4}
    step, units = getattr(contenders, maker)(**common, **small, **more, precision="float32")
    assert units == 8
    for _ in range(2):
        step()


def test_a_target_is_a_goal_or_required_or_missed():
    assert bench._target("ring_seconds", 29)["reached"] == "goal"
    assert bench._target("ring_seconds", 31)["reached"] == "required"
    assert bench._target("reference_bfloat16_over_plain", 3.4)["reached"] == "missed"


def test_operations_are_known_by_what_they_are_for():
    kinds = {
        "_MklNativeConv2DBackpropFilterWithBias": "convolutions: gradient to the kernel",
        "_MklNativePadWithConv2D": "convolutions: forwards, and gradients of transposed ones",
        "_MklNativeFusedBatchNormV3": "batch norm",
        "ResourceApplyAdam": "optimizers",
        "SpaceToDepth": "moving pixels",
        "Sum": "all else",
    }
    assert {operation: profile.kind_of(operation) for operation in kinds} == kinds


@pytest.mark.integration
def test_a_profile_says_where_a_steps_time_goes(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(profile.STEPS, "dcgan28", ("dcgan", (16, 16, 1), 8))
    monkeypatch.setattr(profile, "TRACED", 2)
    path = tmp_path / "profile.json"
    for _ in range(2):
        with pytest.raises(SystemExit) as end:
            profile.main(["profile", "--only=dcgan28", "--precision=float32", f"--json={path}"])
        assert end.value.code == 0
    (row,) = json.loads(path.read_text())["steps"].values()
    assert row["step_ms"] > 0
    assert sum(row["share"].values()) == pytest.approx(1)
    assert row["share"]["convolutions: gradient to the kernel"] > 0.01
    assert "convolutions" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        profile.main(["profile", "--only=dcgan29"])
    assert end.value.code == 2


def test_an_unknown_section_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        bench.main(["bench", "--only", "dcgan28,dgcan"])
    assert end.value.code == 2
    assert "--only dgcan" in capsys.readouterr().err


def test_the_time_to_a_line_is_told_and_the_process_ended():
    code = "import time; print('a', flush=True); time.sleep(0.2); print('b', flush=True); time.sleep(99)"
    assert 0.2 < bench._seconds_until("b", [sys.executable, "-c", code]) < 20
    assert Path(bench.__file__).name == "bench.py"


def test_growth_keeps_the_cells_that_are_done(tmp_path, capsys, monkeypatch):
    done = []

    def measure(maker, arguments, rounds, seconds):
        done.append(arguments)
        return {"images_per_second": 100.0 * len(done), "peak_memory_mb": 1.0}

    monkeypatch.setattr(growth, "measure", measure)
    monkeypatch.setattr(growth, "BATCHES", (32,))
    path = tmp_path / "growth.json"
    for _ in range(2):
        with pytest.raises(SystemExit) as end:
            growth.main(["growth", "--json", str(path)])
        assert end.value.code == 0
    found = json.loads(path.read_text())
    assert len(done) == len(found["cells"]) == len(growth.cells())
    one, two = (found["cells"][f"replicas {n}"]["images_per_second"] for n in (1, 2))
    assert found["two_replicas_over_one"] == two / one
    assert "images/s" in capsys.readouterr().out


def test_growth_measures_rate_and_memory():
    row = growth.measure("pause", {"seconds": 0.01}, rounds=1, seconds=0.05)
    assert 0 < row["images_per_second"] <= 100
    assert row["peak_memory_mb"] > 5


def test_quality_compares_means_and_spreads_of_the_same_seeds(tmp_path, monkeypatch):
    asked = []

    def train(package, folder, flags, measured):
        asked.append((package, flags["seed"], flags["epochs"]))
        return {measured: float(flags["seed"])}

    monkeypatch.setattr(running, "train", train)
    path = tmp_path / "quality.json"
    flags = {"epochs": 2, "runs": tmp_path / "runs", "json": path}
    with pytest.raises(SystemExit) as end:
        quality.main(["quality", *(f"--{name}={value}" for name, value in flags.items())])
    assert end.value.code == 0
    paths = json.loads(path.read_text())["paths"]
    assert set(paths) == set(quality.PATHS)
    for row in paths.values():
        assert (row["mean"], row["spread"], row["values"]) == (2.0, 1.0, [1.0, 2.0, 3.0])
    assert {seed for _, seed, _ in asked} == {1, 2, 3}
