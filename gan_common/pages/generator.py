"""The page of a generator: a grid to pick from, sliders, walks, sums, copies, downloads."""

from collections.abc import Callable
from typing import Any

import numpy as np
from nicegui import ui

from gan_common import plotting, sampling
from gan_common.errors import UserError, one_line
from gan_common.pages import frame, latents
from gan_common.pages.frame import button, heading, picture, show
from gan_common.pages.picture import Field
from gan_common.pages.studio import GRID, Studio

MOST_TRUNCATION = 3.0  # the slider's end, where nothing is cut off
SLOTS = ("A", "B", "C")
COLUMNS = (
    "display: grid; gap: 1.5rem; width: 100%; "
    "grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr))"
)


class GeneratorPage:
    """What one tab shows and asks for."""

    def __init__(self, studio: Studio, here: str = "/") -> None:
        self.studio, self.gan = studio, studio.gan
        self.seed = 0
        self.label: int | None = None
        self.truncation: float | None = None
        self.grid: sampling.Drawn | None = None
        self.pinned: tuple[np.ndarray, int] | None = None  # latent, label
        self.start: tuple[np.ndarray, int] | None = None  # of a walk: what was pinned before
        self.shown: sampling.Drawn | None = None  # the one image
        self.amounts = np.zeros(studio.sliders, np.float32)
        self.walk: sampling.Drawn | None = None
        self.slots: dict[str, tuple[np.ndarray, int] | None] = dict.fromkeys(SLOTS)
        self._dragged: int | None = None
        self._latest = frame.Latest(self._move)
        with frame.frame("The generator", studio.links, here):
            self.trouble = frame.Trouble()
            self._build()
        ui.timer(0.01, self.trouble.guarded(self._first), once=True)

    async def _do(self, work: Callable, *given: Any) -> Any:
        return await self.studio.worker(work, *given)

    # ------------------------------------------------------------------------- building

    def _build(self) -> None:
        with ui.element("div").style(COLUMNS):
            with ui.element("section").props("aria-label='Grid'").classes("min-w-0"):
                self._build_grid()
            with ui.element("section").props("aria-label='The pinned picture'").classes("min-w-0"):
                self._build_one()
            with ui.element("section").props("aria-label='A walk and a sum'").classes("min-w-0"):
                self._build_walk()
                self._build_sum()
        with ui.element("section").props("aria-label='Is it a copy?'").classes("w-full"):
            self._build_copies()

    def _build_grid(self) -> None:
        heading("Pick a picture")
        ui.label("Drag one onto another for a walk between them.").classes("hint")
        with ui.element("div").classes("flex flex-wrap gap-2 my-2"):
            button("New pictures", self.trouble.guarded(self._again))
            if self.gan.conditional:
                self._classes = {}
                for label, name in [(None, "all"), *enumerate(self.studio.class_names)]:
                    self._classes[label] = button(
                        name, self.trouble.guarded(self._of_class(label)), aria_pressed="false"
                    )
                self._classes[None].props["aria-pressed"] = "true"
        if self.gan.latent != "sphere":
            _, self._cut = frame.slider(
                "Truncation: typical (left) or varied", 0.2, MOST_TRUNCATION, 0.1, MOST_TRUNCATION,
                self.trouble.guarded_with(self._truncate),
            )  # fmt: skip
            self._cut.set_text("off")
        with (
            ui.element("div")
            .style("display: grid; grid-template-columns: repeat(6, 1fr); gap: 4px")
            .classes("mt-2")
        ):
            self._cells, self._images = [], []
            for number in range(GRID):
                cell = ui.element("button").classes("plain").style("padding: 2px")
                cell.props.update({"type": "button", "draggable": "true", "aria-pressed": "false"})
                with cell:
                    self._images.append(picture(f"picture {number}"))
                cell.on("click", self.trouble.guarded(self._picked(number)))
                cell.on("dragstart", self._drag(number))
                cell.on("dragover", js_handler="(event) => event.preventDefault()")
                cell.on("drop.prevent", self.trouble.guarded(self._dropped_on(number)))
                self._cells.append(cell)

    def _build_one(self) -> None:
        heading("The pinned picture")
        self.one = picture("nothing is pinned yet", "min(100%, 280px)").mark("one")
        self.told = ui.label().props("role=status").classes("text-sm")
        with ui.element("div").classes("flex flex-wrap gap-2 my-2"):
            button("Back to the middle", self.trouble.guarded(self._middle))
            button("PNG", lambda: self._download("png"), aria_label="Download the picture as PNG")
            button(
                "npz", lambda: self._download("npz"), aria_label="Download grid and picture as npz"
            )
            button(
                "Grid PNG", lambda: self._download("grid"), aria_label="Download the grid as PNG"
            )
        ui.label("Directions in which pictures change most, strongest first").classes("hint")
        self._sliders = [
            frame.slider(
                f"Direction {k + 1}", -4, 4, 0.1, 0, self.trouble.guarded_with(self._slid(k))
            )
            for k in range(self.studio.sliders)
        ]

    def _build_walk(self) -> None:
        heading("A walk")
        ui.label("From the picture pinned before to the one pinned now.").classes("hint")
        self.film = picture("no walk yet", "min(100%, 168px)")
        with ui.element("div").classes("flex flex-wrap gap-2 my-2"):
            button("Play", self.trouble.guarded(self._play))
            button("Stop", self.trouble.guarded(self._stop))
            button("GIF", lambda: self._download("gif"), aria_label="Download the walk as GIF")
        self._place, self._at = frame.slider(
            "Place on the walk", 0, 1, 1 / (latents.FRAMES - 1), 0,
            self.trouble.guarded_with(self._go_to),
        )  # fmt: skip

    def _build_sum(self) -> None:
        heading("A − B + C").style("margin-top: 1rem")
        ui.label(
            "Drop pictures of the grid into the fields; or pin one and press a field."
        ).classes("hint")
        with ui.element("div").style(
            "display: grid; grid-template-columns: repeat(4, 1fr); gap: 6px"
        ):
            self._slot_images = {}
            for slot in SLOTS:
                cell = ui.element("button").classes("plain").style("padding: 4px")
                cell.props.update({"type": "button", "aria-label": f"Field {slot}: empty"})
                with cell:
                    self._slot_images[slot] = (cell, picture(""))
                    ui.label({"A": "A", "B": "− B", "C": "+ C"}[slot])
                cell.on("click", self.trouble.guarded(self._fill(slot, lambda: self._current())))
                cell.on("dragover", js_handler="(event) => event.preventDefault()")
                cell.on("drop.prevent", self.trouble.guarded(self._fill(slot, self._held)))
            with ui.element("div").style("padding: 5px"):
                self.sum_image = picture("the sum: empty").mark("sum")
                ui.label("= sum").classes("text-center")
        self.sum_told = ui.label().props("role=status").classes("text-sm")
        self.target = Field(
            self.gan.image_shape, self.studio.fit, self._project, self.trouble.say, draws=False,
            ask="A picture of your own: it is searched for among those that this generator draws, and pinned",
        )  # fmt: skip

    def _build_copies(self) -> None:
        heading("Is it a copy?")
        with ui.element("div").classes("flex flex-wrap gap-2 my-2"):
            button("Show the nearest training pictures", self.trouble.guarded(self._copies))
        self.copy_told = ui.label().props("role=status").classes("text-sm")
        with ui.element("div").classes("flex flex-wrap gap-2"):
            self._near = [picture("", "84px") for _ in range(latents.SHOWN)]
        for each in self._near:
            each.set_visibility(False)

    # ------------------------------------------------------------------------- what is asked for

    async def _first(self) -> None:
        await self._draw_grid()
        await self._pin(0)
        await self._do(self.studio.directions)  # before a slider asks for them

    async def _draw_grid(self) -> None:
        self.grid = await self._do(self._drawn_grid)
        for number, (cell, element, image, label) in enumerate(
            zip(self._cells, self._images, self.grid.images, self.grid.labels, strict=True)
        ):
            of = f" of class {self.studio.class_names[label]}" if label >= 0 else ""
            show(element, image, f"picture {number}{of}")
            cell.props["aria-pressed"] = "false"
            cell.update()

    def _drawn_grid(self) -> sampling.Drawn:
        parts = sampling.batches(self.gan, GRID, self.seed, self.label, self.truncation)
        return sampling.joined(parts)

    async def _again(self) -> None:
        self.seed += 1
        await self._draw_grid()

    def _of_class(self, label: int | None) -> Callable:
        async def choose() -> None:
            self.label = label
            for each, element in self._classes.items():
                element.props["aria-pressed"] = str(each == label).lower()
                element.update()
            await self._draw_grid()
            if label is not None and self.pinned is not None:  # the same latent, of that class
                self.pinned = (self.pinned[0], label)
                await self._latest(None)

        return choose

    async def _truncate(self, value: float) -> None:
        self.truncation = None if value >= MOST_TRUNCATION else value
        if self.gan.latent == "uniform" and self.truncation is not None:
            self.truncation = value / MOST_TRUNCATION
        self._cut.set_text("off" if self.truncation is None else f"{self.truncation:.2g}")
        await self._draw_grid()

    def _picked(self, number: int) -> Callable:
        async def pick() -> None:
            await self._pin(number)

        return pick

    def _of_grid(self, number: int) -> tuple[np.ndarray, int]:
        if self.grid is None:
            raise UserError("the pictures are not drawn yet; wait a moment")
        label = int(self.grid.labels[number]) if self.gan.conditional else 0
        return self.grid.latents[number], label

    async def _pin(self, number: int) -> None:
        for each, cell in enumerate(self._cells):
            cell.props["aria-pressed"] = str(each == number).lower()
            cell.update()
        await self._pin_latent(self._of_grid(number))

    async def _pin_latent(self, chosen: tuple[np.ndarray, int]) -> None:
        self.start = self.pinned and self._current()
        self.pinned = chosen
        await self._middle()

    async def _middle(self) -> None:
        self.amounts[:] = 0
        for element, number in self._sliders:
            frame.set_slider(element, 0)
            number.set_text("0")
        await self._latest(None)

    def _slid(self, k: int) -> Callable:
        async def slid(value: float) -> None:
            self.amounts[k] = value
            self._sliders[k][1].set_text(f"{value:g}")
            await self._latest(None)

        return slid

    def _current(self) -> tuple[np.ndarray, int] | None:
        if self.shown is None or self.pinned is None:
            return self.pinned
        return self.shown.latents[0], self.pinned[1]

    async def _move(self, _: None) -> None:
        """Draw the pinned latent where the sliders have moved it to."""
        if self.pinned is None:
            return
        self.shown = await self._do(self._drawn_one, self.pinned, self.amounts.copy())
        image = self.shown.images[0]
        label = self.shown.labels[0]
        of = f"class {self.studio.class_names[label]}, " if label >= 0 else ""
        show(self.one, image, f"the pinned picture, {of}mean gray {image.mean():.1f}")
        self.told.set_text(f"{of}mean gray {image.mean():.1f}")

    def _drawn_one(self, pinned: tuple[np.ndarray, int], amounts: np.ndarray) -> sampling.Drawn:
        latent, label = pinned
        if amounts.any():
            latent = latents.moved(latent, self.studio.directions(), amounts, self.gan.latent)
        images = self.gan.pictures(latent[None], np.array([label], np.int32))
        found = self.gan.classes_of(images, np.array([label])).astype(np.int32)
        return sampling.Drawn(images, latent[None], found)

    # ------------------------------------------------------------------------- walks and sums

    def _drag(self, number: int) -> Callable:
        def begin() -> None:
            self._dragged = number

        return begin

    def _held(self) -> tuple[np.ndarray, int] | None:
        return None if self._dragged is None else self._of_grid(self._dragged)

    def _dropped_on(self, number: int) -> Callable:
        async def drop() -> None:
            if self._dragged is None or self._dragged == number:
                return
            await self._pin(self._dragged)
            await self._pin(number)
            await self._play()

        return drop

    async def _play(self) -> None:
        if self.start is None or self.pinned is None:
            raise UserError("a walk needs two pictures: pin one, then another")
        here = self._current()
        assert here is not None
        self.walk = await self._do(latents.walk, self.gan, self.start[0], here[0], here[1])
        film = await self._do(latents.gif, self.walk.images)
        self.film.props.update(
            {"src": frame.data_url(film, "image/gif"), "alt": "the walk, playing"}
        )
        self.film.update()

    async def _stop(self) -> None:
        await self._go_to(0.0)
        frame.set_slider(self._place, 0)

    async def _go_to(self, t: float) -> None:
        if self.walk is None:
            raise UserError("there is no walk yet: pin two pictures, then press Play")
        number = round(t * (latents.FRAMES - 1))
        self._at.set_text(f"{t:.2g}")
        show(
            self.film,
            self.walk.images[number],
            f"the walk, picture {number + 1} of {latents.FRAMES}",
        )

    def _fill(self, slot: str, source: Callable[[], tuple[np.ndarray, int] | None]) -> Callable:
        async def fill() -> None:
            chosen = source()
            if chosen is None:
                raise UserError("pin a picture first")
            self.slots[slot] = chosen
            image = (await self._do(self._drawn_one, chosen, np.zeros(1))).images[0]
            cell, element = self._slot_images[slot]
            show(element, image)
            cell.props["aria-label"] = f"Field {slot}: filled"
            cell.update()
            await self._add()

        return fill

    async def _add(self) -> None:
        a, b, c = (self.slots[slot] for slot in SLOTS)
        if a is None or b is None or c is None:
            return
        total = (a[0] - b[0] + c[0], a[1])
        drawn = await self._do(self._drawn_one, total, np.zeros(1))
        image = drawn.images[0]
        show(self.sum_image, image, f"the sum, mean gray {image.mean():.1f}")
        self.sum_told.set_text(f"sum: mean gray {image.mean():.1f}")

    async def _project(self, image: np.ndarray, _: bool) -> None:
        async def search() -> None:
            self.sum_told.set_text("searching its latent, for some seconds …")
            found = await self._do(latents.invert, self.gan, image, self.label)
            await self._pin_latent((found.latent, found.label))
            self.sum_told.set_text(f"pinned: {found}")

        await self.trouble.guarded(search)()

    # ------------------------------------------------------------------------- copies and files

    async def _copies(self) -> None:
        if self.shown is None:
            return
        self.copy_told.set_text("reading the training pictures …")
        try:
            found = await self._do(self.studio.nearest, self.shown.images[0])
        except UserError as error:
            self.copy_told.set_text(f"The training pictures are not at hand: {one_line(error)}")
            return
        self.copy_told.set_text(found.sentence())
        for number, element in enumerate(self._near):
            element.set_visibility(number < len(found.images))
            if number < len(found.images):
                far = f"training picture, {found.distances[number]:.1f} gray levels away"
                show(element, found.images[number], far)

    def _download(self, what: str) -> None:
        if self.grid is None or self.shown is None:
            return
        if what == "gif":
            if self.walk is None:
                self.trouble.say("there is no walk yet: pin two pictures, then press Play")
                return
            ui.download.content(latents.gif(self.walk.images), "walk.gif")
        elif what == "npz":
            both = sampling.joined([self.grid, self.shown])
            ui.download.content(latents.npz(both), "pictures.npz")
        elif what == "grid":
            tiled = plotting.tile(self.grid.images, columns=6)
            ui.download.content(frame.png(tiled), "grid.png")
        else:
            ui.download.content(frame.png(self.shown.images[0]), "picture.png")
