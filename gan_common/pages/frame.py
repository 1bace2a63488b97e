"""What every page has: its looks, headings, the sentence of an error, pictures, a worker beside the page."""

import asyncio
import base64
import contextlib
import io
import logging
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from nicegui import app, ui
from nicegui.element import Element
from PIL import Image

from gan_common.errors import UserError, one_line
from gan_common.plotting import grids

T = TypeVar("T")
STYLE = """
body { background: #f7f7f5; color: #1f1f1f; }
h1 { font-size: 1.6rem; line-height: 1.2; font-weight: 600; margin: 0; }
h2 { font-size: 1.15rem; line-height: 1.3; font-weight: 600; margin: 0; }
code { overflow-wrap: anywhere; }
.q-loading-bar { display: none; }
button { cursor: pointer; }
button:disabled { cursor: default; }
.hint { color: #4a4a4a; font-size: 0.85rem; line-height: 1.25; }
.trouble { color: #8c1d18; font-weight: 600; overflow-wrap: anywhere; }
.trouble:empty { display: none; }
.plain { background: white; color: #1f1f1f; border: 1px solid #767676; border-radius: 4px;
  padding: 0.3rem 0.7rem; }
.plain:hover:enabled { background: #e8eefc; }
.plain:disabled { color: #5f5f5f; background: #eeeeec; }
.plain[aria-pressed=true], .chosen { background: #1d4ed8; color: white; border-color: #1d4ed8; }
.plain[aria-pressed=true]:hover:enabled, .chosen.plain:hover:enabled { background: #1e40af; }
.plain:focus-visible, a:focus-visible, input:focus-visible, canvas:focus-visible, summary:focus-visible
  { outline: 3px solid #1d4ed8; outline-offset: 2px; }
img.pixels { image-rendering: pixelated; display: block; }
a { color: #1d4ed8; text-decoration: underline; }
"""


@contextlib.contextmanager
def frame(title: str, links: Mapping[str, str] | None = None, here: str = "") -> Iterator[None]:
    """A page's body: what is built inside stands below its heading.

    Args:
        title: of the tab, and the heading.
        links: name → path of the pages beside this one.
        here: path of this one.
    """
    ui.colors(primary="#1d4ed8")
    ui.add_css(STYLE)
    ui.page_title(title)
    ui.run_javascript("document.documentElement.lang = 'en'")
    # NiceGUI's own frame has the landmark `main` around it.
    with ui.element("div").classes("w-full max-w-[1240px] mx-auto px-3 py-3 flex flex-col gap-4"):
        heading(title, 1)
        if links:
            with ui.element("nav").props("aria-label='Pages of this run'").classes("flex gap-4"):
                for name, path in links.items():
                    link = ui.element("a").props(f"href='{path}'")
                    if path == here:
                        link.props("aria-current=page").style("font-weight: 600")
                    with link:
                        ui.label(name)
        yield


def heading(text: str, level: int = 2) -> Element:
    """A heading of a level from 1 to 6."""
    with ui.element(f"h{level}") as element:
        ui.label(text)
    return element


def button(text: str, on_click: Callable, **props: str) -> Element:
    """A plain button, which a keyboard reaches; props are its attributes."""
    element = ui.element("button").classes("plain").props("type=button")
    with element:
        element.told = ui.label(text)  # type: ignore[attr-defined]
    element.props.update({name.replace("_", "-"): value for name, value in props.items()})
    element.on("click", on_click)
    return element


def slider(
    text: str, low: float, high: float, step: float, value: float, on_input: Callable
) -> tuple[Element, ui.label]:
    """The browser's own slider below its name; `on_input(value)` at most 25 times a second.

    Returns:
        The slider, whose value `set_slider` changes, and a label for its number.
    """
    with ui.element("label").classes("flex flex-col text-sm min-w-0"):
        with ui.element("span").classes("flex justify-between gap-2"):
            ui.label(text)
            number = ui.label(f"{value:g}").classes("tabular-nums")
        element = ui.element("input").props("type=range").classes("w-full")
        # The attribute (^) is where it begins; the property would be set again whenever the page changes.
        element.props.update({"min": low, "max": high, "step": step, "^value": value})

        def hear(event: Any) -> Any:  # awaited by NiceGUI where it can be
            given = number_of(event.args, low, high)
            return None if given is None else on_input(given)

        element.on(
            "input",
            hear,
            throttle=0.04,
            js_handler="(event) => emit(event.target.value)",
        )
    return element, number


def number_of(said: Any, low: float = -math.inf, high: float = math.inf) -> float | None:
    """What a tab sent as a number, brought within bounds; None if it is none."""
    try:
        number = float(said)
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(number, low), high) if math.isfinite(number) else None


def set_slider(element: Element, value: float) -> None:
    """Move a slider's handle, also where a hand has moved it."""
    ui.run_javascript(f"getHtmlElement({element.id}).value = {value}")


class Trouble:
    """The sentence of an error, which a screen reader says at once."""

    def __init__(self) -> None:
        self.label = ui.label().classes("trouble").props("role=alert")

    def say(self, text: str) -> None:
        """Show it; an empty one hides it."""
        self.label.set_text(text)

    def guarded(self, act: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[None]]:
        """`act`, with its error as a sentence on the page; the last one is gone when it begins."""

        async def guarded(*given: Any) -> None:
            self.say("")
            try:
                await act(*given)
            except UserError as error:
                self.say(one_line(error))
            except Exception as error:  # ours: told on the page, and whole on the terminal
                logging.getLogger("gan_common.pages").exception("an error of this page")
                self.say(f"a defect of this page: {one_line(error)}")

        return guarded

    def guarded_with(self, act: Callable[[float], Awaitable[Any]]) -> Callable[[float], Any]:
        """`guarded`, of what is called with a number."""

        async def guarded(value: float) -> None:
            await self.guarded(act)(value)

        return guarded


class Worker:
    """One thread that does what takes a while, one thing after another, while pages answer."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "pages")
        app.on_shutdown(self.stop)

    async def __call__(self, work: Callable[..., T], *given: Any) -> T:
        """`work(*given)` in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    def stop(self) -> None:
        """Forget what is still to be done: Python waits for it before it ends."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class Latest:
    """Of wishes that come faster than they are met, the newest; those between are passed over.

    Args:
        meet: meets one.
    """

    def __init__(self, meet: Callable[[Any], Awaitable[None]]) -> None:
        self._meet, self._busy = meet, False
        self._wish: tuple[Any] | None = None

    async def __call__(self, wish: Any) -> None:
        """Meet this wish, unless a newer one comes while an older one is being met."""
        self._wish = (wish,)
        if self._busy:
            return
        self._busy = True
        try:
            while self._wish is not None:
                (wish,), self._wish = self._wish, None
                await self._meet(wish)
        finally:
            self._busy = False


def png(image: np.ndarray) -> bytes:
    """uint8 (H, W, C) → a PNG file."""
    return grids.encode(grids.to_pillow(image), "PNG", compress_level=1)


def data_url(content: bytes, kind: str = "image/png") -> str:
    """A file's content as an address, for an image."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


EMPTY = data_url(png(np.full((1, 1, 1), 255, np.uint8)))


def picture(alt: str, side: str = "100%") -> Element:
    """An empty image whose pixels stay sharp; `show` fills it."""
    element = ui.element("img").classes("pixels").style(f"width: {side}; aspect-ratio: 1")
    element.props.update({"src": EMPTY, "alt": alt, "draggable": "false"})
    return element


def show(element: Element, image: np.ndarray | None, alt: str | None = None) -> None:
    """Show uint8 (H, W, C), or nothing, in an image of `picture`."""
    element.props["src"] = EMPTY if image is None else data_url(png(image))
    if alt is not None:
        element.props["alt"] = alt
    element.update()


def from_data_url(text: str) -> Image.Image:
    """The image of a canvas that a page sent, in gray.

    Raises:
        UserError: it is none.
    """
    try:
        return Image.open(io.BytesIO(base64.b64decode(text.partition(",")[2]))).convert("L")
    except Exception as error:
        raise UserError("the drawing came damaged; draw it again") from error
