"""The nearest known word: the same in other letters, the one that is begun, or one that is close."""

import pytest

from stack.core.nearest import advice, nearest

KNOWN = ("SERVER_PORT", "SERVER_BIND", "server", "Europe/Berlin", "cron", "day_or")


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("CRON", "cron"),
        ("Server", "server"),
        ("europe/berlin", "Europe/Berlin"),
        ("SERVER_P", "SERVER_PORT"),
        ("server_b", "SERVER_BIND"),
        ("eur", "Europe/Berlin"),
        ("corn", "cron"),
        ("sever", "server"),
        ("SERVR_PORT", "SERVER_PORT"),
        ("", None),
        ("nothing like it", None),
    ],
)
def test_nearest(word: str, found: str | None) -> None:
    assert nearest(word, KNOWN) == found


def test_the_first_letters_of_several_words_are_not_enough() -> None:
    assert nearest("s", ("server", "storage")) is None


def test_the_advice_is_one_word_or_all_of_them() -> None:
    assert advice("corn", ["cron", "rrule"]) == "did you mean cron?"
    assert advice("x", ["cron", "interval", "rrule"]) == "choose cron, interval or rrule"
    assert advice("x", ["interval", "rrule"]) == "choose interval or rrule"
    assert advice("x", ["interval"]) == "choose interval"
    assert advice("x", []) == "there are none"
    assert advice("x", ["interval"], otherwise="delete the line") == "delete the line"
    assert advice("x", ["interval"], otherwise="") == ""
