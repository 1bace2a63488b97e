"""A training from the command to its run folder: what it takes, resumes, measures and draws."""

import dataclasses
import functools
import json
import os
import signal
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_common import cli, data, files, runs
from gan_common.errors import UserError
from gan_common.metrics import memorization, scores
from gan_common.runs import recorder
from gan_common.runs.recorder import Recorder
from ssgan_tf import evaluate, generate, models, sweep, train
from ssgan_tf import parts as parts_of
from ssgan_tf.config import Config, resolve, resumed

TINY = {
    "image_size": 12,
    "width": 4,
    "latent_dim": 4,
    "batch_size": 8,
    "labelled_batch": 4,
    "labels": "20",
    "validation_size": 50,
    "precision": "float32",
    "test_every": 2,
    "evaluate": False,
}


@pytest.fixture(scope="module", autouse=True)
def small_data():
    """mnist5k at 12×12, loaded once: reading and resizing it takes longer than the trainings here."""
    before, data.load = data.load, functools.lru_cache(data.load)
    yield
    data.load = before


def flags(**given):
    values = {**TINY, **given}
    return ["train", *(f"--{name}={value}" for name, value in values.items())]


def command(*args, **given):
    """The command's exit status."""
    with pytest.raises(SystemExit) as end:
        train.main([*flags(**given), *args])
    return end.value.code


def restored(folder):
    config = cli.saved(Config, str(folder))
    run = runs.Run(folder)
    shape, names = run.dataset_facts()
    return run, models.restore(run, config, shape, len(names))


def all_values(gan):
    groups = gan.checkpoint_variables()
    return {name: [np.array(v) for v in group] for name, group in groups.items()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run of six steps."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert command(run_dir=folder, steps=6) == 0
    return folder


# ---------------------------------------------------------------------------------- parts


def test_labels_are_balanced_validation_images_apart_and_the_pool_without_labels():
    dataset = data.load("mnist5k", None, 12)
    parts = parts_of.divide(dataset, resolve(TINY))
    np.testing.assert_array_equal(np.bincount(parts.y_labelled), [2] * 10)
    np.testing.assert_array_equal(parts.x_labelled, dataset.x_train[parts.labelled])
    np.testing.assert_array_equal(np.bincount(parts.y_validation), [5] * 10)
    assert len(parts.x_unlabelled) == 3950
    pool = {picture.tobytes() for picture in parts.x_unlabelled}
    assert all(picture.tobytes() in pool for picture in parts.x_labelled)
    assert (
        sum(picture.tobytes() in pool for picture in parts.x_validation) <= 1
    )  # twins in the data
    again = parts_of.divide(dataset, resolve({**TINY, "baseline": True}))
    np.testing.assert_array_equal(again.labelled, parts.labelled)
    other = parts_of.divide(dataset, resolve({**TINY, "seed": 2}))
    assert not np.array_equal(other.labelled, parts.labelled)


def test_a_folder_of_unlabelled_pictures_is_the_pool():
    x = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    y = np.arange(40, dtype=np.int32) % 2
    dataset = data.Dataset(
        x, y, x, y, 2, (1, 1, 1), ("a", "b"), "folder:x", x_unlabelled=x[:5] + np.uint8(100)
    )
    config = resolve({"dataset": "folder:x", "validation_size": 4})
    parts = parts_of.divide(dataset, config)
    assert len(parts.y_labelled) == 36  # all of them are labelled where there is a pool
    assert sorted(parts.x_unlabelled[:, 0, 0, 0])[-5:] == [100, 101, 102, 103, 104]
    assert len(parts.x_unlabelled) == 41
    with pytest.raises(UserError, match="only 40"):
        parts_of.divide(dataset, resolve({"dataset": "folder:x", "validation_size": 40}))


def folder_of(sizes, **more):
    """A data set of 1×1 images whose classes have these sizes."""
    y = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    x = np.arange(len(y), dtype=np.uint8).reshape(-1, 1, 1, 1)
    names = tuple("abcdefghijklmnopqrstuvwxyz"[: len(sizes)])
    return data.Dataset(x, y, x, y, len(sizes), (1, 1, 1), names, "folder:x", **more)


def test_without_labels_all_of_a_folder_are_used_and_each_class_keeps_one():
    parts = parts_of.divide(folder_of([11, 11, 11]), resolve({"dataset": "folder:x"}))
    np.testing.assert_array_equal(np.bincount(parts.y_labelled), [10, 10, 10])
    many = folder_of([1] * 26)  # each class has one image left beside the test part
    parts = parts_of.divide(many, resolve({"dataset": "folder:x"}))
    np.testing.assert_array_equal(np.bincount(parts.y_labelled), [1] * 26)
    assert len(parts.x_validation) == 0
    with pytest.raises(UserError, match="0 are left when each of the 26 classes keeps an image"):
        parts_of.divide(many, resolve({"dataset": "folder:x", "validation_size": 2}))
    # A run of before has no number of labels: 100, that is.
    older = dataclasses.replace(resolve({"dataset": "folder:x"}), labels=None)
    with pytest.raises(UserError, match="multiple of the 3 classes"):
        parts_of.divide(folder_of([60, 60, 60]), older)


def test_unequal_classes_are_told_and_labels_divided_as_asked():
    dataset = folder_of([60, 30, 10])
    parts = parts_of.divide(dataset, resolve({"dataset": "folder:x", "labels": "15"}))
    np.testing.assert_array_equal(np.bincount(parts.y_labelled), [5, 5, 5])
    assert parts_of.label_shares(parts, dataset) is None
    # Of a person's folder the pool's shares are known by all its labels.
    listed = dataclasses.replace(dataset, listing=types.SimpleNamespace(began=100))
    shares = parts_of.label_shares(parts, listed)
    np.testing.assert_allclose(shares, [0.6, 0.3, 0.1])
    assert parts_of.tell_shares(shares, "abc", False).startswith("taken for the pool: the folder's")
    given = {"dataset": "folder:x", "labels": "15", "label_shares": "data"}
    parts = parts_of.divide(dataset, resolve(given))
    # Validation took 6, 3 and 1; of 54, 27 and 9 one each and 12 by 53 : 26 : 8.
    np.testing.assert_array_equal(np.bincount(parts.y_labelled), [8, 5, 2])
    shares = parts_of.label_shares(parts, listed)
    np.testing.assert_allclose(shares, [8 / 15, 5 / 15, 2 / 15])
    line = parts_of.tell_shares(shares, "abc")
    assert line == "labelled images by class: a 53.3%, b 33.3%, c 13.3%"
    many = np.arange(1, 15) / 105
    assert "… 8 more …, c 2.9%, b 1.9%, a 1.0%" in parts_of.tell_shares(
        many, "abcdefghijklmnopqrstuvwxyz"
    )


def test_phases_of_a_training():
    assert train.phases(resolve({}), 1000) == ((0, 1.0), (50, train.GAME_COST))
    assert train.phases(resolve({"baseline": True}), 1000) == ((0, 1.0),)
    assert train.phases(resolve({"labels_first": 0.0}), 1000) == ((0, 1.0),)


def folder_data(count, began, pool=None):
    """`count` images of alternating classes, of which a run began with the first `began`."""
    x = np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1)
    y = np.arange(count, dtype=np.int32) % 2
    names = tuple(f"{i}.png" for i in range(count))
    listing = data.Listing(names, (), began, 1, None)
    return data.Dataset(
        x, y, x, y, 2, (1, 1, 1), ("a", "b"), "folder:x", x_unlabelled=pool, listing=listing
    )


def test_of_a_folder_all_labels_are_seen_and_new_images_are_never_for_validation(tmp_path):
    config = resolve({"dataset": "folder:x"})
    first, more = (parts_of.divide(folder_data(n, 40), config) for n in (40, 50))
    assert len(first.y_labelled) == 36
    np.testing.assert_array_equal(more.x_validation, first.x_validation)
    np.testing.assert_array_equal(more.labelled, [*first.labelled, *range(40, 50)])
    np.testing.assert_array_equal(more.x_unlabelled[-10:, 0, 0, 0], np.arange(40, 50))
    few = resolve({"dataset": "folder:x", "labels": "4"})
    first, again = (parts_of.divide(folder_data(n, 40), few) for n in (40, 50))
    np.testing.assert_array_equal(first.labelled, again.labelled)
    assert len(again.x_unlabelled) == len(first.x_unlabelled) + 10


def test_labels_that_came_later_are_kept_and_others_are_refused(tmp_path):
    path = tmp_path / "labelled.npy"
    parts_of.keep_labelled(path, np.array([1, 3]))
    parts_of.keep_labelled(path, np.array([1, 3, 9]))
    np.testing.assert_array_equal(np.load(path), [1, 3, 9])
    for other in ([1, 3], [1, 4, 9], [1]):
        with pytest.raises(UserError, match="other images are labelled now"):
            parts_of.keep_labelled(path, np.array(other))


def test_classes_of_a_single_image_keep_it():
    x = np.zeros((12, 1, 1, 1), np.uint8)
    y = np.arange(12, dtype=np.int32)
    for labels, held in ((y, 0), (np.r_[y[:11], 0], 1), (y % 6, 1)):
        dataset = data.Dataset(x, labels, x, labels, 12, (1, 1, 1), tuple("abcdefghijkl"), "x")
        parts = parts_of.divide(dataset, resolve({"labels": "all"}))
        assert len(parts.y_validation) == held
        assert set(parts.y_labelled) == set(labels)


def test_what_suits_gray_images_alone_is_refused_of_a_folder_only_once_it_is_in_color():
    given = {"dataset": "folder:x", "tricks": ("gradient_penalty",)}
    assert train._resolved(given).tricks == ("gradient_penalty",)
    for dataset in ("folder:x", "cifar10"):
        with pytest.raises(UserError, match="on color images"):
            resolve({**given, "dataset": dataset}, gray=False)
    with pytest.raises(UserError, match="on color images"):
        train._resolved({**given, "dataset": "cifar10"})


def test_a_gray_folder_trains_as_gray_images_do(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(40):
        folder = tmp_path / "images" / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (12, 12), np.uint8)).save(folder / f"{i}.png")
    given = {"dataset": f"folder:{tmp_path / 'images'}", "validation_size": 4, "steps": 2}
    run_dir = tmp_path / "run"
    assert command("--labels=all", run_dir=run_dir, **given) == 0
    config = cli.saved(Config, str(run_dir))
    gray, color = (resolve({"dataset": name}) for name in ("mnist5k", "cifar10"))
    assert config.augment == gray.augment != color.augment
    assert runs.Run(run_dir).dataset_facts()[0] == (12, 12, 1)


def test_pictures_in_a_file_are_divided_without_a_copy(tmp_path):
    x = np.memmap(tmp_path / "x", np.uint8, "w+", shape=(40, 1, 1, 1))
    x[:, 0, 0, 0] = np.arange(40)
    y = np.arange(40, dtype=np.int32) % 2
    pool = np.memmap(tmp_path / "pool", np.uint8, "w+", shape=(5, 1, 1, 1))
    pool[:] = 100
    config = resolve({"dataset": "folder:x", "validation_size": 4, "labels": "4"})
    for unlabelled in (None, pool):
        parts, expected = (
            parts_of.divide(
                data.Dataset(*arrays, 2, (1, 1, 1), ("a", "b"), "folder:x", x_unlabelled=more),
                config,
            )
            for arrays, more in (
                ((x, y, x, y), unlabelled),
                ((np.array(x), y, x, y), None if unlabelled is None else np.array(unlabelled)),
            )
        )
        for name in ("x_labelled", "x_unlabelled"):
            ours, theirs = getattr(parts, name), getattr(expected, name)
            assert isinstance(ours, data.Rows)
            assert not isinstance(theirs, data.Rows)
            np.testing.assert_array_equal(ours[:], theirs)
            np.testing.assert_array_equal(ours[np.array([3, 0])], theirs[[3, 0]])


def test_the_stream_is_taken_up_at_any_step():
    x = np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1)
    parts = parts_of.Parts(np.arange(6), x[:6], np.arange(6, dtype=np.int32), x, x[:0], x[:0])
    config = resolve({**TINY, "labelled_batch": 4})
    whole = [(a[0].numpy(), b[0].numpy()) for a, b in parts_of.stream(parts, config, 0).take(12)]
    later = [(a[0].numpy(), b[0].numpy()) for a, b in parts_of.stream(parts, config, 7).take(5)]
    for (a, b), (c, d) in zip(whole[7:], later, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)
    # Fewer labels than a batch takes: each step has all of them.
    few = resolve({**TINY, "labelled_batch": 40})
    (pictures, labels), (unlabelled,) = next(iter(parts_of.stream(parts, few, 0)))
    assert sorted(labels.numpy()) == list(range(6))
    np.testing.assert_array_equal(pictures[:, 0, 0, 0], labels)
    assert unlabelled.shape == (8, 1, 1, 1)


# ------------------------------------------------------------------------------ the command


def test_a_run_leaves_what_it_should(finished):
    rows = runs.Run(finished).rows()
    assert [row["step"] for row in rows] == [6]
    assert 0 <= rows[0]["validation_error"] <= 1
    summary = json.loads((finished / "summary.json").read_text())
    assert (summary["steps"], summary["labels"], summary["seed"]) == (6, 20, 1)
    dataset = data.load("mnist5k", None, 12)
    expected = parts_of.divide(dataset, resolve(TINY)).labelled
    np.testing.assert_array_equal(np.load(finished / "labelled.npy"), expected)
    for name in ("samples.gif", "curves.png", "samples/step-00000006.png"):
        assert (finished / name).stat().st_size > 0


@pytest.mark.integration
def test_interrupted_and_resumed_is_bit_for_bit_the_same(finished, tmp_path, monkeypatch):
    after_step = Recorder.after_step

    def interrupt_after_3(self, step, values):
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return after_step(self, step, values)

    folder = tmp_path / "run"
    monkeypatch.setattr(Recorder, "after_step", interrupt_after_3)
    assert command(run_dir=folder, steps=6) == 130
    monkeypatch.setattr(Recorder, "after_step", after_step)
    with pytest.raises(SystemExit) as end:
        train.main(["train", "--resume", str(folder)])
    assert end.value.code == 0
    (run, gan), (whole_run, whole) = restored(folder), restored(finished)
    for name, values in all_values(whole).items():
        for a, b in zip(values, all_values(gan)[name], strict=True):
            np.testing.assert_array_equal(a, b, err_msg=name)
    timing = ("seconds", "images_per_second")
    for a, b in zip(whole_run.rows(), run.rows(), strict=True):
        assert {k: v for k, v in a.items() if k not in timing} == {
            k: v for k, v in b.items() if k not in timing
        }


@pytest.mark.integration
def test_labels_come_first_and_then_the_game():
    dataset = data.load("mnist5k", None, 12)
    flags = {k: v for k, v in TINY.items() if k != "image_size"}
    gan, history, _ = train.trial(dataset, 4, labels_first=0.5, **flags)
    assert [row["g_loss"] > 0 for row in history.rows] == [False, False, True, True]
    for row in history.rows[:2]:
        assert row["supervised_loss"] == row["d_loss"] > 0
        assert all(row[name] == 0 for name in gan.of_the_game if name != "supervised_loss")
    assert len({frozenset(row) for row in history.rows}) == 1  # the columns of metrics.csv
    # Until then it is the baseline.
    waiting, *_ = train.trial(dataset, 3, labels_first=1.0, **flags)
    baseline, *_ = train.trial(dataset, 3, baseline=True, **flags)
    for net in ("discriminator", "generator"):
        pair = (getattr(gan, net).variables for gan in (waiting, baseline))
        for a, b in zip(*pair, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=net)


def test_resuming_may_change_the_length(finished):
    assert resumed({"resume": str(finished), "steps": 9}).steps == 9
    config = resumed({"resume": str(finished), "epochs": 2})
    assert (config.steps, config.epochs) == (None, 2)
    with pytest.raises(UserError, match="exclude each other"):
        resumed({"resume": str(finished), "epochs": 2, "steps": 9})


@pytest.mark.integration
def test_a_run_from_anothers_weights_begins_with_them_and_a_length_of_its_own(
    finished, tmp_path, capsys
):
    folder = tmp_path / "new"
    assert command("--from", str(finished), run_dir=folder, steps=1, seed=4) == 0
    out = capsys.readouterr().out
    assert "not taken over" not in out
    assert f"layers of {finished}" in out
    kept = models.checkpoints.Checkpoints(runs.Run(folder), {})
    assert [path.name for path in kept.paths()] == ["step-00000000", "step-00000001"]
    with pytest.raises(SystemExit) as end:
        train.main(["train", "--resume", str(folder), "--steps=1"])
    assert end.value.code == 2
    assert "add --steps above 1" in capsys.readouterr().err


def test_wrong_flags_end_with_status_2(tmp_path, capsys):
    assert command(run_dir=tmp_path / "a", labels=15) == 2
    assert "multiple of the 10 classes" in capsys.readouterr().err
    assert command(run_dir=tmp_path / "a", batch_size=100000) == 2
    assert command(run_dir=tmp_path / "a", seeds=2) == 2
    assert not (tmp_path / "a").exists()


# -------------------------------------------------------------------------------- measures


def test_confusion_and_mistakes_by_hand():
    true, predicted = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 2, 0])
    np.testing.assert_array_equal(
        evaluate.confusion(true, predicted, 3), [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
    )
    logits = np.array([[9.0, 0, 0], [0, 1.0, 0], [5.0, 0, 0], [0, 0, 2.0], [0, 0, 1e4]])
    # Rows 1, 2 and 3 are wrong: sure by e/(e + 2), e⁵/(e⁵ + 2), e²/(e² + 2).
    wrong = evaluate.confident_mistakes(logits, np.array([0, 0, 1, 0, 2]), 2)
    np.testing.assert_array_equal(wrong, [2, 3])


def test_evaluation_agrees_with_the_predictions(finished, monkeypatch):
    run, gan = restored(finished)
    dataset = data.load("mnist5k", None, 12)
    monkeypatch.setattr(
        scores, "compare", lambda dataset, fake, count: {"fid": 1.0, "fid_floor": 0.5}
    )
    monkeypatch.setattr("gan_common.metrics.format_report", str)
    in_pixels = {"pixels": memorization.pixels}
    monkeypatch.setattr(
        scores, "copies", lambda *pair, in_features: memorization.find_copies(*pair, in_pixels)
    )
    measured = evaluate.evaluate(run, gan, dataset)
    predicted = gan.logits(dataset.x_test)[:, :-1].argmax(axis=1)
    assert measured["test_error"] == pytest.approx(np.mean(predicted != dataset.y_test))
    right = (predicted == dataset.y_test)[dataset.y_test == 3]
    assert measured["accuracy_3"] == pytest.approx(right.mean())
    with gan.averaged():
        live = gan.error(dataset.x_test, dataset.y_test, averaged=False)
    assert live == measured["test_error"]
    assert measured["real_detected"] == pytest.approx(np.mean(gan.scores(dataset.x_test) > 0))
    assert run.summary()["fid"] == 1.0
    assert run.summary()["steps"] == 6
    assert run.summary()["copies"].startswith("not memorized: ")
    for name in ("confusion.png", "mistakes.png", "copies.png"):
        assert (finished / name).stat().st_size > 0


def test_generate_draws_what_the_run_draws(finished, tmp_path):
    out = tmp_path / "out.npz"
    argv = ["generate", f"--run_dir={finished}", "--format=npz", f"--out={out}", "--seed=1"]
    with pytest.raises(SystemExit) as end:
        generate.main(argv)
    assert end.value.code == 0
    _, gan = restored(finished)
    np.testing.assert_array_equal(np.load(out)["images"], gan.fixed_samples())
    # Nobody asked for a class: the label is what D takes the image for.
    predicted = gan.logits(gan.fixed_samples())[:, :-1].argmax(axis=1)
    np.testing.assert_array_equal(np.load(out)["labels"], predicted)


def test_a_projection_comes_nearer_than_any_random_sample(finished, tmp_path, capsys):
    _, gan = restored(finished)
    Image.fromarray(gan.fixed_samples()[0, ..., 0]).save(tmp_path / "mine.png")
    argv = [f"--run_dir={finished}", f"--project={tmp_path / 'mine.png'}", "--steps=40"]
    with pytest.raises(SystemExit) as end:
        generate.main(["generate", *argv, f"--out={tmp_path / 'found.png'}"])
    assert end.value.code == 0
    assert "gray levels" in capsys.readouterr().out
    with np.load(tmp_path / "found.npz") as found:
        assert found["distance"] < found["sample_distance"] < found["between_samples"]


def test_a_baseline_has_nothing_to_generate(tmp_path, capsys):
    assert command("--baseline", run_dir=tmp_path / "b", steps=2) == 0
    with pytest.raises(SystemExit) as end:
        generate.main(["generate", f"--run_dir={tmp_path / 'b'}"])
    assert end.value.code == 2
    assert "baseline" in capsys.readouterr().err


# ----------------------------------------------------------------------------------- sweep


def test_a_sweep_runs_each_pair_once_and_gives_the_baseline_the_same_steps(tmp_path, monkeypatch):
    done = []

    def pretend(config, **more):
        done.append(config)
        error = 0.2 if config.baseline else 0.01 * config.seed
        summary = {"test_error": error, "steps": config.steps or 77}
        files.write_json(Path(config.run_dir) / "summary.json", summary)
        return 0

    monkeypatch.setattr(train, "train", pretend)
    given = {"run_dir": str(tmp_path), "max_minutes": 1.0, "generator_lr": 1e-3}
    assert sweep.sweep(given, ("50", "100"), 2) == 0
    kinds = [(config.labels, config.seed, config.baseline, config.steps) for config in done]
    expected = [("50", 1, False, None), ("50", 1, True, 77), ("50", 2, False, None)]
    assert kinds[:3] == expected
    assert len(kinds) == 8
    table = json.loads((tmp_path / "sweep.json").read_text())["test_error_percent"]
    assert table["SSGAN, 50 labels"] == [1.0, 2.0]
    assert table["baseline, 100 labels"] == [20.0, 20.0]
    assert (tmp_path / "errors.png").stat().st_size > 0
    assert sweep.sweep(given, ("50", "100"), 2) == 0  # everything is there
    assert len(done) == 8


@pytest.mark.parametrize("name", ["labels", "baseline", "resume"])
def test_flags_that_a_sweep_sets_are_refused(name):
    with pytest.raises(UserError, match=name):
        sweep.sweep({name: "x"}, ("50",), 1)


def test_progress_tells_nothing_of_what_is_still_to_come():
    values = {"d_loss": 1.5, "g_loss": 0.0, "d_real_accuracy": 0.0, "validation_error": 1.0}
    assert recorder._shown(values) == ["d_loss"]
    values |= {"g_loss": 0.5, "validation_error": 0.25}
    assert recorder._shown(values) == ["d_loss", "g_loss", "d_real_accuracy", "validation_error"]
