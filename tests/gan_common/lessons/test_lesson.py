"""What stands under a cell: a sentence that the numbers hold, or that they do not hold here."""

import pytest

from gan_common.lessons import lesson


@pytest.fixture
def shown(monkeypatch):
    found = []
    monkeypatch.setattr(lesson, "QUICK", False)
    monkeypatch.setattr(lesson, "STRICT", False)
    monkeypatch.setattr("IPython.display.display", lambda what: found.append(what.data))
    return found


def test_a_sentence_that_the_numbers_hold_is_shown(shown):
    lesson.seen("It rose.", True)
    assert shown == ["> **Seen.** It rose."]


def test_a_reader_whose_numbers_are_others_is_told_and_goes_on(shown):
    lesson.seen("It rose.", False)
    assert "not in your numbers.** It rose." in shown[0]


def test_no_output_is_committed_that_its_numbers_do_not_hold(shown, monkeypatch):
    monkeypatch.setattr(lesson, "STRICT", True)
    with pytest.raises(AssertionError, match="do not say it: It rose"):
        lesson.seen("It rose.", False)
    assert shown == []


def test_the_quick_form_claims_nothing(shown, monkeypatch):
    monkeypatch.setattr(lesson, "QUICK", True)
    lesson.seen("It rose.", False)
    assert shown == []
