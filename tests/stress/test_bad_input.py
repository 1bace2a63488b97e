"""Whatever is typed wrong, or lies on the disk damaged: one line that names it and the mend, status 2.

Each case is a command of one of the packages, run in this process (TensorFlow starts once); a few are run
as processes of their own.  Nothing may be left behind, no traceback shown.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from gan_common import data
from gan_common.data import datasets, publishers, readers
from gan_common.runs import checkpoints

ROOT = Path(__file__).resolve().parents[2]
DCGAN, SSGAN = "keras_dcgan", "ssgan_tf"
TINY = "--image_size=12 --width=4 --latent_dim=4 --batch_size=8 --precision=float32 --noevaluate"
LABELS = "--labels=20 --labelled_batch=4 --validation_size=20"


def write_npz(folder, count=160, **changes):
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    x, y = rng.integers(0, 256, (count + 20, 28, 28), np.uint8), np.arange(count + 20) % 10
    arrays = {"x_train": x[:count], "y_train": y[:count], "x_test": x[count:], "y_test": y[count:]}
    np.savez(folder / "mnist.npz", **{**arrays, **changes})
    return folder


def write_pictures(folder, count, spoil=None):
    """`count` plain PNGs; the first ones are made what `spoil` makes of their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.new("RGB", (12, 12), (i, 0, 99)).save(folder / f"{i}.png")
    for i in range(count if spoil else 0):
        spoil(folder / f"{i}.png")


def header_of_a_bomb(path):
    Image.new("L", (1, 1)).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = (20_000).to_bytes(4, "big") * 2  # width and height in the IHDR chunk
    content[29:33] = readers.zipfile.crc32(bytes(content[12:29])).to_bytes(4, "big")
    path.write_bytes(content)


def relink(path, target):
    path.unlink()
    path.symlink_to(target)


SPOILED = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:45]),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("<html>not found</html>"),
    "bomb": header_of_a_bomb,
    "dangling": lambda path: relink(path, path.parent / "nowhere"),
    "loop": lambda path: relink(path, path),
    "newline": lambda path: path.rename(path.parent / f"two\nlines {path.stem}.png").write_text(
        "x"
    ),
    "unicode": lambda path: path.rename(path.parent / f"été ☃ {path.stem}.png").write_text("x"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with everything that the cases name; it is the working directory of each."""
    world = tmp_path_factory.mktemp("world")
    write_npz(world / "good")
    write_npz(world / "wrong shape", x_train=np.zeros((160, 28, 27), np.uint8))
    write_npz(world / "wrong type", x_train=np.zeros((160, 28, 28)))
    write_npz(world / "one class", y_train=np.zeros(160, int))
    whole = (world / "good" / "mnist.npz").read_bytes()
    for name, content in (("truncated", whole[:-100]), ("empty", b""), ("text", b"<html>")):
        (world / f"npz {name}").mkdir()
        (world / f"npz {name}" / "mnist.npz").write_bytes(content)
    (world / "dangling").mkdir()
    (world / "dangling" / "mnist.npz").symlink_to("nowhere")
    (world / "nothing").mkdir()
    (world / "a file").write_text("x")
    (world / "idx").mkdir()
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (world / "idx" / f"{name}-ubyte.gz").write_bytes(gzip.compress(b"\0" * 40))
    batches = world / "cifar" / "cifar-10-batches-py"
    batches.mkdir(parents=True)
    for name in readers.CIFAR10_BATCHES:
        (batches / name).write_bytes(b"\x80\x02}q\x00.")
    shutil.copytree(world / "cifar", world / "cifar missing")
    (world / "cifar missing" / "cifar-10-batches-py" / "data_batch_4").unlink()
    (world / "svhn").mkdir()
    for name in ("train", "test"):
        scipy.io.savemat(world / "svhn" / f"{name}_32x32.mat", {"X": np.zeros((32, 32)), "y": [1]})
    write_pictures(world / "flat", 20)
    write_pictures(world / "beside", 3)
    write_pictures(world / "beside" / "class", 3)
    write_pictures(world / "with an empty class" / "a", 3)
    (world / "with an empty class" / "b").mkdir()
    write_pictures(world / "a single class" / "a", 40)
    for name in ("in one folder/x/a", "in one folder/x/b", "like a pool/a", "like a pool/unsorted"):
        write_pictures(world / name, 3)
    for name, text in (
        ("other list", "id,breed\n"),
        ("two labels", "file,label\n0.png,a\n0.png,b"),
    ):
        write_pictures(world / name, 3)
        (world / name / "labels.csv").write_text(text)
    write_pictures(world / "heic", 0)
    (world / "heic" / "a.jpg").write_bytes(b"\0\0\0\x14ftypheic\0\0\0\0heic")
    for name, spoil in SPOILED.items():
        write_pictures(world / name / "a", 3)
        write_pictures(world / name / "b", 3, spoil)
    for package, more in ((DCGAN, ""), (SSGAN, LABELS)):
        argv = f"--dataset=mnist --data_dir={world}/good --epochs=1 {TINY} {more}"
        assert run(world, f"{package}.train", f"{argv} --run_dir={world}/{package}") == 0
        for name, harm in HARMED.items():
            shutil.copytree(world / package, world / f"{package} {name}")
            harm(world / f"{package} {name}")
    shutil.copytree(world / DCGAN, world / "mixed")
    shutil.rmtree(world / "mixed" / "checkpoints")
    shutil.copytree(world / SSGAN / "checkpoints", world / "mixed" / "checkpoints")
    return world


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


HARMED = {
    "without config": lambda run: (run / "config.json").unlink(),
    "cut config": lambda run: (run / "config.json").write_text('{"dataset": "mn'),
    "listed config": lambda run: (run / "config.json").write_text("[1]"),
    "deep config": lambda run: (run / "config.json").write_text("[" * 100_000),
    "binary config": lambda run: (run / "config.json").write_bytes(b"\xff\xfe\0"),
    "unknown entry": lambda run: change_config(run, wings=2),
    "wrong type": lambda run: change_config(run, batch_size="eight"),
    "out of range": lambda run: change_config(run, latent_dim=0),
    "no number": lambda run: change_config(run, generator_lr=float("nan")),
    "wider": lambda run: change_config(run, width=8),
    "cut dataset": lambda run: (run / "dataset.json").write_text("{"),
    "odd dataset": lambda run: (run / "dataset.json").write_text(
        '{"image_shape": [12, 12, "x"], "class_names": ["a"]}'
    ),
    "without checkpoints": lambda run: shutil.rmtree(run / "checkpoints"),
    "damaged checkpoints": lambda run: [
        (path / "manifest.json").write_text("{") for path in (run / "checkpoints").iterdir()
    ],
    "cut rows": lambda run: (run / "metrics.csv").write_text("step,d_loss\n1,x\n"),
}


def run(world, module, argv):
    """The exit status of a command; {} in its words stands for a blank."""
    before, here = data.load, os.getcwd()
    os.chdir(world)
    try:
        words = [word.replace("{}", " ") for word in argv.split()]
        import_module(module).main([module, *words])
    except SystemExit as end:
        return end.code
    finally:
        os.chdir(here)
        data.load = before
    raise AssertionError("the command did not end by sys.exit")


def tree(folder):
    return {
        path: path.stat().st_mtime_ns if path.is_file() else 0
        for path in folder.rglob("*")
        if path.name != ".lock"
    }


# (command, flags, what the line has to say)
FLAGS = [
    ("--epoch=3", "unknown flag --epoch; the flags are:"),
    ("mnist", "'mnist'"),
    ("--preset=dcgn", "dcgn"),
    ("--batch_size=many", "many"),
    ("--batch_size=1", "batch_size=1"),
    ("--batch_size=-8", "-8"),
    ("--batch_size=2.5", "2.5"),
    ("--batch_size=1000", "give at most --batch_size 1"),
    ("--latent_dim=0", "latent_dim=0"),
    ("--latent_dim=1000000000", "latent_dim=1000000000"),
    ("--latent=cube", "normal|uniform|sphere"),
    ("--width=0", "width=0"),
    ("--epochs=0", "epochs=0"),
    ("--seed=-1", "seed=-1"),
    ("--seed=2147483648", "seed=2147483648"),
    ("--precision=float16", "auto|float32|bfloat16"),
    ("--image_size=0", "image_size=0"),
    ("--image_size=1000000", "image_size=1000000"),
    ("--generator_lr=-1", "generator_lr=-1"),
    ("--generator_lr=nan", "--generator_lr nan: give a finite number"),
    ("--sample_every=inf", "--sample_every inf: give a finite number"),
    ("--max_minutes=-1", "max_minutes=-1"),
    ("--max_minutes=0", "max_minutes=0"),
    ("--beta_1=1.5", "beta_1=1.5"),
    ("--weight_average=1", "choose one below 1"),
    ("--tricks=r2", "unknown; the tricks are"),
    ("--dataset=mnits", "unknown data set 'mnits'; known: mnist5k"),
    ("--dataset=folder:", "unknown data set 'folder:'"),
    ("--data_dir=absent", "'absent' is not a folder; give an existing one"),
    ("--data_dir=a{}file", "'a file' is not a folder"),
    ("--data_dir=npz{}truncated", "mnist.npz' is damaged"),
    ("--data_dir=npz{}empty", "mnist.npz' is damaged"),
    ("--data_dir=npz{}text", "mnist.npz' is damaged"),
    ("--data_dir=dangling", "No such file"),
    ("--data_dir=wrong{}shape", "(160, 28, 27)"),
    ("--data_dir=wrong{}type", "float64"),
    ("--data_dir=idx", "train-images-idx3-ubyte.gz' is no IDX file"),
    ("--dataset=cifar10 --data_dir=cifar", "data_batch_1' is damaged"),
    ("--dataset=cifar10 --data_dir=cifar{}missing", "data_batch_4' is missing beside"),
    ("--dataset=svhn --data_dir=svhn", "train_32x32.mat' has X of shape (32, 32)"),
    ("--dataset=mnist --data_dir=nothing", "take a data set that needs no download: mnist5k"),
    ("--dataset=folder:absent", "does not exist; give folder:PATH an existing folder"),
    ("--dataset=folder:a{}file", "is not a folder"),
    ("--dataset=folder:nothing", "holds no images"),
    ("--dataset=folder:beside", "move the images into a class folder of their own"),
    ("--dataset=folder:with{}an{}empty{}class", "class folder 'b'"),
    ("--dataset=folder:in{}one{}folder", "name that one: folder:in one folder/x"),
    ("--dataset=folder:like{}a{}pool", "is 'unsorted' in 'like a pool' a class, or the pool"),
    ("--dataset=folder:other{}list", "begins with 'id,breed', and not with the line file,label"),
    ("--dataset=folder:two{}labels", "line 3: '0.png' is 'b' here and 'a' above"),
    ("--dataset=folder:heic", "1 HEIC: convert to JPEG or PNG first"),
    ("--fit=zoom", "crop|pad|stretch"),
    ("--dataset=folder:truncated", "bad, mend or remove them: 'b/"),
    ("--dataset=folder:empty", "png' (not an image)"),
    ("--dataset=folder:text", "png' (not an image)"),
    ("--dataset=folder:bomb", "more than 89 million pixels, shrink it first"),
    ("--dataset=folder:dangling", "no such file, or a link to none"),
    ("--dataset=folder:loop", "symbolic links"),
    ("--dataset=folder:newline", r"'b/two\nlines "),
    ("--dataset=folder:unicode", "'b/été ☃ "),
    ("--run_dir=a{}file", "--run_dir a file: already exists"),
    ("--run_dir=a{}file/run", "cannot be made: Not a directory; name a folder you can write to"),
    ("--run_dir=good", "already exists; go on with it by --resume good, or name a new folder"),
    ("--json=good", "--json 'good': is a folder; name a file"),
    ("--json=a{}file/out.json", "is no folder; name another file"),
]
RESUMED = [
    ("--resume=absent", "no run here"),
    ("--resume=a{}file", "no run here"),
    ("--resume=PACKAGE --batch_size=16", "batch_size=8, not 16; leave --batch_size out"),
    ("--resume=PACKAGE --run_dir=new", "leave --run_dir out"),
    ("--resume=PACKAGE --data_dir=wrong{}shape", "(160, 28, 27)"),
    ("--resume=PACKAGE --dataset=folder:flat", "has dataset='mnist', not 'folder:flat'"),
    ("--resume=PACKAGE --fit=pad", "fit='crop', not 'pad'; leave --fit out"),
    ("--resume=PACKAGE{}without{}config", "no run here (no config.json)"),
    ("--resume=PACKAGE{}cut{}config", "restore the file, or start a new run"),
    ("--resume=PACKAGE{}listed{}config", "it is not a JSON object"),
    ("--resume=PACKAGE{}deep{}config", "config.json: cannot be read"),
    ("--resume=PACKAGE{}binary{}config", "config.json: cannot be read"),
    ("--resume=PACKAGE{}unknown{}entry", "unknown entries 'wings'"),
    ("--resume=PACKAGE{}wrong{}type", "batch_size has the value 'eight', which is no int"),
    ("--resume=PACKAGE{}out{}of{}range", "latent_dim has the value 0, below 1"),
    ("--resume=PACKAGE{}no{}number", "generator_lr has the value nan"),
    ("--resume=PACKAGE{}wider", "it has width=4, this run width=8"),
    ("--resume=PACKAGE{}cut{}dataset", "dataset.json: damaged"),
    ("--resume=PACKAGE{}damaged{}checkpoints", "no checkpoint is sound; start a new run"),
    ("--resume=PACKAGE{}cut{}rows", "metrics.csv: line 2 is damaged; remove that line"),
    ("--resume=OTHER", "is of a run of 'OTHER', and this command is PACKAGE's"),
]
DRAWN = [
    ("generate", "", "--run_dir is missing"),
    ("generate", "--run_dir=absent", "no run here"),
    ("generate", "--run_dir=OTHER", "is of a run of 'OTHER'"),
    ("generate", "--run_dir=PACKAGE --count=0", "count=0"),
    ("generate", "--run_dir=PACKAGE --count=1000000000", "count=1000000000"),
    ("generate", "--run_dir=PACKAGE --label=3", "this generator knows no classes"),
    ("generate", "--run_dir=PACKAGE --nice --interpolate", "exclude each other"),
    ("generate", "--run_dir=PACKAGE --format=keras --nice", "leave the other flags out"),
    ("generate", "--run_dir=PACKAGE --format=jpeg", "png|npz|keras"),
    ("generate", "--run_dir=PACKAGE --arithmetic=3+x", "write grid numbers as in"),
    ("generate", "--run_dir=PACKAGE --arithmetic=3+64", "there is no image 64"),
    ("generate", "--run_dir=PACKAGE --out=good", "--out 'good': is a folder; name a file"),
    ("generate", "--run_dir=PACKAGE{}odd{}dataset", "dataset.json: damaged"),
    ("generate", "--run_dir=PACKAGE{}without{}checkpoints", "has no checkpoint yet; train on with"),
    ("generate", "--run_dir=PACKAGE{}damaged{}checkpoints", "no checkpoint is sound"),
    ("evaluate", "", "--run_dir is missing"),
    ("evaluate", "--run_dir=PACKAGE --checkpoint=first", "last|best"),
    ("evaluate", "--run_dir=PACKAGE --dataset=cifar10", "has dataset='mnist', not 'cifar10'"),
    ("evaluate", "--run_dir=PACKAGE --data_dir=absent", "'absent' is not a folder"),
    ("evaluate", "--run_dir=PACKAGE{}cut{}config", "cannot be read as this command's"),
    ("evaluate", "--run_dir=PACKAGE{}wider", "it has width=4, this run width=8"),
]
OF_ONE_PACKAGE = [
    (DCGAN, "--loss=hinge --real_label=0.9", "choose --loss non_saturating"),
    (DCGAN, "--loss=maximin", "maximin"),
    (DCGAN, "--image_size=10", "choose --image_size 32, say"),
    (DCGAN, "--tricks=weight_norm,spectral_norm", "leave one of them out"),
    (DCGAN, "--tricks=r1", "add spectral_norm, weight_norm or instance_norm"),
    (DCGAN, "--tricks=pixel_shuffle --preset=gan", "its generator has no upsampling"),
    (DCGAN, "--tricks=packing --batch_size=9", "needs a multiple of 2"),
    (DCGAN, "--dataset=folder:flat --batch_size=64", "a batch of 64 is larger than the data (18)"),
    (DCGAN, "--optimizer=adamw", "adam|sgd"),
    (SSGAN, "--labels=15", "multiple of the 10 classes"),
    (SSGAN, "--labels=0", "multiple of the 10 classes"),
    (SSGAN, "--labels=10000", "give at most"),
    (SSGAN, "--labels=-10", "--labels -10: give a whole number, or all"),
    (SSGAN, "--labels=many", "--labels many: give a whole number, or all"),
    (SSGAN, "--validation_size=160", "the data has only 160 training images"),
    (SSGAN, "--labelled_batch=0", "labelled_batch=0"),
    (SSGAN, "--data_dir=one{}class", "labels tell classes apart"),
    (SSGAN, "--dataset=folder:a{}single{}class", "two or more"),
    (SSGAN, "--dataset=folder:flat --validation_size=2", "two or more"),
    (SSGAN, "--steps=5 --epochs=5", "exclude each other; give one of them"),
    (SSGAN, "--update_ratio=0", "update_ratio=0"),
    (SSGAN, "--norm=instance", "belongs to --preset reference"),
    (SSGAN, "--augment=zoom", "known are shift, flip"),
    (SSGAN, "--beta_1=1", "choose one below 1"),
    (SSGAN, "--baseline --generator_lr=0.1", "no --generator_lr"),
    (SSGAN, "--tricks=minibatch", "keras_dcgan takes it"),
    (SSGAN, "--seeds=2", "--seeds belongs to --sweep"),
    (SSGAN, "--sweep=50,100", "as in labels=50,100,1000"),
    (SSGAN, "--sweep=labels=50", "--labels and --sweep exclude each other"),
    (SSGAN, "--distribute=multiworker", "needs $TF_CONFIG on each machine"),
]
OTHER = {DCGAN: SSGAN, SSGAN: DCGAN}
CASES = [
    *((package, "train", flags, says) for package in OTHER for flags, says in FLAGS),
    *((package, "resume", flags, says) for package in OTHER for flags, says in RESUMED),
    *((package, module, flags, says) for package in OTHER for module, flags, says in DRAWN),
    *((package, "train", flags, says) for package, flags, says in OF_ONE_PACKAGE),
    (
        DCGAN,
        "resume",
        "--resume=mixed",
        "it has package='ssgan_tf', this run package='keras_dcgan'",
    ),
    (DCGAN, "generate", "--run_dir=mixed", "it has package='ssgan_tf'"),
]


def complete(package, command, flags):
    """The flags of a case beside those that make a sound, small training."""
    flags = flags.replace("PACKAGE", package).replace("OTHER", OTHER[package])
    if command == "train":
        sound = f"--dataset=mnist --data_dir=good {TINY} {LABELS if package == SSGAN else ''}"
        flags = f"{sound} {'' if '--run_dir' in flags else '--run_dir=new/run'} {flags}"
        if "--baseline" in flags:
            flags = flags.replace("--latent_dim=4", "")
    return flags


@pytest.fixture(autouse=True)
def without_network(monkeypatch, tmp_path):
    def unreachable(*_):
        raise OSError("no network")

    monkeypatch.setattr(datasets, "download", unreachable)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("GAN_DATA_DIR", raising=False)
    monkeypatch.delenv("TF_CONFIG", raising=False)


def check_line(error, says):
    lines = error.splitlines()
    assert len(lines) == 1, error
    assert says in lines[0]
    assert "Traceback" not in error


def test_there_are_cases_enough():
    assert len(CASES) >= 60
    assert {package for package, *_ in CASES} == {DCGAN, SSGAN}


@pytest.mark.parametrize(("package", "command", "flags", "says"), CASES)
def test_one_line_that_names_it_status_2_and_nothing_left_behind(
    world, capfd, package, command, flags, says
):
    module = f"{package}.{'train' if command == 'resume' else command}"
    before = tree(world)
    status = run(world, module, complete(package, command, flags))
    error = capfd.readouterr().err
    if "damaged checkpoints" in error:  # each damaged one is named before
        error = error.splitlines()[-1]
    check_line(error, says.replace("PACKAGE", package).replace("OTHER", OTHER[package]))
    assert status == 2
    assert tree(world) == before


def test_a_file_that_may_not_be_read(world, capfd, monkeypatch):
    """Root may read any file, so the refusal is made here."""
    opened = open

    def denied(path, *args, **options):
        if str(path).endswith("ubyte.gz"):
            raise PermissionError(13, "Permission denied", path)
        return opened(path, *args, **options)

    monkeypatch.setattr("builtins.open", denied)
    assert run(world, f"{DCGAN}.train", complete(DCGAN, "train", "--data_dir=idx")) == 2
    check_line(capfd.readouterr().err, "cannot be read: Permission denied; mend that")


def test_no_data_set_and_no_network_names_each_place(world, capfd, monkeypatch):
    monkeypatch.setattr(publishers, "DEBIAN_FASHION_MNIST", world / "nothing")
    flags = complete(DCGAN, "train", "--dataset=fashion_mnist --data_dir=nothing")
    assert run(world, f"{DCGAN}.train", flags) == 2
    error = capfd.readouterr().err
    for place in ("--data_dir 'nothing'", "Debian's package", "Keras cache", "the download https"):
        assert place in error
    check_line(error, "mnist5k, shapes, folder:PATH")


@pytest.mark.parametrize(
    ("module", "flags", "says"),
    [
        (f"{DCGAN}.train", ["--preset", "dcgn"], "dcgn"),
        (f"{SSGAN}.train", ["--dataset", "folder:two\nlines"], r"'two\nlines' does not exist"),
        (f"{SSGAN}.evaluate", ["--run_dir", "\x1b[31mred"], r"\x1b[31mred"),
        (f"{DCGAN}.generate", ["--run_dir", b"caf\xe9"], "no run here"),
    ],
)
def test_as_a_process_of_its_own(world, module, flags, says):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", module, *flags], cwd=world, env=environment, capture_output=True
    )
    assert done.returncode == 2
    check_line(done.stderr.decode(), says)
    assert done.stdout == b""


# ------------------------------------------------------------ what is odd, and yet to be taken


def odd_pictures(folder):
    """Images of every kind that people have."""
    folder.mkdir(parents=True)
    Image.new("RGB", (1, 1)).save(folder / "one pixel.png")
    Image.new("CMYK", (20, 9)).save(folder / "cmyk.jpg")
    Image.new("P", (20, 9)).save(folder / "palette.png")
    Image.fromarray(np.full((9, 9), 65535, np.uint16)).save(folder / "16 bit.png")
    frames = [Image.new("RGB", (9, 9), color) for color in ("red", "blue")]
    frames[0].save(folder / "moving.png", "GIF", save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x112] = 6
    Image.new("RGB", (9, 20)).save(folder / "turned.jpg", exif=exif)
    Image.new("RGBA", (9, 9)).save(folder / "été ☃\nsnow.png")
    Image.new("RGB", (9, 9)).save(folder / "a blank.png")
    (folder / "link.png").symlink_to("a blank.png")


def test_odd_pictures_are_trained_on(world, capfd):
    for name in ("a class", "été\n☃"):
        odd_pictures(world / "odd" / name)
    loaded = data.load(f"folder:{world}/odd", None, 12)
    assert len(loaded.x_train) + len(loaded.x_test) == 18
    (note,) = loaded.notes
    assert note.startswith(
        "2 of 18 images are in color ('a class/moving.png' first), so all have 3"
    )
    capfd.readouterr()
    flags = f"--dataset=folder:odd --run_dir=new{{}}\u2603/run --epochs=1 {TINY}"
    assert run(world, f"{DCGAN}.train", flags) == 0
    assert capfd.readouterr().err == f"'odd': {note}\n"


def test_the_best_checkpoint_can_be_drawn_from(world):
    """A run of two epochs whose first is called the best draws what the run of one epoch draws."""
    shutil.copytree(world / DCGAN, world / "longer")
    assert run(world, f"{DCGAN}.train", "--resume=longer --epochs=2") == 0
    first, last = sorted((world / "longer" / "checkpoints").iterdir())
    for path, quality in ((first, 0.0), (last, 1.0)):
        manifest = json.loads((path / "manifest.json").read_text()) | {"quality": quality}
        manifest["signature"] = checkpoints._signature(manifest)
        (path / "manifest.json").write_text(json.dumps(manifest))

    def drawn(flags):
        out = world / "drawn.npz"
        argv = f"{flags} --format=npz --count=4 --out={out}"
        assert run(world, f"{DCGAN}.generate", argv) == 0
        return np.load(out)["images"]

    best = drawn("--run_dir=longer --checkpoint=best")
    np.testing.assert_array_equal(best, drawn(f"--run_dir={DCGAN}"))
    assert not np.array_equal(best, drawn("--run_dir=longer"))


def test_one_bad_picture_in_ten_thousand_is_skipped_with_the_tally(tmp_path, capfd):
    (tmp_path / "all").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "all" / "0.png")
    for i in range(1, 10_000):
        os.link(tmp_path / "all" / "0.png", tmp_path / "all" / f"{i}.png")
    (tmp_path / "all" / "bad.png").write_text("no")
    loaded = data.load(f"folder:{tmp_path}/all", None, 8)
    assert len(loaded.x_train) + len(loaded.x_test) == 10_000
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.endswith("left out: 1 of 10,001 images, which are bad: 'bad.png' (not an image)")
