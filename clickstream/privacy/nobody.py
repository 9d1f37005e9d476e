"""Placeholder ids that mean nobody: what programs write if there is no id."""

from __future__ import annotations

from functools import lru_cache

from clickstream.privacy.pseudonyms import PseudonymKeys, all_pseudonyms

# How languages, browsers and templates write that there is no value. Compared without case and surrounding blanks.
NOTHING = frozenset(
    {
        *(
            "",
            "null",
            "none",
            "nil",
            "undefined",
            "nan",
            "nul",
            "void",
            "(null)",
            "<null>",
            "<nil>",
            "<none>",
            "(none)",
        ),
        *("[object object]", "[object undefined]", "[object null]", "(not set)", "n/a", "na", "#n/a"),
        *("true", "false", "-1", "{}", "[]", '""', "''"),
    }
)
# Words for an unknown person, and names of fields in place of their values. PostHog refuses these and most of the above
# (its documentation on identifying users). Segment blocks `anonymous`, `null`, `-1` and ids of only zeros and dashes
# (its Identity Resolution settings).
NO_PERSON = NOTHING | {
    *("anonymous", "anon", "guest", "unknown", "nobody", "visitor", "user", "default"),
    *("id", "user_id", "userid", "distinct_id", "distinctid", "anonymous_id", "anonymousid", "email"),
    *("not_authenticated", "unauthenticated", "not authenticated", "not logged in", "logged out"),
}
_LONGEST = max(map(len, NO_PERSON))
_ZEROS = "0-"
_UUID_LENGTH = 36


def means_nothing(text: str) -> bool:
    """Whether a text is not an id: a word for no value, or only zeros and dashes, as in the nil UUID."""
    return _is_one_of(text, NOTHING)


def means_nobody(text: str) -> bool:
    """The same for an id of a person or device, with the words for an unknown person in addition."""
    return _is_one_of(text, NO_PERSON)


def _is_one_of(text: str, words: frozenset[str]) -> bool:
    if len(text) > _LONGEST and text[0] not in _ZEROS and not text[0].isspace():
        return False  # the fast path, for nearly every id
    plain = text.strip()
    return (len(plain) <= _LONGEST and plain.lower() in words) or not plain.strip(_ZEROS)


def somebody(*ids: str | None) -> str | None:
    """The first id that names somebody; if none does, the first that is not None."""
    given = [id for id in ids if id is not None]
    if len(given) > 1:
        return next((id for id in given if not means_nobody(id)), given[0])
    return given[0] if given else None


@lru_cache(maxsize=16)
def pseudonyms_of_nobody(keys: PseudonymKeys) -> frozenset[str]:
    """The pseudonyms of these words' usual spellings under each key, because a pseudonym does not show its word."""
    words = {word for word in NO_PERSON if word} | {"[object Object]", "NaN", "distinctId", "anonymousId", "userId"}
    zeros = {"0" * length for length in range(1, _UUID_LENGTH + 1)} | {"00000000-0000-0000-0000-000000000000"}
    spellings = {spelling for word in words for spelling in (word, word.upper(), word.capitalize(), word.title())}
    return frozenset(pseudonym for word in spellings | zeros for pseudonym in all_pseudonyms(word, keys))
