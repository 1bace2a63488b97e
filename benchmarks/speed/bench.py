"""How fast, beside what a person would use instead and what the machine can do.

    python -m benchmarks.speed.bench                         all sections, then results/bench.json
    python -m benchmarks.speed.bench --only dcgan,generate   some of them

Everything runs on the cores of this machine.  What is compared takes turns, each in a process of its own,
and every number is the median over the rounds.  The machine should have nothing else to do.

Sections: dcgan, ssgan, generate, start, ring.
"""

import contextlib
import dataclasses
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gan_common import cli, files
from gan_common.cli import flag
from gan_common.errors import UserError

SECTIONS = ("dcgan", "ssgan", "generate", "start", "ring")
RING_STEPS = 25_000

# name → (what, required, goal, whether less is better)
TARGETS = {
    "dcgan_over_plain": ("DCGAN over the plain Keras loop", 3.5, 5, False),
    "dcgan_over_torch": ("DCGAN over the faster PyTorch", 1.4, 2, False),
    "dcgan_utilisation_float32": ("DCGAN in float32, of sgemm's peak", 0.75, 0.85, False),
    "improved_mnist_over_plain": ("Improved GAN, MNIST nets, over plain", 1.5, 2.5, False),
    "improved_cifar10_over_plain": ("Improved GAN, CIFAR-10 nets, over plain", 1.3, 2, False),
    "ring_seconds": (f"ring, {RING_STEPS:,} steps, s", 60, 30, True),
    "start_over_imports": ("start to first step, over the imports", 3, 2, True),
    "generate_over_predict": ("10,000 images over predict", 2, 4, False),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag(SECTIONS, f"sections: {', '.join(SECTIONS)}")
    rounds: int = flag(5, "turns of each", lower=1)
    seconds: float = flag(4, "of each turn", lower=0)
    batch_size: int = flag(128, "of the DCGAN", lower=2)
    generated: int = flag(10_000, "images in section generate", lower=1)
    ring_steps: int = flag(5000, "steps of each turn in section ring", lower=1)
    json: str = flag("results/bench.json", "file for the numbers")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    for name in options.only:
        if name not in SECTIONS:
            raise UserError(f"--only {name}: the sections are {', '.join(SECTIONS)}")
    started = time.perf_counter()
    sections = dict(zip(SECTIONS, (_dcgan, _ssgan, _generate, _start, _ring), strict=True))
    measured: dict[str, dict] = {}
    for name in (name for name in SECTIONS if name in options.only):
        measured[name] = sections[name](options)
        result = {
            "command": _command(options),
            "machine": _machine(),
            "seconds": round(time.perf_counter() - started),
            "measured": measured,
            "targets": {
                name: _target(name, value)
                for section in measured.values()
                for name, value in section.items()
                if name in TARGETS
            },
        }
        # After each section: none is lost with a later one.
        files.write_json(Path(options.json), result)
    _print_table(result)
    print(f"{result['seconds']} s   {options.json}")


def _command(options: Options) -> str:
    defaults = Options()
    given = {
        f.name: getattr(options, f.name)
        for f in dataclasses.fields(Options)
        if f.name != "json" and getattr(options, f.name) != getattr(defaults, f.name)
    }
    words = [f"--{k} {','.join(v) if isinstance(v, tuple) else v}" for k, v in given.items()]
    return " ".join(["python -m benchmarks.speed.bench", *words])


def _machine() -> dict:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        model = next(line.split(":")[1] for line in text.splitlines() if "model name" in line)
    except (OSError, StopIteration):
        model = platform.processor()
    load = os.getloadavg()[0]
    cores = len(os.sched_getaffinity(0))
    return {"processor": model.strip(), "cores": cores, "load": round(load, 2)}


def _target(name: str, value: float) -> dict:
    _, required, goal, less = TARGETS[name]

    def meets(bound):
        return value <= bound if less else value >= bound

    verdict = "goal" if meets(goal) else "required" if meets(required) else "missed"
    return {"value": value, "required": required, "goal": goal, "reached": verdict}


def _print_table(result: dict) -> None:
    for section, values in result["measured"].items():
        print(f"\n{section}")
        for name, value in values.items():
            if not isinstance(value, list | dict):
                print(f"  {name:<44}{value:>14,.4g}")
    print(f"\n{'':<46}{'measured':>10}{'required':>10}{'goal':>8}")
    for name, row in result["targets"].items():
        text = TARGETS[name][0]
        print(
            f"{text:<46}{row['value']:>10.2f}{row['required']:>10g}{row['goal']:>8g}"
            f"  {row['reached']}"
        )


# ------------------------------------------------------------------------------ taking turns


def take_turns(makers: dict[str, tuple[str, dict]], rounds: int, seconds: float) -> dict:
    """Median rate of each contender, after `rounds` rounds in which each runs once.

    Args:
        makers: name → (maker in `benchmarks.speed.contenders`, its arguments).
        rounds: of all contenders.
        seconds: of one turn.

    Returns:
        name → median units per second; and "rounds": name → all of them.
    """
    from benchmarks.speed.contender import Contender

    with contextlib.ExitStack() as stack:
        contenders = {}
        for name, (maker, arguments) in makers.items():
            contenders[name] = Contender(maker, **arguments)
            stack.callback(contenders[name].close)
        for name, contender in contenders.items():
            contender.wait()
            print(f"ready      {name}", flush=True)
        rates: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(rounds):
            for name, contender in contenders.items():
                rate, _ = contender.run(seconds)
                rates[name].append(rate)
            shown = "  ".join(f"{name} {values[-1]:.4g}" for name, values in rates.items())
            print(f"round {turn + 1}/{rounds}  {shown}", flush=True)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return {**medians, "rounds": rates}


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


# ---------------------------------------------------------------------------------- sections


def _dcgan(options: Options) -> dict:
    size = {"batch_size": options.batch_size}
    makers = {
        "plain_loop": ("plain_loop", size),
        "tutorial_step": ("tutorial_step", size),
        "ours": ("keras_dcgan", size),
        "ours_float32": ("keras_dcgan", {**size, "precision": "float32"}),
        "sgemm": ("gemm", {"dtype": "float32"}),
        "bfloat16_gemm": ("gemm", {"dtype": "bfloat16"}),
    }
    if _has_torch():
        makers |= {
            "torch_eager": ("torch_step", size),
            "torch_channels_last_bfloat16": ("torch_step", {**size, "fast": True}),
            "torch_sgemm": ("gemm", {"dtype": "float32", "library": "torch"}),
            "torch_bfloat16_gemm": ("gemm", {"dtype": "bfloat16", "library": "torch"}),
        }
    rates = take_turns(makers, options.rounds, options.seconds)
    flops = _reference_flops()
    peak = max(v for k, v in rates.items() if k in ("sgemm", "torch_sgemm"))
    peak_bfloat16 = max(v for k, v in rates.items() if k.endswith("bfloat16_gemm"))
    found = {
        **rates,
        "flops_per_image": flops,
        "dcgan_over_plain": rates["ours"] / rates["plain_loop"],
        "dcgan_over_tutorial": rates["ours"] / rates["tutorial_step"],
        "dcgan_utilisation_float32": rates["ours_float32"] * flops / peak,
        "dcgan_utilisation_of_bfloat16_peak": rates["ours"] * flops / peak_bfloat16,
    }
    if _has_torch():
        torch = max(rates["torch_eager"], rates["torch_channels_last_bfloat16"])
        found["dcgan_over_torch"] = rates["ours"] / torch
    return found


def _reference_flops() -> int:
    """Of a training step of keras-dcgan's networks on one real image, counted from the layers."""
    import gan_common.quiet  # noqa: F401
    from benchmarks.speed import flops, keras_ports

    generator, discriminator = keras_ports.generator(), keras_ports.discriminator()
    return flops.step_flops(
        flops.chain_flops(generator.layers, (None, keras_ports.LATENT_DIM)),
        flops.chain_flops(discriminator.layers, (None, 28, 28, 1)),
    )


def _ssgan(options: Options) -> dict:
    found = {}
    for data, shape in (("mnist", (28, 28, 1)), ("cifar10", (32, 32, 3))):
        makers = {
            "plain": ("improved_plain", {"image_shape": shape}),
            "ours": ("ssgan", {"image_shape": shape}),
        }
        rates = take_turns(makers, options.rounds, options.seconds)
        found |= {f"improved_{data}_{name}": value for name, value in rates.items()}
        found[f"improved_{data}_over_plain"] = rates["ours"] / rates["plain"]
    return found


def _generate(options: Options) -> dict:
    count = {"count": options.generated}
    makers = {
        "keras_predict": ("keras_predict", count),
        "generate_reference": ("draw", count),
        "generate_dcgan": ("draw", {**count, "preset": "dcgan"}),
    }
    rates = take_turns(makers, options.rounds, 0)
    return {**rates, "generate_over_predict": rates["generate_reference"] / rates["keras_predict"]}


def _start(options: Options) -> dict:
    """Seconds until the imports are done, and until a training has done its first step."""
    imports, first_steps = [], []
    code = "import tensorflow, keras; print('done', flush=True)"
    for turn in range(options.rounds):
        imports.append(_seconds_until("done", [sys.executable, "-c", code]))
        with tempfile.TemporaryDirectory() as folder:
            words = ["--dataset", "mnist5k", "--run_dir", f"{folder}/run", "--max_minutes", "0.001"]
            command = [sys.executable, "-u", "-m", "keras_dcgan.train", *words, "--noevaluate"]
            first_steps.append(_seconds_until("images/s", command))
        print(
            f"round {turn + 1}/{options.rounds}  imports {imports[-1]:.1f} s  "
            f"first step {first_steps[-1]:.1f} s",
            flush=True,
        )
    medians = statistics.median(imports), statistics.median(first_steps)
    return {
        "imports_seconds": medians[0],
        "first_step_seconds": medians[1],
        "start_over_imports": medians[1] / medians[0],
        "rounds": {"imports": imports, "first_step": first_steps},
    }


def _seconds_until(text: str, command: list[str]) -> float:
    """From the start of a process until it has printed a line with `text`; then it is ended."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stdout:
            if text in line:
                passed = time.perf_counter() - started
                process.kill()
                return passed
    raise UserError(f"{' '.join(command)}: ended with status {process.returncode} too early")


def _ring(options: Options) -> dict:
    speeds = []
    for turn in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ring.json"
            words = ["--task", "ring", "--preset", "unrolled_gan", "--json", str(path)]
            command = [sys.executable, "-m", "gan_common.modes", *words]
            command += ["--steps", str(options.ring_steps), "--run_dir", f"{folder}/run"]
            if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
                raise UserError(f"{' '.join(command)}: failed; its message is above")
            speeds.append(json.loads(path.read_text(encoding="utf-8"))["mean"]["steps_per_second"])
        print(f"round {turn + 1}/{options.rounds}  {speeds[-1]:.0f} steps/s", flush=True)
    speed = statistics.median(speeds)
    return {"ring_steps_per_second": speed, "ring_seconds": RING_STEPS / speed, "rounds": speeds}


if __name__ == "__main__":
    main()
