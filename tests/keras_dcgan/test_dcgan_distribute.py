"""Several replicas of a DCGAN train as one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gan_common import cli, runs
from gan_common.errors import UserError
from keras_dcgan import models
from keras_dcgan.config import Config, resolve

ROOT = Path(__file__).resolve().parents[2]
FLAGS = {
    "dataset": "mnist",
    "image_size": 12,
    "preset": "cgan",
    "width": 4,
    "latent_dim": 4,
    "batch_size": 8,
    "precision": "float32",
    "steps": 6,
    "noevaluate": None,
}
# The devices have to be there before TensorFlow starts, so each training is a process of its own.
TWO_DEVICES = """
import gan_common.quiet
import tensorflow as tf
devices = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
from keras_dcgan import train
train.main()
"""


@pytest.fixture
def started(tmp_path):
    """Starts trainings on 160 images in MNIST's layout; none is left running."""
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (180, 28, 28), np.uint8), np.arange(180, dtype=np.uint8) % 10
    arrays = {"x_train": x[:160], "y_train": y[:160], "x_test": x[160:], "y_test": y[160:]}
    np.savez(tmp_path / "mnist.npz", **arrays)
    processes = []

    def start(name, code=None, task_config=None, **more):
        values = {"data_dir": tmp_path, **FLAGS, "run_dir": tmp_path / name, **more}
        flags = [f"--{k}" if v is None else f"--{k}={v}" for k, v in values.items()]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        environment |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "2"}
        environment |= {} if task_config is None else {"TF_CONFIG": json.dumps(task_config)}
        command = ["-c", code] if code else ["-m", "keras_dcgan.train"]
        log = open(tmp_path / f"{len(processes)}.log", "w+")  # noqa: SIM115
        command = [sys.executable, *command, *flags]
        processes.append((subprocess.Popen(command, env=environment, stdout=log, stderr=log), log))

    start.processes, start.folder = processes, tmp_path
    yield start
    for process, log in processes:
        process.kill()
        process.wait()
        log.close()


def weights(folder):
    run, config = runs.Run(folder), cli.saved(Config, str(folder))
    shape, names = run.dataset_facts()
    gan = models.restore(run, config, shape, len(names))
    return [np.array(v) for group in gan.checkpoint_variables().values() for v in group]


@pytest.mark.integration
def test_two_devices_and_two_processes_train_as_one(started):
    started("one")
    started("mirrored", TWO_DEVICES, distribute="mirrored")
    # One device, as most people have, and a description of machines that was left over.
    started("single", distribute="mirrored", task_config={"cluster": "gone"})
    sockets = [socket.create_server(("localhost", 0)) for _ in range(2)]
    workers = [f"localhost:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    for index in range(2):
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        started("workers", task_config=task, distribute="multiworker")
    for process, log in started.processes:
        status = process.wait(300)
        log.seek(0)
        print(log.read())
        assert status == 0
    alone = weights(started.folder / "one")
    fresh = models.build(cli.saved(Config, str(started.folder / "one")), (12, 12, 1), 10)
    begun = np.array(fresh.generator.trainable_variables[0])
    assert np.abs(begun - alone[0]).max() > 1e-3  # it was a real training
    for name in ("mirrored", "single", "workers"):
        for a, b in zip(alone, weights(started.folder / name), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=name)
        row = runs.Run(started.folder / name).rows()[-1]
        expected = runs.Run(started.folder / "one").rows()[-1]
        for column in ("d_loss", "g_loss", "d_gradient_norm", "d_real_accuracy"):
            assert row[column] == pytest.approx(expected[column], rel=1e-3), (name, column)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tricks": ("replay",)}, "--tricks replay works in one process"),
        ({"tricks": ("minibatch",)}, "--tricks minibatch works in one process"),
        ({"preset": "gan"}, "--preset gan has dropout"),
        ({"on_failure": "pause"}, "choose warn or stop"),
    ],
)
def test_what_replicas_would_compute_otherwise_is_refused(given, says):
    assert resolve(given).distribute == "none"
    with pytest.raises(UserError, match=says):
        resolve({**given, "distribute": "mirrored"})
