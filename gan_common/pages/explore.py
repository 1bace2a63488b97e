"""What `explore` asks for and serves, the same for both packages."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gan_common.cli import images
from gan_common.cli.flags import flag, parse
from gan_common.cli.saved import saved
from gan_common.errors import UserError, one_line
from gan_common.pages import serve
from gan_common.runs.run import Run

TITLE = "A run, to explore"
NOT_YET = (
    "There is no checkpoint yet: what it draws can be explored when this is started again later."
)


@dataclasses.dataclass(frozen=True)
class Options(serve.Address):
    """The flags of `explore`."""

    run_dir: str | None = flag(None, "the run's folder")
    checkpoint: str = flag("last", "which one is shown", ("last", "best"))
    dataset: str | None = flag(None, "folder:PATH, if the run's folder of images has moved")
    data_dir: str | None = flag(None, "folder with the data set's files, if they have moved")
    labelled: str | None = flag(
        None, "folder that pictures which you label are saved in (default: beside the run's)"
    )


@dataclasses.dataclass(frozen=True)
class Parts:
    """What of a run can be explored.

    Attributes:
        gan: a `projection.Invertible`; None of a run that draws nothing.
        classifier: see `gan_common.pages.classifier.Classifier`; None of a run that has none.
        labelled: (data set) → rows of its training images whose labels were seen, of a classifier.
    """

    gan: Any = None
    classifier: Any = None
    labelled: Callable[[Any], Any] | None = None


def command(
    argv: Sequence[str],
    usage: str,
    config_class: type,
    restore: Callable[[Run, Any, str], Parts],
) -> None:
    """Restore a run and serve its pages until Ctrl-C.

    Args:
        argv, usage, config_class: as of `evaluate.command`.
        restore: (run, configuration, "last" or "best") → what of it can be explored.
    """
    options = Options(**parse(Options, argv, usage))
    config: Any = saved(config_class, options.run_dir)
    run = Run(Path(str(options.run_dir)))
    run.dataset_facts()
    moved = images.moved(config, str(options.run_dir), options.dataset, options.data_dir)
    port = serve.check(options.host, options.port)

    import gan_common.quiet  # noqa: F401
    from gan_common.pages import training

    try:
        parts, trouble = restore(run, config, options.checkpoint), ""
    except UserError as error:  # no checkpoint yet, of a training that runs
        if training.holder(run.folder) is None:
            raise
        none = not any((run.folder / "checkpoints").glob("*"))
        parts, trouble = Parts(), NOT_YET if none else one_line(error)
    folder = Path(options.labelled or f"{run.folder}-labelled")
    serve.serve(
        lambda: build(run, moved, parts, folder, trouble),
        TITLE,
        options.host,
        port,
        options.browser,
    )


def build(
    run: Run, config: Any, parts: Parts, labelled: Path, trouble: str = "", at: str = ""
) -> None:
    """Add the pages of a run: `/`, and those that it has of `/classifier` and `/training`.

    Args:
        run, config: of the training.
        parts: from `restore`.
        labelled: folder that pictures are saved in.
        trouble: why the networks cannot be shown.
        at: what the paths begin with.
    """
    from nicegui import ui

    from gan_common.pages import frame, training

    # The networks' weights are swapped for averages while they work: one thing after another.
    worker, looking = frame.Worker(), frame.Worker()
    links = {"Training": f"{at}/training"}
    if parts.classifier is not None:
        links = {"Classifier": f"{at}/classifier", **links}
    if parts.gan is not None:
        links = {"Generator": f"{at}/", **links}
    class_names = run.dataset_facts()[1]

    def load() -> Any:
        return images.load_of(run, config)

    def show_training() -> None:
        training.TrainingPage(run, config, links, f"{at}/training", looking, trouble)

    pages: dict[str, Callable[[], object]] = {f"{at}/training": show_training}
    if parts.classifier is not None:
        from gan_common.pages import classifier

        desk = classifier.Desk(
            parts.classifier, load, parts.labelled, labelled, links, parts.gan, worker
        )
        pages[f"{at}/classifier"] = lambda: classifier.ClassifierPage(desk, f"{at}/classifier")
    if parts.gan is not None:
        from gan_common.pages import generator, studio

        shared = studio.Studio(parts.gan, class_names, config.fit, load, links, worker)
        pages[f"{at}/"] = lambda: generator.GeneratorPage(shared, f"{at}/")
    pages.setdefault(f"{at}/", list(pages.values())[-1])
    for path, show in pages.items():
        ui.page(path)(_without_result(show))


def _without_result(show: Callable[[], object]) -> Callable[[], None]:
    """A page's function, which for NiceGUI must give nothing."""

    def page() -> None:
        show()

    return page
