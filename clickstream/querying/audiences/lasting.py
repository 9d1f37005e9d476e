"""Memberships that last, in SQL: `stay`, `pause` and `grace`, by the memberships of the last evaluation.

docs/audiences.md says in words what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from clickstream.model.audience_tables import AUDIENCE_CHANGES, EXIT
from clickstream.querying.conditions import Parameters
from clickstream.querying.scope import Audience

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class LastingNames:
    """Columns of `members` about an audience: whether the condition holds and when that changes by itself; and whether
    the person stays, pauses or is within the grace, and the end of that.
    """

    holds: str
    changes: str
    stays: str
    stays_until: str
    rests: str
    rests_until: str
    waits: str
    waits_until: str

    @classmethod
    def of(cls, number: int) -> LastingNames:
        """Those of audience n."""
        names = ("qualifies", "turns_by_itself", "stays", "stays_until", "rests", "rests_until", "waits", "waits_until")
        return cls(*(f"{name}_{number}" for name in names))


class Lasting:
    """The parts of the statement about the audience with this number, which is lasting.

    `until` is the moment in microseconds since 1970, as SQL.
    """

    def __init__(self, number: int, audience: Audience, until: str, parameters: Parameters) -> None:
        self._audience, self._until, self._parameters = audience, until, parameters
        self._last, self._ended = f"last_{number}", f"ended_{number}"
        self._names = LastingNames.of(number)
        self._number = number

    @property
    def members(self) -> str:
        """A condition on `person`: is a member by the last evaluation."""
        return f"person IN (SELECT person FROM {self._last} WHERE was_{self._number})"

    def last(self) -> str:
        """The common table expression with the latest membership of each person."""
        slug, number = self._parameters.bind(self._audience.slug), self._number
        return f"""{self._last} AS MATERIALIZED (
    SELECT person, arg_max(kind, seq) <> '{EXIT}' AS was_{number},
        epoch_us(arg_max(entered_at, seq)) + {_us(self._audience.stay)} AS stays_until_{number},
        CASE WHEN arg_max(kind, seq) = '{EXIT}' THEN epoch_us(arg_max(changed_at, seq)) + {_us(self._audience.pause)}
            END AS rests_until_{number}
    FROM {AUDIENCE_CHANGES}
    WHERE site = $site AND audience = {slug}
    GROUP BY person
)"""

    def ended(self, members: str) -> str:
        """The common table expression with when time ended the condition, for members within the grace.

        `members` are the expressions of `members` about the moment `grace` ago, this audience being the last one.
        """
        inner = members.replace("\n", "\n    ")
        return f"""{self._ended} AS (
    WITH {inner}
    SELECT person, changes_{self._number} + {_us(self._audience.grace)} AS waits_until_{self._number}
    FROM members
    WHERE member_{self._number} AND changes_{self._number} <= {self._until}
)"""

    def audience(self, may_be: str, member: str, changes: str, source: str) -> str:
        """The selection of all columns of `source` with those of the audience. `member` and `changes` are SQL: whether
        the condition holds, and when that can change; `may_be` is whether the person can be a member at all.
        """
        names, number = self._names, self._number
        joined = f"{source} LEFT JOIN {self._last} USING (person)"
        if self._audience.grace:
            joined += f" LEFT JOIN {self._ended} USING (person)"
        waits = f"{may_be} AND {names.waits_until} IS NOT NULL" if self._audience.grace else "false"
        waits_until = "" if self._audience.grace else f",\n            CAST(NULL AS BIGINT) AS {names.waits_until}"
        lasts = f"greatest(CASE WHEN {names.stays} THEN {names.stays_until} END, {names.waits_until})"
        rests = f"coalesce({names.rests_until}, 0)"
        return f"""SELECT *,
        {names.holds} AND NOT {names.rests} OR {names.stays} OR {names.waits} AS member_{number},
        CASE WHEN {names.holds} AND was_{number}
            THEN CASE WHEN {names.changes} IS NOT NULL THEN greatest({names.changes}, {names.stays_until}) END
            WHEN {names.holds} AND {names.rests} THEN {names.rests_until}
            WHEN {names.holds} THEN {names.changes}
            WHEN {names.stays} OR {names.waits} THEN {lasts}
            WHEN {names.changes} IS NOT NULL THEN greatest({names.changes}, {rests}) END AS changes_{number}
    FROM (
        SELECT *, coalesce({may_be} AND {member}, false) AS {names.holds},
            CASE WHEN {may_be} THEN {changes} END AS {names.changes},
            coalesce({may_be} AND was_{number} AND {self._until} < {names.stays_until}, false) AS {names.stays},
            coalesce({self._until} < {names.rests_until}, false) AS {names.rests},
            coalesce({waits}, false) AS {names.waits}{waits_until}
        FROM {joined}
    )"""


def _us(length: timedelta) -> int:
    return length // _MICROSECOND
