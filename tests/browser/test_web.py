"""The pages of `export --format web` in a browser: the same numbers, every story, nothing from outside."""

import functools
import http.server
import shutil
import threading

import keras
import numpy as np
import pytest
from PIL import Image

from gan_common import tricks
from gan_common.cli import export
from gan_common.errors import UserError
from gan_common.kernels.normalization import BatchNormalization
from gan_common.portable import merged, portable
from gan_common.web import runtime

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
for package in export.ONNX:
    pytest.importorskip(package)

pytestmark = pytest.mark.integration
layers = keras.layers


def generator():
    latents, label = keras.Input((5,), name="latents"), keras.Input((), dtype="int32", name="label")
    x = layers.Concatenate()([latents, layers.CategoryEncoding(3, output_mode="one_hot")(label)])
    x = layers.Reshape((7, 7, 4))(layers.Dense(196)(x))
    x = layers.ReLU()(BatchNormalization()(x))
    x = layers.ReLU()(layers.Conv2DTranspose(4, 4, 2, "same")(x))
    x = layers.Activation("tanh")(tricks.UpsampleConv2D(1, 5, scale=2)(x))
    return keras.Model([latents, label], x, name="generator")


def classifier():
    x = inputs = keras.Input((28, 28, 1))
    x = layers.Rescaling(1 / 127.5, -1)(x)
    x = layers.LeakyReLU(0.2)(layers.Conv2D(4, 5, 2, "same")(x))
    x = layers.Softmax()(layers.Dense(3)(layers.Flatten()(x)))
    return keras.Model(inputs, x, name="classifier")


FACTS = {
    "title": "a network",
    "image_shape": [28, 28, 1],
    "class_names": ["naught", "<b>one</b>", "二 and a name of more than a few words"],
    "latent_dim": 5,
    "latent": "normal",
}


@pytest.fixture(scope="module")
def networks(browser, tmp_path_factory):
    """Both networks, and the address of a server that has their pages, and its folder."""
    try:
        runtime.find()
    except UserError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("web")
    made = {}
    for make in (generator, classifier):
        model = make()
        rng = np.random.default_rng(0)
        for variable in model.variables:
            lower = 0.1 if "variance" in variable.path else -0.3
            variable.assign(rng.uniform(lower, 0.4, variable.shape))
        export.write(merged(portable(model)), "web", folder / make.__name__, FACTS)
        (folder / make.__name__ / "MODEL_CARD.md").write_text("# a network\n")
        made[make.__name__] = model

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield made, f"http://127.0.0.1:{server.server_port}/", folder
        server.shutdown()
        thread.join()


@pytest.fixture
def opened(visit, networks):
    """Opens the page of a network."""

    def open_page(kind):
        visit.page.goto(f"{networks[1]}{kind}/")
        visit.page.get_by_text("differs from Keras's output").wait_for(timeout=20_000)
        return visit.page

    return open_page


def settle(page):
    """Wait until what was asked of the network is on the page."""
    page.evaluate("async () => { await network.last; await new Promise(requestAnimationFrame); }")


def picture(page, name="image"):
    settle(page)
    return page.evaluate(f"document.getElementById('{name}').toDataURL()")


def run(page, *inputs):
    given = [np.asarray(each).ravel().tolist() for each in inputs]
    return np.array(page.evaluate("async (given) => [...await network.run(given)]", given))


def test_a_generator_gives_the_numbers_of_keras(opened, networks):
    page, rng = opened("generator"), np.random.default_rng(0)
    latents, label = rng.normal(size=(6, 5)).astype(np.float32), np.arange(6, dtype=np.int32) % 3
    images = networks[0]["generator"]([latents, label], training=False).numpy()
    np.testing.assert_allclose(run(page, latents, label), images.ravel(), atol=1e-4)
    assert images.std() > 0.01


def test_a_classifier_gives_the_numbers_of_keras(opened, networks):
    page = opened("classifier")
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1)).astype(np.float32)
    expected = networks[0]["classifier"](images, training=False).numpy()
    np.testing.assert_allclose(run(page, images), expected.ravel(), atol=1e-4)


def test_a_generator_is_played_with_by_mouse_and_keyboard(opened):
    page = opened("generator")
    first = picture(page)
    page.get_by_role("button", name="Latent 5").click()
    fifth = picture(page)
    assert fifth != first
    page.get_by_label("Direction 1").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.locator("#direction-value-0").inner_text() == "0.5"
    assert picture(page) != fifth
    page.get_by_role("button", name="All back to 0").click()
    sync_api.expect(page.locator("#direction-value-0")).to_have_text("0.0")
    page.get_by_role("radio", name="naught").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("radio", name="<b>one</b>").is_checked()
    page.get_by_role("button", name="Make this image A").click()
    page.get_by_role("button", name="Play").click()
    sync_api.expect(page.locator("#rate")).to_contain_text("images a second", timeout=20_000)
    page.get_by_role("button", name="Stop").click()
    page.get_by_label("Place between A and B").fill("0")
    page.get_by_label("Seed").fill("7")
    page.get_by_role("button", name="Twelve others").click()
    assert page.get_by_label("Seed").input_value() == "8"
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as PNG").click()
    with Image.open(download.value.path()) as image:
        assert image.size == (28, 28)


def test_the_same_seed_shows_the_same_latents(opened):
    page = opened("generator")
    shown = page.locator("#gallery canvas").first
    first = shown.evaluate("canvas => canvas.toDataURL()")
    page.get_by_role("button", name="Twelve others").click()
    settle(page)
    assert shown.evaluate("canvas => canvas.toDataURL()") != first
    page.get_by_label("Seed").fill("0")
    page.keyboard.press("Enter")
    settle(page)
    assert shown.evaluate("canvas => canvas.toDataURL()") == first


def test_what_is_drawn_or_chosen_is_classified(opened, tmp_path):
    page = opened("classifier")
    said, field = page.locator("#said"), page.get_by_role("application", name="Drawing field")
    assert said.inner_text() == "Nothing is drawn yet."
    box = field.bounding_box()
    page.mouse.move(box["x"] + 80, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 180, box["y"] + 200, steps=5)
    page.mouse.up()
    sync_api.expect(said).to_contain_text("%")
    shares = page.locator("#bars td:last-child").all_inner_texts()
    assert sum(float(share.rstrip("%")) for share in shares) == pytest.approx(100, abs=0.2)
    page.get_by_role("button", name="Clear").click()
    assert said.inner_text() == "Nothing is drawn yet."

    field.focus()  # the same without a mouse
    for key in ("Space", "ArrowDown", "ArrowDown", "ArrowRight", "Space"):
        page.keyboard.press(key)
    sync_api.expect(said).to_contain_text("%")
    assert "pen up" in field.get_attribute("aria-label")
    page.keyboard.press("Delete")
    assert said.inner_text() == "Nothing is drawn yet."

    (tmp_path / "notes.png").write_text("no image")
    page.locator("#file").set_input_files(tmp_path / "notes.png")
    sync_api.expect(said).to_have_text("notes.png: this browser cannot read it as an image.")
    Image.new("L", (60, 40), 200).save(tmp_path / "flat.png")
    page.locator("#file").set_input_files(tmp_path / "flat.png")
    sync_api.expect(said).to_contain_text("%")


@pytest.mark.parametrize("kind", ["generator", "classifier"])
def test_everyone_can_use_it_and_nothing_overflows(opened, visit, kind):
    opened(kind)
    visit.check_accessible()
    visit.check_widths()
    if kind == "classifier":  # a long name is broken between its words
        assert visit.page.get_by_role("row").last.bounding_box()["height"] < 120
    visit.shot(kind)


def test_a_file_that_is_missing_is_told_on_the_page(browser, networks):
    _, address, folder = networks
    shutil.copytree(folder / "generator", folder / "broken")
    (folder / "broken" / "model.json").unlink()
    page = browser.new_page()
    page.goto(f"{address}broken/")
    page.get_by_text("The network could not be loaded: model.json: 404").wait_for()
    page.close()
