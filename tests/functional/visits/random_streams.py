"""Streams of events at random, each of a few visitors, with everything that the definition of a visit asks about."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.querying.lake import event

DAY = datetime(2026, 3, 10, tzinfo=UTC)
US, MINUTE, HOUR = timedelta(microseconds=1), timedelta(minutes=1), timedelta(hours=1)
GAPS = (
    *(timedelta(0), timedelta(0), US, MINUTE, 9 * MINUTE, 30 * MINUTE - US, 30 * MINUTE, 30 * MINUTE + US),
    *(45 * MINUTE, 61 * MINUTE, 4 * HOUR, 4 * HOUR + US, 13 * HOUR, 24 * HOUR, 24 * HOUR + US),
)
KINDS = (
    *(("page_view", "page_view"), ("page_view", "page_view"), ("page_ping", "page_ping"), ("page_ping", "page_ping")),
    *(("custom", "buy"), ("custom", "$pageleave"), ("custom", "vitals"), ("identify", "identify"), ("group", "group")),
)
CHANNELS = (None, None, "Direct", "Organic Search", "Internal")
HOSTS = (None, "news.example", "shop.example")


def random_stream(seed: int) -> list[dict[str, Any]]:
    """The rows of one stream; no other stream has any of its ids."""
    chance = random.Random(seed)
    devices, days = [f"{seed}-a", f"{seed}-b"], [f"{seed}-day", f"{seed}-day2"]
    users, sessions = [f"{seed}-u", f"{seed}-w"], [f"{seed}-s{number}" for number in range(4)]
    at = DAY + timedelta(seconds=chance.randrange(86_400))
    rows: list[dict[str, Any]] = []
    habit = chance.random()  # some streams are all of sessions, some have none
    for number in range(chance.randrange(1, 14)):
        at += chance.choice(GAPS)
        type_, name = chance.choice(KINDS)
        fields: dict[str, Any] = dict(chance.choice(list(_people(chance, devices, days, users))))
        if chance.random() < habit:
            fields["session_id"] = chance.choice(sessions[: 1 + seed % 4])
        if type_ == "custom" and name != "buy":
            fields["interactive"] = chance.choice([False, False, None, True])
        elif chance.random() < 0.1:
            fields["interactive"] = chance.choice([False, True])
        if rows and chance.random() < 0.12 and fields.get("id_source") == "client":
            type_, name = "custom", chance.choice(["consent", "consent", "$opt_in"])
            fields |= {"interactive": False, "consent": chance.choice(["full", "full", "full", "anonymous"])}
            fields["previous_id"] = chance.choice([*days, devices[1], None])
            if chance.random() < 0.6:
                seen = chance.choice(rows)["event_id"]
                fields["properties"] = json.dumps({"page_view_id": seen}, separators=(",", ":"))
        elif chance.random() < 0.05:
            type_, name, fields["previous_id"] = "alias", "alias", chance.choice(days)
        rows.append(
            event(
                f"{chance.randrange(100)}-{seed}-{number}",
                "shop",
                at,
                **{
                    "received_at": at + chance.choice([timedelta(0), timedelta(seconds=1)]),
                    "event_type": type_,
                    "event_name": name,
                    "page_path": chance.choice(["/", "/a", None]),
                    "page_host": chance.choice(["shop.example", "shop.example", None]),
                    "referrer_host": chance.choice(HOSTS),
                    "channel": chance.choice(CHANNELS),
                    "browser": chance.choice(["Chrome", "Firefox", None]),
                    "country": chance.choice(["CH", "DE", None]),
                    **fields,
                },
            )
        )
    chance.shuffle(rows)
    return rows


def _people(
    chance: random.Random, devices: Sequence[str], days: Sequence[str], users: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Ids as clients and the collector state them; the more usual ones more often."""
    device, day, user = chance.choice(devices), chance.choice(days), chance.choice(users)
    yield {"anonymous_id": device, "id_source": "client"}
    yield {"anonymous_id": devices[0], "id_source": "client"}
    yield {"anonymous_id": devices[0], "id_source": None}
    yield {"anonymous_id": device, "id_source": chance.choice(["client", "cookie"]), "user_id": user}
    yield {"user_id": user, "id_source": "none"}
    yield {"anonymous_id": day, "id_source": "day", "consent": "anonymous"}
    yield {"anonymous_id": days[0], "id_source": "day", "user_id": chance.choice([user, None])}
    yield {"id_source": "none", "consent": chance.choice(["denied", "full"])}
