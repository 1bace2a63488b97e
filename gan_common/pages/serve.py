"""A server on this machine's own address: what can be wrong before it starts, in one line.

Nothing here imports NiceGUI before `serve`: a missing library or a taken port is answered at once.
"""

import dataclasses
import importlib.util
import socket
import sys
from collections.abc import Callable

from gan_common import outside
from gan_common.cli.flags import flag
from gan_common.errors import UserError

OWN = ("127.0.0.1", "localhost", "::1")
KEPT_MESSAGES = 20  # that a tab is sent again after a gap: pictures are large


@dataclasses.dataclass(frozen=True)
class Address:
    """The flags of a command that serves a page."""

    port: int = flag(0, "of the page; 0 takes one that is free", lower=0, upper=65535)
    host: str = flag("127.0.0.1", "address to listen at; another one lets others in")
    browser: bool = flag(True, "open the page in the browser")


def check(host: str, port: int) -> int:
    """The port that the page will have; 0 becomes one that is free.  Warns of an address that others reach.

    Raises:
        UserError: NiceGUI is not installed, the address is none of this machine's, or the port is taken.
    """
    outside.forget_servers_settings()
    if importlib.util.find_spec("nicegui") is None:
        raise UserError("the page needs NiceGUI: pip install 'gan-chapter[pages]'")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(*found[:3]) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(found[4])
            port = tried.getsockname()[1]
    except PermissionError:
        raise UserError(f"--port {port}: not allowed to use it; give one from 1024 on") from None
    except OSError as error:
        if isinstance(error, socket.gaierror) or "assign" in str(error):
            raise UserError(f"--host {host}: is no address of this machine") from None
        raise UserError(
            f"--port {port}: is taken, perhaps by another page; give another one, or 0 for any that is free"
        ) from None
    if host not in OWN:
        print(
            f"warning: --host {host} lets everybody in who can reach this machine", file=sys.stderr
        )
    return port


def only_own_names(app: object) -> None:
    """Answer only to this machine's own names: a foreign page whose name leads here gets nothing.

    Args:
        app: FastAPI's or Starlette's.
    """
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    hosts = ["127.0.0.1", "localhost", "[::1]"]
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)  # type: ignore[attr-defined]


def serve(build: Callable[[], object], title: str, host: str, port: int, browser: bool) -> None:
    """Serve what `build` makes, until Ctrl-C.

    Args:
        build: adds pages, by `nicegui.ui.page`.
        title: of the pages.
        host, port: from `check`.
        browser: whether the page is opened in the browser.
    """
    from nicegui import app, ui

    build()
    if host in OWN:
        only_own_names(app)
    shown = f"[{host}]" if ":" in host else host
    app.on_startup(lambda: print(f"{title}: http://{shown}:{port}  (Ctrl-C ends it)", flush=True))
    ui.run(
        host=host,
        port=port,
        title=title,
        show=browser,
        reload=False,
        show_welcome_message=False,
        message_history_length=KEPT_MESSAGES,
    )
