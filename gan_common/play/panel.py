"""One game on the page: its plane, numbers, charts, and what the doctor says."""

from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.element import Element

from gan_common.modes.seen import Seen
from gan_common.play import pictures
from gan_common.play.news import World


class Plane(Element, component="plane.js"):
    """The plane of a game: `draw` with `pictures.plane`; with `drawing` it says where points are put."""


class Chart(Element, component="chart.js"):
    """Lines over steps: `draw` with one of `pictures.charts`."""


class Panel:
    """One game: its plane, numbers, charts, and what the doctor says.

    Args:
        put: called with (x, y) in [−1, 1] when a point is drawn.
        drawn: called when the browser has drawn a picture.
    """

    def __init__(self, name: str, put: Callable, drawn: Callable) -> None:
        self._world: World | None = None
        self._told: dict[str, Any] = {}
        with ui.column().classes("game gap-2") as self.box:
            with ui.element("h2"):
                self.heading = ui.label(name)
            self.plane = Plane().props("label='The plane'")
            self.plane.on("put", lambda event: put(event.args))
            self.plane.on("drawn", drawn)
            self.verdict = (
                ui.label().props("role=status").classes("text-sm").mark(f"{name} verdict")
            )
            self._numbers = ui.element("dl").classes("told w-full text-sm")
            self.losses = Chart().props("label='Losses over the steps'")
            self.modes = Chart().props("label='Modes captured and good samples over the steps'")

    def show(self, number: int, seen: Seen, world: World, title: str) -> None:
        """Draw a picture of the game."""
        shown = pictures.plane(seen, world.reach) | {"number": number}
        if world != self._world:
            shown["world"], self._world = pictures.world(world), world
        self.plane.run_method("draw", shown)
        self.plane.props["label"] = pictures.label(seen)
        for chart, content in zip((self.losses, self.modes), pictures.charts(seen), strict=True):
            chart.run_method("draw", content)
        self.heading.set_text(title)
        self.verdict.set_text(pictures.verdict(seen.findings))
        self._write(pictures.numbers(seen))

    def _write(self, numbers: dict[str, str]) -> None:
        if list(numbers) != list(self._told):
            self._numbers.clear()
            with self._numbers:
                for name in numbers:
                    with ui.element("div"):
                        with ui.element("dt"):
                            ui.label(name)
                        with ui.element("dd").props(f'data-told="{name}"'):
                            self._told[name] = ui.label()
        for name, text in numbers.items():
            self._told[name].set_text(text)
