"""The page: stories, switches, one or two planes; what it asks for is done by its seat of the `Games`."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nicegui import app, ui

from gan_common import catalogue
from gan_common.errors import UserError, one_line
from gan_common.modes.__main__ import command
from gan_common.pages import frame
from gan_common.play import settings
from gan_common.play.games import Games
from gan_common.play.news import Picture
from gan_common.play.panel import Panel
from gan_common.play.settings import SPEEDS, Setting
from gan_common.play.stories import STORIES

TITLE = "The game in two dimensions"
ABOUT = (
    "G (violet dots) learns to imitate real data (green), D (the surface: green where it believes, violet "
    "where it does not) to tell them apart.  Red arrows: where D's verdict sends G's samples."
)
POLL = 0.08  # seconds
ALONE = "nothing beside it"
TABS = 4  # that play at the same time
DRAW_FIRST = "Draw at least one point first: click into the plane."


class Page:
    """What one tab shows and asks for.

    Args:
        games: all tabs'.

    Attributes:
        number: of its seat.
    """

    def __init__(self, games: Games) -> None:
        self.setting, self.beside = Setting(), ALONE
        self._games, self._complaint = games, ""
        self.number, self.seat = games.sit()
        self._shown = 0  # number of the picture that was sent last, and
        self._drawn = 0  # of the one that the browser has drawn
        self._missed = 0  # polls in which it had not
        self._quiet = False  # switches are being set by the program
        self._build()
        self._set_switches()
        self._apply(run=False)
        ui.timer(POLL, self._poll)

    # ------------------------------------------------------------------------- building

    def _build(self) -> None:
        ui.add_css(Path(__file__).with_name("play.css"))
        with frame.frame(TITLE):
            ui.label(ABOUT).classes("text-sm")
            self._build_stories()
            self._build_bar()
            with ui.element("section").classes("games").props("aria-label='The games'"):
                self.panels = [
                    Panel("Game", self._put, self._has_drawn),
                    Panel("Game beside it", lambda _: None, self._has_drawn),
                ]
            self.panels[1].box.set_visibility(False)
            self._build_choices()
            self._build_tricks()
            with ui.element("p").classes("hint"):
                ui.label("The same training by a command:")
                with ui.element("code"):
                    self.command = ui.label()

    def _build_stories(self) -> None:
        with ui.row().classes("items-center gap-2").props("role=group aria-label=Stories"):
            for name, story in STORIES.items():
                frame.button(story.title, lambda _, name=name: self._tell(name), data_story=name)
        self.story = (
            ui.label("A story sets the switches and begins.  Or set them yourself below, and run.")
            .classes("text-sm")
            .props("role=status data-told=story")
        )

    def _build_bar(self) -> None:
        with ui.row().classes("items-center gap-2 w-full").props("role=group aria-label=Playing"):
            self.run: Any = frame.button("Run", self._toggle, data_do="run").classes("chosen")
            frame.button("Step", lambda _: self.seat.step(), data_do="step")
            frame.button("Back one step", self._back, data_do="back")
            frame.button("Restart", lambda _: self._apply(), data_do="restart")
            self.speed = self._select("Speed", list(SPEEDS), next(iter(SPEEDS)), self._pace, "w-44")
            self.seed = (
                ui.number("Seed", value=1, min=0, max=10**6, precision=0, on_change=self._seeded)
                .classes("w-24")
                .props("dense outlined debounce=400")
            )
            self.fast = ui.label().classes("text-sm").props("data-told=speed")
        with ui.element("div").classes("w-full"):
            self.winding, self.wound = frame.slider(
                "Rewind to step", 0, 1, 1, 0, lambda step: self.seat.wind(int(step))
            )
        self.trouble = frame.Trouble()

    def _select(
        self, label: str, choices: Any, value: Any, changed: Callable, width: str = "w-52"
    ) -> ui.select:
        def hear(event: Any) -> None:
            if not self._quiet:
                changed(event.value)

        return (
            ui.select(choices, label=label, value=value, on_change=hear)
            .classes(width)
            .props("dense options-dense outlined")
        )

    def _pace(self, name: str | None) -> None:
        if name in SPEEDS:  # a tab can say that nothing is chosen
            self.seat.pace(name)

    def _build_choices(self) -> None:
        with ui.row().classes("items-center gap-3").props("role=group aria-label=Setting"):
            self.world = self._select("Data", settings.WORLDS, "ring", self._world)
            self.loss = self._select("Loss", [], None, lambda v: self._with(loss=v))
            rates = {rate: f"{rate:g}" for rate in settings.RATES}
            self.g_rate = self._select(
                "G's learning rate", rates, 1e-3, lambda v: self._with(generator_lr=v), "w-40"
            )
            self.d_rate = self._select(
                "D's learning rate", rates, 1e-4, lambda v: self._with(discriminator_lr=v), "w-40"
            )
            self.preset = self._select("Networks", settings.presets(), "quick", self._preset)
            self.other = self._select("Beside it, the same seed", {}, None, self._compare, "w-72")
        with ui.row().classes("items-center gap-3") as self.modern:
            ui.label(
                "These networks have the loss of pairs, R1 and R2, and take no other tricks."
            ).classes("text-sm")
            gammas = list(settings.NUMBERS["r1"][2])
            self.gamma = self._select(
                "γ of R1 and R2 at first", gammas, None, lambda v: self._with(r1=v), "w-48"
            )
            self.r2 = ui.checkbox("R2", on_change=self._turn_r2).props("dense data-trick=r2")
        with ui.row().classes("items-center gap-2") as self.drawing:
            ui.label(
                "Draw: click or drag in the plane, or move the square by the arrow keys and press Enter."
            ).classes("text-sm")
            frame.button("Remove the last point", lambda _: self._points(-1))
            frame.button("Remove all points", lambda _: self._points(None))
        self.drawing.set_visibility(False)

    def _build_tricks(self) -> None:
        self.switches: dict[str, ui.checkbox] = {}
        self.numbers: dict[str, ui.select] = {}
        frame.heading("Tricks")
        with ui.element("div").classes("tricks").props("role=group aria-label=Tricks"):
            for name in settings.tricks():
                with ui.column().classes("gap-0"):
                    trick = catalogue.TRICKS[name]
                    self.switches[name] = ui.checkbox(
                        name.replace("_", " "),
                        on_change=lambda event, name=name: self._turn(name, event),
                    ).props(f"dense data-trick={name}")
                    ui.label(f"{trick.effect} ({trick.section})").classes("hint pl-7")
                    if name in settings.NUMBERS:
                        flag, label, choices = settings.NUMBERS[name]
                        self.numbers[name] = self._select(
                            label, list(choices), None, lambda v, flag=flag: self._with(**{flag: v})
                        )

    # -------------------------------------------------------------------- what is asked

    def _change(self, setting: Setting, beside: str | None = None, run: bool | None = None) -> None:
        """Play another setting; one that cannot be is refused and the switches stay."""
        beside = self.beside if beside is None else beside
        try:
            if beside not in settings.besides(setting):  # of other networks
                beside = ALONE
            played = [setting]
            if beside != ALONE:
                played.append(settings.beside(setting, beside))
            if setting.world != "drawn" or setting.points:
                for each in played:
                    each.options()
        except UserError as error:
            self._refuse(error)
            return
        self.setting, self.beside = setting, beside
        self._set_switches()
        self._apply(run)

    def _refuse(self, error: UserError) -> None:
        self._complain(one_line(error))
        self._set_switches()

    def _apply(self, run: bool | None = None) -> None:
        self._complain("")
        played = [self.setting]
        if self.beside != ALONE:
            played.append(settings.beside(self.setting, self.beside))
        if self.setting.world == "drawn" and not self.setting.points:
            self.seat.run(False)
            self._complain(DRAW_FIRST)
            return
        self.seat.set(played, run)

    def _tell(self, name: str) -> None:
        story = STORIES[name]
        self.story.set_text(story.tells)
        setting = dataclasses.replace(story.setting, seed=self.setting.seed)
        self._change(setting, story.beside or ALONE, run=True)

    def _with(self, **values: Any) -> None:
        self._change(self.setting.with_(**values))

    def _turn(self, name: str, event: Any) -> None:
        if self._quiet:
            return
        try:
            self._change(self.setting.turned(name, event.value))
        except UserError as error:
            self._refuse(error)

    def _turn_r2(self, event: Any) -> None:
        if not self._quiet:
            self._with(r2=event.value)

    def _preset(self, name: str) -> None:
        self._change(
            Setting(self.setting.world, name, seed=self.setting.seed, points=self.setting.points)
        )

    def _world(self, name: str) -> None:
        self._change(dataclasses.replace(self.setting, world=name), run=False)

    def _seeded(self, event: Any) -> None:
        seed = frame.number_of(event.value, 0, 10**6)
        if not self._quiet and seed is not None:
            self._change(dataclasses.replace(self.setting, seed=int(seed)))

    def _compare(self, choice: str) -> None:
        self._change(self.setting, choice)

    def _put(self, place: Any) -> None:
        sent = [frame.number_of(v, -1, 1) for v in place] if isinstance(place, list) else []
        given = [1.8 * number for number in sent if number is not None]
        if self.setting.world != "drawn" or len(given) != 2:
            return
        x, y = given
        if len(self.setting.points) >= settings.MOST_POINTS:
            self._complain(f"{settings.MOST_POINTS} points are the most.")
            return
        points = (*self.setting.points, (round(x, 3), round(y, 3)))
        self._change(dataclasses.replace(self.setting, points=points), run=False)

    def _points(self, end: int | None) -> None:
        points = () if end is None else self.setting.points[:end]
        self._change(dataclasses.replace(self.setting, points=points), run=False)

    def _toggle(self, _: Any) -> None:
        self._complain("")
        if self.setting.world == "drawn" and not self.setting.points:
            self._complain(DRAW_FIRST)
            return
        self.seat.run(not self.seat.running)

    def _back(self, _: Any) -> None:
        if self.seat.picture:
            self.seat.wind(self.seat.picture.seen[0].step - 1)

    def _complain(self, text: str) -> None:
        self._complaint = text

    # ------------------------------------------------------------------ what is shown

    def _set_switches(self) -> None:
        """Bring all switches to the setting."""
        self._quiet = True
        setting = self.setting
        try:
            options = dataclasses.replace(setting, points=setting.points or ((0.0, 0.0),)).options()
            for name, switch in self.switches.items():
                switch.set_value(name in options.tricks)
            for name, number in self.numbers.items():
                value = getattr(options, settings.NUMBERS[name][0])
                _offer(number, value)
                number.set_visibility(name in options.tricks)
            others = {ALONE: ALONE, **settings.besides(setting)}
            self.other.set_options(others, value=self.beside)
            self.loss.set_options(list(settings.losses(setting.preset)), value=options.loss)
            self.r2.set_value(options.r2)
            for select, value in (
                (self.world, setting.world), (self.preset, setting.preset), (self.gamma, options.r1),
                (self.g_rate, options.generator_lr), (self.d_rate, options.discriminator_lr),
            ):  # fmt: skip
                _offer(select, value)
            self.seed.set_value(setting.seed)
        finally:
            self._quiet = False
        self.drawing.set_visibility(setting.world == "drawn")
        self.modern.set_visibility(setting.preset == settings.MODERN)
        self.panels[0].plane.props["drawing"] = setting.world == "drawn"
        self.panels[1].box.set_visibility(self.beside != ALONE)
        told = setting.world in ("ring", "grid")
        self.command.set_text(
            command(setting.given()) if told else "none: only ring and grid are its tasks"
        )

    def _has_drawn(self, event: Any) -> None:
        drawn = frame.number_of(event.args, 0, self._shown)
        self._drawn = max(self._drawn, 0 if drawn is None else int(drawn))

    def _poll(self) -> None:
        """Send what is new, unless the browser is still busy with the last picture."""
        seat = self.seat
        self.trouble.say(self._complaint or self._games.trouble or seat.message)
        picture = seat.picture
        self.run.told.set_text("Pause" if seat.running else "Run")
        busy = "building the graph …" if seat.busy else ""
        if picture is None or picture.number == self._shown:
            self.fast.set_text(busy or self.fast.text)
            return
        if self._drawn < self._shown and self._missed < 2 / POLL:
            self._missed += 1
            return
        self._missed, self._shown = 0, picture.number
        self._show(picture, busy)

    def _show(self, picture: Picture, busy: str) -> None:
        choices = settings.besides(picture.settings[0])
        titles = (self._title(picture.settings[0]), choices.get(self.beside, ""))
        for i in range(len(picture.seen)):
            world = picture.worlds[i]
            self.panels[i].show(picture.number, picture.seen[i], world, titles[i])
        step = picture.seen[0].step
        ui.run_javascript(  # not under the hand that moves it
            f"const wind = getHtmlElement({self.winding.id}); wind.max = {max(1, picture.reached)};"
            f"if (!wind.matches(':active')) wind.value = {step}"
        )
        self.wound.set_text(f"{step:,}")
        self.fast.set_text(
            busy or (f"{picture.speed:,.0f} steps/s" if picture.running else "paused")
        )

    def _title(self, setting: Setting) -> str:
        networks = [setting.preset] if setting.preset != settings.PRESET else []
        chosen = [name.replace("_", " ") for name in setting.tricks] or ["no tricks"]
        if setting.fixed and not setting.tricks:
            chosen = []
        told = [settings.WORLDS[setting.world], *networks, *chosen, f"seed {setting.seed}"]
        return ", ".join(told)


def _offer(select: ui.select, value: Any) -> None:
    """Select a value, which is added to the choices if it is none of them."""
    known: Any = select.options
    if value not in known:
        if isinstance(known, dict):
            select.set_options({**known, value: f"{value:g}"})
        else:
            select.set_options([*known, value])
    select.set_value(value)


def build(path: str = "/", games: Games | None = None) -> Games:
    """Make the page: each tab has a seat of its own, whose games end with it.

    Args:
        path: of the page.
        games: of all tabs; by default in a process that is started here.
    """
    shared = games or Games()

    @ui.page(path, title=TITLE)
    def index() -> None:
        if len(shared.seats) >= TABS:
            with frame.frame(TITLE):
                ui.label(f"{TABS} tabs are playing already: close one, and load this one again.")
            return
        page = Page(shared)
        ui.context.client.on_delete(lambda: shared.leave(page.number))

    app.on_shutdown(shared.close)
    return shared
