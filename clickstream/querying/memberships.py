"""Memberships in audiences, in SQL over the table `audience_changes`."""

from __future__ import annotations

from typing import Protocol

from clickstream.model.audience_tables import AUDIENCE_CHANGES, EXIT


class _Binder(Protocol):
    def bind(self, value: str | int) -> str: ...


def membership(slug: str, parameters: _Binder, *, at: str | None) -> str:
    """Whether the person of an event, in the column `person`, is a member of the audience: by the last evaluation, or
    `at` a moment, a column. Never null.
    """
    ended = f"CASE WHEN arg_max(kind, seq) = '{EXIT}' THEN arg_max(changed_at, seq) END"
    # Names that no relation of events has, because `person` and the moment are the event's.
    memberships = (
        f"(SELECT person AS member, entered_at AS since, {ended} AS until FROM {AUDIENCE_CHANGES} "
        f"WHERE site = $site AND audience = {parameters.bind(slug)} GROUP BY ALL)"
    )
    if at is None:
        return f"coalesce(person IN (SELECT member FROM {memberships} WHERE until IS NULL), false)"
    return (
        f"EXISTS (SELECT 1 FROM {memberships} "
        f"WHERE member = person AND since <= {at} AND (until IS NULL OR {at} < until))"
    )
