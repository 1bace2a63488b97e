"""Which of a folder's files are images, and of which class and part each is."""

import os

import pytest
from PIL import Image

from gan_common.data import layout
from gan_common.data.found import find_images
from gan_common.errors import UserError


def make(root, *names):
    """Images of these names, small PNGs whatever their ending; a name that ends in "/" is a folder."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            Image.new("RGB", (2, 2)).save(path, "PNG")
    return root


def refused(root, says):
    with pytest.raises(UserError, match=says) as caught:
        layout.arrange(root)
    assert "\n" not in str(caught.value)


def test_flat(tmp_path):
    found = layout.arrange(make(tmp_path, "b.png", "a", "c.txt"))
    assert found == ({"all": ["a", "b.png", "c.txt"]}, None, None, {}, [])


def test_what_is_deeper_belongs_to_its_class(tmp_path):
    make(tmp_path, "cats/1.png", "cats/x/2.png", "cats/x/y/3", "dogs/2020/1.png", "dogs/2021/1.png")
    found = layout.arrange(tmp_path)
    assert found.classes == {
        "cats": ["cats/1.png", "cats/x/2.png", "cats/x/y/3"],
        "dogs": ["dogs/2020/1.png", "dogs/2021/1.png"],
    }


def test_the_samples_of_runs_in_the_folder_are_no_images_to_train_on(tmp_path):
    """As of --dataset folder:. with the runs in runs/."""
    make(tmp_path, "1.png", "2.png", "cats/")
    for name in ("runs/keras_dcgan/one", "a run"):
        make(tmp_path, f"{name}/samples/step.png", f"{name}/checkpoints/")
        for file in ("config.json", "dataset.json"):
            (tmp_path / name / file).write_text("{}")
    found = layout.arrange(tmp_path)
    assert (found.classes, found.others) == ({"all": ["1.png", "2.png"]}, {})
    assert [note.split(" is ")[0] for note in found.notes] == ["'a run'", "'runs/keras_dcgan/one'"]
    assert find_images([str(tmp_path)]) == ([f"{tmp_path}/1.png", f"{tmp_path}/2.png"], 0)
    assert layout.arrange(tmp_path / "a run" / "samples").classes == {"all": ["step.png"]}


def test_other_files_are_counted_by_their_ending(tmp_path):
    make(tmp_path, "cats/1.png")
    for name in ("cats/a.TXT", "b.txt", "cats/c.psd", "README"):
        (tmp_path / name).write_text("BM, and no image")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to nothing").symlink_to("nowhere")
    (tmp_path / ".hidden.txt").write_text("")
    make(tmp_path, "__MACOSX/1.png")
    found = layout.arrange(tmp_path)
    assert found.others == {".txt": 2, ".psd": 1, "": 3}
    assert layout.told(found.others) == (
        "6 files of no kind that is read (3 without ending, 2 .txt, 1 .psd)"
    )
    assert layout.told({".a": 1}) == "1 file of no kind that is read (1 .a)"


def test_what_is_named_like_an_image_is_left_to_the_decoder(tmp_path):
    (tmp_path / "a.JPEG").write_text("no image")
    (tmp_path / "b.nef").write_text("no image")
    assert layout.arrange(tmp_path).classes == {"all": ["a.JPEG", "b.nef"]}


def test_links_to_folders_count_and_links_in_a_circle_do_not(tmp_path):
    make(tmp_path, "cats/1.png", "elsewhere/1.png")
    (tmp_path / "cats" / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "cats" / "up").symlink_to(tmp_path, target_is_directory=True)
    found = layout.arrange(tmp_path)
    assert found.classes["cats"] == ["cats/1.png", "cats/more/1.png"]
    assert found.notes == ["'cats/up' is a link to a folder that it lies in, and was left out"]
    deep = tmp_path.joinpath(*["d"] * (layout.DEEPEST + 1))
    make(deep, "1.png")
    refused(tmp_path, "more than 50 folders deep")


@pytest.mark.parametrize("name", ["unlabelled", "Unlabeled", "UNLABELLED", "un_labelled"])
def test_the_pool(tmp_path, name):
    make(tmp_path, "a/1.png", "b/1.png", f"{name}/1.png", f"{name}/x/2.png")
    found = layout.arrange(tmp_path)
    assert list(found.classes) == ["a", "b"]
    assert found.pool == [f"{name}/1.png", f"{name}/x/2.png"]


def test_a_pool_alone_is_a_class(tmp_path):
    found = layout.arrange(make(tmp_path, "unlabelled/1.png"))
    assert (list(found.classes), found.pool) == (["unlabelled"], None)


@pytest.mark.parametrize("name", ["unsorted", "Unknown", "no_label", "No-Labels", "pool", "rest"])
def test_what_looks_like_a_pool_is_asked_about(tmp_path, name):
    make(tmp_path, "a/1.png", f"{name}/1.png")
    refused(
        tmp_path,
        f"is '{name}' in '.*' a class, or the pool .*Rename it to 'unlabelled' .*'class_{name}'",
    )
    (tmp_path / name).rename(tmp_path / f"class_{name}")
    assert list(layout.arrange(tmp_path).classes) == sorted(["a", f"class_{name}"])


# --- parts ---------------------------------------------------------------------------------------


def test_train_val_and_test(tmp_path):
    make(tmp_path, "Train/a/1.png", "Train/b/2.png", "Train/unlabelled/3.png", "test/b/4.png")
    make(tmp_path, "valid/a/deep/5.png", "unlabeled/6.png")
    found = layout.arrange(tmp_path)
    assert found.classes == {"a": ["Train/a/1.png", "valid/a/deep/5.png"], "b": ["Train/b/2.png"]}
    assert found.test == {"b": ["test/b/4.png"]}
    assert found.pool == ["Train/unlabelled/3.png", "unlabeled/6.png"]
    assert found.notes == [
        "'test' is the test part: 1 image",
        "'valid' is trained on, too: 1 image",
    ]


def test_without_a_test_folder_the_validation_folder_is_the_test_part(tmp_path):
    found = layout.arrange(make(tmp_path, "train/1.png", "val/2.png", "val/x/3.png"))
    assert found.classes == {"all": ["train/1.png"]}
    assert found.test == {"all": ["val/2.png", "val/x/3.png"]}
    assert found.notes == ["'val' is the test part: 2 images"]


def test_a_test_folder_without_classes_is_left_out_and_said(tmp_path):
    found = layout.arrange(make(tmp_path, "train/a/1.png", "train/b/1.png", "test/1.png"))
    assert found.test is None
    assert found.notes == ["'test' has no class folders: left out its 1 image"]


def test_train_may_be_a_class(tmp_path):
    found = layout.arrange(make(tmp_path, "train/1.png", "car/1.png", "bus/1.png"))
    assert list(found.classes) == ["bus", "car", "train"]
    assert found.test is None


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["test/a/1.png", "val/a/1.png"], "holds 'test', 'val' and no 'train'; .*folder:.*/test"),
        (["train/1.png", "training/1.png"], "has one part twice \\('train', 'training'\\)"),
        (
            ["train/a/1.png", "test/b/1.png"],
            "/test' has a class 'b' that the part to train on lacks",
        ),
        (
            ["cats/train/1.png", "cats/test/1.png", "dogs/train/1.png"],
            "'.*/cats' holds the parts 'test', 'train'; put the parts above the classes, as in train/cats",
        ),
        (
            ["data/cats/1.png", "data/dogs/1.png"],
            r"one folder, 'data', .*\('cats', 'dogs'\); name that one: folder:.*/data$",
        ),
        (["1.png", "cats/1.png"], "'1.png'.* beside folders of images .*'cats'"),
        (
            ["cats/1.png", "dogs/"],
            r"class folder 'dogs' .* holds no images \(PNG, .*; add some, or",
        ),
        (["cats/"], r"holds no images \(PNG, JPEG, .*\), nor do its folders; add some"),
    ],
)
def test_what_is_not_plain_is_asked_about(tmp_path, names, says):
    refused(make(tmp_path, *names), says)


def test_a_folder_of_other_files_says_what_it_has(tmp_path):
    (tmp_path / "a.mp4").write_text("")
    refused(tmp_path, r"holds no images .*; it has 1 file of no kind that is read \(1 \.mp4\); add")


# --- labels.csv ----------------------------------------------------------------------------------


def test_a_list_of_labels(tmp_path):
    make(tmp_path, "1.png", "2.png", "3.png", "sub/4.png")
    (tmp_path / "Labels.csv").write_text(
        "file,label\n2.png,dog\n1.png,cat\nsub/4.png,cat\n9.png,x\n"
    )
    found = layout.arrange(tmp_path)
    assert found.classes == {"cat": ["1.png", "sub/4.png"], "dog": ["2.png"]}
    assert found.pool == ["3.png"]
    assert found.others == {}
    assert found.notes == ["Labels.csv names 1 file not there: '9.png'"]
    (tmp_path / "3.png").unlink()
    assert layout.arrange(tmp_path).pool is None


@pytest.mark.parametrize(
    ("text", "says"),
    [("file,label\n1.png,\n", "has no label yet"), ("file,label\n2.png,a\n", "names none of the")],
)
def test_a_list_that_says_nothing(tmp_path, text, says):
    (make(tmp_path, "1.png") / "labels.csv").write_text(text)
    refused(tmp_path, says)
