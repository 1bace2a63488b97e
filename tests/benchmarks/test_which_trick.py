"""The page "Which trick when" is what the files of results/ say, in both languages."""

import json
import re

import pytest

from benchmarks.which_trick import evidence, story, words
from benchmarks.which_trick import page as which_trick
from gan_common import catalogue, plotting

RESULTS = which_trick.ROOT / "results"


@pytest.fixture(scope="module")
def pages():
    return {language: which_trick.page(RESULTS, language) for language in which_trick.LANGUAGES}


@pytest.mark.parametrize("language", which_trick.LANGUAGES)
def test_the_page_is_what_the_numbers_say(pages, language):
    written = (which_trick.ROOT / which_trick.LANGUAGES[language]).read_text(encoding="utf-8")
    assert written == pages[language], "make which-trick"


def test_both_languages_have_the_same_rows_and_numbers(pages):
    def rows(page):
        lines = [line for line in page.splitlines() if line.startswith("|")]
        # Sorted: "3 of 5" is "of 5, 3" in Chinese.
        return [
            sorted(re.findall(r"[×+−]?\d+(?:[,.]\d+)*", re.sub(r"\]\([^)]*\)", "]", line)))
            for line in lines
        ]

    assert rows(pages["en"]) == rows(pages["zh"])
    assert len(rows(pages["en"])) > 60


def test_every_trick_is_on_the_page_once_and_translated():
    placed = [name for symptom in story.SYMPTOMS for name in symptom.tricks]
    assert len(placed) == len(set(placed))
    assert set(placed) == set(catalogue.TRICKS) | set(words.MORE)
    assert set(words.CHINESE) == set(placed)
    assert all(words.CHINESE[name][1] for name in catalogue.TRICKS)
    assert len(story.LIST) == 17
    named = {name for entry in (*story.LIST, *story.AFTER) for name in entry.tricks}
    assert named <= set(placed)


def folder_with(tmp_path, **contents):
    for name, content in contents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path


def row(modes, tricks=(), **other):
    runs = [{"seed": seed, "modes": each} for seed, each in enumerate(modes, 1)]
    return {"tricks": list(tricks), "steps": 5000, "loss": "non_saturating", **other, "runs": runs}


def test_a_trick_is_compared_with_the_same_training_without_it_seed_by_seed(tmp_path):
    settings = {
        "plain": row([0, 1, 0, 1]),
        "packing": row([7, 8, 7, 8], ["packing"]),
        "packing, other steps": row([0, 0, 0, 0], ["packing"], steps=9),
        "two at once": row([3, 3, 3, 3], ["packing", "r1"]),
        "r1": row([1, 0], ["r1"]),
    }
    found = evidence.effects(folder_with(tmp_path, modes_ring={"settings": settings}))
    told = {(e.trial.trick, e.trial.setting): e for e in found}
    assert set(told) == {
        ("packing", "plain"),
        ("r1", "plain"),
        ("r1", "packing"),
        ("packing", "r1"),
    }
    packing = told["packing", "plain"]
    assert (packing.difference.mean, packing.worst, packing.varies) == (7, 7, False)
    assert packing.verdict == evidence.HELPED
    assert told["r1", "plain"].trial.without == (0, 1)  # of the seeds that both have
    assert told["r1", "plain"].verdict == evidence.UNCLEAR


def test_lower_is_better_for_ratios_and_a_row_without_a_trick_is_its_plain_one(tmp_path):
    def fids(*values):
        return [{"seed": seed, "fid": fid} for seed, fid in enumerate(values, 1)]

    rows = {
        "plain": {"mnist5k": fids(1.0, 1.1, 0.9)},
        "replay": {"mnist5k": fids(4.0, 4.5, 3.7)},
        "no batch norm": {"mnist5k": fids(10.0, 11.5, 8.8)},
        "label_noise": {"mnist5k": fids(1.1, 1.0, 0.95)},
    }
    found = evidence.effects(folder_with(tmp_path, ablation={"rows": rows}))
    assert {e.trial.trick: e.verdict for e in found} == {
        "replay": evidence.HARMED,
        "batch_norm": evidence.HELPED,
        "label_noise": evidence.UNCLEAR,
    }
    replay = next(e for e in found if e.trial.trick == "replay")
    assert replay.difference.mean == pytest.approx((4.0 * 4.5 * 3.7 / (1.0 * 1.1 * 0.9)) ** (1 / 3))
    assert replay.worst == 4.5


def test_one_seed_decides_nothing_and_more_seeds_win(tmp_path):
    settings = {"plain": row([0]), "minibatch": row([8], ["minibatch"])}
    folder = folder_with(tmp_path, modes_ring={"settings": settings})
    (alone,) = evidence.effects(folder)
    assert alone.verdict == evidence.UNCLEAR
    runs = [{"seed": s, "modes": m} for s, m in enumerate((0, 1, 0), 1)]
    rows = {"plain": {"ring": runs}, "minibatch": {"ring": [{**r, "modes": 8} for r in runs]}}
    (longer,) = evidence.effects(folder_with(tmp_path, ablation={"rows": rows}))
    assert longer.trial.source == "ablation.json"
    assert len(longer.trial.found) == 3


def test_the_figure_has_the_effects_of_the_page_and_no_others(tmp_path):
    drawn = {heading.split(":")[0]: effects for heading, _, effects in which_trick.panels(RESULTS)}
    assert set(drawn) == {"ring", "grid", "digits"}
    mean, low, high, told = drawn["digits"]["replay buffer"]
    assert 1 < low < mean < high
    assert told == "did harm"
    plotting.intervals(tmp_path / "a.png", which_trick.panels(RESULTS), "title")
    assert (tmp_path / "a.png").stat().st_size < 200_000
    with pytest.raises(ValueError, match="finite"):
        plotting.intervals(
            tmp_path / "b.png", [("a", False, {"x": (0, -float("inf"), 1, "helped")})], "b"
        )
