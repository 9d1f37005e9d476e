"""The texts of alerts, whose words fit their numbers."""

from __future__ import annotations

import pytest

from clickstream.notifying.alert_words import ALERT_WORDS, Fact

ONE = {"events": "1", "usual": "1", "bad": "1", "difference": "1"}
MANY = {"events": "1,204", "usual": "0", "bad": "12", "difference": "3"}


@pytest.mark.parametrize(
    ("language", "facts", "expected"),
    [
        (
            "en",
            ONE,
            [
                "1 event from A to B; 1 is usual.",
                "1 event from A to B.",
                "1 of 1 event failed from A to B.",
                "1 event is missing after a stage, from A to B.",
                "1 of 1 event 1 violates its definition, from A to B.",
            ],
        ),
        (
            "en",
            MANY,
            [
                "1,204 events from A to B; 0 are usual.",
                "1,204 events from A to B.",
                "12 of 1,204 events failed from A to B.",
                "3 events are missing after a stage, from A to B.",
                "12 of 1,204 events 1 violate their definition, from A to B.",
            ],
        ),
        (
            "de",
            ONE,
            [
                "1 Ereignis vom A bis B; üblich ist 1.",
                "1 Ereignis vom A bis B.",
                "1 von 1 Ereignis schlug fehl, vom A bis B.",
                "1 Ereignis fehlt nach einer Stufe, vom A bis B.",
                "1 von 1 Ereignis 1 bricht seine Definition, vom A bis B.",
            ],
        ),
    ],
)
def test_words_fit_the_numbers(language: str, facts: dict[str, str], expected: list[str]) -> None:
    given = {name: Fact(text) for name, text in {**facts, "name": "1"}.items()}
    texts = [text.format(**given, begin="A", end="B") for text in ALERT_WORDS[language].facts.values()]
    assert texts == expected
