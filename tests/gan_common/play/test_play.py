"""What can be played, the table that plays it, and what the command refuses; without a browser."""

import dataclasses
import json
import threading
import time
import types

import numpy as np
import pytest

from gan_common import modes
from gan_common.errors import UserError
from gan_common.losses import KINDS
from gan_common.play import __main__ as command
from gan_common.play import games, pictures, process, settings, table
from gan_common.play.settings import Setting
from gan_common.play.shelf import Shelf
from gan_common.play.stories import STORIES

TINY = Setting(values={"batch_size": 8, "latent_dim": 4, "steps": 60})


# ------------------------------------------------------------------------------------------- settings


def test_a_setting_is_the_commands_flags():
    setting = Setting(seed=3).turned("packing").with_(pack=4, alpha=0.3, generator_lr=1e-2)
    options = setting.options()
    assert (options.pack, options.seed, options.tricks) == (4, 3, ("packing",))
    assert options.generator_lr == 1e-2
    assert options.alpha == modes.Options().alpha  # label smoothing is off: its α is kept, and idle
    assert setting.turned("label_smoothing").options().alpha == 0.3
    assert setting.turned("packing").tricks == ()
    assert "pack" not in setting.with_(pack=None).values
    assert Setting().given() == {"task": "ring", "preset": "quick", "seed": 1}


def test_every_switch_can_be_turned_alone_and_what_excludes_itself_is_told():
    for name in settings.tricks():
        assert name in Setting().turned(name).options().tricks
    for name, (flag, _, choices) in settings.NUMBERS.items():
        for value in choices:
            assert getattr(Setting().turned(name).with_(**{flag: value}).options(), flag) == value
    for kind in KINDS:
        assert Setting().with_(loss=kind).options().loss == kind
    for preset in settings.presets():
        assert Setting(preset=preset).options().preset == preset
    with pytest.raises(UserError, match="unrolled"):
        Setting(tricks=("unrolled", "r1")).options()


def test_what_stands_beside_differs_in_one_thing():
    setting = Setting().turned("packing")
    for choice in settings.besides(setting):
        other = settings.beside(setting, choice)
        changed = [
            field.name
            for field in dataclasses.fields(Setting)
            if getattr(other, field.name) != getattr(setting, field.name)
        ]
        assert len(changed) == 1, choice
    assert settings.beside(setting, "packing").tricks == ()
    assert settings.beside(setting, "loss hinge").options().loss == "hinge"
    with pytest.raises(UserError, match="no choice"):
        settings.beside(setting, "nonsense")
    assert settings.losses("quick") == ("non_saturating", "minimax", *KINDS[2:])


def test_networks_that_have_tricks_of_their_own():
    cured, modern = Setting(preset="cured"), Setting(preset="modern")
    assert cured.with_(r1=0.3).options().r1 == 0.3  # R1 is on, so that its number holds
    with pytest.raises(UserError, match="cured always have packing"):
        cured.turned("packing", False)
    assert "packing" not in settings.besides(cured)
    for choice in settings.besides(modern):
        settings.beside(modern, choice).options()
    without = settings.beside(modern.with_(r1=0.3), "r2")
    assert (without.options().r2, without.options().r1) == (False, 0.3)
    assert without.options().loss == "relativistic"
    assert "r2" not in dataclasses.replace(without, preset="quick").given()


def test_stories_are_settings_that_exist():
    assert list(STORIES) == ["collapse", "cure", "strong", "circling"]
    for story in STORIES.values():
        story.setting.options()
        if story.beside:
            settings.beside(story.setting, story.beside).options()


def test_worlds():
    assert Setting("line").centres()[0].shape == (7, 2)
    drawn = Setting("drawn", points=((0.5, 1.0), (0.0, -1.0)))
    assert drawn.centres()[0].tolist() == [[0.5, 1.0], [0.0, -1.0]]
    assert drawn.key() != dataclasses.replace(drawn, points=drawn.points[:1]).key()
    assert drawn.key() == dataclasses.replace(drawn, seed=9).key()
    assert Setting("grid").centres() is None
    with pytest.raises(UserError, match="at least one point"):
        Setting("drawn").options()


# -------------------------------------------------------------------------------------------- the table


@pytest.fixture(scope="module")
def shelf():
    return Shelf()


@pytest.fixture
def playing(shelf):
    opened = table.Table(shelf)
    yield opened
    opened.close()
    assert opened.join()


def wait(played, until, seconds=240):  # on a machine that may be busy
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, vars(played)
        time.sleep(0.005)


def done(played):
    wait(played, lambda: not played.busy)


def test_a_table_steps_winds_runs_and_pauses(playing, monkeypatch):
    monkeypatch.setattr(table, "LOOK_EVERY", 0.01)
    playing.set([TINY])
    playing.step()
    playing.step(4)
    done(playing)
    assert playing.picture.seen[0].step == 5
    at_5 = playing.picture.seen[0].samples
    playing.step(3)
    playing.wind(5)
    done(playing)
    assert (playing.picture.seen[0].step, playing.picture.reached) == (5, 8)
    np.testing.assert_array_equal(playing.picture.seen[0].samples, at_5)
    playing.wind(8)
    playing.wind(10**6)
    done(playing)
    assert playing.picture.seen[0].step == 8
    playing.wind(0)
    playing.run(True)
    wait(playing, lambda: not playing.running and not playing.busy)
    assert playing.picture.seen[0].step == 60  # the run's end
    assert "Paused after 60 steps" in playing.message
    assert playing.picture.number > 5
    json.dumps(pictures.plane(playing.picture.seen[0], 1.8))


def test_two_games_go_in_step_and_slowly(playing):
    other = dataclasses.replace(TINY, seed=2)
    playing.set([TINY, other])
    playing.pace("100 steps a second")
    playing.run(True)
    wait(playing, lambda: playing.picture and playing.picture.seen[0].step >= 15)
    playing.run(False)
    done(playing)
    first, second = playing.picture.seen
    assert first.step == second.step
    assert not np.array_equal(first.samples, second.samples)


def test_what_cannot_be_played_is_told_and_nothing_is_lost(playing):
    playing.step()
    playing.wind(3)
    playing.run(True)
    done(playing)
    assert (playing.picture, playing.running) == (None, False)
    playing.set([TINY])
    playing.step()
    done(playing)
    playing.set([TINY.turned("unrolled").turned("r1")])
    done(playing)
    assert "unrolled" in playing.message
    playing.set([Setting("drawn")])
    done(playing)
    assert "at least one point" in playing.message
    playing.step()
    done(playing)
    assert playing.picture.seen[0].step == 2


def test_a_number_that_is_not_finite_pauses_it(playing):
    playing.set([TINY.with_(generator_lr=1e30)], run=True)
    wait(playing, lambda: not playing.busy and not playing.running)
    assert "not finite" in playing.message
    seen = playing.picture.seen[0]
    text = json.dumps([pictures.plane(seen, 1.8), *pictures.charts(seen)], allow_nan=False)
    assert "NaN" not in text
    assert "not finite" in pictures.verdict(seen.findings)


def test_a_shelf_builds_a_graph_once(shelf):
    first = shelf.take(TINY)
    first.advance(3)
    shelf.park(TINY, first)
    assert (first.step, first.marks) == (0, [0])
    built = shelf.built
    again = shelf.take(dataclasses.replace(TINY, seed=7))
    assert again is first
    assert (again.seed, shelf.built) == (7, built)
    shelf.park(TINY, again)


# ------------------------------------------------------------------------------- from process to process


class Beside(games.Player):
    """A thread in place of a process."""

    def start(self, theirs, most):
        threading.Thread(target=process.serve, args=(theirs, most), daemon=True).start()


@pytest.fixture
def two(shelf, monkeypatch):
    """The games of a page, whose processes share a shelf, and those that were started."""
    monkeypatch.setattr(process, "new_shelf", lambda: shelf)
    started = []

    def start(hear, most):
        started.append(Beside(hear, most))
        return started[-1]

    opened = games.Games(start, most=10**6)
    yield opened, started
    opened.close()


def settled(seat):
    wait(seat, lambda: not seat.busy)


def test_games_move_to_another_process_and_go_on_there(two):
    opened, started = two
    _, seat = opened.sit()
    seat.set([TINY])
    for steps in (7, 12):
        seat.step(steps)
    settled(seat)
    there = seat.picture
    seat.step(9)
    seat.wind(7)
    settled(seat)
    early = seat.picture
    seat.wind(19)
    settled(seat)
    opened.renew()
    wait(seat, lambda: started[-1] is not started[0] and opened._player is started[-1])
    wait(seat, lambda: seat.picture.number > there.number + 3)
    assert_alike(seat.picture, there)
    seat.wind(7)  # what it can be wound back to has come with it
    settled(seat)
    assert_alike(seat.picture, early)
    seat.run(True)
    wait(seat, lambda: seat.picture.seen[0].step == 60)
    number, other = opened.sit()
    other.set([Setting("drawn")])
    wait(other, lambda: "at least one point" in other.message)
    seat.set([TINY], run=True)
    for each in (1, number):  # a closed tab ends its training
        opened.leave(each)
    assert not opened.seats
    wait(other, lambda: not any(thread.name == "play" for thread in threading.enumerate()))


def assert_alike(one, other):
    assert one.settings == other.settings
    for a, b in zip(one.seen, other.seen, strict=True):
        assert (a.step, a.findings) == (b.step, b.findings)
        for name in ("samples", "pulls", "surface", "told", "counted"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_a_process_that_ends_is_told_of_and_another_one_begins(two):
    opened, started = two
    _, seat = opened.sit()
    seat.set([TINY])
    seat.step(3)
    settled(seat)
    started[0].send("end")
    wait(seat, lambda: len(started) == 2 and not seat.busy and seat.picture.seen[0].step == 0)
    seat.step(2)
    settled(seat)
    assert seat.picture.seen[0].step == 2


def test_a_process_that_does_not_begin_is_told_of():
    class Dead(games.Player):
        def start(self, theirs, most):
            theirs.close()

    opened = games.Games(Dead)
    wait(opened, lambda: opened.trouble)
    assert "does not start" in opened.trouble
    opened.sit()[1].set([TINY])


# ------------------------------------------------------------------------------------------ the command


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["--nonsense", "1"], "nonsense"),
        (["--port", "99999"], "65535"),
        (["--host", "192.0.2.1"], "no address"),
    ],
)
def test_the_command_refuses_in_one_line(typed, told, capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(["play", *typed])
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert told in said
    assert len(said.splitlines()) == 1


def test_a_tab_that_chooses_no_speed_changes_none():
    page = pytest.importorskip("gan_common.play.page", exc_type=ImportError)
    asked = []
    tab = types.SimpleNamespace(seat=types.SimpleNamespace(pace=asked.append))
    for name in (None, "10 steps a second", "no speed"):
        page.Page._pace(tab, name)
    assert asked == ["10 steps a second"]
