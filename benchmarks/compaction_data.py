"""Events of a shop, and captured files of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from azure.storage.blob import BlobServiceClient

from clickstream.model.event import Event
from local.event_hubs.avro import Record, write_file

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
WORDS = ("running", "information", "blue", "shoes", "women", "sale", "infant", "summer", "banana", "winter")


def event(number: int, random: Random) -> bytes:
    """The body of one event, about 1.1 KB."""
    occurred_at = NOW - timedelta(seconds=random.uniform(0, 86_400))
    path = f"/catalogue/{random.choice('abcdefgh')}/article-{random.randrange(3000)}"
    shop_event = Event(
        event_id=str(UUID(int=random.getrandbits(128))),
        site="shop",
        event_type="page_view" if number % 3 else "custom",
        event_name="page_view" if number % 3 else random.choice(("add_to_cart", "search", "purchase")),
        received_at=occurred_at + timedelta(seconds=1),
        occurred_at=occurred_at,
        created_at=occurred_at,
        sent_at=occurred_at + timedelta(milliseconds=300),
        anonymous_id=f"{random.randrange(20_000):032x}",
        session_id=str(UUID(int=random.randrange(60_000))),
        session_index=random.randrange(1, 9),
        page_url=f"https://shop.example{path}?colour=blue",
        page_host="shop.example",
        page_path=path,
        page_query="colour=blue",
        page_title=f"{random.choice(WORDS)} {random.choice(WORDS)}, article {random.randrange(3000)}",
        referrer="https://www.google.com/",
        referrer_host="www.google.com",
        user_agent=AGENT.format(random.randrange(100, 145)),
        language=random.choice(("en", "de", "fr")),
        screen_width=1920,
        screen_height=1080,
        viewport_width=1280,
        viewport_height=720,
        time_zone="Europe/Berlin",
        ip=f"198.51.{random.randrange(256)}.0",
        consent="full",
        properties={
            "price": random.randrange(10_000) / 100,
            "currency": "EUR",
            "variant": f"{random.getrandbits(64):x}",
        },
        context={"library": {"name": "tracker", "version": "1.0"}},
        dialect="plain",
        fingerprint=f"{random.getrandbits(128):032x}",
    )
    return shop_event.to_json()


def bodies(count: int) -> Iterator[bytes]:
    """Bodies of events. One in fifty is a copy of an early one."""
    random = Random(1)
    early: list[bytes] = []
    for number in range(count):
        if number % 50 == 49:
            yield random.choice(early)
            continue
        body = event(number, random)
        if len(early) < 5000:
            early.append(body)
        yield body


def capture(service: BlobServiceClient, container: str, files: int, events: Sequence[bytes], after: int = 0) -> int:
    """Write the events to `files` captured files of one partition, which has `after` events already. Its first events
    create the container. Return their size in bytes.
    """
    client = service.get_container_client(container) if after else service.create_container(container)
    sync = Random(2).randbytes(16)
    per_file = len(events) // files
    properties = {"site": "shop", "event_type": "page_view", "event_name": "page_view", "schema_version": "1"}

    def write(number: int) -> int:
        first = number * per_file
        started = NOW - timedelta(seconds=2 * (files - number)) + timedelta(milliseconds=after)
        enqueued_ms = int(started.timestamp() * 1000)
        records = [
            Record(
                after + first + at,
                after + first + at,
                enqueued_ms,
                {"x-opt-enqueued-time": enqueued_ms},
                properties,
                body,
            )
            for at, body in enumerate(events[first : first + per_file])
        ]
        data = write_file(records, sync)
        client.upload_blob(f"local/events/0/{started:%Y/%m/%d/%H/%M/%S}.avro", data)
        return len(data)

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(write, range(files)))
