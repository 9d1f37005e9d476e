"""Print the throughput of one producer and one consumer process."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient, PartitionContext

from .process import EventHubsEmulator

BODY = b"x" * 1000
BATCHES, BATCH_EVENTS, SINGLES = 60, 900, 2000


def publish(emulator: EventHubsEmulator) -> tuple[float, float]:
    """Events per second of a producer: in batches of 900 that are built once, and one by one."""
    with EventHubProducerClient.from_connection_string(emulator.connection_string, eventhub_name="events") as client:
        batch = client.create_batch()
        for _ in range(BATCH_EVENTS):
            batch.add(EventData(BODY))
        client.send_event(EventData(b"the first send opens the connection"))
        began = time.perf_counter()
        for _ in range(BATCHES):
            client.send_batch(batch)
        batched = BATCHES * BATCH_EVENTS / (time.perf_counter() - began)
        began = time.perf_counter()
        for _ in range(SINGLES):
            client.send_event(EventData(BODY))
        return batched, SINGLES / (time.perf_counter() - began)


def consume(emulator: EventHubsEmulator) -> float:
    """Events per second of a consumer of all partitions, from the start until shortly before the end.

    At the end of a partition the SDK waits 0.2 s, which would distort the result. Raise TimeoutError after 120 s.
    """
    enough = (BATCHES - 4) * BATCH_EVENTS
    received = 0
    first_at = 0.0
    complete = threading.Event()

    def on_event(context: PartitionContext, event: EventData | None) -> None:
        nonlocal received, first_at
        first_at = first_at or time.perf_counter()
        received += 1
        if received == enough:
            complete.set()

    client = EventHubConsumerClient.from_connection_string(
        emulator.connection_string, consumer_group="$Default", eventhub_name="events"
    )
    thread = threading.Thread(target=lambda: client.receive(on_event=on_event, starting_position="-1", prefetch=3000))
    thread.start()
    if not complete.wait(120):
        raise TimeoutError(f"received {received} of {enough} events")
    elapsed = time.perf_counter() - first_at
    client.close()
    thread.join()
    return enough / elapsed


def main() -> None:
    """Print three rates."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EventHubsEmulator(Path(folder), {"events": 4}, retention_bytes=200_000_000) as emulator,
    ):
        batched, singly = publish(emulator)
        print(f"publish, batches of {BATCH_EVENTS}   {batched:10,.0f} events/s")
        print(f"publish, one by one        {singly:10,.0f} events/s")
        print(f"consume, 4 partitions      {consume(emulator):10,.0f} events/s")


if __name__ == "__main__":
    main()
