"""How fast, beside what a person would use instead and what the machine can do.

    python -m benchmarks.speed.bench                         all sections, then results/bench.json
    python -m benchmarks.speed.bench --only dcgan64,generate some of them
    python -m benchmarks.speed.bench --avx2                  no instruction beyond AVX2, as on most laptops

Everything runs on the cores of this machine.  What is compared takes turns, each in a process of its own,
and every number is the median over the rounds.  The machine should have nothing else to do.

Sections: reference, dcgan28, dcgan32 and dcgan64 (images/s of a training step, in float32 and where the
processor has it in bfloat16), ssgan, generate, start, ring.
"""

import contextlib
import dataclasses
import functools
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.experiments import running
from gan_common import cli, files
from gan_common.cli import flag
from gan_common.errors import UserError
from gan_common.kernels import machine

# section → preset of keras_dcgan, images, batch
STEPS = {
    "reference": ("reference", (28, 28, 1), 128),
    "dcgan28": ("dcgan", (28, 28, 1), 64),
    "dcgan32": ("dcgan", (32, 32, 3), 64),
    "dcgan64": ("dcgan", (64, 64, 3), 64),
}
SECTIONS = (*STEPS, "ssgan", "generate", "start", "ring")
# What keeps the libraries to AVX2: TensorFlow's and PyTorch's oneDNN, PyTorch's own kernels, and MKL.
AVX2 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
RING_STEPS = 25_000

# name → (what, required, goal, whether less is better)
TARGETS = {
    "reference_float32_over_plain": (
        "reference over the straight Keras port, float32",
        2.5,
        3.5,
        False,
    ),
    "reference_bfloat16_over_plain": ("… bfloat16", 3.5, 5, False),
    **{
        f"{name}_{precision}_over_torch": (
            f"{name} over the fastest PyTorch, {precision}",
            bound,
            2,
            False,
        )
        for name in ("dcgan28", "dcgan32", "dcgan64")
        for precision, bound in (("float32", 1.3), ("bfloat16", 1.5))
    },
    "dcgan64_float32_of_peak": ("dcgan64 in float32, of sgemm's peak", 0.6, 0.8, False),
    "improved_mnist_over_plain": ("Improved GAN, MNIST nets, over plain", 1.5, 2.5, False),
    "improved_cifar10_over_plain": ("Improved GAN, CIFAR-10 nets, over plain", 1.3, 2, False),
    "fast_mnist_over_plain": ("fast, MNIST, over a straightforward step", 1.5, 2.5, False),
    "fast_cifar10_over_plain": ("fast, CIFAR-10, over a straightforward step", 1.5, 2.5, False),
    "ring_seconds": (f"ring, {RING_STEPS:,} steps, s", 60, 30, True),
    "start_over_imports": ("start to first step, over the imports", 2.1, 1.5, True),
    "generate_over_predict": ("10,000 images over predict", 2, 4, False),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag(SECTIONS, f"sections: {', '.join(SECTIONS)}")
    rounds: int = flag(5, "turns of each", lower=1)
    seconds: float = flag(4, "of each turn", lower=0)
    generated: int = flag(10_000, "images in section generate", lower=1)
    ring_steps: int = flag(5000, "steps of each turn in section ring", lower=1)
    avx2: bool = flag(False, "keep all libraries to AVX2, as on a processor without AVX-512")
    json: str = flag("results/bench.json", "file for the numbers")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    running.needs_linux()
    running.check_only(options.only, SECTIONS)
    started = time.perf_counter()
    if options.avx2:
        os.environ.update(AVX2)
    steps = {name: functools.partial(_step, name) for name in STEPS}
    sections = {**steps, "ssgan": _ssgan, "generate": _generate, "start": _start, "ring": _ring}
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
    import gan_common.quiet  # noqa: F401

    load = os.getloadavg()[0]
    cores = len(os.sched_getaffinity(0))
    return {"processor": machine.description(), "cores": cores, "load": round(load, 2)}


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
            contender = Contender(maker, **arguments)
            stack.callback(contender.close)
            try:
                contender.wait()  # one at a time: what they measure at their start wants quiet
            except RuntimeError:
                if name.startswith("torch"):  # torch.compile crashes on some processors
                    print(f"left out   {name}: its process ended; its message is above", flush=True)
                    continue
                raise
            contenders[name] = contender
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


# ---------------------------------------------------------------------------------- sections


def _step(name: str, options: Options) -> dict:
    """A training step of one preset, beside other ways to the same networks, in each precision."""
    preset, image_shape, batch_size = STEPS[name]
    ours = {"preset": preset, "image_shape": image_shape, "batch_size": batch_size}
    ports = {"networks": preset, "image_shape": image_shape, "batch_size": batch_size}
    flops = step_flops(name)
    found: dict = {f"{name}_flops_per_image": flops}
    for precision in _precisions(options):
        makers = {
            "ours": ("keras_dcgan", {**ours, "precision": precision}),
            "gemm": ("gemm", {"dtype": precision}),
            "plain": ("plain_loop", ports),
            "tutorial": ("tutorial_step", ports),
        }
        if importlib.util.find_spec("torch") is not None:
            makers |= _torch_makers(ports, precision)
            makers["torch_gemm"] = ("gemm", {"dtype": precision, "library": "torch"})
        rates = take_turns(makers, options.rounds, options.seconds)
        of_torch = [v for k, v in rates.items() if k.startswith("torch") and k != "torch_gemm"]
        peak = max(rates["gemm"], rates.get("torch_gemm", 0.0))
        ratios = {
            "over_plain": rates["ours"] / rates["plain"],
            "over_tutorial": rates["ours"] / rates["tutorial"],
            "of_peak": rates["ours"] * flops / peak,
        }
        if of_torch:
            ratios["over_torch"] = rates["ours"] / max(of_torch)
        found |= {f"{name}_{precision}_{key}": value for key, value in (rates | ratios).items()}
    return found


def _torch_makers(ports: dict, precision: str) -> dict[str, tuple[str, dict]]:
    bfloat16 = {"bfloat16": precision == "bfloat16"}
    last = {**ports, **bfloat16, "channels_last": True}
    makers = {
        "torch_eager": ("torch_step", {**ports, **bfloat16}),
        "torch_channels_last": ("torch_step", last),
    }
    if shutil.which("g++") or shutil.which("clang++"):
        makers["torch_compiled"] = ("torch_step", {**last, "compiled": True})
    return makers


def _precisions(options: Options) -> list[str]:
    own = machine.choose_precision("auto")
    return ["float32"] if options.avx2 or own == "float32" else ["float32", own]


def step_flops(name: str) -> int:
    """Of a training step of a section on one real image, counted from the plain layers."""
    import gan_common.quiet  # noqa: F401
    from benchmarks.speed import flops, keras_ports

    preset, image_shape, _ = STEPS[name]
    generator, discriminator, _ = keras_ports.NETWORKS[preset]
    return flops.step_flops(
        flops.chain_flops(generator(image_shape).layers, (None, keras_ports.LATENT_DIM)),
        flops.chain_flops(discriminator(image_shape).layers, (None, *image_shape)),
    )


def _ssgan(options: Options) -> dict:
    found = {}
    for preset, plain in (("improved", "improved_plain"), ("fast", "fast_plain")):
        for data, shape in (("mnist", (28, 28, 1)), ("cifar10", (32, 32, 3))):
            ours = {"image_shape": shape, "preset": preset, "labels_first": 0.0}
            makers = {"plain": (plain, {"image_shape": shape}), "ours": ("ssgan", ours)}
            rates = take_turns(makers, options.rounds, options.seconds)
            found |= {f"{preset}_{data}_{name}": value for name, value in rates.items()}
            found[f"{preset}_{data}_over_plain"] = rates["ours"] / rates["plain"]
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
