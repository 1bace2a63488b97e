"""How long a training is: what was typed, else a default that suits few images too."""

import pytest

import keras_dcgan.config as dcgan
import ssgan_tf.config as ssgan
from gan_common.cli import length
from gan_common.errors import UserError

FOLDER = {"dataset": "folder:some"}


@pytest.mark.parametrize("package", [dcgan, ssgan])
def test_few_images_are_trained_on_for_3000_steps_unless_a_length_was_typed(package):
    epochs = package.resolve(FOLDER).epochs

    def steps(steps_per_epoch, **typed):
        return length.total_steps(package.resolve({**FOLDER, **typed}), steps_per_epoch)

    assert steps(4) == 3000
    assert steps(1000) == 1000 * epochs
    assert steps(4, epochs=5) == 20
    assert steps(4, steps=7) == 7
    assert steps(4, epochs=5, least_steps=90) == 90
    # The time ends it: a million steps are weeks.
    assert steps(4, max_minutes=1.0) == 1_000_000
    assert steps(4, max_minutes=1.0, epochs=5) == 20


def test_mnist5k_keeps_its_20_epochs():
    assert length.total_steps(dcgan.resolve({}), 62) == 1240
    assert length.total_steps(dcgan.resolve({"dataset": "mnist5k"}), 62) == 1240


@pytest.mark.parametrize("package", [dcgan, ssgan])
def test_two_lengths_are_refused(package):
    with pytest.raises(UserError, match="--steps and --epochs exclude each other"):
        package.resolve({"steps": 5, "epochs": 5})


def test_intervals_are_an_epoch_but_not_a_few_steps():
    assert length.interval(None, 62, 50) == 62
    assert length.interval(None, 4, 50) == 50
    # What was typed wins.
    assert length.interval(1.0, 4, 50) == 4
    assert length.interval(0.5, 5, 50) == 2
    assert length.interval(0.0, 5, 50) == 1


@pytest.mark.parametrize(
    ("given", "steps_per_epoch", "lines"),
    [
        ({}, 4, ["300 images: 750 epochs, 3,000 steps"]),
        (
            {"epochs": 20},
            4,
            [
                "300 images: 20 epochs, 80 steps",
                "so few steps show little but noise; --steps 3000 is a beginning",
            ],
        ),
        (
            {"epochs": 200, "max_minutes": 9.5},
            4,
            ["300 images: 200 epochs, 800 steps, 9.5 minutes at most"],
        ),
        ({"steps": 501}, 4, ["300 images: 125.2 epochs, 501 steps"]),
        ({"max_minutes": 9.5}, 4, ["300 images: 4 steps an epoch, for 9.5 minutes"]),
    ],
)
def test_the_first_lines_tell_the_length(given, steps_per_epoch, lines, capsys):
    length.tell(dcgan.resolve({**FOLDER, **given}), 300, steps_per_epoch)
    assert capsys.readouterr().out.splitlines() == lines


def test_a_length_typed_on_resume_takes_the_place_of_the_other():
    config = dcgan.resolve({**FOLDER, "steps": 9})
    changed = length.changed(config, {"epochs": 3})
    assert (changed.steps, changed.least_steps) == (None, 0)
    assert length.changed(config, {"max_minutes": 3}) == config
    with pytest.raises(UserError, match="exclude each other"):
        length.changed(config, {"epochs": 3, "steps": 3})
