"""The networks of every preset, the train step against the algorithm written out, whole runs."""

import dataclasses
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gan_common import catalogue, cli, data, losses, runs, sampling, tricks
from gan_common.cli import resume
from gan_common.errors import UserError
from gan_common.metrics import features
from gan_common.runs import warm_start
from gan_common.runs.recorder import Recorder
from keras_dcgan import evaluate, export, generate, models, train
from keras_dcgan.config import Config, for_few, resolve
from keras_dcgan.presets import PRESETS

SMALL = {"width": 4, "latent_dim": 6, "batch_size": 8, "precision": "float32"}


def small_gan(image_shape=(16, 16, 3), num_classes=2, **changes):
    return models.build(resolve({**SMALL, **changes}), image_shape, num_classes)


def batch_of(gan, count=8, seed=0):
    rng = np.random.default_rng(seed)
    shape = sampling.draw(gan, 1, seed=0)[0].shape[1:]
    images = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
    return tf.constant(images), tf.constant(rng.integers(0, 2, count), tf.int32)


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


# ----------------------------------------------------------------------- networks


@pytest.mark.parametrize(
    ("preset", "image_shape"),
    [
        *((preset, (28, 28, 1)) for preset in PRESETS),
        ("dcgan", (32, 32, 3)),
        ("dcgan", (64, 64, 3)),
        ("reference", (32, 32, 3)),
    ],
)
def test_every_preset_draws_every_size(preset, image_shape):
    gan = small_gan(image_shape, preset=preset)
    pictures, latents = sampling.draw(gan, 3, seed=0)
    assert pictures.shape == (3, *image_shape)
    assert latents.shape == (3, 6)
    assert gan.scores(pictures, np.array([0, 1, 0])).shape == (3,)


@pytest.mark.parametrize("image_shape", [(28, 28, 1), (32, 32, 3), (64, 64, 3)])
def test_dcgan_keeps_the_five_rules(image_shape):
    gan = small_gan(image_shape, preset="dcgan")
    generator, discriminator = kinds(gan.generator), kinds(gan.discriminator)
    # Strided convolutions for pooling, fractionally-strided ones for upsampling.
    strides = [la.strides for la in gan.discriminator.layers if isinstance(la, keras.layers.Conv2D)]
    assert set(strides) == {(2, 2)}
    assert generator.count("Conv2DTranspose") >= 2
    assert not [k for k in generator + discriminator if "MaxPool" in k or "UpSampling" in k]
    # Batch norm in both: all of G's layers but the last, all of D's but the first and the logit.
    assert generator.count("BatchNormalization") == generator.count("Conv2DTranspose")
    assert discriminator.count("BatchNormalization") == discriminator.count("Conv2D") - 1
    # Average pooling at the end, and no dense layer but the logit.
    assert discriminator[-2:] == ["GlobalAveragePooling2D", "Dense"]
    assert discriminator.count("Dense") == generator.count("Dense") == 1
    # ReLU and tanh in G, LeakyReLU in D.
    assert generator.count("ReLU") == generator.count("BatchNormalization")
    assert gan.generator.layers[-1].activation is keras.activations.tanh
    assert discriminator.count("LeakyReLU") == discriminator.count("Conv2D")
    assert not [la for la in gan.discriminator.layers if isinstance(la, keras.layers.ReLU)]


def test_reference_has_the_layers_of_the_repository():
    gan = small_gan((28, 28, 1), preset="reference", latent_dim=100)
    shapes = [tuple(w.shape) for w in gan.discriminator.trainable_variables]
    assert shapes == [
        *((5, 5, 1, 64), (64,)),
        *((5, 5, 64, 128), (128,)),
        *((3200, 1024), (1024,)),
        *((1024, 1), (1,)),
    ]
    shapes = [tuple(w.shape) for w in gan.generator.trainable_variables]
    assert shapes == [
        *((100, 1024), (1024,)),
        *((1024, 6272), (6272,)),
        *((6272,), (6272,)),
        *((5, 5, 128, 64), (64,)),
        *((5, 5, 64, 1), (1,)),
    ]
    optimizer = gan.discriminator_optimizer
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert (float(optimizer.learning_rate), optimizer.momentum, optimizer.nesterov) == (
        pytest.approx(5e-4),
        0.9,
        True,
    )


@pytest.mark.parametrize(("kernel", "seen"), [(4, 22), (5, 29), (6, 36)])
def test_a_larger_kernel_lets_a_feature_see_more(kernel, seen):
    """The pixels that a feature's gradient reaches; 64 pixels, so that none of them is cut off."""
    network = small_gan((64, 64, 1), discriminator_kernel=kernel).discriminator
    third = [la for la in network.layers if isinstance(la, keras.layers.Conv2D)][2]
    picture = tf.Variable(np.random.default_rng(0).normal(size=(1, 64, 64, 1)), dtype=tf.float32)
    with tf.GradientTape() as tape:
        feature = tf.reduce_sum(keras.Model(network.input, third.output)(picture)[:, 4, 4])
    reached = np.flatnonzero(np.any(tape.gradient(feature, picture) != 0, axis=(0, 1, 3)))
    assert reached.tolist() == list(range(reached[0], reached[0] + seen))


@pytest.mark.parametrize("preset", ["dcgan", "cgan", "reference"])
def test_a_size_that_does_not_fit_is_refused_with_the_mend(preset):
    with pytest.raises(UserError, match=r"multiple of 4.* not 30×30; choose --image_size"):
        small_gan((30, 30, 1), preset=preset)


def test_only_the_conditional_generator_minds_the_label():
    for preset in PRESETS:
        gan = small_gan(preset=preset)
        latents = gan.draw_latents(4, 0)
        same = np.array_equal(gan.pictures(latents, [0] * 4), gan.pictures(latents, [1] * 4))
        assert same == (not gan.conditional) == (preset != "cgan")


def test_the_seed_fixes_the_weights():
    first, again, other = (small_gan(seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.generator.weights[0], other.generator.weights[0])


def test_bfloat16_keeps_weights_logits_and_pictures_in_float32():
    gan = small_gan(precision="bfloat16")
    assert {w.dtype for w in gan.trainable_variables} == {"float32"}
    assert gan.generator.output.dtype == gan.discriminator.output.dtype == "float32"
    assert gan.generator.layers[1].compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


# --------------------------------------------------------------------- train step


def copy_of(gan, **changes):
    config = dataclasses.replace(gan.config, **changes)
    twin = models.build(config, gan.generator.output_shape[1:], gan.num_classes)
    for a, b in zip(twin.variables, gan.variables, strict=True):
        a.assign(b)
    return twin


def first_latents(gan, count=8):
    """The latents of a training's first step."""
    return gan.draw_latents(
        count, tf.random.fold_in(tf.constant([gan.config.seed, 0], tf.int64), 0)
    )


def after_sgd(weights, gradients):
    return [w - 0.1 * tf.convert_to_tensor(g) for w, g in zip(weights, gradients, strict=True)]


@pytest.mark.parametrize(
    ("preset", "loss"),
    [("dcgan", "non_saturating"), ("reference", "least_squares"), ("cgan", "minimax")],
)
def test_a_step_is_the_algorithm_written_out(preset, loss):
    """One fake batch for both players and gradients in two pieces: the same as one long chain."""
    settings = {"preset": preset, "loss": loss, "optimizer": "sgd", "beta_1": 0.0}
    gan = small_gan(**settings, generator_lr=0.1, discriminator_lr=0.1, weight_average=0.0)
    twin = copy_of(gan)
    images, labels = batch_of(gan)
    real = tricks.scale_images(images)
    latents = first_latents(twin)
    G, D = twin.generator, twin.discriminator

    with tf.GradientTape() as tape:
        d_loss = losses.discriminator_loss(
            loss,
            twin.judge(real, labels, training=True),
            twin.judge(twin(latents, labels, training=True), labels, training=True),
        )
    d_gradients = tape.gradient(d_loss, D.trainable_variables)
    expected_d = after_sgd(D.trainable_variables, d_gradients)

    for w, value in zip(D.trainable_variables, expected_d, strict=True):
        w.assign(value)
    with tf.GradientTape() as tape:
        g_loss = losses.generator_loss(
            loss, twin.judge(twin(latents, labels, training=True), labels, training=True)
        )
    g_gradients = tape.gradient(g_loss, G.trainable_variables)
    expected_g = after_sgd(G.trainable_variables, g_gradients)

    logs = gan.train_step((images, labels))
    assert float(logs["d_loss"]) == pytest.approx(float(d_loss), rel=1e-5)
    assert float(logs["g_loss"]) == pytest.approx(float(g_loss), rel=1e-5)
    for w, value in zip(gan.discriminator.trainable_variables, expected_d, strict=True):
        np.testing.assert_allclose(w, value, rtol=1e-4, atol=1e-6, err_msg=w.path)
    for w, value in zip(gan.generator.trainable_variables, expected_g, strict=True):
        np.testing.assert_allclose(w, value, rtol=1e-4, atol=1e-6, err_msg=w.path)


@pytest.mark.parametrize(("idle", "busy"), [("generator", "discriminator")] * 2)
def test_each_optimizer_moves_its_own_net_alone(idle, busy):
    for still, moving in ((idle, busy), (busy, idle)):
        gan = small_gan(**{f"{still}_lr": 0.0})
        before = [w.numpy() for w in getattr(gan, still).trainable_variables]
        moved = [w.numpy() for w in getattr(gan, moving).trainable_variables]
        gan.train_step(batch_of(gan))
        for old, new in zip(before, getattr(gan, still).trainable_variables, strict=True):
            np.testing.assert_array_equal(old, new)
        for old, new in zip(moved, getattr(gan, moving).trainable_variables, strict=True):
            assert not np.array_equal(old, new), new.path


def test_the_discriminator_never_sees_real_and_fake_in_one_batch(monkeypatch):
    gan = small_gan()
    images, labels = batch_of(gan)
    seen = []
    judge = gan.judge
    monkeypatch.setattr(
        gan, "judge", lambda x, *a, **k: seen.append((x.numpy(), k)) or judge(x, *a, **k)
    )
    gan.train_step((images, labels))
    real, fake, fake_again = (x for x, _ in seen)
    np.testing.assert_array_equal(real, tricks.scale_images(images.numpy()))
    np.testing.assert_array_equal(fake, fake_again)
    assert not np.isin(fake, real).all()
    assert all(k["training"] for _, k in seen)


def test_both_players_see_the_same_fakes_made_with_batch_statistics():
    gan = small_gan(weight_average=0.0)
    norm = next(la for la in gan.generator.layers if "batch_norm" in la.name)
    norm.moving_mean.assign(norm.moving_mean + 100.0)  # moving statistics would drown the image
    logs = gan.train_step(batch_of(gan))
    assert np.isfinite(float(logs["g_gradient_norm"]))
    assert float(logs["g_gradient_norm"]) > 1e-4


def test_smoothing_is_one_sided():
    gan = small_gan(real_label=0.9)
    images, labels = batch_of(gan)
    real = gan.judge(tricks.scale_images(images), labels, training=True)
    fakes = gan(first_latents(gan), labels, training=True)
    fake = gan.judge(fakes, labels, training=True)

    def softplus(x):
        return np.log1p(np.exp(x))

    expected = np.mean(0.9 * softplus(-real) + 0.1 * softplus(real)) + np.mean(softplus(fake))
    assert float(gan.train_step((images, labels))["d_loss"]) == pytest.approx(expected, rel=1e-4)


def test_eager_and_graph_agree():
    gan = small_gan()
    twin = copy_of(gan)
    batch = batch_of(gan)
    eager, graph = gan.train_step(batch), tf.function(twin.train_step)(batch)
    for name in eager:
        assert float(eager[name]) == pytest.approx(float(graph[name]), rel=1e-4), name


def test_samples_come_from_the_averaged_weights():
    gan = small_gan(weight_average=0.9, generator_lr=0.05)
    for seed in range(3):
        gan.train_step(batch_of(gan, seed=seed))
    live = [w.numpy() for w in gan.generator.variables]
    averaged, _ = sampling.draw(gan, 4, seed=0)
    for old, new in zip(live, gan.generator.variables, strict=True):
        np.testing.assert_array_equal(old, new)
    raw = tricks.unscale_images(gan(gan.draw_latents(4, 0), training=False).numpy())
    assert not np.array_equal(averaged, raw)
    gan.average = None
    np.testing.assert_array_equal(sampling.draw(gan, 4, seed=0)[0], raw)


def test_unit_latents_give_pictures_as_full_of_contrast_as_those_that_are_trained_on():
    gan = small_gan((8, 8, 1), tricks=("spherical_latent",))
    images, labels = batch_of(gan)
    gan.initialize_from(images.numpy())
    for _ in range(3):
        gan.train_step((images, labels))
    latents = gan.draw_latents(64, 0)
    trained_on = gan.generator(latents, training=True).numpy().std()
    with gan.average.swap():
        drawn = gan.generator(latents, training=False).numpy().std()
    assert 0.8 < drawn / trained_on < 1.25


# ------------------------------------------------------------------------- tricks


@pytest.mark.parametrize("trick", catalogue.names("keras_dcgan"))
def test_every_trick_trains_and_draws(trick):
    together = {"gradient_penalty": ("spectral_norm",), "r1": ("weight_norm",)}
    gan = small_gan((8, 8, 3), tricks=(trick, *together.get(trick, ())))
    images, labels = batch_of(gan)
    gan.initialize_from(images.numpy())
    before = [w.numpy() for w in gan.trainable_variables]
    logs = [{k: float(v) for k, v in gan.train_step((images, labels)).items()} for _ in range(2)]
    assert all(np.isfinite(list(step.values())).all() for step in logs)
    moved = [not np.array_equal(a, b) for a, b in zip(before, gan.trainable_variables, strict=True)]
    assert all(moved), [
        w.path for w, m in zip(gan.trainable_variables, moved, strict=True) if not m
    ]
    assert sampling.draw(gan, 3, seed=0)[0].shape == (3, 8, 8, 3)


def layer_kinds(gan):
    return {kind for net in (gan.generator, gan.discriminator) for kind in kinds(net)}


@pytest.mark.parametrize(
    ("trick", "present", "absent"),
    [
        ("minibatch", "MinibatchDiscrimination", None),
        ("instance_norm", "GroupNormalization", "BatchNormalization"),
        ("spectral_norm", "SpectralNormalization", None),
        ("weight_norm", "WeightNormalization", None),
        ("pixel_shuffle", "PixelShuffle", "Conv2DTranspose"),
        ("instance_noise", "InstanceNoise", None),
        ("dropout_noise", "DropoutNoise", None),
    ],
)
def test_a_trick_of_the_networks_is_in_the_networks(trick, present, absent):
    assert present not in layer_kinds(small_gan((8, 8, 3)))
    with_it = layer_kinds(small_gan((8, 8, 3), tricks=(trick,)))
    assert present in with_it
    assert absent not in with_it


def test_tricks_of_the_step_change_what_they_say():
    plain = small_gan((8, 8, 3))
    images, labels = batch_of(plain)
    base = {k: float(v) for k, v in copy_of(plain).train_step((images, labels)).items()}

    def first_step(*names, **changes):
        gan = small_gan((8, 8, 3), tricks=names, **changes)
        return {k: float(v) for k, v in gan.train_step((images, labels)).items()}, gan

    logs, gan = first_step("feature_matching")
    fake = gan(first_latents(gan), labels, training=True)
    assert logs["d_loss"] == pytest.approx(base["d_loss"], rel=1e-5)  # D's game is the same
    assert logs["g_loss"] != pytest.approx(base["g_loss"], rel=0.01)
    assert fake.shape == (8, 8, 8, 3)

    logs, gan = first_step("label_smoothing")
    assert gan.config.real_label == 0.9
    assert logs["d_loss"] != base["d_loss"]
    logs, gan = first_step("spherical_latent")
    np.testing.assert_allclose(np.linalg.norm(gan.draw_latents(5, 0), axis=1), 1, rtol=1e-5)
    _, gan = first_step("sgd_discriminator")
    assert isinstance(gan.discriminator_optimizer, keras.optimizers.SGD)
    assert isinstance(gan.generator_optimizer, keras.optimizers.Adam)
    _, gan = first_step("packing")
    assert gan.discriminator.input_shape == (None, 8, 8, 6)
    _, gan = first_step("replay")
    assert int(gan.terms.replay.size) == 8
    logs, _ = first_step("augment")
    assert logs["d_loss"] != base["d_loss"]


def test_unrolling_by_no_step_is_the_ordinary_step(monkeypatch):
    monkeypatch.setattr(models, "UNROLLED_STEPS", 0)
    settings = {"optimizer": "sgd", "beta_1": 0.0, "discriminator_lr": 0.0}
    plain, unrolled = small_gan(**settings), small_gan(**settings, tricks=("unrolled",))
    batch = batch_of(plain)
    expected, logs = plain.train_step(batch), unrolled.train_step(batch)
    assert float(logs["g_loss"]) == pytest.approx(float(expected["g_loss"]), rel=1e-5)
    for a, b in zip(plain.generator.weights, unrolled.generator.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6, err_msg=a.path)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tricks": ("magic",)}, "magic: unknown; the tricks are gradient_penalty, r1"),
        ({"tricks": ("weight_norm", "spectral_norm")}, "leave one of them out"),
        ({"tricks": ("r1",)}, "batch norm mixes"),
        ({"tricks": ("packing",), "preset": "cgan"}, "different classes"),
        ({"tricks": ("packing",), "batch_size": 7}, "multiple of 2"),
        ({"tricks": ("label_smoothing",), "loss": "hinge"}, "no labels to smooth"),
    ],
)
def test_tricks_that_make_no_sense_are_refused_with_the_reason(given, says):
    with pytest.raises(UserError, match=says):
        resolve(given)


def test_a_folder_of_few_images_is_augmented_unless_tricks_are_typed():
    def tricks(images, **typed):
        return for_few(resolve({"dataset": "folder:x", **typed}), typed, images).tricks

    assert tricks(1999) == ("augment",)
    assert tricks(2000) == ()
    assert tricks(100, dataset="openmoji") == ()
    assert tricks(100, tricks=()) == ()
    assert tricks(100, tricks=("adaptive_augment",)) == ("adaptive_augment",)
    assert tricks(100, distribute="mirrored") == ()
    assert tricks(100, break_="strong_d") == ()


def test_tricks_help_lists_every_trick_with_section_and_effect(capsys):
    assert run_command(train, "--tricks", "help") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == list(catalogue.names("keras_dcgan"))
    assert "2.4.2" in next(line for line in lines if "minibatch" in line)


# --------------------------------------------------------------------- whole runs


@pytest.fixture(scope="module")
def picture_folder(tmp_path_factory):
    """Two classes of color images of mixed sizes: bright left, bright right."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("my images")
    for label, name in enumerate(("left", "right")):
        (root / name).mkdir()
        for i in range(60):
            height, width = rng.integers(18, 40, 2)
            picture = rng.integers(0, 60, (height, width, 3), dtype=np.uint8)
            half = picture[:, width // 2 :] if label else picture[:, : width // 2]
            half += 150
            Image.fromarray(picture).save(root / name / f"{i}.png")
    return root


@pytest.fixture(autouse=True)
def quick_classifier(monkeypatch, tmp_path_factory):
    monkeypatch.setattr(features, "STEPS_FEW", 3)
    monkeypatch.setenv("GAN_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "classifiers"))


def run_command(module, *flags):
    with pytest.raises(SystemExit) as stopped:
        module.main([module.__name__, *map(str, flags)])
    return stopped.value.code


def train_flags(picture_folder, run_dir, *more):
    small = [f"--{name}={value}" for name, value in SMALL.items()]
    where = [f"--dataset=folder:{picture_folder}", "--image_size=16", f"--run_dir={run_dir}"]
    return [*where, *small, "--epochs=2", *more]


@pytest.fixture(scope="module")
def trained(picture_folder, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "cgan"
    flags = train_flags(picture_folder, run_dir, "--preset=cgan", "--noevaluate")
    assert run_command(train, *flags) == 0
    return run_dir


def test_a_run_leaves_everything_that_it_promises(trained):
    names = {p.name for p in trained.iterdir()}
    assert names >= {
        "config.json",
        "dataset.json",
        "metrics.csv",
        "checkpoints",
        "samples",
        "samples.gif",
        "curves.png",
        "tensorboard",
        "summary.json",
        "MODEL_CARD.md",
    }
    card = (trained / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "2 classes (left, right)" in card
    assert "Not measured" in card


def final_state(run_dir):
    config = train.cli.saved(train.Config, run_dir)
    run = models.runs.Run(run_dir)
    shape, class_names = run.dataset_facts()
    gan = models.restore(run, config, shape, len(class_names))
    variables = [v for group in gan.checkpoint_variables().values() for v in group]
    timing = ("seconds", "images_per_second")
    rows = [{k: v for k, v in row.items() if k not in timing} for row in run.rows()]
    return [np.array(v) for v in variables], rows, [p.read_bytes() for p in run.sample_files()]


@pytest.mark.integration
@pytest.mark.parametrize("stop_after", [5, 16])
def test_a_resumed_run_equals_one_that_was_never_interrupted(
    trained, picture_folder, tmp_path, monkeypatch, stop_after
):
    flags = train_flags(picture_folder, tmp_path / "run", "--preset=cgan", "--noevaluate")
    after_step = Recorder.after_step

    def interrupted(recorder, step, values):
        if step == stop_after:
            recorder.interrupted = 15
        return after_step(recorder, step, values)

    monkeypatch.setattr(Recorder, "after_step", interrupted)
    assert run_command(train, *flags) == 143
    monkeypatch.setattr(Recorder, "after_step", after_step)
    assert run_command(train, "--resume", tmp_path / "run") == 0

    for part, expected in zip(final_state(tmp_path / "run"), final_state(trained), strict=True):
        assert len(part) == len(expected) > 0
        for a, b in zip(part, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_evaluate_adds_the_measures_to_the_summary(trained, capsys, tmp_path):
    out = tmp_path / "measured.json"
    assert run_command(evaluate, "--run_dir", trained, "--json", out) == 0
    assert "FID" in capsys.readouterr().out
    summary = models.runs.Run(trained).summary()
    for name in ("fid", "fid_floor", "class_kl", "precision", "steps", "seconds"):
        assert isinstance(summary[name], int | float)
    assert summary["fid"] > summary["fid_floor"]
    assert json.loads(out.read_text())["copied_share"] == summary["copied_share"]
    assert summary["copies"].startswith(("memorized: ", "not memorized: ", "cannot be told"))
    assert "| Fréchet distance (FID) |" in (trained / "MODEL_CARD.md").read_text(encoding="utf-8")
    with Image.open(trained / "copies.png") as pairs:
        assert pairs.width > pairs.height / 2


def test_measured_numbers_are_those_of_as_many_images_as_are_held_out(trained):
    gan = models.restore(
        models.runs.Run(trained), train.cli.saved(train.Config, trained), (16, 16, 3), 2
    )
    few, many = (sampling.draw(gan, count, seed=5)[0] for count in (12, 600))
    # Products of another batch size are summed in another order: a gray level here and there.
    np.testing.assert_allclose(few.astype(int), many[:12].astype(int), atol=1)


def test_generate_writes_what_is_asked_for(trained, capsys, tmp_path):
    def made(*flags):
        assert run_command(generate, "--run_dir", trained, *flags) == 0
        return capsys.readouterr().out.split()

    assert made("--count", 6) == [f"{trained}/generated.png"]
    with Image.open(trained / "generated.png") as grid:
        assert grid.mode in ("RGB", "P")  # in color
    assert made("--nice", "--count", 2) == [f"{trained}/generated-nice.png"]
    grid, gif = made("--interpolate")
    assert grid.endswith("generated-interpolate.png")
    with Image.open(gif) as animation:
        assert animation.n_frames == 2 * sampling.FRAMES - 2
    assert made("--arithmetic", "3,17,25 - 4,9,11 + 8,20,31")
    assert made("--label", "right") == made("--label", "1")

    (npz,) = made("--format", "npz", "--count", 5, "--out", tmp_path / "some.npz")
    with np.load(npz, allow_pickle=False) as arrays:
        assert arrays["images"].shape == (5, 16, 16, 3)
        assert arrays["images"].dtype == np.uint8
        assert arrays["labels"].tolist() == [0, 1, 0, 1, 0]
        latents = arrays["latents"]

    (folder,) = made("--out", tmp_path / "many", "--count", 5)
    assert (tmp_path / "many" / "labels.csv").read_text().split() == [
        "file,label", "00000.png,left", "00001.png,right", "00002.png,left", "00003.png,right",
        "00004.png,left",
    ]  # fmt: skip
    with np.load(npz, allow_pickle=False) as arrays:
        for number, image in enumerate(arrays["images"]):
            with Image.open(Path(folder) / f"{number:05d}.png") as file:
                np.testing.assert_array_equal(np.asarray(file), image)

    (nearer,) = made("--format", "npz", "--truncation", 0.5, "--out", tmp_path / "nearer.npz")
    with np.load(nearer, allow_pickle=False) as arrays:
        assert np.abs(arrays["latents"]).max() <= 0.5
        np.testing.assert_array_equal(np.sign(arrays["latents"][:5]), np.sign(latents))

    (path,) = made("--format", "keras", "--out", tmp_path / "generator.keras")
    generator = keras.saving.load_model(path, safe_mode=True)
    drawn = tricks.unscale_images(generator([latents, np.arange(5) % 2], training=False).numpy())
    with np.load(npz, allow_pickle=False) as arrays:
        np.testing.assert_array_equal(drawn, arrays["images"])


def test_generate_finds_the_latent_of_an_image_and_its_class(trained, capsys, tmp_path):
    config = train.cli.saved(train.Config, trained)
    gan = models.restore(models.runs.Run(trained), config, (16, 16, 3), 2)
    target = gan.pictures(gan.draw_latents(1, 77), [1])[0]
    Image.fromarray(target).save(tmp_path / "mine.png")
    flags = ["--project", tmp_path / "mine.png", "--steps", 60, "--starts", 2]
    assert run_command(generate, "--run_dir", trained, *flags) == 0
    told, named, *files = capsys.readouterr().out.splitlines()
    assert told.startswith("distance ")
    assert named == "class right"
    assert [Path(file).name for file in files] == ["generated-project.png", "generated-project.npz"]
    with np.load(files[1], allow_pickle=False) as found:
        np.testing.assert_array_equal(found["target"], target)
        assert found["distance"] < found["sample_distance"]
        np.testing.assert_array_equal(gan.pictures(found["latent"][None], [1])[0], found["image"])


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--label", "9"], "no such class; the classes are left, right"),
        (["--nice", "--interpolate"], "exclude each other"),
        (["--format", "keras", "--nice"], "leave the other flags out"),
        (["--arithmetic", "3,17 * 4"], "write grid numbers"),
        (["--arithmetic", "3,64"], "there is no image 64; the grid has 0 to 63"),
        (["--count", "0"], "count=0"),
    ],
)
def test_generate_refuses_with_one_line(trained, capsys, flags, says):
    assert run_command(generate, "--run_dir", trained, *flags) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_exported_networks_agree_with_the_run(trained, tmp_path, capsys):
    def exported(what, format, name):
        flags = ["--what", what, "--format", format, "--out", tmp_path / name]
        assert run_command(export, "--run_dir", trained, *flags) == 0
        return tmp_path / name

    run = runs.Run(trained)
    config = dataclasses.replace(cli.saved(Config, str(trained)), precision="float32")
    gan = models.restore(run, config, (16, 16, 3), 2)
    latents, labels = first_latents(gan), np.arange(8, dtype=np.int32) % 2
    with gan.averaged():
        drawn = gan(latents, labels).numpy()
    graph = tf.saved_model.load(str(exported("generator", "saved_model", "graph")))
    np.testing.assert_allclose(graph.serve(latents, labels), drawn, atol=1e-5)
    judge = keras.saving.load_model(exported("discriminator", "keras", "d.keras"))
    expected = gan.judge(drawn, labels, False)
    np.testing.assert_allclose(judge.predict([drawn, labels], verbose=0), expected, atol=1e-5)
    assert "logits float32 (N, 1): the larger, the more real" in capsys.readouterr().out
    assert run_command(export, "--run_dir", trained, "--what=classifier") == 2
    assert "this package has generator and discriminator" in capsys.readouterr().err


@pytest.mark.parametrize("module", [generate, evaluate, export])
def test_without_a_run_there_is_nothing_to_draw(module, tmp_path, capsys):
    assert run_command(module) == 2
    assert "--run_dir is missing" in capsys.readouterr().err
    assert run_command(module, "--run_dir", tmp_path) == 2
    assert "no run here" in capsys.readouterr().err


def test_nice_keeps_the_best_twentieth(trained):
    config = train.cli.saved(train.Config, trained)
    gan = models.restore(models.runs.Run(trained), config, (16, 16, 3), 2)
    kept, _ = sampling.nice(gan, 3, seed=0)
    everything, _ = sampling.draw(gan, 60, seed=0)
    scores = gan.scores(everything, sampling.labels_for(gan, 60))
    np.testing.assert_array_equal(kept, everything[np.argsort(-scores)[:3]])


def test_arithmetic_adds_and_subtracts_mean_latents(trained):
    config = train.cli.saved(train.Config, trained)
    gan = models.restore(models.runs.Run(trained), config, (16, 16, 3), 2)
    terms = sampling.parse_arithmetic("3,17,25 - 4,9,11 + 8", 64)
    assert terms == [(1, [3, 17, 25]), (-1, [4, 9, 11]), (1, [8])]
    grid = gan.draw_latents(64, 7).numpy()
    _, latents = sampling.arithmetic(gan, terms, 64, seed=7)
    assert latents.shape == (4 * 4, 6)  # three terms and the result; three images and their mean
    expected = grid[[3, 17, 25]].mean(0) - grid[[4, 9, 11]].mean(0) + grid[8]
    np.testing.assert_allclose(latents[12], expected, rtol=1e-5)
    assert np.abs(latents[13:] - latents[12]).max() <= 0.25


def test_walks_stay_on_the_sphere_between_their_ends():
    gan = small_gan(latent="sphere")
    _, latents = sampling.interpolate(gan, seed=0)
    np.testing.assert_allclose(np.linalg.norm(latents, axis=1), 1, rtol=1e-5)
    ends = gan.draw_latents(2 * sampling.WALKS, 0).numpy()
    walks = latents.reshape(sampling.WALKS, sampling.FRAMES, -1)
    np.testing.assert_allclose(walks[:, 0], ends[: sampling.WALKS], atol=1e-6)
    np.testing.assert_allclose(walks[:, -1], ends[sampling.WALKS :], atol=1e-6)


def test_a_batch_larger_than_the_data_is_refused(picture_folder, tmp_path, capsys):
    flags = train_flags(picture_folder, tmp_path / "run", "--batch_size=500")
    assert run_command(train, *flags) == 2
    assert "batch of 500 is larger than the data" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.integration
def test_a_folder_may_move_and_grow_and_drawing_does_not_need_it(picture_folder, tmp_path, capsys):
    run_dir, old, new = tmp_path / "run", tmp_path / "old", tmp_path / "new"
    shutil.copytree(picture_folder, old)
    flags = train_flags(old, run_dir, "--noevaluate", "--fit=pad")
    assert run_command(train, *flags) == 0
    shutil.move(old, new)
    assert run_command(generate, "--run_dir", run_dir, "--count=4") == 0
    assert run_command(train, "--resume", run_dir, "--epochs=3") == 2
    assert "is not there; name the place it has now" in capsys.readouterr().err
    Image.new("RGB", (20, 20), "red").save(new / "left" / "red.png")
    assert run_command(train, "--resume", run_dir, "--epochs=3", f"--dataset=folder:{new}") == 0
    out = capsys.readouterr().out
    assert "1 image more than before" in out
    assert f"from now on --dataset folder:{new}" in out
    config = json.loads((run_dir / "config.json").read_text())
    assert (config["dataset"], config["fit"]) == (f"folder:{new}", "pad")
    old.mkdir()
    shutil.move(new, old / "new")
    assert run_command(evaluate, "--run_dir", run_dir, f"--data_dir={old}") == 0
    assert "FID" in capsys.readouterr().out


def test_too_few_pictures_to_measure_is_said_and_nothing_is_lost(tmp_path, capsys):
    root = tmp_path / "few"
    root.mkdir()
    for i in range(12):
        Image.fromarray(np.full((16, 16, 3), 20 * i, np.uint8)).save(root / f"{i}.png")
    flags = [f"--dataset=folder:{root}", "--image_size=16", "--width=4", "--batch_size=4"]
    assert run_command(train, *flags, "--epochs=1", f"--run_dir={tmp_path / 'run'}") == 0
    assert "too few held-out images" in capsys.readouterr().out
    assert run_command(evaluate, "--run_dir", tmp_path / "run") == 2
    assert "too few held-out images" in capsys.readouterr().err


def begun(run_dir, which):
    """The networks of a run at its first or its last checkpoint, by name their variables."""
    config = train.cli.saved(train.Config, run_dir)
    run = models.runs.Run(run_dir)
    shape, class_names = run.dataset_facts()
    gan = models.build(config, shape, len(class_names))
    kept = models.checkpoints.Checkpoints(run, gan.checkpoint_variables())
    path = kept.paths()[which]
    kept._checkpoint.read(str(path / "variables")).assert_consumed()
    return gan


def test_a_run_from_anothers_weights_begins_with_them_at_step_0(
    trained, picture_folder, tmp_path, capsys
):
    flags = [f"--dataset=folder:{picture_folder}", "--batch_size=8", "--precision=float32"]
    flags += ["--generator_lr=1e-4", "--seed=5", "--steps=3", "--noevaluate"]
    new = tmp_path / "new"
    assert run_command(train, "--from", trained, *flags, f"--run_dir={new}") == 0
    out = capsys.readouterr().out
    assert f"layers of {trained}" in out
    assert "not taken over" not in out
    config = train.cli.saved(train.Config, new)
    # The networks are that run's without being told, all else is the new one's.
    assert (config.preset, config.width, config.latent_dim) == ("cgan", 4, 6)
    assert (config.from_, config.seed, config.generator_lr) == (str(trained), 5, 1e-4)
    gan, source = begun(new, 0), begun(trained, -1)
    assert int(gan.steps_done.numpy()) == 0
    for net in ("generator", "discriminator"):
        pairs = zip(getattr(gan, net).variables, getattr(source, net).variables, strict=True)
        for a, b in pairs:
            np.testing.assert_array_equal(a, b, err_msg=a.path)
    for a, b in zip(gan.average.variables, source.average.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    moments = [np.abs(v).max() for v in gan.generator_optimizer.variables[2:]]
    assert max(moments) == 0  # of no optimizer's past
    assert begun(new, -1).steps_done.numpy() == 3
    # That run's folder is needed no more, unless this one was killed before its first checkpoint.
    gone = dataclasses.replace(config, from_=str(tmp_path / "gone"), resume=str(new))
    assert resume.source_of(gone, models.restore) is None
    with pytest.raises(UserError, match="gone: there is no run here"):
        resume.source_of(dataclasses.replace(gone, resume=None), models.restore)


def test_of_other_images_and_classes_the_layers_that_fit_are_taken_over(capsys):
    source = small_gan((16, 16, 3), 2, preset="cgan", seed=1)
    gan = small_gan((32, 32, 3), 3, preset="cgan", seed=2)
    warm_start.take_over(gan, source, "RUN")
    assert capsys.readouterr().out.splitlines() == [
        "begins with 7 of 14 layers of RUN",
        "  not taken over: generator/dense: 8×256 → 9×512",
        "  not taken over: generator/batch_normalization: 32, there is no such layer",
        "  not taken over: generator/conv2d_transpose: 4×4×16×32, there is no such layer",
        "  not taken over: discriminator/embedding: 2×256 → 3×1024",
        "  not taken over: discriminator/conv2d_2: 4×4×8×16, there is no such layer",
        "  not taken over: discriminator/batch_normalization_1: 16, there is no such layer",
        "  not taken over: discriminator/dense: 8×1 → 16×1",
    ]
    for ours, theirs in zip(
        gan.generator.variables[-2:], source.generator.variables[-2:], strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--from=absent"], "--from absent: there is no run here"),
        (["--from=TRAINED", "--preset=gan"], "no layer of its networks fits these"),
    ],
)
def test_a_run_that_cannot_be_begun_from_is_one_line(
    trained, picture_folder, tmp_path, capsys, flags, says
):
    flags = [flag.replace("TRAINED", str(trained)) for flag in flags]
    flags += [f"--dataset=folder:{picture_folder}", "--image_size=16", "--batch_size=8"]
    assert run_command(train, *flags, f"--run_dir={tmp_path / 'new'}") == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.integration
def test_mnist5k_trains_end_to_end(tmp_path, capsys):
    flags = ["--width=4", "--max_minutes=0.02", f"--run_dir={tmp_path / 'run'}"]
    assert run_command(train, *flags, f"--json={tmp_path / 'run.json'}") == 0
    out = capsys.readouterr().out
    for text in ("images/s", "D loss", "FID        ", "generate --run_dir", "samples.gif"):
        assert text in out
    assert data.load("mnist5k").x_train.shape == (4000, 28, 28, 1)
    assert (tmp_path / "run.json").exists()


def test_a_trial_trains_in_memory_what_fit_trains_and_hears_the_doctor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    digits = data.load("mnist5k", image_size=8)
    said = []
    gan, history = train.trial(
        digits, 3, preset="dcgan", width=2, seed=4, break_="no_bn", say=said.append
    )
    assert [row["step"] for row in history.rows] == [1, 2, 3]
    assert int(gan.steps_done.numpy()) == 3
    assert history.samples[3].shape == (64, 8, 8, 1)
    assert [finding.name for finding in history.treatment.findings] == ["no_bn"]
    assert said[0].startswith("step 0: G's images do not depend on the latent")
    changed = []
    _, stopped = train.trial(
        digits, 3, width=2, break_="no_bn", on_failure="stop", say=lambda text: None,
        change=lambda built: changed.append(int(built.steps_done.numpy())),
    )  # fmt: skip
    assert changed == [0]
    assert (stopped.step, stopped.rows, list(stopped.samples)) == (0, [], [0])
    assert list(tmp_path.iterdir()) == []
