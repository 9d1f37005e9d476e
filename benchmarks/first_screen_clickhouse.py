"""A process that answers the first screen of the dashboard with ClickHouse (chDB) in Plausible's schema.

It reads and writes one line of JSON per job, and needs chDB alone. The tables are those of Plausible Community Edition,
with its order, codecs and column names, as far as the questions read them: `events_v2` and `sessions_v2`. Plausible
computes sessions when events arrive, so they are computed here when events are loaded. Counts are exact (`uniqExact`);
Plausible's own are not (`uniq`).
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from chdb.session import Session

NOW = "2026-03-11 00:00:00"
FROM, TO = "toDate('2026-02-12')", "toDate('2026-03-11')"
BEFORE = "toDate('2026-01-15')", "toDate('2026-02-11')"
SERIES_BEFORE = "toDate('2026-01-14')", "toDate('2026-02-10')"

SCHEMA = """
CREATE TABLE events_v2 (
    timestamp DateTime CODEC(Delta(4), LZ4), name LowCardinality(String), site_id UInt64, user_id UInt64,
    session_id UInt64, hostname String CODEC(ZSTD(3)), pathname String CODEC(ZSTD(3)),
    acquisition_channel LowCardinality(String), country_code FixedString(2), screen_size LowCardinality(String)
) ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp)
ORDER BY (site_id, toDate(timestamp), name, user_id, timestamp);
CREATE TABLE sessions_v2 (
    session_id UInt64, sign Int8, site_id UInt64, user_id UInt64, start DateTime CODEC(Delta(4), LZ4),
    timestamp DateTime, duration Float64, is_bounce UInt8, pageviews Int32, events Int32,
    entry_page String CODEC(ZSTD(3)),
    acquisition_channel LowCardinality(String), country_code FixedString(2), screen_size LowCardinality(String),
    version UInt64
) ENGINE = VersionedCollapsingMergeTree(sign, version) PARTITION BY toYYYYMM(start)
ORDER BY (site_id, toDate(start), user_id, session_id);
"""
# `{visits}` has the visit of each event by docs/visits.md, since Plausible's own visits are defined otherwise.
LOAD = """
CREATE TABLE arrived ENGINE = MergeTree ORDER BY (user_id, session_id, moment) AS
WITH read AS (
    SELECT *, cityHash64(assumeNotNull(anonymous_id)) AS visitor,
        toUnixTimestamp64Micro(assumeNotNull(occurred_at)) AS moment
    FROM file('{files}/events/*/*.parquet', Parquet) AS e
        JOIN file('{visits}', Parquet) AS v ON e.event_id = v.visited_event
    WHERE site = 'shop' AND NOT is_bot
)
SELECT moment, visitor AS user_id, assumeNotNull(visit) AS session_id, assumeNotNull(event_type) AS event_type,
    assumeNotNull(event_name) AS event_name, assumeNotNull(page_path) AS page_path,
    assumeNotNull(channel) AS channel, assumeNotNull(country) AS country, assumeNotNull(device_class) AS device
FROM read;
INSERT INTO sessions_v2
SELECT session_id, 1, 1, any(user_id), fromUnixTimestamp64Micro(min(moment)), fromUnixTimestamp64Micro(max(moment)),
    (max(moment) - min(moment)) / 1e6, countIf(event_type != 'page_ping') <= 1, countIf(event_type = 'page_view'),
    count(), argMin(page_path, moment),
    if(argMin(channel, moment) = 'Internal', 'Direct', argMin(channel, moment)), argMin(country, moment),
    argMin(device, moment), 1
FROM arrived GROUP BY session_id;
INSERT INTO events_v2
SELECT fromUnixTimestamp64Micro(moment), if(event_name = 'page_view', 'pageview', event_name), 1, user_id, session_id,
    'shop.example', page_path, s.acquisition_channel, country, device
FROM arrived JOIN sessions_v2 AS s USING (session_id);
OPTIMIZE TABLE events_v2 FINAL;
OPTIMIZE TABLE sessions_v2 FINAL;
"""


def events(first: str = FROM, last: str = TO) -> str:
    return f"events_v2 WHERE site_id = 1 AND toDate(timestamp) BETWEEN {first} AND {last}"


def sessions(first: str = FROM, last: str = TO) -> str:
    return f"sessions_v2 WHERE site_id = 1 AND toDate(start) BETWEEN {first} AND {last}"


NUMBERS = (
    "uniqExact(user_id), sum(sign), sum(sign * pageviews), sum(sign * pageviews) / sum(sign), "
    "100 * sum(sign * is_bounce) / sum(sign), sum(sign * duration) / sum(sign)"
)
SHARE = "uniqExact(user_id) AS visitors, 100 * visitors / (SELECT uniqExact(user_id) FROM {})"


def _of_sessions(column: str) -> str:
    share = SHARE.format(sessions())
    return f"SELECT {column}, {share} FROM {sessions()} GROUP BY 1 ORDER BY visitors DESC, 1 LIMIT 9"


FUNNEL = ", ".join(f"pathname = '{page}' AND name = 'pageview'" for page in ("/", "/cart", "/checkout", "/thanks"))
QUESTIONS = {
    "now": [f"SELECT uniqExact(user_id) FROM events_v2 WHERE site_id = 1 AND timestamp >= toDateTime('{NOW}') - 1800"],
    "totals": [f"SELECT {NUMBERS} FROM {sessions()}", f"SELECT {NUMBERS} FROM {sessions(*BEFORE)}"],
    "series": [f"SELECT toDate(start) AS day, {NUMBERS} FROM {sessions()} GROUP BY day ORDER BY day"],
    "earlier": [f"SELECT toDate(start) AS day, {NUMBERS} FROM {sessions(*SERIES_BEFORE)} GROUP BY day ORDER BY day"],
    "channels": [_of_sessions("acquisition_channel")],
    "pages": [
        f"SELECT pathname, uniqExact(user_id) AS visitors, countIf(name = 'pageview') FROM {events()} "
        "GROUP BY 1 ORDER BY visitors DESC, 1 LIMIT 9"
    ],
    "countries": [_of_sessions("country_code")],
    "devices": [_of_sessions("screen_size")],
    "events": [
        f"SELECT replaceOne(name, 'pageview', 'page_view') AS event, uniqExact(user_id) AS visitors, count() "
        f"FROM {events()} GROUP BY 1 ORDER BY visitors DESC, 1 LIMIT 9"
    ],
    "goals": [
        f"SELECT name, uniqExact(user_id) AS visitors, count(), 100 * visitors / (SELECT uniqExact(user_id) FROM "
        f"{events()}) FROM {events()} AND name IN ('purchase', 'sign_up') GROUP BY 1 ORDER BY visitors DESC, 1"
    ],
    "funnel": [
        "SELECT level, count() FROM (SELECT session_id, windowFunnel(86400)(timestamp, "
        f"{FUNNEL}) AS level FROM {events()} GROUP BY session_id) GROUP BY level ORDER BY level"
    ],
    "paths": [
        "SELECT arraySlice(arrayCompact(arrayMap(x -> x.2, arraySort(groupArray((timestamp, if(name = 'pageview', "
        f"pathname, name)))))), 1, 4) AS path, count() AS n FROM (SELECT * FROM {events()} AND name != 'page_ping') "
        "GROUP BY session_id"
    ],
    "attribution": [
        "SELECT s.acquisition_channel, count() FROM (SELECT user_id, timestamp FROM "
        f"{events()} AND name = 'sign_up') AS e ASOF LEFT JOIN (SELECT user_id, start, acquisition_channel FROM "
        f"{sessions(BEFORE[0])} AND acquisition_channel != 'Direct') AS s ON e.user_id = s.user_id AND "
        "s.start <= e.timestamp GROUP BY 1 ORDER BY 2 DESC"
    ],
    "retention": [
        "SELECT cohort, week, uniqExact(user_id) FROM (SELECT user_id, min(toMonday(timestamp)) OVER (PARTITION BY "
        f"user_id) AS cohort, toMonday(timestamp) AS week FROM (SELECT user_id, timestamp FROM {events()})) "
        "GROUP BY 1, 2 ORDER BY 1, 2"
    ],
    "frequency": [
        f"SELECT least(visits, 10) AS times, count() AS visitors, 100 * visitors / sum(visitors) OVER () FROM (SELECT "
        f"user_id, sum(sign) AS visits FROM {sessions()} GROUP BY user_id) GROUP BY times ORDER BY times"
    ],
}
QUESTIONS["paths"] = [f"SELECT path, count() FROM ({QUESTIONS['paths'][0]}) GROUP BY path ORDER BY 2 DESC LIMIT 10000"]
# Both define these alike. Seconds of Plausible's clock make no order for funnels and paths.
EQUAL = (
    "now", "totals", "series", "earlier", "channels", "pages", "countries", "devices", "events", "goals", "frequency"
)  # fmt: skip


def rows(session: Session, sql: str, threads: int, memory_mb: int) -> list[Any]:
    settings = (
        f" SETTINGS max_threads = {threads}, max_memory_usage = {memory_mb * 1_000_000}, "
        "output_format_json_quote_64bit_integers = 0"
    )
    text = str(session.query(sql + settings, "JSONCompactEachRow"))
    return [json.loads(line) for line in text.splitlines()]


def main(parameters: dict[str, Any]) -> None:
    session = Session(parameters["data"])
    session.query("CREATE DATABASE plausible")
    session.query("USE plausible")
    for statement in (SCHEMA + LOAD).format(files=parameters["files"], visits=parameters["visits"]).split(";\n"):
        if statement.strip():
            session.query(statement)
    limits = parameters["threads"], parameters["memory_mb"]
    for _ in sys.stdin:
        answers, seconds = {}, {}
        cpu, wall = time.process_time(), time.perf_counter()
        for name, statements in QUESTIONS.items():
            began = time.process_time()
            answers[name], *_ = [rows(session, statement, *limits) for statement in statements]
            seconds[name] = time.process_time() - began
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        numbers = {
            name: [[float(f"{cell:.9g}") if isinstance(cell, float) else cell for cell in row] for row in answers[name]]
            for name in EQUAL
        }
        print(json.dumps({"cpu": cpu, "wall": wall, "seconds": seconds, "numbers": numbers}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
