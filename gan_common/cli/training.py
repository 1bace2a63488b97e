"""The flags that trainings have, by the same names."""

import dataclasses

from gan_common import data
from gan_common.cli.flags import flag


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """The flags of every training that leaves a run's folder."""

    dataset: str = flag(
        "mnist5k",
        "mnist5k, openmoji, mnist, fashion_mnist, cifar10, svhn, shapes, shapes:count, "
        "shapes:perspective, shapes:structure, shapes:scenes or folder:PATH",
        on_resume=True,
    )
    data_dir: str | None = flag(
        None,
        "folder with the data set's files (else $GAN_DATA_DIR); beside --resume also where the images of "
        "folder:PATH lie now",
        on_resume=True,
    )
    image_size: int | None = flag(
        None,
        "height and width of the images, which are square (--fit), in pixels (default: the data's own, "
        "32 for folder:)",
        lower=8,
        upper=1024,
    )
    tricks: tuple[str, ...] = flag((), "names separated by commas; --tricks help lists them")
    steps: int | None = flag(
        None, "training steps, instead of --epochs", lower=1, upper=10**12, on_resume=True
    )
    batch_size: int = flag(128, "images in a step", lower=2)
    seed: int = flag(1, "fixes initialization, order, labels and noise", lower=0, upper=2**31 - 1)
    run_dir: str | None = flag(None, "folder for the run (default: a new one under runs/)")
    resume: str | None = flag(
        None,
        "folder of a run to go on with; what is typed beside it holds for that run from then on",
        on_resume=True,
    )
    max_minutes: float | None = flag(
        None,
        "stop after so many minutes of training, over all parts of a run that is resumed",
        lower=0.001,
        on_resume=True,
    )
    on_failure: str = flag(
        "warn",
        "when the training is not healthy: say so; also pause D while it is ahead; or slow it, and both "
        "nets where steps overshoot; or stop",
        choices=("warn", "pause", "lower_lr", "stop"),
        since="0.2",
        on_resume=True,
    )


@dataclasses.dataclass(frozen=True)
class TrainingConfig(RunConfig):
    """The flags that the trainings of keras_dcgan and of ssgan_tf share beside these."""

    fit: str = flag(
        "crop",
        "images of folder: that are not square lose their sides, get bars in their edges' mean color, or "
        "change their shape",
        choices=data.FITS,
        since="0.3",
    )
    preset: str | None = flag(None, "networks and hyper-parameters that belong together")
    epochs: int = flag(
        20,
        "passes over the training images; with --max_minutes alone the time ends the run",
        lower=1,
        upper=10**9,
        on_resume=True,
    )
    least_steps: int = flag(
        0,
        "where neither --epochs nor --steps is typed, train for at least so many steps, however few "
        "images there are (then: 3000)",
        lower=0,
        upper=10**12,
        since="0.3",
    )
    precision: str = flag(
        "auto",
        "what convolutions and products are computed in; weights and losses stay float32",
        choices=("auto", "float32", "bfloat16"),
    )
    from_: str | None = flag(
        None,
        "folder of a run whose weights a new run begins with, as far as they fit; of its networks' flags "
        "those that are not typed hold too",
    )
    distribute: str = flag(
        "none",
        "over the devices of this machine, or the machines of $TF_CONFIG",
        choices=("none", "mirrored", "multiworker"),
        since="0.3",
        on_resume=True,
    )
