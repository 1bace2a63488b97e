"""What can be played, the table that plays it, and what the command refuses; without a browser."""

import dataclasses
import json
import time

import numpy as np
import pytest

from gan_common import modes
from gan_common.errors import UserError
from gan_common.losses import KINDS
from gan_common.play import __main__ as command
from gan_common.play import pictures, settings, table
from gan_common.play.settings import Setting
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
    return table.Shelf(places=2)


@pytest.fixture
def playing(shelf):
    opened = table.Table(shelf)
    yield opened
    opened.close()
    assert opened.join()


def wait(played, until, seconds=60):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, played.message
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


def test_a_shelf_keeps_graphs_but_few(shelf):
    first = shelf.take(TINY)
    first.advance(3)
    shelf.park(TINY, first)
    assert (first.step, first.marks) == (0, [0])
    again = shelf.take(dataclasses.replace(TINY, seed=7))
    assert again is first
    assert again.seed == 7
    shelf.park(TINY, again)
    assert sum(map(len, shelf._parked.values())) <= 2


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
