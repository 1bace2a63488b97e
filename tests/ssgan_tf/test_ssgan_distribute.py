"""Several replicas compute what one does, and a worker that dies stops the others, not the run."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gan_common import cli, runs
from gan_common.runs import checkpoints
from ssgan_tf import models
from ssgan_tf.config import Config

ROOT = Path(__file__).resolve().parents[2]
FLAGS = {
    "dataset": "mnist",
    "image_size": 12,
    "width": 4,
    "latent_dim": 4,
    "batch_size": 8,
    "labelled_batch": 4,
    "labels": 20,
    "validation_size": 20,
    "precision": "float32",
    "noevaluate": None,
}
# The devices have to be there before TensorFlow starts, so each training is a process of its own.
TWO_DEVICES = """
import gan_common.quiet
import tensorflow as tf
devices = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
from ssgan_tf import train
train.main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with 200 images in MNIST's layout."""
    folder = tmp_path_factory.mktemp("distribute")
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (240, 28, 28), np.uint8), np.arange(240, dtype=np.uint8) % 10
    arrays = {"x_train": x[:200], "y_train": y[:200], "x_test": x[200:], "y_test": y[200:]}
    np.savez(folder / "mnist.npz", **arrays)
    return folder


STARTED = []


@pytest.fixture(autouse=True)
def none_is_left_running():
    yield
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.wait()


def start(folder, name, code=None, worker=None, ports=(), **more):
    """A training process; its output goes to NAME.log."""
    values = {"data_dir": folder, **FLAGS, "run_dir": folder / name, **more}
    if "resume" in more:
        values = {"resume": more["resume"], "max_minutes": more["max_minutes"]}
    flags = [f"--{k}" if v is None else f"--{k}={v}" for k, v in values.items()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    environment |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "2"}
    if worker is not None:
        cluster = {"worker": [f"localhost:{port}" for port in ports]}
        task = {"type": "worker", "index": worker}
        environment["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
    command = ["-c", code] if code else ["-m", "ssgan_tf.train"]
    log = folder / f"{name}-{worker or 0}.log"
    with open(log, "w") as out:
        process = subprocess.Popen(
            [sys.executable, *command, *flags], env=environment, stdout=out, stderr=out
        )
    STARTED.append(process)
    return process, log


def free_ports(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def finish(process, log, seconds=300):
    try:
        return process.wait(seconds)
    finally:
        print(log.read_text())


def weights(folder):
    run, config = runs.Run(folder), cli.saved(Config, str(folder))
    shape, names = run.dataset_facts()
    gan = models.restore(run, config, shape, len(names))
    return [np.array(v) for group in gan.checkpoint_variables().values() for v in group]


@pytest.mark.integration
def test_two_devices_and_two_processes_train_as_one(folder):
    started = [start(folder, "one", steps=6)]
    started += [start(folder, "mirrored", TWO_DEVICES, steps=6, distribute="mirrored")]
    ports = free_ports(2)
    more = {"steps": 6, "distribute": "multiworker", "ports": ports}
    started += [start(folder, "workers", worker=i, **more) for i in range(2)]
    assert [finish(*each) for each in started] == [0, 0, 0, 0]
    alone = weights(folder / "one")
    fresh = models.build(cli.saved(Config, str(folder / "one")), (12, 12, 1), 10)
    start_kernel, kernel = fresh.generator.trainable_variables[0], alone[0]
    assert np.abs(np.array(start_kernel) - kernel).max() > 1e-3  # it was a real training
    for name in ("mirrored", "workers"):
        for a, b in zip(alone, weights(folder / name), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=name)
    for name in ("one", "mirrored", "workers"):
        row = runs.Run(folder / name).rows()[-1]
        expected = runs.Run(folder / "one").rows()[-1]
        for column in ("d_loss", "g_loss", "d_gradient_norm", "d_real_accuracy"):
            assert row[column] == pytest.approx(expected[column], rel=1e-3), (name, column)


@pytest.mark.integration
def test_when_a_worker_dies_the_other_stops_and_the_run_goes_on_later(folder):
    ports = free_ports(2)
    more = {"epochs": 10_000, "save_every": 0.2, "distribute": "multiworker", "ports": ports}
    (first, first_log), (second, _) = (start(folder, "dying", worker=i, **more) for i in range(2))
    kept = checkpoints.Checkpoints(runs.Run(folder / "dying"), {})
    until = time.monotonic() + 300
    while not kept.paths() and time.monotonic() < until and first.poll() is None:
        time.sleep(0.1)
    second.send_signal(signal.SIGKILL)
    second.wait()
    killed = time.monotonic()
    assert finish(first, first_log, 60) == 2
    assert time.monotonic() - killed < 60
    assert "another worker is gone" in first_log.read_text()
    assert "Traceback" not in first_log.read_text()
    manifest = json.loads((kept.paths()[-1] / "manifest.json").read_text())
    # One machine is left: it goes on alone for a moment.
    resume = {"resume": folder / "dying", "max_minutes": (manifest["state"]["seconds"] + 1) / 60}
    process, log = start(folder, "resumed", worker=0, ports=free_ports(1), **resume)
    assert finish(process, log) == 0
    assert runs.Run(folder / "dying").summary()["steps"] > manifest["step"]
