"""Where the pages' runtime comes from, and what a page is told; the pages themselves: tests/browser."""

import hashlib
import io
import subprocess
import tarfile

import keras
import numpy as np
import pytest

from gan_common import cli
from gan_common.cli import export
from gan_common.errors import UserError
from gan_common.web import __main__ as command
from gan_common.web import runtime, site


@pytest.fixture
def tarball(tmp_path, monkeypatch):
    """A package like that of the registry, its checksum, and an empty cache."""
    path = tmp_path / runtime.TARBALL
    with tarfile.open(path, "w:gz") as archive:
        for name in (*runtime.FILES, "../../escaped", "ort.all.js"):
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    digest = hashlib.sha512(path.read_bytes()).digest()
    monkeypatch.setattr(runtime, "SHA512", runtime.base64.b64encode(digest).decode())
    monkeypatch.setenv("GAN_CACHE_DIR", str(tmp_path / "cache"))
    return path


def run(*typed):
    with pytest.raises(SystemExit) as end:
        command.main(["web", *map(str, typed)])
    return end.value.code


def test_without_it_one_line_says_what_to_do(tarball, tmp_path, capsys):
    with pytest.raises(UserError, match=r"needs onnxruntime-web .* run `make web`"):
        runtime.find()
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    options = export.Options(run_dir=str(run_dir), format="web")
    with pytest.raises(UserError, match="make web"):
        export._place(options)
    with pytest.raises(UserError, match="shows a generator or a classifier"):
        export._place(export.Options(run_dir=str(run_dir), format="web", what="discriminator"))


def test_a_copy_of_the_registrys_file_is_unpacked_without_a_network(tarball, tmp_path):
    assert run(tarball) == 0
    found = runtime.find()
    assert {path.name for path in found.iterdir()} == {*runtime.FILES, "LICENSE.txt"}
    assert (found / runtime.FILES[0]).read_text() == runtime.FILES[0]
    assert not list(tmp_path.rglob("escaped"))


def test_another_file_is_refused(tarball, capsys):
    with open(tarball, "ab") as file:
        file.write(b"more")
    assert run(tarball) == 2
    assert "is not onnxruntime-web" in capsys.readouterr().err
    assert run(tarball.with_name("none.tgz")) == 2
    assert "cannot be read: No such file" in capsys.readouterr().err
    assert not runtime.folder().exists()


def test_npm_fetches_it_and_what_it_says_is_told(tarball, monkeypatch, capsys):
    def npm(command, cwd, **options):
        assert command[1:3] == ["pack", f"onnxruntime-web@{runtime.VERSION}"]
        (runtime.Path(cwd) / runtime.TARBALL).write_bytes(tarball.read_bytes())
        return subprocess.CompletedProcess(command, status, "", "npm error\nnetwork")

    monkeypatch.setattr(runtime.shutil, "which", lambda name: "npm")
    monkeypatch.setattr(runtime.subprocess, "run", npm)
    status = 1
    assert run() == 2
    assert "npm could not fetch" in (said := capsys.readouterr().err)
    assert "npm error network" in said
    status = 0
    assert run() == 0
    assert runtime.find() == runtime.folder()
    monkeypatch.setattr(runtime.shutil, "which", lambda name: None)
    assert run() == 2
    assert "npm is not installed" in capsys.readouterr().err


def test_directions_are_the_principal_components_of_the_first_layer():
    latents, label = keras.Input((3,)), keras.Input((2,))
    x = keras.layers.Dense(4, name="first")(keras.layers.Concatenate()([latents, label]))
    model = keras.Model([latents, label], keras.layers.Dense(9)(x))
    kernel = np.zeros((5, 4), np.float32)
    kernel[1, 2], kernel[0, 0], kernel[2, 1], kernel[3:] = (
        3,
        -2,
        1,
        50,
    )  # of the class: no direction
    model.get_layer("first").kernel.assign(kernel)
    found = site.directions(model, 3, count=2)
    np.testing.assert_allclose(
        [each["vector"] for each in found], [[0, 1, 0], [1, 0, 0]], atol=1e-6
    )
    np.testing.assert_allclose([each["share"] for each in found], [9 / 14, 4 / 14], rtol=1e-6)


def test_help_says_how_to_go_without_a_network(capsys):
    with pytest.raises(SystemExit):
        cli.run(command._main, ["web", "--help"])
    assert "without a network" in capsys.readouterr().out
