"""Flags, configurations and exit statuses; nothing here needs TensorFlow."""

import dataclasses
import json
import re
import subprocess
import sys
import typing

import pytest

import ssgan_tf.config
from gan_common import cli, files
from gan_common.errors import UserError
from keras_dcgan.config import Config, resolve
from keras_dcgan.presets import PRESETS
from ssgan_tf import presets


def parse(*flags):
    return cli.parse(Config, ["prog", *flags], "usage")


def test_only_what_was_typed_is_given():
    assert parse() == {}
    assert parse("--epochs", "3", "--tricks=a,b", "--noevaluate") == {
        "epochs": 3,
        "tricks": ("a", "b"),
        "evaluate": False,
    }


def test_what_is_typed_without_a_flag_goes_where_it_is_asked_for(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Options:
        top: int = cli.flag(1, "how many")
        csv: str | None = cli.flag(None, "a file")
        paths: tuple[str, ...] = ()

    def given(*typed):
        return cli.parse(Options, ["prog", *typed], "usage", arguments="paths")

    assert given("a.png", "--top", "3", "b", "--", "--c") == {
        "top": 3,
        "paths": ("a.png", "b", "--c"),
    }
    assert given() == {"paths": ()}
    with pytest.raises(UserError, match=r"the flags are: --top --csv$"):
        given("--paths=x")
    with pytest.raises(UserError, match=r"--csv '.*': is a folder"):
        given(f"--csv={tmp_path}")


@dataclasses.dataclass(frozen=True)
class Written:
    """The flags of a command that reads and writes."""

    run_dir: str | None = cli.flag(None, "the run's folder")
    project: str | None = cli.flag(None, "an image file")
    csv: str | None = cli.flag(None, "a file")
    json: str | None = cli.flag(None, "a file")
    paths: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("--csv x --json ./x", "--csv and --json both name './x'; name two files"),
        ("--csv x.JSON --json x.json", "--csv and --json both name 'x.json'; name two files"),
        (
            "--project a.png --json a.png",
            "--json 'a.png': is also --project, and would be overwritten",
        ),
        (
            "--csv link.png a.png",
            "--csv 'link.png': is also what is read, and would be overwritten",
        ),
        ("--run_dir run --json run/config.json", "'run/config.json': is a file of the run itself"),
        (
            "--run_dir run --csv run/samples/a.csv",
            "'run/samples/a.csv': is a file of the run itself",
        ),
        ("--run_dir run --project a.png --csv run/mine.csv --json mine.json a.png", None),
    ],
)
def test_no_output_overwrites_another_or_what_is_read(typed, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_text("")
    (tmp_path / "link.png").symlink_to("a.png")
    (tmp_path / "run" / "samples").mkdir(parents=True)

    def parsed():
        return cli.parse(Written, ["prog", *typed.split()], "usage", arguments="paths")

    if says is None:
        assert parsed()["json"] == "mine.json"
        return
    with pytest.raises(UserError, match=re.escape(says)):
        parsed()


def test_explicit_beats_preset_beats_default():
    config = resolve(parse("--preset", "reference", "--generator_lr", "0.01"))
    assert config.generator_lr == 0.01
    assert config.discriminator_lr == PRESETS["reference"]["discriminator_lr"]
    assert config.epochs == Config.epochs
    assert None not in [
        getattr(config, name) for name in ("batch_size", "latent", "loss", "optimizer", "beta_1")
    ]


@pytest.mark.parametrize(
    ("resolve", "preset", "dataset"),
    [(resolve, preset, "mnist5k") for preset in PRESETS]
    + [(ssgan_tf.config.resolve, p, d) for p in presets.PRESETS for d in ("mnist5k", "cifar10")],
)
def test_a_resolved_configuration_is_what_its_annotations_say(resolve, preset, dataset):
    config = resolve({"preset": preset, "dataset": dataset})
    for name, annotation in typing.get_type_hints(type(config)).items():
        value = getattr(config, name)
        number = isinstance(value, int) and annotation is float
        kinds = typing.get_args(annotation) if "|" in str(annotation) else (annotation,)
        kinds = tuple(typing.get_origin(kind) or kind for kind in kinds)
        assert number or isinstance(value, kinds), (name, value)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_complete(preset):
    config = resolve({"preset": preset})
    optional = {"data_dir", "image_size", "run_dir", "resume", "max_minutes", "json", "break_"}
    optional |= {"steps", "from_", "sample_every", "save_every"}
    unset = {f.name for f in dataclasses.fields(config) if getattr(config, f.name) is None}
    assert unset <= optional


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--epoch", "3"], "unknown flag --epoch; the flags are: --dataset"),
        (["--preset", "dcgn"], "dcgn"),
        (["--batch_size", "many"], "--batch_size 'many': give one number: images in a step"),
        (["--image_size", "64x128"], "--image_size '64x128': give one number: height and width"),
        (["--batch_size", "1"], "batch_size=1"),
        (["--latent_dim", "0"], "latent_dim=0"),
        (["--precision", "float16"], "auto|float32|bfloat16"),
        (["mnist"], "'mnist'"),
    ],
)
def test_a_wrong_flag_is_one_line_that_echoes_it(flags, says):
    with pytest.raises(UserError) as error:
        parse(*flags)
    assert says in str(error.value)


def test_combinations_that_make_no_sense_are_refused():
    with pytest.raises(UserError, match="no labels to smooth"):
        resolve({"loss": "hinge", "real_label": 0.9})


def test_a_configuration_survives_json(tmp_path):
    config = resolve({"tricks": ("minibatch",), "epochs": 7, "max_minutes": 1.5})
    files.write_json(tmp_path / "config.json", dataclasses.asdict(config))
    assert cli.from_json(Config, tmp_path / "config.json") == config


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: "{", "config.json"),
        (lambda c: "[]", "not a JSON object"),
        (lambda c: json.dumps(c | {"wings": 2}), "wings"),
        (lambda c: json.dumps({k: v for k, v in c.items() if k != "seed"}), "lacks seed"),
        (lambda c: json.dumps(c | {"epochs": "many"}), "epochs has the value 'many'"),
        (lambda c: json.dumps(c | {"epochs": True}), "epochs has the value True"),
        (lambda c: json.dumps(c | {"epochs": 0}), "below 1"),
        (lambda c: json.dumps(c | {"loss": "none"}), "loss has the value 'none'"),
    ],
)
def test_a_broken_configuration_names_what_is_wrong(tmp_path, change, says):
    path = tmp_path / "config.json"
    path.write_text(change(dataclasses.asdict(resolve({}))))
    with pytest.raises(UserError, match="start a new run") as error:
        cli.from_json(Config, path)
    assert says in str(error.value)


def test_resume_keeps_the_run_and_refuses_another(tmp_path):
    saved = resolve({"batch_size": 32, "epochs": 2})
    files.write_json(tmp_path / "config.json", dataclasses.asdict(saved))
    resumed = cli.resumed(Config, {"resume": str(tmp_path), "epochs": 5})
    assert (resumed.batch_size, resumed.epochs) == (32, 5)
    with pytest.raises(
        UserError, match=r"batch_size=32, not 64.*leave --batch_size out, or begin a new run"
    ):
        cli.resumed(Config, {"resume": str(tmp_path), "batch_size": 64})
    with pytest.raises(UserError, match="no run here"):
        cli.resumed(Config, {"resume": str(tmp_path / "absent")})


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "file.json"
    files.write_json(path, {"a": 1})

    def fail_half_way(temporary):
        temporary.write_text("{")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="No space left"):
        files.write_whole(path, fail_half_way)
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


@pytest.mark.parametrize(
    ("what", "status", "stderr"),
    [
        (None, 0, ""),
        (UserError("two\nlines"), 2, "prog: two lines\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_exit_status(what, status, stderr, capsys):
    def main(argv):
        if what is not None:
            raise what

    with pytest.raises(SystemExit) as stopped:
        cli.run(main, ["/somewhere/prog.py"])
    assert stopped.value.code == status
    assert capsys.readouterr().err == stderr


def test_a_defect_of_ours_keeps_its_traceback():
    def main(argv):
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        cli.run(main, ["prog"])


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("module", ["train", "generate", "evaluate"])
def test_a_typo_is_answered_without_importing_tensorflow(module):
    importing = "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None"
    program = (
        f"{importing}; sys.argv = ['{module}', '--bogus', '1']; "
        f"from keras_dcgan import {module}; {module}.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{module}: unknown flag --bogus; the flags are: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_help_names_every_flag():
    done = command("keras_dcgan.train", "--help")
    assert done.returncode == 0
    for field in dataclasses.fields(Config):
        name = field.name.rstrip("_")  # break_ is --break
        assert f"--{name}:" in done.stdout
    assert done.stderr == ""


@dataclasses.dataclass(frozen=True)
class Grown:
    """A configuration to which a flag came later."""

    resume: str | None = cli.flag(None, "folder", on_resume=True)
    epochs: int = cli.flag(20, "passes", lower=1, on_resume=True)
    seed: int = cli.flag(0, "seed")
    late: float = cli.flag(0.5, "came later", since="0.2")


def saved_run(folder, **entries):
    (folder / "config.json").write_text(json.dumps({"package": "tests", "resume": None, **entries}))
    return str(folder)


def test_a_run_older_than_a_flag_takes_its_default(tmp_path, monkeypatch):
    monkeypatch.setattr(Grown, "__module__", "tests.older")
    assert cli.resumed(Grown, {"resume": saved_run(tmp_path, epochs=3, seed=1)}).late == 0.5
    with pytest.raises(UserError, match="it lacks seed"):
        cli.resumed(Grown, {"resume": saved_run(tmp_path, epochs=3)})


def test_only_what_may_be_given_anew_changes_on_resuming(tmp_path, monkeypatch):
    monkeypatch.setattr(Grown, "__module__", "tests.older")
    run = saved_run(tmp_path, epochs=3, seed=1)
    assert cli.resumed(Grown, {"resume": run, "epochs": 5, "seed": 1}).epochs == 5
    with pytest.raises(UserError, match="the run has seed=1, not 2"):
        cli.resumed(Grown, {"resume": run, "seed": 2})
