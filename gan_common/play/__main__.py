"""The game in two dimensions, live in a page of your browser: `make play`.

    python -m gan_common.play                  opens the page at a port that is free
    python -m gan_common.play --port 8012      at http://127.0.0.1:8012

G and D train while you watch, in a process that ends with the page: samples, D's surface, G's gradients,
losses, modes, and the doctor's verdict.  Every trick of the chapter is a switch; stories show collapse, its
cure, a D that is too strong, and a G that circles.
"""

from collections.abc import Sequence

from gan_common import cli
from gan_common.pages import serve


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> int | None:
    options = serve.Address(**cli.parse(serve.Address, argv, __doc__))
    port = serve.check(options.host, options.port)

    from gan_common.play import page

    serve.serve(page.build, page.TITLE, options.host, port, options.browser)
    return None


if __name__ == "__main__":
    main()
