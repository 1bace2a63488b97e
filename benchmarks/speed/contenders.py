"""What `benchmarks.speed.bench` and `benchmarks.speed.growth` time: makers of (step, units done in a step).

Each runs in a process of its own (`benchmarks.speed.contender`).  Images are random numbers: the time that
a step takes does not depend on them.
"""

import dataclasses
import os
import queue
import threading
import time

import numpy as np


def _pictures(image_shape, count: int = 4096):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (count, *image_shape), dtype=np.uint8)
    return pictures, (np.arange(count) % 10).astype(np.int32)


def _dataset(image_shape, count: int = 4096):
    from gan_common import data

    pictures, labels = _pictures(tuple(image_shape), count)
    names = tuple(map(str, range(10)))
    shape = tuple(image_shape)
    return data.Dataset(pictures, labels, pictures[:10], labels[:10], 10, shape, names, "random")


class Turns:
    """What a training loop needs of a recorder, without its files: it lets the loop go on by some steps.

    So all turns are parts of one training, as in life, and none pays for how a loop begins.
    """

    seconds, max_seconds = 0.0, None
    total_steps, interrupted, finished = 10**9, None, False

    def __init__(self, train):
        self.step = 0
        self._allowed, self._done = threading.Semaphore(0), queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(train,), daemon=True)

    def _run(self, train) -> None:
        self._allowed.acquire()
        try:
            train(self)
        except BaseException as error:  # raised again by whoever waits
            self._done.put(error)

    def after_step(self, step: int, values) -> bool:
        """Take the numbers of a step, as a recorder does; wait for leave to go on."""
        self.step = step
        for value in values.values():
            float(value)
        self._done.put(None)
        self._allowed.acquire()
        return False

    def go_on(self, steps: int) -> None:
        """Let the training take so many steps, and wait for them."""
        if not self._thread.is_alive():
            self._thread.start()
        for _ in range(steps):
            self._allowed.release()
        for _ in range(steps):
            error = self._done.get()
            if error is not None:
                raise error


# ---------------------------------------------------------------------------------- DCGAN


def keras_dcgan(
    image_shape=(28, 28, 1), count=4096, steps=1, environment=None, jit_compile=False, **given
):
    """This project's training, as `keras_dcgan.train` runs it; or with other settings of the libraries."""
    os.environ.update(environment or {})
    import gan_common.quiet  # noqa: F401
    from gan_common.kernels import choice, machine
    from keras_dcgan import models
    from keras_dcgan.config import resolve
    from keras_dcgan.train import fit

    config = resolve({"preset": "reference", "precision": "auto", **given})
    config = dataclasses.replace(config, precision=machine.choose_precision(config.precision))
    dataset = _dataset(image_shape, count)
    first_batch = dataset.x_train[: config.batch_size]
    gan = models.build(config, dataset.image_shape, dataset.num_classes, first_batch)
    choice.choose(gan.networks, config.batch_size)
    if jit_compile:
        gan.compile(jit_compile=True)
    turns = Turns(lambda recorder: fit(gan, dataset, config, recorder))
    return lambda: turns.go_on(steps), steps * config.batch_size


def plain_loop(batch_size=128, image_shape=(28, 28, 1), networks="reference"):
    """The repository's loop in Keras 3."""
    import gan_common.quiet  # noqa: F401
    from benchmarks.speed.keras_ports import PlainLoop

    return PlainLoop(_pictures(image_shape)[0], batch_size, networks).step, batch_size


def tutorial_step(batch_size=128, image_shape=(28, 28, 1), networks="reference"):
    """The step of TensorFlow's tutorial."""
    import gan_common.quiet  # noqa: F401
    from benchmarks.speed.keras_ports import TutorialStep

    trainer = TutorialStep(_pictures(image_shape)[0], batch_size, networks)
    return lambda: [float(loss) for loss in trainer.step()], batch_size


def torch_step(batch_size=128, image_shape=(28, 28, 1), **given):
    """PyTorch; see `TorchStep`."""
    from benchmarks.speed.torch_ports import TorchStep

    return TorchStep(_pictures(image_shape)[0], batch_size, **given).step, batch_size


# ---------------------------------------------------------------------------------- SSGAN


def ssgan(image_shape=(28, 28, 1), count=4096, steps=1, replicas=None, **given):
    """This project's training, as `ssgan_tf.train` runs it.

    Args:
        replicas: how many devices of one thread each; None is the whole machine as one.
    """
    import gan_common.quiet  # noqa: F401

    if replicas is not None:
        _devices(replicas)
        given = {"distribute": "mirrored" if replicas > 1 else "none", **given}
    from gan_common.kernels import choice, machine
    from gan_common.runs.distribute import make_strategy
    from ssgan_tf import models
    from ssgan_tf.config import resolve
    from ssgan_tf.parts import FIRST_BATCH, divide
    from ssgan_tf.train import fit

    gray = image_shape[-1] == 1
    chosen = {"preset": "improved", "dataset": "mnist" if gray else "cifar10", "validation_size": 0}
    config = resolve({**chosen, "precision": "auto", **given})
    automatic = "float32" if gray else machine.choose_precision("auto")
    if config.precision == "auto":
        config = dataclasses.replace(config, precision=automatic)
    dataset = _dataset(image_shape, count)
    parts = divide(dataset, config)
    strategy = make_strategy(config.distribute)
    with strategy.scope():
        gan = models.build(config, dataset.image_shape, 10, parts.x_unlabelled[:FIRST_BATCH])
    if config.distribute == "none":
        choice.choose(gan.networks, config.batch_size)
    turns = Turns(lambda recorder: fit(gan, parts, config, recorder, strategy))
    return lambda: turns.go_on(steps), steps * config.batch_size


def _devices(replicas: int) -> None:
    """Let this process have so many CPU devices, whose operations take one thread each."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(replicas)
    devices = [tf.config.LogicalDeviceConfiguration()] * replicas
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, devices)


def improved_plain(batch_size=100, image_shape=(28, 28, 1)):
    """A straightforward TensorFlow step of Improved GAN's networks."""
    import gan_common.quiet  # noqa: F401
    from benchmarks.speed.improved_port import PlainStep

    trainer = PlainStep(*_pictures(image_shape), batch_size)
    return lambda: [float(loss) for loss in trainer.step()], batch_size


def fast_plain(image_shape=(28, 28, 1)):
    """A straightforward TensorFlow step of the preset `fast`."""
    import gan_common.quiet  # noqa: F401
    from benchmarks.speed.fast_port import FastStep

    trainer = FastStep(*_pictures(image_shape))
    return lambda: [float(loss) for loss in trainer.step()], trainer.batch_size


# ---------------------------------------------------------------------------- generation


def keras_predict(count=10_000, image_shape=(28, 28, 1)):
    """Keras's `predict` of the repository's generator, at its default batch."""
    import gan_common.quiet  # noqa: F401
    from benchmarks.speed.keras_ports import LATENT_DIM, reference_generator

    net = reference_generator(tuple(image_shape))
    latents = np.random.default_rng(0).uniform(-1, 1, (count, LATENT_DIM)).astype(np.float32)

    def step():
        pictures = net.predict(latents, verbose=0)
        return np.clip(np.round((pictures + 1) * 127.5), 0, 255).astype(np.uint8)

    return step, count


def draw(count=10_000, image_shape=(28, 28, 1), **given):
    """`GAN.pictures`, as `generate` and `evaluate` draw."""
    import gan_common.quiet  # noqa: F401
    from gan_common.kernels import machine
    from keras_dcgan import models
    from keras_dcgan.config import resolve

    config = resolve({"preset": "reference", "precision": "auto", **given})
    config = dataclasses.replace(config, precision=machine.choose_precision(config.precision))
    gan = models.build(config, tuple(image_shape), 10)
    latents = gan.draw_latents(count, 0).numpy()
    labels = np.zeros(count, np.int32)
    return lambda: gan.pictures(latents, labels), count


# --------------------------------------------------------------------------- the machine


def gemm(dtype="float32", size=2048, library="tensorflow"):
    """Square matrix products; a unit is one operation."""
    if library == "torch":
        import torch

        a, b = (torch.rand(size, size).to(getattr(torch, dtype)) for _ in range(2))
        return lambda: torch.mm(a, b), 2 * size**3
    import gan_common.quiet  # noqa: F401  # isort: skip
    import tensorflow as tf

    a, b = (tf.cast(tf.random.uniform((size, size)), dtype) for _ in range(2))
    product = tf.function(lambda: tf.matmul(a, b))
    return lambda: product().numpy(), 2 * size**3


def pause(seconds=0.01):
    """Nothing, for so long: what measuring itself costs."""
    return lambda: time.sleep(seconds), 1
