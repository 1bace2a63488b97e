"""The pages of a run, clicked through in a real browser."""

import dataclasses
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from gan_common import cli, data, runs

TINY = {"image_size": 12, "width": 4, "latent_dim": 4, "labels": "20", "precision": "float32"}
pytestmark = pytest.mark.integration


def content(folder):
    """What a folder holds, by the names of its files."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def status(main, *args):
    with pytest.raises(SystemExit) as end:
        main(["command", *map(str, args)])
    return end.value.code


@pytest.fixture(scope="module", autouse=True)
def small_data():
    """mnist5k at 12×12, loaded once."""
    before, data.load = data.load, functools.lru_cache(data.load)
    yield data.load("mnist5k", None, 12, fit="crop", known=data.Listing(None, None, 0, 1, 16))
    data.load = before


@pytest.fixture(scope="module")
def run(browser, tmp_path_factory, small_data):
    """A run of `ssgan_tf` with a checkpoint, two rows and a sample, that nobody has trained."""
    from gan_common.runs.checkpoints import Checkpoints
    from ssgan_tf import models, parts
    from ssgan_tf.config import resolve

    config = resolve({"dataset": "mnist5k", "steps": 4, **TINY})
    folder = tmp_path_factory.mktemp("explored") / "run"
    run = runs.Run.create(dataclasses.asdict(config), str(folder), "ssgan_tf", small_data)
    rows = parts.divide(small_data, config).labelled
    parts.keep_labelled(folder / "labelled.npy", rows)
    gan = models.build(config, small_data.image_shape, 10, small_data.x_train[:50])
    Checkpoints(run, gan.checkpoint_variables()).save(4, {"step": 4})
    for step in (2, 4):
        run.log({"step": step, "epoch": 0, "seconds": step, "d_loss": 3.5 / step, "g_loss": 0.7})
    run.add_sample(4, small_data.x_train[:64])
    run.close()
    (folder / ".lock").touch()
    return run


@pytest.fixture(scope="module")
def parts(run):
    from ssgan_tf import explore
    from ssgan_tf.config import Config

    return explore.parts(run, cli.saved(Config, str(run.folder)), "last")


@pytest.fixture(scope="module")
def cgan():
    """A generator that is told the class, not trained."""
    from keras_dcgan import models
    from keras_dcgan.config import resolve

    given = {"preset": "cgan", "width": 2, "precision": "float32", "dataset": "mnist5k"}
    return models.build(resolve(given), (12, 12, 1), 10)


@pytest.fixture(scope="module")
def pages(site, run, parts, cgan):
    """The address of the run's pages; below /cgan the same with the other generator."""
    from gan_common.pages import explore
    from ssgan_tf.config import Config

    config = cli.saved(Config, str(run.folder))
    folder = run.folder.parent / "labelled"
    explore.build(run, config, parts, folder, at="/run")
    explore.build(run, config, explore.Parts(cgan), folder, at="/cgan")
    before = content(run.folder)
    yield site.url
    assert content(run.folder) == before  # whatever was clicked


def told(page, pattern):
    """The numbers that a status line says, once it does."""
    line = page.get_by_role("status").filter(has_text=re.compile(pattern)).first
    line.wait_for()
    return [float(number) for number in re.findall(r"-?\d+\.\d+", line.inner_text())]


def gray(images):
    return pytest.approx(float(images.mean()), abs=0.06)


def test_a_generator_is_explored(pages, visit, cgan, small_data, tmp_path):
    from gan_common import sampling
    from gan_common.pages import frame
    from gan_common.pages import latents as latents_of
    from gan_common.sampling import draw

    page = visit.page
    page.goto(f"{pages}/cgan/")
    images, latents = draw(cgan, 24, 0)
    assert told(page, "class 0") == [gray(images[0])]
    page.get_by_role("button", name="picture 3 of class 3").click()
    assert told(page, "class 3") == [gray(images[3])]

    # A direction, by the keyboard, and back.
    slider = page.get_by_role("slider", name="Direction 1")
    before = page.get_by_alt_text("the pinned picture").get_attribute("src")
    slider.focus()
    page.keyboard.press("End")
    page.get_by_text("Direction 1").locator("..").get_by_text("4", exact=True).wait_for()
    page.wait_for_function(
        "(old) => document.querySelector('img[alt^=\"the pinned picture\"]').src != old", arg=before
    )
    moved = latents_of.moved(
        latents[3], latents_of.principal_directions(cgan), np.array([4.0, 0, 0, 0, 0, 0]), "normal"
    )
    assert told(page, "class 3") == [gray(cgan.pictures(moved[None], np.array([3])))]
    assert slider.input_value() == "4"
    page.get_by_role("button", name="Back to the middle").click()
    assert told(page, f"class 3, mean gray {images[3].mean():.1f}")
    assert slider.input_value() == "0"

    # The same latent, of another class; and latents nearer to the middle.
    page.get_by_role("button", name="7", exact=True).click()
    page.get_by_role("button", name="picture 5 of class 7").wait_for()
    expected = cgan.pictures(latents[3:4], np.array([7]))
    assert told(page, "class 7") == [gray(expected)]
    truncation = page.get_by_role("slider", name="Truncation")
    truncation.focus()
    page.keyboard.press("Home")
    typical = sampling.joined(sampling.batches(cgan, 24, 0, 7, 0.2)).images[5]
    address = frame.data_url(frame.png(typical))
    page.wait_for_function(
        "(address) => [...document.images].some((image) => image.src == address)", arg=address
    )
    assert truncation.input_value() == "0.2"
    page.keyboard.press("End")

    # A picture of one's own is dropped, and found among those of the class.
    Image.fromarray(images[7][..., 0]).save(tmp_path / "own.png")
    visit.drop(page.get_by_text("A picture of your own"), tmp_path / "own.png")
    found = page.get_by_role("status").filter(has_text="pinned: ")
    found.wait_for()
    visit.shot("projected")
    page.get_by_role("status").filter(has_text="class 7, mean").wait_for()
    page.get_by_role("button", name="all", exact=True).click()
    page.get_by_role("button", name="picture 5 of class 5").wait_for()

    # A walk, by dragging one picture onto another.
    page.get_by_role("button", name="picture 1 of").drag_to(
        page.get_by_role("button", name="picture 2 of class 2")
    )
    page.get_by_alt_text("the walk, playing").wait_for()
    place = page.get_by_role("slider", name="Place on the walk")
    place.focus()
    page.keyboard.press("End")
    page.get_by_alt_text("picture 24 of 24").wait_for()

    # A − B + C: with B as C it is A; the last by the keyboard, which takes the pinned one.
    for field, number in (("A", 4), ("B", 2)):
        source = page.get_by_role("button", name=f"picture {number} of")
        source.drag_to(page.get_by_label(f"Field {field}"))
        page.get_by_label(f"Field {field}: filled").wait_for()
    page.get_by_label("Field C").focus()
    page.keyboard.press("Enter")
    assert told(page, "sum") == [gray(images[4])]

    # What is downloaded is what is seen.
    with page.expect_download() as download:
        page.get_by_label("as npz").click()
    with np.load(download.value.path()) as arrays:
        np.testing.assert_array_equal(arrays["images"], images[[*range(24), 2]])
        np.testing.assert_allclose(arrays["latents"][:24], latents)
    for name, kind in (("picture as PNG", "PNG"), ("walk as GIF", "GIF"), ("grid as PNG", "PNG")):
        with page.expect_download() as download:
            page.get_by_label(f"Download the {name}").click()
        with Image.open(download.value.path()) as file:
            assert file.format == kind

    page.get_by_role("button", name="nearest training").click()
    near, threshold = (number for number in told(page, "ray levels away") if number != 1)
    train = small_data.x_train.astype(float)
    assert near == pytest.approx(
        np.sqrt(((train - images[2]) ** 2).mean(axis=(1, 2, 3))).min(), abs=0.06
    )
    assert 0 < threshold
    visit.check_accessible()
    visit.check_widths()
    visit.shot("generator")


def test_a_classifier_is_asked(pages, visit, parts, run, small_data, tmp_path):
    page = visit.page
    page.goto(f"{pages}/run/classifier")
    page.get_by_role("button", name="It is 7").click()
    page.get_by_role("alert").get_by_text("there is no picture yet").wait_for()

    digit = small_data.x_test[3]
    Image.fromarray(digit[..., 0]).save(tmp_path / "digit.png")
    choose = page.locator("input[type=file]")
    choose.set_input_files(tmp_path / "digit.png")
    classes, generated = parts.classifier.probabilities(digit[None])
    for name, share in [("3", classes[0, 3]), ("8", classes[0, 8]), ("generated", generated[0])]:
        page.locator(f'[data-told="{name}"]').get_by_text(f"{share:.1%}", exact=True).wait_for()
    page.get_by_alt_text("a labelled picture of class").first.wait_for()

    # Drawn with a finger, then with the mouse: a stroke from the upper left corner comes to the middle.
    canvas = page.get_by_label("A field to draw in")
    told_now = page.get_by_role("status").first
    before = told_now.inner_text()
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("Draw something.").wait_for()
    empty = canvas.evaluate("canvas => canvas.toDataURL()")
    visit.touch(canvas, (0.5, 0.2), (0.5, 0.5), (0.5, 0.8))
    page.get_by_role("status").filter(has_text="sure").wait_for()
    assert told_now.inner_text() != before
    assert canvas.evaluate("canvas => canvas.toDataURL()") != empty
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("Draw something.").wait_for()
    field = canvas.bounding_box()
    page.mouse.move(field["x"] + 30, field["y"] + 30)
    page.mouse.down()
    page.mouse.move(field["x"] + 30, field["y"] + 150, steps=3)
    page.mouse.up()
    page.get_by_role("status").filter(has_text="sure").wait_for()
    page.get_by_role("button", name="It is 1").click()
    page.get_by_role("status").filter(has_text="saved as").wait_for()
    saved = run.folder.parent / "labelled" / "1" / "labelled-0001.png"
    columns = np.asarray(Image.open(saved)).max(axis=0)
    assert abs(np.average(np.arange(12) + 0.5, weights=columns) - 6) <= 1

    # What is no picture, and a picture of 100 megapixels.
    (tmp_path / "letter.png").write_text("Dear reader")
    visit.drop(canvas, tmp_path / "letter.png")
    page.get_by_role("alert").get_by_text("'letter.png': not an image").wait_for()
    Image.new("1", (10_000, 10_000)).save(tmp_path / "huge.png")
    visit.drop(canvas, tmp_path / "huge.png")
    page.get_by_role("alert").get_by_text("'huge.png': more than 89 million pixels").wait_for()
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("Draw something.").wait_for()
    visit.drop(canvas, tmp_path / "digit.png")
    page.locator('[data-told="3"]').get_by_text(f"{classes[0, 3]:.1%}", exact=True).wait_for()
    visit.check_accessible()
    visit.check_widths()
    visit.shot("classifier")


FAKE = """
import json, os, signal, socket, sys, time
sys.path.insert(0, {root!r})
from gan_common.runs.lock import Lock
from gan_common.runs.signals import StopSignals
stop = []
with Lock({folder!r}), StopSignals(stop.append):
    while not stop:
        time.sleep(0.02)
"""


def test_a_training_is_watched_paused_and_stopped(pages, visit, run, tmp_path):
    page = visit.page
    root = os.path.dirname(os.path.dirname(runs.__path__[0]))
    code = FAKE.format(root=root, folder=str(run.folder))
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as training:
        page.goto(f"{pages}/run/training")
        page.get_by_text("The training runs: step 4 of 4").wait_for()
        page.get_by_role("button", name="Pause").click()
        page.get_by_text("The training is paused").wait_for()
        page.get_by_role("button", name="Go on").click()
        page.get_by_text("The training runs").wait_for()
        loss = page.locator('[data-told="d_loss"]').inner_text()
        assert float(loss) == pytest.approx(run.rows()[-1]["d_loss"], abs=6e-4)
        page.get_by_alt_text("losses and accuracies over 4 steps").wait_for()
        page.get_by_alt_text("samples of step 4").wait_for()
        visit.check_accessible()
        visit.check_widths()
        page.get_by_role("button", name="Stop and save").click()
        assert training.wait(10) == 0
    page.get_by_text("No training runs here now").wait_for()
    visit.shot("training")


def test_a_closed_tab_leaves_no_address_behind(pages, visit):
    from nicegui import app

    page = visit.page
    page.goto(f"{pages}/run/classifier")
    page.get_by_text("Draw something.").wait_for()

    def addresses():
        return {r.path for r in app.routes if getattr(r, "path", "").startswith("/dropped/")}

    own = page.evaluate("document.querySelector('input[type=file]').form === null") and addresses()
    page.close()
    end = time.monotonic() + 8
    while own & addresses() and time.monotonic() < end:
        time.sleep(0.05)
    assert not own & addresses()


def test_what_cannot_be_explored_is_one_line(run, tmp_path, capsys):
    from ssgan_tf import explore

    assert status(explore.main, "--run_dir", tmp_path / "nowhere", "--nobrowser") == 2
    assert "there is no run here" in capsys.readouterr().err
    broken = shutil.copytree(run.folder, tmp_path / "broken")
    for path in broken.glob("checkpoints/*/variables.data*"):
        path.write_bytes(b"")
    before = content(broken)
    assert status(explore.main, "--run_dir", broken, "--nobrowser") == 2
    error = capsys.readouterr().err.strip()
    assert "sound" in error.splitlines()[-1]
    assert content(broken) == before


def test_a_training_without_a_checkpoint_is_shown_alone(run, tmp_path, monkeypatch):
    from gan_common.pages import explore as pages_explore
    from gan_common.pages import serve, training
    from ssgan_tf import explore

    young = shutil.copytree(run.folder, tmp_path / "young")
    shutil.rmtree(young / "checkpoints")
    served = []
    monkeypatch.setattr(serve, "serve", lambda *given: served.append(given))
    monkeypatch.setattr(training, "holder", lambda folder: 1)
    assert status(explore.main, "--run_dir", young) == 0
    assert len(served) == 1
    shown = []
    monkeypatch.setattr(pages_explore, "build", lambda *given: shown.append(given))
    served[0][0]()
    assert shown[0][4] == pages_explore.NOT_YET
    monkeypatch.setattr(training, "holder", lambda folder: None)
    assert status(explore.main, "--run_dir", young) == 2
    assert len(served) == 1
