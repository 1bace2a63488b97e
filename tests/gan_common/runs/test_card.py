"""The card says what the run's files say, and keeps what a person wrote into it."""

import json

import pytest

from gan_common.errors import UserError
from gan_common.runs import Run, card

SHAPE = {"image_shape": [12, 12, 3], "class_names": ["cat", "a|b"], "pictures": 1234}
CONFIG = {
    "package": "keras_dcgan",
    "dataset": "folder:my cats",
    "preset": "cgan",
    "tricks": ["augment"],
    "seed": 7,
    "batch_size": 64,
    "latent_dim": 50,
    "latent": "normal",
    "precision": "float32",
}
SUMMARY = {
    "seconds": 125.4,
    "steps": 2000,
    "images_per_second": 1020.5,
    "machine": "A processor, 2 cores",
    "versions": {"python": "3.11.2", "keras": "3.15.1"},
    "fid": 0.271,
    "fid_floor": 0.04,
    "copied_share": 0.012,
    "copied_share_floor": 0.01,
    "copies": "not memorized: 1.2% of 2,000 generated images are nearer",
}


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run 1"
    folder.mkdir()
    write(folder, config=CONFIG, dataset=SHAPE, summary=SUMMARY)
    return Run(folder)


def write(folder, **parts):
    for name, content in parts.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def text_of(run):
    return card.write(run).read_text(encoding="utf-8")


def test_what_a_reader_asks_is_there(run):
    text = text_of(run)
    assert card.write(run) == run.folder / "MODEL_CARD.md"
    for line in (
        "# keras_dcgan: cgan on folder:my cats",
        r"| data | folder:my cats: 1,234 training images of 12×12×3, 2 classes (cat, a\|b) |",
        "| preset | cgan, tricks: augment |",
        "| seed | 7 |",
        "| steps | 2,000 of 64 images |",
        "| time | 2:05 minutes, 1,020 images/s |",
        "| machine | A processor, 2 cores |",
        "| versions | python 3.11.2, keras 3.15.1 |",
        "| Fréchet distance (FID) | 0.271 | 0.04 | lower |",
        "Copies: not memorized: 1.2% of 2,000 generated images are nearer.",
        f"python -m keras_dcgan.generate --run_dir '{run.folder}' --count 64",
        "images = generator([latents, labels])  # latents (N, 50) float32, normal; labels (N,) int32; "
        "images in [-1, 1]",
    ):
        assert line in text.splitlines(), line
    assert len(text.splitlines()) < 60  # one screen


def test_the_license_is_the_publishers_or_for_the_person_to_say(run):
    assert text_of(run).endswith(f"{card.LICENSE}\n\n{card.YOURS}\n")
    (run.folder / card.NAME).unlink()
    write(run.folder, config=CONFIG | {"dataset": "shapes:count"})
    assert text_of(run).endswith("MIT, as this project, which draws them.\n")


def test_what_a_person_wrote_stays(run):
    mine = text_of(run).replace(card.YOURS, "Mine, all rights reserved.\n\nNot for sale.")
    (run.folder / card.NAME).write_text(mine, encoding="utf-8")
    write(run.folder, summary=SUMMARY | {"fid": 0.5})
    text = text_of(run)
    assert text.endswith(f"{card.LICENSE}\n\nMine, all rights reserved.\n\nNot for sale.\n")
    assert "| Fréchet distance (FID) | 0.5 | 0.04 | lower |" in text


def test_a_folder_that_has_grown_is_told_as_it_is_now(run):
    write(run.folder, images={"train": ["a.png", "b.png"], "test": [], "began": 1})
    assert "| data | folder:my cats: 2 training images of 12×12×3" in text_of(run)


def test_an_old_or_unmeasured_run_has_a_card_too(run):
    write(run.folder, dataset={k: v for k, v in SHAPE.items() if k != "pictures"}, summary={})
    text = text_of(run)
    assert "| data | folder:my cats: 12×12×3, 2 classes" in text
    assert f"Not measured: `python -m keras_dcgan.evaluate --run_dir '{run.folder}'`." in text
    write(run.folder, config=CONFIG | {"package": "ssgan_tf", "baseline": True})
    assert "A baseline has no generator" in text_of(run)


def test_a_name_on_two_lines_stays_in_its_row(run):
    write(run.folder, config=CONFIG | {"dataset": "folder:two\nlines"})
    assert text_of(run).splitlines()[0] == r"# keras_dcgan: cgan on folder:two\nlines"


def test_a_damaged_configuration_is_named(run):
    (run.folder / "config.json").write_text("[")
    with pytest.raises(UserError, match=r"config\.json: damaged"):
        card.write(run)
    assert not (run.folder / card.NAME).exists()
