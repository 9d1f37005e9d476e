"""People: a list of them, and of one person the fields, the ids, and the events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from clickstream.identity.persons import RELATION as PERSONS
from clickstream.identity.persons import persons
from clickstream.model.profile_tables import PROFILE_PARTITION, PROFILE_SCHEMA
from clickstream.profiles.building import parameters_of as parameters_of_people
from clickstream.profiles.building import people, whose
from clickstream.profiles.scores import SCORES, scores
from clickstream.querying.reports.report import (
    Column,
    ColumnType,
    Parameter,
    Report,
    ReportContext,
    Rows,
    one_of,
    read_json,
    short_text,
    switch,
)
from clickstream.querying.reports.statements import LIMITS, page, parameters_of, run_statement, visited
from clickstream.querying.reports.visits import EVENT_COLUMNS
from clickstream.querying.statement import Statement
from clickstream.querying.visitors import IN_PERIOD
from clickstream.table.specs import ACTIVITY_TABLE, PROFILES_TABLE, TRAITS_TABLE

MAX_TRAITS_ASKED = 20
_TYPES = {"bool": ColumnType.BOOLEAN, "int64": ColumnType.INTEGER, "timestamp[us, tz=UTC]": ColumnType.MOMENT}
PEOPLE_COLUMNS = tuple(
    Column(column.name, _TYPES.get(str(column.type), ColumnType.TEXT), "Column of `profiles`.")
    for column in PROFILE_SCHEMA
    if column.name not in ("site", PROFILE_PARTITION)
)
FIELD_COLUMNS = (
    Column("field", ColumnType.TEXT, "Column of `profiles`, or the name of a trait."),
    Column("is_trait", ColumnType.BOOLEAN, "Whether it is a trait."),
    Column("value", ColumnType.TEXT, "The value, as JSON."),
    Column(
        "since", ColumnType.MOMENT, "The first event since which it has that value; null for counts, and for a first."
    ),
    Column("event_id", ColumnType.TEXT, "That event, of a trait."),
)
ID_COLUMNS = (
    Column("kind", ColumnType.TEXT, "`user` or `device`."),
    Column("id", ColumnType.TEXT, "The id."),
    Column("valid_from", ColumnType.MOMENT, "From when on the id is the person's; null: always."),
    Column("valid_to", ColumnType.MOMENT, "Until when; null: for ever."),
    Column("rule", ColumnType.TEXT, "Column of `identities`; `name` for the id that is the person's name."),
    Column("why", ColumnType.TEXT, "The rule in words."),
    Column("event_id", ColumnType.TEXT, "The event that it follows from."),
    Column("first_seen_at", ColumnType.MOMENT, "The first event with this id in that time, in half hours that began."),
    Column("last_seen_at", ColumnType.MOMENT, "The last one."),
    Column("acts", ColumnType.INTEGER, "Number of acts with this id in that time."),
)
PERSON_EVENT_COLUMNS = (
    Column("visit", ColumnType.TEXT, "`event_id` of the visit's first event by this person; `visit_events` takes it."),
    *EVENT_COLUMNS,
    Column("anonymous_id", ColumnType.TEXT, "The device."),
    Column("user_id", ColumnType.TEXT, "The user."),
    Column("source", ColumnType.TEXT, "Where it came from, of an arrival."),
)
SCORE_COLUMNS = (
    Column("score", ColumnType.TEXT, f"{', '.join(SCORES)}: see [profiles.md](profiles.md#scores)."),
    Column("value", ColumnType.NUMBER, "From 0 to 100."),
    Column("meaning", ColumnType.TEXT, "What it says, in words."),
)
WHY = {
    "alias": "an alias, or an operator, joined this user to the person",
    "first login": "the person was the first to log in on this device; what came before is the person's, too",
    "login": "the person logged in on this device after somebody else; the 30 minutes before are the person's, too",
    "logout": "the person before logged out, and nobody has logged in since",
    "group": "an alias joined these devices, and nobody was seen on them",
    "name": "the person's own id",
}
# Moments of values that are one event's, by field.
_SINCE = {
    **{
        f"{side}_{name}": f"{side}_arrival_at" for side in ("first", "last") for name in ("source", "medium", "channel")
    },
    **{f"{side}_campaign": f"{side}_arrival_at" for side in ("first", "last")},
    "first_page": "first_view_at",
    "country": "country_at",
    "device_class": "device_class_at",
    **{name: name for name in ("first_seen_at", "last_seen_at")},
}


def traits_asked(text: str) -> Mapping[str, str]:
    """Parse a JSON object of names and texts. Raise ValueError for anything else."""
    wanted = read_json(text, '{"plan": "pro"}')
    if not isinstance(wanted, dict) or not all(isinstance(value, str) for value in wanted.values()):
        raise ValueError('must be an object of texts, such as {"plan": "pro"}')
    if len(wanted) > MAX_TRAITS_ASKED:
        raise ValueError(f"has more than {MAX_TRAITS_ASKED} traits")
    return wanted


def people_statement(context: ReportContext) -> Statement:
    """The people who meet the parameters, in the order asked for."""
    own = context.own
    parameters: dict[str, str | int] = {}
    conditions = ["is_known"] if own["known"] else []
    if own["search"] is not None:
        parameters["search"] = own["search"]
        conditions.append(
            "(person = $search\n"
            "    OR person IN (SELECT person FROM identities WHERE id = $search AND kind <> 'nobody')\n"
            "    OR len(list_filter(json_extract_string(traits, '$.*'),\n"
            "        lambda value: contains(lower(value), lower($search)))) > 0)"
        )
    for number, (name, value) in enumerate((own["traits"] or {}).items()):
        parameters |= {f"trait_{number}": _path(name), f"value_{number}": value}
        conditions.append(f"json_extract_string(traits, $trait_{number}) = $value_{number}")
    names = ", ".join(column.name for column in PEOPLE_COLUMNS)
    where = " AND ".join(conditions) or "TRUE"
    return Statement(f"SELECT {names}\nFROM profiles\nWHERE {where}\nORDER BY {own['order']} DESC, person", parameters)


def _path(name: str) -> str:
    """The JSON path of a member."""
    return '$."' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _people(context: ReportContext) -> Rows:
    statement = people_statement(context)
    rows = _over_all(context, page(context, statement))
    meta: dict[str, Any] = {}
    if context.query.include.total_rows:
        count = Statement(f"SELECT count(*) AS total_rows FROM (\n{statement.sql}\n)", statement.parameters)
        meta["total_rows"] = _over_all(context, count)[0][0]
    return Rows(PEOPLE_COLUMNS, rows, page(context, statement), meta)


def _over_all(context: ReportContext, statement: Statement) -> list[tuple[Any, ...]]:
    table = context.engine.run_over_all(statement, context.site, PROFILES_TABLE)
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def person_statement(context: ReportContext) -> Statement:
    """The person's profile, from all of its activity and traits; one row, none if there is no such person."""
    site = context.site
    sql = f"WITH {people(site.trust, 'person = $person')}\nSELECT * FROM people"
    return Statement(sql, {**parameters_of_people(site.profiles), "person": context.own["person"]})


def traits_statement(context: ReportContext) -> Statement:
    """Everything that was said about the person, by name and value, the latest first."""
    sql = f"""
WITH {whose("traits", context.site.trust)}
SELECT name, value, first_at, last_at, evidence_id
FROM persons
WHERE person = $person
ORDER BY name, last_at DESC, first_at DESC, value""".strip()
    return Statement(sql, {"person": context.own["person"]})


def _person(context: ReportContext) -> Rows:
    statement = person_statement(context)
    found = context.engine.run_over_all(statement, context.site, ACTIVITY_TABLE).to_pylist()
    if not found:
        return Rows(FIELD_COLUMNS, [], statement)
    (row,) = found
    names = [column.name for column in PEOPLE_COLUMNS if column.name not in ("person", "traits", "revenue")]
    rows: list[tuple[Any, ...]] = [
        (name, False, _json(row[name]), row[_SINCE[name]] if name in _SINCE else None, None) for name in names
    ]
    rows.append(("revenue", False, row["revenue"], None, None))
    said = context.engine.run_over_all(traits_statement(context), context.site, TRAITS_TABLE).to_pylist()
    for name, value in json.loads(row["traits"]).items():
        since, event_id = _origin([each for each in said if each["name"] == name], value)
        rows.append((name, True, json.dumps(value), since, event_id))
    return Rows(FIELD_COLUMNS, rows, statement)


def _origin(said: list[dict[str, Any]], value: Any) -> tuple[Any, Any]:
    """Since when a trait has its value, and from which event on: the first one after any other value."""
    same = [each for each in said if json.loads(each["value"]) == value]
    others = [each["last_at"] for each in said if each not in same and each["last_at"] <= same[0]["last_at"]]
    later = [each for each in same if not others or each["first_at"] > max(others)]
    first = min(later or same[:1], key=lambda each: (each["first_at"], each["evidence_id"]))
    return first["first_at"], first["evidence_id"]


def _json(value: Any) -> str:
    return json.dumps(value.isoformat() if hasattr(value, "isoformat") else value)


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def ids_statement(context: ReportContext) -> Statement:
    """The person's ids with their slices of time, and what was done in each."""
    words = " ".join(f"WHEN '{rule}' THEN '{_quoted(why)}'" for rule, why in WHY.items())
    sql = f"""
WITH used AS (
    SELECT kind, id, half_hour, first_at, last_at, acts
    FROM (
        SELECT *, CASE WHEN user_id IS NULL THEN 'device' ELSE 'user' END AS kind,
            coalesce(user_id, anonymous_id) AS id
        FROM activity
    )
),
slices AS (
    SELECT kind, id, valid_from, valid_to, rule, evidence_id
    FROM identities
    WHERE person = $person AND kind <> 'nobody'
    UNION ALL
    SELECT DISTINCT kind, id, CAST(NULL AS TIMESTAMPTZ), CAST(NULL AS TIMESTAMPTZ), 'name', CAST(NULL AS VARCHAR)
    FROM used
    WHERE id = $person AND (kind, id) NOT IN (SELECT (kind, id) FROM identities)
)
SELECT slices.kind, slices.id, valid_from, valid_to, rule, CASE rule {words} END AS why, evidence_id AS event_id,
    min(first_at) AS first_seen_at, max(last_at) AS last_seen_at, CAST(coalesce(sum(acts), 0) AS BIGINT) AS acts
FROM slices LEFT JOIN used ON used.kind = slices.kind AND used.id = slices.id
    AND half_hour >= coalesce(valid_from, TIMESTAMPTZ '-infinity')
    AND half_hour < coalesce(valid_to, TIMESTAMPTZ 'infinity')
GROUP BY ALL
ORDER BY slices.kind DESC, slices.id, valid_from NULLS FIRST""".strip()
    return Statement(sql, {"person": context.own["person"]})


def _ids(context: ReportContext) -> Rows:
    statement = ids_statement(context)
    table = context.engine.run_over_all(statement, context.site, ACTIVITY_TABLE)
    return Rows(ID_COLUMNS, list(zip(*(column.to_pylist() for column in table.columns), strict=True)), statement)


def person_events_statement(context: ReportContext) -> Statement:
    """The person's events in the range, the newest first."""
    parameters = parameters_of(context)
    person = parameters.bind(context.own["person"])
    names = ", ".join(column.name for column in PERSON_EVENT_COLUMNS[1:])
    sql = f"""
WITH {visited(context, with_bots=True)},
{persons("visited", context.site.trust)}
SELECT CASE WHEN visit IS NOT NULL THEN first_value(event_id) OVER (
        PARTITION BY visit ORDER BY occurred_at, received_at, event_id
    ) END AS visit, {names}
FROM {PERSONS}
WHERE person = {person} AND {IN_PERIOD}
ORDER BY occurred_at DESC, received_at DESC, event_id DESC""".strip()
    return Statement(sql, parameters.of(sql))


def _person_events(context: ReportContext) -> Rows:
    statement = page(context, person_events_statement(context))
    return run_statement(context, PERSON_EVENT_COLUMNS, statement, leaves_out_bots=False)


def scores_statement(context: ReportContext) -> Statement:
    """The person's scores at the moment up to which the table is complete, one row for each."""
    until = context.complete_until or context.now
    rows = [
        f"SELECT {place} AS place, '{name}' AS score, {name} AS value, '{_quoted(meaning)}' AS meaning FROM scores"
        for place, (name, meaning) in enumerate(SCORES.items())
    ]
    union = "\nUNION ALL\n".join(rows)
    sql = f"WITH {scores(context.site.trust)}\nSELECT * EXCLUDE (place) FROM (\n{union}\n)\nORDER BY place"
    return Statement(sql, {"person": context.own["person"], "now": until.isoformat()})


def _scores(context: ReportContext) -> Rows:
    statement = scores_statement(context)
    table = context.engine.run_over_all(statement, context.site, ACTIVITY_TABLE)
    rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return Rows(SCORE_COLUMNS, rows, statement, {"evaluated_at": statement.parameters["now"]})


_PERSON = Parameter("person", "The person, as in `people`.", short_text, required=True)
_ORDERS = ("last_seen_at", "first_seen_at", "visits", "acts", "orders")
PEOPLE = Report(
    "people",
    "People and what is known about them: see [profiles.md](profiles.md). They may be a moment behind.",
    PEOPLE_COLUMNS,
    _people,
    frozenset({"limit", "offset", "total_rows"}),
    (
        Parameter("search", "An id of the person as it is stored, or a part of the value of a trait.", short_text),
        Parameter(
            "traits", 'Traits that the person has, a JSON object of texts, such as `{"plan": "pro"}`.', traits_asked
        ),
        Parameter("known", "`1`: only users; `0`: also devices on which nobody was seen.", switch, "1"),
        Parameter(
            "order", f"What comes first, the greatest of it: {', '.join(_ORDERS)}.", one_of(*_ORDERS), _ORDERS[0]
        ),
    ),
    personal=True,
)
PERSON = Report(
    "person",
    "What is known about one person, field by field, as of now: see [profiles.md](profiles.md#fields).",
    FIELD_COLUMNS,
    _person,
    frozenset(),
    (_PERSON,),
    personal=True,
)
PERSON_IDS = Report(
    "person_ids",
    "The ids of one person, from when to when and why: see [identity.md](identity.md#rules).",
    ID_COLUMNS,
    _ids,
    frozenset(),
    (_PERSON,),
    personal=True,
)
PERSON_EVENTS = Report(
    "person_events",
    "The events of one person in the range, on all devices, with their visits, the newest first.",
    PERSON_EVENT_COLUMNS,
    _person_events,
    LIMITS,
    (_PERSON,),
    personal=True,
)
PERSON_SCORES = Report(
    "person_scores",
    "Six scores of one person at the moment up to which the table is complete.",
    SCORE_COLUMNS,
    _scores,
    frozenset(),
    (_PERSON,),
    personal=True,
)
