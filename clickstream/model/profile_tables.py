"""The columns of the tables about people's activity, which are derived from `events`: see docs/profiles.md."""

from __future__ import annotations

import pyarrow as pa

from clickstream.model.schema import BATCH_COLUMN, TIMESTAMP, Column, arrow_schema

ACTIVITY, TRAITS, PROFILES = "activity", "traits", "profiles"
ACTIVITY_PARTITION, TRAIT_PARTITION, PROFILE_PARTITION = "event_date", "event_date", "built_date"
_TEXT, _INT, _BOOL = pa.string(), pa.int64(), pa.bool_()


def _text(name: str, doc: str, source: str, example: str) -> Column:
    return Column(name, _TEXT, True, doc, source, example)


def _moment(name: str, doc: str, source: str = "occurred_at", *, nullable: bool = True) -> Column:
    return Column(name, TIMESTAMP, nullable, doc, source, "2026-03-01 12:01:02")


_SITE = Column("site", _TEXT, False, "The site.", "site", "shop")
_IDS = (
    _text("anonymous_id", "The device; null without one, and for the id of the day.", "anonymous_id", "a1"),
    _text("user_id", "The user; null without one.", "user_id", "u1"),
    _text("key_kind", "Kind of the write key.", "key_kind", "public"),
    Column(
        "user_verified",
        _BOOL,
        True,
        "Whether `user_id` came with a secret key or its signature.",
        "user_verified",
        "false",
    ),
)
_HALF_HOUR = Column(
    "half_hour", TIMESTAMP, False, "Start of the half hour, in UTC.", "occurred_at", "2026-03-01 12:00:00"
)
_DATE = Column("event_date", pa.date32(), False, "UTC date of `half_hour`; the partition.", "half_hour", "2026-03-01")
_BATCH = Column(BATCH_COLUMN, _INT, True, "Number of the commit that added the row, rising.", "profiles", "12")
# What an event with a source of traffic says about it.
ARRIVAL = {"source": "Google", "medium": "organic", "channel": "Organic Search", "campaign": "spring"}
ARRIVALS = {
    "first": "The first event with a source of traffic that is not the site itself; `(direct)` counts.",
    "last": "The last event with a source of traffic that is neither the site itself nor `(direct)`.",
}
ACTIVITY_COLUMNS = (
    _SITE,
    *_IDS,
    _text("session_id", "The visit, if the tracker counts visits.", "session_id", "1772366397"),
    _HALF_HOUR,
    _moment("first_at", "The first event.", nullable=False),
    _moment("last_at", "The last event.", nullable=False),
    _moment("first_act_at", "The first [act](visits.md#acts); null without any."),
    _moment("last_act_at", "The last act; null without any."),
    Column("acts", _INT, False, "Number of acts.", "event_type, interactive", "7"),
    Column("page_views", _INT, False, "Number of page views.", "event_type", "5"),
    Column("advertising", _BOOL, False, "Of the last event.", "advertising", "true"),
    *(
        column
        for side, moment_doc in ARRIVALS.items()
        for column in (
            _moment(f"{side}_arrival_at", moment_doc),
            *(
                _text(f"{side}_{name}", "Of that event.", f"utm_{name}" if name == "campaign" else name, example)
                for name, example in ARRIVAL.items()
            ),
        )
    ),
    _moment("first_view_at", "The first page view; null without any."),
    _text("first_page", "Path of that page.", "page_path", "/cart"),
    _moment("country_at", "The last event with a country."),
    _text("country", "Of that event.", "country", "CH"),
    _moment("device_class_at", "The last event with a class of device."),
    _text("device_class", "Of that event.", "device_class", "desktop"),
    _text(
        "revenue",
        "Amounts that belong to no order: a JSON list of `[currency, amount]`.",
        "properties, currency",
        '[["EUR","12.5000"]]',
    ),
    _text(
        "orders",
        "What happened to orders: a JSON list of `[order, moment in µs, event, deed, currency, amount]`.",
        "order_id, properties, currency",
        '[["A-1",1772366397000000,"e1","sale","EUR","12.5000"]]',
    ),
    _DATE,
    _BATCH,
)
ACTIVITY_SCHEMA = arrow_schema(ACTIVITY_COLUMNS)

TRAIT_COLUMNS = (
    _SITE,
    *_IDS,
    _HALF_HOUR,
    Column("name", _TEXT, False, "Name of the trait.", "properties, context", "plan"),
    Column("value", _TEXT, False, "Its value, as JSON.", "properties, context", '"pro"'),
    Column("is_once", _BOOL, False, "True if it was sent as a value for people without one.", "context", "false"),
    _moment("first_at", "The first event that says so.", nullable=False),
    _moment("last_at", "The last one.", nullable=False),
    Column("evidence_id", _TEXT, False, "The id of the first one.", "event_id", "e1"),
    _DATE,
    _BATCH,
)
TRAIT_SCHEMA = arrow_schema(TRAIT_COLUMNS)


def _count(name: str, doc: str, source: str = ACTIVITY) -> Column:
    return Column(name, _INT, False, doc, source, "3")


PROFILE_COLUMNS = (
    _SITE,
    Column("person", _TEXT, False, "The person, as in `identities`.", "identities", "u1"),
    Column("is_known", _BOOL, False, "Whether that is a user.", "identities", "true"),
    _text("label", "The trait that the site's document names as label.", TRAITS, "Ada"),
    _count("users", "Number of user ids."),
    _count("devices", "Number of devices."),
    _moment("first_seen_at", "The first event.", ACTIVITY, nullable=False),
    _moment("last_seen_at", "The last event.", ACTIVITY, nullable=False),
    _count("active_days", "Number of UTC dates with an act."),
    _count("visits", "Number of [visits](profiles.md#visits)."),
    _count("acts", "Number of acts."),
    _count("page_views", "Number of page views."),
    _count("orders", "Number of orders that were sold; each sale without `order_id` is one."),
    Column("revenue", _TEXT, False, "A JSON object: currency to sum.", ACTIVITY, '{"EUR":"12.5000"}'),
    *(
        _text(f"{side}_{name}", f"Of the {side} arrival.", ACTIVITY, example)
        for side in ARRIVALS
        for name, example in ARRIVAL.items()
    ),
    _text("first_page", "Path of the first page view.", ACTIVITY, "/cart"),
    _text("country", "The last one.", ACTIVITY, "CH"),
    _text("device_class", "The last one.", ACTIVITY, "desktop"),
    Column("advertising", _BOOL, False, "Of the last event.", ACTIVITY, "true"),
    Column("traits", _TEXT, False, "A JSON object: name to value.", TRAITS, '{"plan":"pro"}'),
    Column(
        PROFILE_PARTITION,
        pa.date32(),
        False,
        "UTC date on which the row's file was written; the table's partition.",
        "profiles",
        "2026-03-01",
    ),
)
PROFILE_SCHEMA = arrow_schema(PROFILE_COLUMNS)
