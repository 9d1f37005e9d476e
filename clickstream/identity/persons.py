"""The relation by which all SQL knows an event's person."""

from __future__ import annotations

import re

from clickstream.identity.rules import Trust

RELATION = "persons"
_COLUMNS = re.compile(r"\b(person|is_known)\b")
_BELIEVED = {
    Trust.ANY: "",
    Trust.SERVER: " AND key_kind IS DISTINCT FROM 'public'",
    Trust.SIGNED: " AND (key_kind IS DISTINCT FROM 'public' OR user_verified)",
}


def looks_at_people(*parts: str) -> bool:
    """Whether any of these parts of SQL may use a column that only `persons` has."""
    return any(_COLUMNS.search(part) for part in parts)


def persons(source: str, trust: Trust) -> str:
    """The common table expression `persons`: the rows of `source` with `person`, null where an event has no id, and
    `is_known`: whether that is a user.

    It joins the relation `identities`, of the site alone. No row is repeated: the intervals of one id do not overlap.
    """
    return _PERSONS.format(source=source, believed=_BELIEVED[trust])


# The kind is a residual condition of the join: as a second key it costs a fifth more.
_PERSONS = """
persons AS NOT MATERIALIZED (
    SELECT keyed.* EXCLUDE (person_key, is_by_user), coalesce(identities.person, person_key, user_id) AS person,
        coalesce(identities.rule NOT IN ('logout', 'group'), is_by_user) AS is_known
    FROM (
        SELECT *, CASE WHEN is_by_user THEN user_id ELSE anonymous_id END AS person_key
        FROM (
            SELECT *,
                coalesce(
                    user_id IS NOT NULL
                        AND user_id NOT IN (SELECT id FROM identities WHERE kind = 'nobody'){believed}, FALSE
                ) AS is_by_user
            FROM {source}
        )
    ) AS keyed
    LEFT JOIN identities ON identities.id = person_key
        AND identities.kind = CASE WHEN is_by_user THEN 'user' ELSE 'device' END
        AND occurred_at >= coalesce(identities.valid_from, TIMESTAMPTZ '-infinity')
        AND occurred_at < coalesce(identities.valid_to, TIMESTAMPTZ 'infinity')
)""".strip()
