"""Fetch what `export --format web` puts into its pages: onnxruntime-web, once, by npm.

python -m gan_common.web
python -m gan_common.web onnxruntime-web-1.30.0.tgz     from a copy of the registry's file, without a network
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from gan_common import cli
from gan_common.cli import flag
from gan_common.web import runtime


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    tarball: str | None = flag(None, f"a copy of {runtime.TARBALL} (default: npm fetches it)")


def main(argv: Sequence[str] | None = None) -> None:
    """Unpack onnxruntime-web into the cache."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    options = Options(**cli.parse(Options, argv, str(__doc__), places=("tarball",)))
    if options.tarball is None:
        print("npm fetches onnxruntime-web, 33 MB", flush=True)
        print(runtime.fetch())
    else:
        print(runtime.unpack(Path(options.tarball)))


if __name__ == "__main__":
    main()
