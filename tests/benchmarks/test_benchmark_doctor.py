"""What the tables of the doctor and of the ablation say of given numbers."""

import json

import pytest
from PIL import Image

from benchmarks.experiments import ablation, doctor
from gan_common import plotting
from keras_dcgan.config import resolve


def finding(name, step, began=True):
    return {"name": name, "step": step, "began": began}


@pytest.mark.parametrize(
    ("findings", "first", "right"),
    [
        ([finding("collapse", 80)], "collapse", True),
        ([finding("collapse", 200), finding("collapse", 220, False)], "collapse", True),
        ([finding("collapse", 201)], "collapse", False),
        ([finding("strong_d", 40), finding("collapse", 80)], "strong_d", False),
        ([], None, False),
    ],
)
def test_only_the_first_finding_can_be_the_right_one(findings, first, right):
    told = doctor.diagnosed("collapse", findings)
    assert (told["first"], told["right"]) == (first, right)


def test_goals_of_the_doctor():
    def table(alarm=(), right=True, fids=(10.0, 20.0, 4.0)):
        return {
            "healthy": {1: {"alarms": [], "fid": 1.0}, 2: {"alarms": list(alarm), "fid": 1.0}},
            "broken": {"collapse": {"right": right}},
            "treated": {
                "strong_d": {
                    policy: {"fid": fid} for policy, fid in zip(doctor.POLICIES, fids, strict=True)
                }
            },
        }

    assert list(doctor.goals(table()).values()) == [True, True, True]
    assert list(doctor.goals(table(alarm=["nan"])).values()) == [False, True, True]
    assert list(doctor.goals(table(right=False)).values()) == [True, False, True]
    assert list(doctor.goals(table(fids=(10.0, 5.0, 6.0))).values()) == [True, True, False]


def cells(fids, kls, modes, found=()):
    mnist = [
        {"fid": f, "class_kl": k, "steps_per_second": 30.0, "findings": list(found)}
        for f, k in zip(fids, kls, strict=True)
    ]
    ring = [{"modes": m, "high_quality": 0.5, "steps_per_second": 900.0} for m in modes]
    return ablation.summarized({"mnist5k": mnist, "ring": ring})


def test_effects_are_told_apart_from_the_spread_over_seeds():
    plain = cells([10.0, 12.0, 11.0], [0.1, 0.2, 0.15], [4, 4, 4, 4])
    assert plain["mnist5k_mean"]["fid"] == 11
    assert plain["mnist5k_std"]["fid"] == pytest.approx(1)
    # Standard error √(1/3 + 1/3) = 0.82, 4 degrees of freedom: 2.78 of it, 2.27, are clear.
    assert ablation.effects(cells([8.0, 10.0, 9.0], [0.1, 0.2, 0.15], [4, 4]), plain) == {
        "modes": "no clear difference",
        "fid": "no clear difference",
        "class_kl": "no clear difference",
    }
    assert ablation.effects(cells([7.5, 9.5, 8.5], [0.9, 1.0, 0.95], [8, 8]), plain) == {
        "modes": "helps",
        "fid": "helps",
        "class_kl": "harms",
    }
    alone = cells([1.0], [0.0], [8])
    assert set(ablation.effects(alone, plain).values()) == {"no clear difference"}


def test_a_task_without_a_place_for_a_trick_is_left_out():
    plain = cells([10.0, 12.0], [0.1, 0.2], [4, 4])
    only_ring = ablation.summarized({"ring": [{"modes": 8}, {"modes": 8}]})
    assert ablation.effects(only_ring, plain) == {"modes": "helps"}
    assert "verdict" not in only_ring


def test_the_verdict_counts_seeds():
    assert ablation.verdict([[], []]) == "healthy"
    assert (
        ablation.verdict([["strong_d", "collapse"], ["strong_d"]]) == "strong_d 2/2, collapse 1/2"
    )


def test_every_row_of_the_ablation_is_one_that_can_be_trained():
    for name, row in ablation.ROWS.items():
        if row.mnist is not None:
            flags = {"break_" if k == "break" else k: v for k, v in row.mnist.items()}
            if "tricks" in flags:
                flags["tricks"] = (flags["tricks"],)
            resolve(flags)
        assert row.mnist is not None or row.ring is not None, name
    sections = {row.section for row in ablation.ROWS.values()}
    assert {f"2.4.{number}" for number in (1, 2, 3, 4, 6, 7, 8, 9)} <= sections


def test_a_table_is_taken_up_where_it_stopped(tmp_path, monkeypatch, capsys):
    trained = []

    def train(package, folder, flags, measured):
        trained.append(folder.name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "doctor.json").write_text(json.dumps({"findings": [finding("strong_d", 120)]}))
        fid = 5.0 if flags.get("tricks") else 10.0 + flags["seed"]
        return {"fid": fid, "fid_floor": 0.1, "class_kl": 0.1, "steps": 62, "seconds": 2.0}

    def ring(name, tricks, seed, options):
        return {"seed": seed, "modes": 8 if tricks else 4, "high_quality": 1.0}

    monkeypatch.setattr(ablation.running, "train", train)
    monkeypatch.setattr(ablation, "_ring", ring)
    out = tmp_path / "ablation.json"
    flags = ["--only=minibatch", "--seeds=2", "--ring_seeds=2", "--steps=62", f"--json={out}"]
    with pytest.raises(SystemExit) as end:
        ablation.main(["ablation", *flags, f"--runs={tmp_path / 'runs'}"])
    assert end.value.code == 0
    assert len(trained) == 4
    table = json.loads(out.read_text())
    assert list(table["rows"]) == ["plain", "minibatch"]
    assert table["rows"]["minibatch"]["effect"] == {
        "modes": "helps",
        "fid": "helps",
        "class_kl": "no clear difference",
    }
    assert table["did not help"] == []
    assert table["rows"]["minibatch"]["verdict"] == "strong_d 2/2"
    assert table["steps"] == {"ring": 5000, "mnist5k": 62}
    assert "--only minibatch --seeds 2" in table["command"]
    assert out.with_suffix(".png").stat().st_size < 200_000
    assert "did not help: none of them" in capsys.readouterr().out


def test_an_unknown_row_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        ablation.main(["ablation", "--only=magic"])
    assert end.value.code == 2
    assert "--only magic: unknown; there are plain" in capsys.readouterr().err


def test_measures_side_by_side(tmp_path):
    path = tmp_path / "some.png"
    panels = [
        ("modes", {"plain": 4.0, "a": 8.0}, {"plain": 1.0}),
        ("FID", {"plain": 1000.0, "b": 2.0}, {}),
    ]
    plotting.comparisons(path, panels, "title", "plain")
    assert path.stat().st_size < 200_000
    with Image.open(path) as picture:
        assert picture.size == (740, 215)  # 2.2 + 2 · 2.6 by 1.4 + 3 · 0.25 inches
    with pytest.raises(ValueError, match="finite numbers each"):
        plotting.comparisons(path, [("FID", {}, {})], "title", "plain")
    with pytest.raises(ValueError, match="finite numbers each"):
        plotting.comparisons(path, [("FID", {"a": float("nan")}, {})], "title", "plain")
