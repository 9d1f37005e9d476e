"""Full IP addresses, cookies, credentials and e-mail addresses, planted in every field, are stored nowhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from itertools import count
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from local.stack import Stack
from tests.e2e.journey import compact_everything, stack_settings, wait_for_counts
from tests.e2e.planting import Letter, letters, traces_of_file

pytestmark = pytest.mark.e2e
CLIENTS = 6
SENT_AGAIN = 10
NUMBERS = count(1)
FORWARDING = ("X-Forwarded-For", "X-Real-IP", "Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Azure-ClientIP")


def headers(number: int) -> dict[str, str]:
    """Every header that may identify the client."""
    address = f"198.18.{number // 250 % 250}.{number % 250 + 1}"
    return {
        **dict.fromkeys(FORWARDING, address),
        "Forwarded": f'for="[2001:db8:cafe:{number % 65536:x}::1234]"',
        "Cookie": f"session=s0wnCookie{number}; sp=s0wn-cookie-{number}; cs_id=s0wnCookie{number}",
        "User-Agent": f"Mozilla/5.0 (c{number}@plant.example; 2001:db8:cafe:{number % 65536:x}::1234)",
        "Referer": f"https://shop.example/?token=s0wnSecret{number}&mail=c{number}%40plant.example",
        "Accept-Language": f"en;q=0.5, c{number}@plant.example",
        "Origin": "https://shop.example",
        "Prefer": "return=representation",
    }


def answered(client: httpx.Client, letter: Letter) -> httpx.Response:
    """The answer to a letter. It is sent again after a 503, as trackers do: nothing of it was taken."""
    for _ in range(SENT_AGAIN):
        answer = client.request(
            letter.method,
            letter.path,
            params=dict(letter.query),
            content=letter.pack(letter.body),
            headers=headers(next(NUMBERS)),
        )
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
    return answer


def send(stack: Stack, sent: Sequence[Letter]) -> int:
    """Send them all, a few at a time. Returns how many events were taken, as events or as failed events."""

    def post(letters: Sequence[Letter]) -> int:
        taken = 0
        with httpx.Client(base_url=stack.base_url, timeout=180) as client:
            for letter in letters:
                answer = answered(client, letter)
                # A key that something is planted in opens nothing; all other answers are of something durable.
                assert answer.status_code in (200, 400, 401), (answer.status_code, answer.text, letter)
                told = answer.json()
                taken += told["accepted"] + told["failed"] if "accepted" in told else 0
        return taken

    with ThreadPoolExecutor(CLIENTS) as pool:
        return sum(pool.map(post, [sent[at::CLIENTS] for at in range(CLIENTS)]))


def stored(stack: Stack, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every blob, and every file of the stack: its logs, and what Azurite keeps of deleted blobs."""
    with BlobServiceClient.from_connection_string(stack.azurite.connection_string) as service:
        for container in service.list_containers():
            client = service.get_container_client(container.name)
            for name in client.list_blob_names():
                with suppress(ResourceNotFoundError):  # a timer of the functions removed it since it was listed
                    yield f"{container.name}/{name}", client.download_blob(name).readall()
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def found(stack: Stack, folder: Path) -> dict[str, set[bytes]]:
    """The places of planted texts, and the texts."""
    return {name: seen for name, data in stored(stack, folder) if (seen := traces_of_file(data))}


def test_nothing_planted_in_any_field_is_stored_in_any_place(tmp_path: Path) -> None:
    with Stack(stack_settings(tmp_path)) as stack:
        planted = [variant for number, letter in enumerate(letters()) for variant in letter.planted(number * 2_000)]
        taken = send(stack, planted)
        assert taken > len(planted) * 0.9, "most of what was sent came as far as the hub"
        stack.event_hubs.fault("connect", "drop")
        stack.event_hubs.fault("send", "reject")
        stack.event_hubs.drop_connections()
        spilled = send(stack, planted[::7])
        stack.event_hubs.flush_capture()
        names = [name for name, _ in stored(stack, tmp_path)]
        assert any(name.startswith("capture/") for name in names) and any(name.startswith("spill/") for name in names)
        assert found(stack, tmp_path) == {}
        stack.event_hubs.clear_faults()
        compact_everything(stack)
        totals = wait_for_counts(stack, lambda totals: totals.answered >= taken + spilled)
        # More may have arrived than was answered: an event may become durable although its request was refused.
        counted = (totals.answered, totals.difference, totals.uncounted)
        assert counted == (taken + spilled, 0, 0), "all of it was stored, and none of what was planted"
        assert found(stack, tmp_path) == {}


@pytest.mark.parametrize("text", ["198.18.3.7", "c1@plant.example", "s0wnSecret1", "2001:db8:cafe:1::1234"])
def test_the_search_finds_what_is_stored(text: str) -> None:
    table = BytesIO()
    pq.write_table(pa.table({"column": [text, text]}), table, compression="zstd")
    assert traces_of_file(table.getvalue())
    assert traces_of_file(b'{"a":"' + text.encode() + b'"}')
    assert traces_of_file(b'{"payload":"' + b64encode(b'{"and":"more of it","a":"' + text.encode() + b'"}') + b'"}')
    assert not traces_of_file(b'{"a":"198.18.3.0 2001:db8:cafe:: REDACTED"}')
