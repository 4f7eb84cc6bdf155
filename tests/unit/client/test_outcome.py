"""The table that ends a registration."""

from registrar.outcome import Outcome, changed, differences, table


def test_columns_are_as_wide_as_their_widest_entry() -> None:
    outcomes = [
        Outcome("pool", "agent_pool", "made"),
        Outcome("deployment", "weather/weather", "changed: tags, version"),
    ]
    assert table(outcomes) == (
        "KIND        NAME             STATE\n"
        "pool        agent_pool       made\n"
        "deployment  weather/weather  changed: tags, version"
    )


def test_only_what_differs_is_a_change() -> None:
    news = differences({"a": 1, "b": None, "c": "x"}, {"a": 1, "b": 2, "d": 4})
    assert news == {"b": None, "c": "x"}
    assert changed(news) == "changed: b, c"
    assert changed([]) == "left"
