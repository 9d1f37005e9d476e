"""Audiences: how many members each has, who they are, and why a person is one or is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from clickstream.querying.audiences.formula import atoms, in_words, lasting_in_words, with_needed
from clickstream.querying.audiences.lasting import LastingNames
from clickstream.querying.audiences.question import Question
from clickstream.querying.reports.report import Column, ColumnType, Parameter, Report, ReportContext, Rows, short_text
from clickstream.querying.reports.statements import LIMITS, invalid_parameter, page, parameters_of, run_statement
from clickstream.querying.scope import Audience
from clickstream.querying.statement import Statement
from clickstream.table.specs import AUDIENCE_CHANGES_TABLE

AUDIENCES_COLUMNS = (
    Column("audience", ColumnType.TEXT, "The audience's slug."),
    Column("name", ColumnType.TEXT, "Its name."),
    Column("people", ColumnType.INTEGER, "Number of members."),
    Column("changes_at", ColumnType.MOMENT, "The next moment at which a membership can change without another event."),
)
MEMBERS_COLUMNS = (
    Column("person", ColumnType.TEXT, "The person."),
    Column("is_known", ColumnType.BOOLEAN, "Whether the person has a user id."),
    Column(
        "changes_at",
        ColumnType.MOMENT,
        "The next moment at which the person can leave without another event; null: none.",
    ),
)
WHY_COLUMNS = (
    Column(
        "condition",
        ColumnType.TEXT,
        "`member`, for the audience as a whole; with `stay`, `pause` or `grace`, `meets the condition` and each of "
        "these; then each of its conditions, in words.",
    ),
    Column("holds", ColumnType.BOOLEAN, "Whether it holds of the person."),
    Column("changes_at", ColumnType.MOMENT, "The next moment at which that can change without another event."),
)

HISTORY_COLUMNS = (
    Column("date", ColumnType.DATE, "The day, by the site's clock."),
    Column("entered", ColumnType.INTEGER, "Memberships that began on that day."),
    Column("left", ColumnType.INTEGER, "Memberships that ended on that day."),
    Column("people", ColumnType.INTEGER, "Members at the end of the day, by all evaluations so far."),
)
CHANGES_COLUMNS = (
    Column("person", ColumnType.TEXT, "The person."),
    Column("kind", ColumnType.TEXT, "`enter`, `exit`, or `member`: a member whom messages report again."),
    Column("reason", ColumnType.TEXT, "Why: see [audiences.md](audiences.md#changes)."),
    Column("changed_at", ColumnType.MOMENT, "The moment from which it is true."),
    Column("entered_at", ColumnType.MOMENT, "When the membership began."),
    Column("exit_at", ColumnType.MOMENT, "The planned end of the membership; null: none is planned."),
    Column("message_id", ColumnType.TEXT, "The id of the message that reports it; null: none is sent."),
)


def _list(context: ReportContext) -> Rows:
    audiences = list(context.site.audiences.values())
    if not audiences:
        return Rows(AUDIENCES_COLUMNS, [], None)
    question = _question(context, with_needed(context.site.audiences, context.site.audiences))
    rows = []
    for number, audience in enumerate(audiences):
        names = question.names(audience.slug)
        labels = f"{question.bind(audience.slug)} AS audience, {question.bind(audience.name)} AS name"
        rows.append(
            f"SELECT {number} AS place, {labels}, count(*) FILTER ({names.holds}) AS people, "
            f"make_timestamptz(min({names.changes})) AS changes_at FROM members"
        )
    union = "\nUNION ALL\n".join(rows)
    statement = question.statement(f"SELECT * EXCLUDE (place) FROM (\n{union}\n)\nORDER BY place")
    return _answer(context, question, AUDIENCES_COLUMNS, statement)


def _members(context: ReportContext) -> Rows:
    audience = _audience(context)
    question = _question(context, with_needed(context.site.audiences, [audience.slug]))
    names = question.names(audience.slug)
    statement = question.statement(
        f"SELECT person, is_known, make_timestamptz({names.changes}) AS changes_at\n"
        f"FROM members\nWHERE {names.holds}\nORDER BY person"
    )
    return _answer(context, question, MEMBERS_COLUMNS, page(context, statement))


def _why(context: ReportContext) -> Rows:
    audience = _audience(context)
    question = _question(context, with_needed(context.site.audiences, [audience.slug]))
    names = question.names(audience.slug)
    conditions = [("member", names.holds, names.changes)]
    if audience.is_lasting:
        conditions += _lasting(audience, question.lasting_names(audience.slug))
    for atom in dict.fromkeys(atoms(audience.formula)):
        names = question.of_atom[atom]
        conditions.append((in_words(atom), names.holds, names.changes))
    rows = [
        f"SELECT {number} AS place, {question.bind(words)} AS condition, coalesce({holds}, false) AS holds, "
        f"make_timestamptz({changes}) AS changes_at FROM one"
        for number, (words, holds, changes) in enumerate(conditions)
    ]
    given = f"(SELECT {question.bind(context.own['person'])} AS person)"
    one = f"one AS (\n    SELECT * FROM {given} AS given LEFT JOIN members USING (person)\n)"
    union = "\nUNION ALL\n".join(rows)
    statement = question.statement(f"SELECT * EXCLUDE (place) FROM (\n{union}\n)\nORDER BY place", one)
    return _answer(context, question, WHY_COLUMNS, statement)


def _lasting(audience: Audience, names: LastingNames) -> Iterator[tuple[str, str, str]]:
    """Words, whether they apply, and until when, of what a lasting membership depends on besides single conditions."""
    yield "meets the condition", names.holds, names.changes
    applies = (
        (audience.stay, names.stays, names.stays_until),
        (audience.pause, names.rests, names.rests_until),
        (audience.grace, names.waits, names.waits_until),
    )
    for words, (length, holds, until) in zip(lasting_in_words(audience), applies, strict=True):
        if length:
            yield words, holds, f"CASE WHEN {holds} THEN {until} END"


def _history(context: ReportContext) -> Rows:
    parameters = parameters_of(context)
    changes = f"FROM audience_changes WHERE site = $site AND audience = {parameters.bind(_audience(context).slug)}"
    sql = f"""WITH flow AS (
    SELECT CAST(timezone($time_zone, changed_at) AS DATE) AS date, count(*) FILTER (kind = 'enter') AS entered,
        count(*) FILTER (kind = 'exit') AS departed
    {changes}
    GROUP BY ALL
),
days AS (
    SELECT CAST(unnest(generate_series(
        CAST(timezone($time_zone, CAST($from AS TIMESTAMPTZ)) AS DATE),
        CAST(timezone($time_zone, CAST($to AS TIMESTAMPTZ) - INTERVAL 1 MICROSECOND) AS DATE), INTERVAL 1 DAY
    )) AS DATE) AS date
)
SELECT date, coalesce(entered, 0) AS entered, coalesce(departed, 0) AS departed,
    CAST(coalesce((SELECT sum(entered - departed) FROM flow AS earlier WHERE earlier.date <= days.date), 0) AS BIGINT)
FROM days LEFT JOIN flow USING (date)
ORDER BY date"""
    return _of_changes(context, HISTORY_COLUMNS, Statement(sql, parameters.of(sql)))


def _changes(context: ReportContext) -> Rows:
    parameters = parameters_of(context)
    sql = (
        "SELECT person, kind, reason, changed_at, entered_at, exit_at, message_id\nFROM audience_changes\n"
        f"WHERE site = $site AND audience = {parameters.bind(_audience(context).slug)} AND {_IN_PERIOD}\n"
        "ORDER BY seq DESC"
    )
    return _of_changes(context, CHANGES_COLUMNS, page(context, Statement(sql, parameters.of(sql))))


def _of_changes(context: ReportContext, columns: Sequence[Column], statement: Statement) -> Rows:
    """Rows of a statement over all changes, which lie in partitions of other days than those of their moments."""
    ever = context.period.since(BEGINNING)
    return run_statement(context, columns, statement, AUDIENCE_CHANGES_TABLE, ever)


def _question(context: ReportContext, audiences: Sequence[Audience]) -> Question:
    """A question about the moment up to which the table is complete."""
    return Question(context.site, audiences, _until(context))


def _until(context: ReportContext) -> datetime:
    return context.complete_until or context.now


def _answer(context: ReportContext, question: Question, columns: Sequence[Column], statement: Statement) -> Rows:
    rows = run_statement(replace(context, period=question.period), columns, statement)
    until, begin = _until(context), question.period.begin
    read = [begin.isoformat(), until.astimezone(begin.tzinfo).isoformat()]
    return replace(rows, meta={**rows.meta, "date_range": read, "evaluated_at": until.isoformat()})


def _audience(context: ReportContext) -> Audience:
    slug, audiences = context.own["audience"], context.site.audiences
    if slug not in audiences:
        known = ", ".join(audiences) or "none"
        raise invalid_parameter("audience", f"no audience has the slug {slug[:100]!r}; known are {known}")
    return audiences[slug]


BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)
_IN_PERIOD = "changed_at >= CAST($from AS TIMESTAMPTZ) AND changed_at < CAST($to AS TIMESTAMPTZ)"
_AUDIENCE = Parameter("audience", "Slug of one of the site's audiences.", short_text, required=True)
AUDIENCES = Report(
    "audiences",
    "The site's audiences, with their size at the moment up to which the table is complete: see "
    "[audiences.md](audiences.md).",
    AUDIENCES_COLUMNS,
    _list,
    frozenset(),
)
AUDIENCE_MEMBERS = Report(
    "audience_members",
    "The members of an audience at that moment.",
    MEMBERS_COLUMNS,
    _members,
    frozenset({"limit", "offset"}),
    (_AUDIENCE,),
    personal=True,
)
AUDIENCE_HISTORY = Report(
    "audience_history",
    "How many people entered and left an audience on each day, and how many were members.",
    HISTORY_COLUMNS,
    _history,
    frozenset({"date_range"}),
    (_AUDIENCE,),
)
AUDIENCE_CHANGES = Report(
    "audience_changes",
    "Who entered and left an audience, the latest first, and which message reports it.",
    CHANGES_COLUMNS,
    _changes,
    LIMITS,
    (_AUDIENCE,),
    personal=True,
)
AUDIENCE_WHY = Report(
    "audience_why",
    "Why a person is in an audience or is not, condition by condition.",
    WHY_COLUMNS,
    _why,
    frozenset(),
    (_AUDIENCE, Parameter("person", "The person, as in `audience_members`.", short_text, required=True)),
    personal=True,
)
