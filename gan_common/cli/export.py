"""What `export` asks for and writes, the same for both packages: a network for use without this project."""

import dataclasses
import importlib.util
import shlex
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_common import files
from gan_common.cli.flags import check_output, flag, parse
from gan_common.cli.saved import saved
from gan_common.errors import UserError, one_line
from gan_common.runs import card
from gan_common.runs.run import Run
from gan_common.web import runtime

# Format → how what is written is called.
ENDINGS = {"keras": ".keras", "saved_model": "", "onnx": ".onnx", "tflite": ".tflite", "web": ""}
FOLDERS = ("saved_model", "web")
ONNX = ("tf2onnx", "onnx")


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of `export`."""

    run_dir: str | None = flag(None, "the run's folder")
    what: str = flag(
        "generator", "the network", choices=("generator", "discriminator", "classifier")
    )
    format: str = flag(
        "keras",
        "of what is written: one file, or a folder for saved_model and for web, a page",
        choices=tuple(ENDINGS),
    )
    checkpoint: str = flag("last", "which one is taken", choices=("last", "best"))
    out: str | None = flag(
        None, "file, or folder of a saved_model or page, to write (default: in the run's folder)"
    )


@dataclasses.dataclass(frozen=True)
class Network:
    """One network of a run, and in words what goes in and what comes out."""

    model: Any  # what `portable` takes
    takes: str
    gives: str


def command(
    argv: Sequence[str],
    usage: str,
    config_class: type,
    restore: Callable[..., Any],
    networks: Mapping[str, Callable[[Run, Any], Network]],
    check: Callable[[Any, str], None] = lambda config, what: None,
) -> None:
    """Write a network of a run, with its averaged weights, computing in float32.

    Args:
        argv, usage, config_class, restore: as of `evaluate.command`.
        networks: --what → (run, restored networks) → that network; called with averaged weights.
        check: refuses what a run of this configuration does not have.
    """
    options = Options(**parse(Options, argv, usage, outputs=()))  # see `_place`
    if options.what not in networks:
        raise UserError(f"--what {options.what}: this package has {' and '.join(networks)}")
    config: Any = saved(config_class, options.run_dir)
    check(config, options.what)
    out = _place(options)

    import gan_common.quiet  # noqa: F401

    run = Run(Path(str(options.run_dir)))
    image_shape, class_names = run.dataset_facts()
    config = dataclasses.replace(config, precision="float32")
    gan = restore(run, config, image_shape, len(class_names), options.checkpoint)
    from gan_common.portable import merged, portable

    with gan.averaged():
        network = networks[options.what](run, gan)
        model = merged(portable(network.model))
        facts = _facts(run, config)
        write(model, options.format, out, facts)
    beside = _write_card(run, out)
    takes = network.takes
    if options.format in ("onnx", "tflite", "web"):  # their graphs are of one type
        takes = takes.replace("uint8 or float32", "float32")
    print(f"{out}\n{beside}\ntakes  {takes}\ngives  {network.gives}")
    if "dropout_noise" in config.tricks and options.what == "generator":
        print("noise  none: dropout noise is off in what was written")
    if options.format == "web":
        size = (out / "model.onnx").stat().st_size / 1e6
        print(
            f"page   python -m http.server --directory {shlex.quote(str(out))}; its network has {size:.1f} MB"
        )


def _facts(run: Run, config: Any) -> dict[str, Any]:
    """What a page is told of a run."""
    shape, names = run.dataset_facts()
    return {
        "title": card.title(run),
        "image_shape": list(shape),
        "class_names": names,
        "latent_dim": config.latent_dim,
        "latent": config.latent,
    }


def _write_card(run: Run, out: Path) -> Path:
    """The run's card: in a folder that was written, or beside a file, by its name."""
    beside = out / card.NAME if out.is_dir() else out.with_name(f"{out.stem}.{card.NAME}")
    text = card.contents(run)
    files.write_whole(beside, lambda path: path.write_text(text, encoding="utf-8"))
    return beside


def _place(options: Options) -> Path:
    """Where to write, checked before the networks are restored."""
    if options.format == "web":
        if options.what == "discriminator":
            raise UserError("--what discriminator: --format web shows a generator or a classifier")
        runtime.find()
    if options.format in ("onnx", "web"):
        lacking = [name for name in ONNX if importlib.util.find_spec(name) is None]
        if lacking:
            raise UserError(
                f"--format {options.format} needs {' and '.join(lacking)}; install them by "
                f"pip install {' '.join(lacking)}, or choose another --format"
            )
    ending = ENDINGS[options.format]
    default = Path(str(options.run_dir)) / f"{options.what}{ending or '_' + options.format}"
    out = Path(options.out or default)
    if options.format in FOLDERS:
        if out.exists():
            raise UserError(f"--out {str(out)!r}: is there already; name a new folder")
    elif ending != out.suffix:
        raise UserError(f"--out {str(out)!r}: a file of --format {options.format} ends in {ending}")
    check_output("--out", str(out))
    return out


def write(model: Any, format: str, out: Path, facts: dict[str, Any] | None = None) -> None:
    """Write a functional model.

    Args:
        model: any; for "keras" of Keras's layers alone.
        format: of `ENDINGS`.
        out: the file; a new folder for "saved_model" and "web".
        facts: what a page is told, see `gan_common.web.site.write`.

    Raises:
        UserError: a layer that a .keras file cannot do without, an operation that the format lacks, a place
            that cannot be written to.
    """
    from gan_common.portable import foreign_layers

    if format == "keras" and (foreign := foreign_layers(model)):
        raise UserError(
            f"--format keras: {', '.join(foreign)} is this project's own, so that a .keras file would "
            "need this project; choose --format saved_model"
        )
    writers: dict[str, Callable[[Path], Any]] = {
        "keras": lambda path: model.save(path),
        "saved_model": lambda path: _save_graph(model, path),
        "onnx": lambda path: _save_onnx(model, path),
        "tflite": lambda path: path.write_bytes(_tflite(model)),
        "web": lambda path: _save_page(model, path, dict(facts or {})),
    }
    files.write_whole(out, writers[format])


def _save_graph(model: Any, path: Path) -> None:
    """A SavedModel: `serve`, also as its default signature, and `serve_uint8` where that makes sense."""
    import keras
    import tensorflow as tf

    def specs(dtype: str | None = None) -> list:
        return [
            tf.TensorSpec((None, *each.shape[1:]), dtype or each.dtype, each.name)
            for each in model.inputs
        ]

    def serve(*inputs: Any) -> Any:
        pairs = zip(inputs, model.inputs, strict=True)
        taken = [tf.cast(value, each.dtype) for value, each in pairs]
        return model(taken if len(taken) > 1 else taken[0], training=False)

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", serve, input_signature=specs())
    if model.name == "classifier":
        archive.add_endpoint("serve_uint8", serve, input_signature=specs("uint8"))
    archive.write_out(str(path), verbose=False)


def _tflite(model: Any) -> bytes:
    import tensorflow as tf

    folder = tempfile.mkdtemp()
    try:
        _save_graph(model, Path(folder) / "saved_model")
        converter = tf.lite.TFLiteConverter.from_saved_model(
            f"{folder}/saved_model", signature_keys=["serve"]
        )
        return converter.convert()
    except Exception as error:  # the converter has a class of its own for each of its stages
        raise UserError(
            f"--format tflite: TensorFlow's converter refuses this network ({one_line(error)}); "
            "choose --format saved_model"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _save_page(model: Any, path: Path, facts: dict[str, Any]) -> None:
    from gan_common.web import site

    with tempfile.TemporaryDirectory() as temporary:
        onnx = Path(temporary) / "model.onnx"
        _save_onnx(model, onnx)
        site.write(path, model, onnx, facts)


def _save_onnx(model: Any, path: Path) -> None:
    import tensorflow as tf

    zeros = [tf.zeros((1, *each.shape[1:]), each.dtype) for each in model.inputs]
    model(zeros if len(zeros) > 1 else zeros[0])  # Keras asks for it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what tf2onnx asks of NumPy
            model.export(str(path), format="onnx", verbose=False)
    except OSError:
        raise
    except Exception as error:
        raise UserError(
            f"--format onnx: tf2onnx refuses this network ({one_line(error)}); "
            "choose --format saved_model"
        ) from error
