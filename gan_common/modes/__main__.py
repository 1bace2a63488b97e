"""Mode collapse, made to happen, measured and cured (section 2.3.2).

    python -m gan_common.modes --task ring                                  the plain GAN collapses
    python -m gan_common.modes --task ring --tricks unrolled --seeds 5      and what a trick does
    python -m gan_common.modes --task grid --preset cured --run_dir runs/modes/grid
    python -m gan_common.modes --task grid --preset modern                  all modes, without being told

Trains small GANs on data whose modes can be counted: `ring`, eight Gaussians; `grid`, twenty-five;
`stacked`, three digits one upon the other in the colors of an image, a thousand.  Counts the modes that
2,500 samples (stacked: 26,000) capture and how many samples are good, over several seeds.
"""

from collections.abc import Sequence
from pathlib import Path

from gan_common import catalogue, cli, files
from gan_common.errors import UserError
from gan_common.modes.config import Options, resolve
from gan_common.modes.results import describe, summary, table_line


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> int | None:
    given = cli.parse(Options, argv, __doc__)
    if "help" in given.get("tricks", ()):
        return catalogue.tell(catalogue.MODES)
    options = resolve(given)
    for name, value in (("--json", options.json), ("--run_dir", options.run_dir)):
        if value and Path(value).is_dir() == (name == "--json") and Path(value).exists():
            kind = "a folder, not a file" if name == "--json" else "a file, not a folder"
            raise UserError(f"{name} {value}: is {kind}")

    import gan_common.quiet  # noqa: F401
    from gan_common.modes import play

    runs = play.play(options, range(options.seed, options.seed + options.seeds))
    result = {"command": command(given), **describe(options), **summary(runs)}
    print(table_line("mean", result["mean"], result["spread"]))
    if options.run_dir:
        files.write_json(Path(options.run_dir) / "result.json", result)
    if options.json:
        files.write_json(Path(options.json), result)
    return None


def command(given: dict) -> str:
    """The command line that makes a result again, without where it is written."""
    shown = {k: v for k, v in given.items() if k not in ("json", "run_dir", "data_dir")}
    words = [f"--{k} {','.join(v) if isinstance(v, tuple) else v}" for k, v in shown.items()]
    return " ".join(["python -m gan_common.modes", *words])


if __name__ == "__main__":
    main()
