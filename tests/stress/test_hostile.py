"""Files that bring code along: it is not run.  For data sets see test_readers.py and test_pictures.py."""

import ast
import json
import os
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from gan_common import sampling, tricks
from gan_common.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def save_model(path, layer):
    latents = keras.Input((4,), name="latents")
    keras.Model(latents, layer(latents), name="generator").save(path)


def rewrite(path, change):
    """Change config.json inside a .keras file."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = change(members["config.json"].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_a_generator_survives_its_file(tmp_path):
    path = tmp_path / "generator.keras"
    save_model(path, tricks.DropoutNoise(0.0))
    latents = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(sampling.load_generator(path)(latents), latents)


def test_code_in_a_lambda_does_not_run(tmp_path):
    path, target = tmp_path / "generator.keras", tmp_path / "it ran"
    # The code makes the folder when the layer is called; the names are its constants.
    code = f"lambda x: [__import__('os').makedirs({str(target)!r}, exist_ok=True), x][1]"
    save_model(path, keras.layers.Lambda(eval(code), output_shape=(4,)))
    with pytest.raises(UserError, match="cannot be loaded safely"):
        sampling.load_generator(path)
    assert not target.exists()
    model = keras.saving.load_model(path, safe_mode=False)  # the payload is a real one
    model(np.ones((1, 4), np.float32))
    assert target.is_dir()


@pytest.mark.parametrize(
    ("module", "name"), [("os", "mkdir"), ("posix", "mkdir"), ("builtins", "eval")]
)
def test_a_class_from_elsewhere_is_not_called(tmp_path, module, name):
    path, target = tmp_path / "generator.keras", tmp_path / "it ran"
    save_model(path, keras.layers.Dense(2, name="dense"))

    def change(text):
        config = json.loads(text)
        layer = config["config"]["layers"][1]
        layer.update(module=module, class_name=name, registered_name=name)
        layer["config"] = {"path": str(target), "name": "dense"}
        return json.dumps(config)

    rewrite(path, change)
    with pytest.raises(UserError, match="cannot be loaded safely"):
        sampling.load_generator(path)
    assert not target.exists()


@pytest.mark.parametrize("content", [b"", b"\x80\x04.", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"])
def test_what_is_no_keras_file_is_said(tmp_path, content):
    (tmp_path / "generator.keras").write_bytes(content)
    with pytest.raises(UserError, match=r"generator\.keras' is no \.keras file"):
        sampling.load_generator(tmp_path / "generator.keras")


def test_a_generator_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "generator.keras"
    save_model(path, keras.layers.Dense(2))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("assets/zeros", b"\0" * 5_000_000)
    assert os.path.getsize(path) < 100_000
    monkeypatch.setattr(sampling, "MAX_GENERATOR_BYTES", 4_000_000)
    with pytest.raises(UserError, match=r"unpacks to 5,\d{3},\d{3} bytes"):
        sampling.load_generator(path)


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            yield name, ast.unparse(node)


def test_nothing_is_loaded_by_what_runs_code():
    """No pickle, no archive extracted, NumPy without pickle, Keras in safe mode: in all of the packages."""
    for package in ("gan_common", "keras_dcgan", "ssgan_tf"):
        for path in (ROOT / package).rglob("*.py"):
            for name, text in calls(ast.parse(path.read_text(encoding="utf-8"))):
                where = f"{path.name}: {text}"
                assert name not in ("eval", "exec", "extractall", "unpack_archive"), where
                assert "pickle.load" not in text, where
                if text.startswith("np.load("):
                    assert "allow_pickle=False" in text, where
                if name == "load_model":
                    assert "safe_mode=True" in text, where
