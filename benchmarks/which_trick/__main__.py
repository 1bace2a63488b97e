"""Write the page "Which trick when" from the files of `results/`, in English and in Chinese.

    python -m benchmarks.which_trick

Symptom → trick → what it gave here, with its interval → where it did harm.  Writes docs/which-trick-when.md
and docs/zh/which-trick-when.md, which a test holds against the files, and the figure of both.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from benchmarks.which_trick.page import FIGURE, LANGUAGES, ROOT, page, panels
from gan_common import cli, files
from gan_common.cli import flag


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    results: str = flag(str(ROOT / "results"), "folder with the numbers")
    out: str = flag(str(ROOT), "folder under which the pages are written")


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    from gan_common import plotting

    figure = Path(options.out) / FIGURE
    plotting.intervals(
        figure, panels(Path(options.results)), "What each trick changed, with its 95% interval"
    )
    print(figure)
    for language, name in LANGUAGES.items():
        path = Path(options.out) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = page(Path(options.results), language)
        with files.whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
