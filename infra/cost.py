"""`python infra/cost.py`: print the cost tables of docs/cost.md. Prices and assumptions are the constants below."""

from __future__ import annotations

from math import ceil, exp

# US dollars, list prices; docs/cost.md gives the source of each.
EXECUTIONS = 0.40 / 1e6
GB_SECONDS = 0.000026
FREE_EXECUTIONS, FREE_GB_SECONDS = 250_000, 100_000
THROUGHPUT_UNIT = 0.03 * 730
INGRESS = 0.028 / 1e6
CAPTURE = 0.10 * 730
STORED_GB = 0.0208
WRITES, READS = 0.065 / 1e4, 0.0052 / 1e4
LOG_GB = 2.30
LOG_ALERT, METRIC_ALERT, AVAILABILITY_TEST = 1.50, 0.10, 0.0005

SECONDS = 730 * 3600
# Assumptions. The first is not measured, since nothing of this has run on Azure.
REQUESTS_A_CORE = 200
FULL = 0.7  # utilisation of an instance at which the platform adds another
PEAK = 5  # ratio of the busiest minutes to the mean
EVENT_BYTES = 1000
CAPTURED_DAYS, TABLE_MONTHS, TABLE_SHARE = 7, 13, 0.15
COMPACTED_A_SECOND = 20_000
COMPACT_RUNS, COMPACT_SECONDS = 12 * 730, 8
BLOBS_COMPACTED_A_SECOND = 40
MAINTAIN_RUNS, MAINTAIN_SECONDS = 730, 20
QUERIES, QUERY_SECONDS = 30_000, 1.0
FILES = 5 * 60 * 730  # four partitions and one, a file a minute
LOG_LINE_BYTES = 1000
LOG_RULES, METRIC_RULES = 7, 7

HUB_METRIC_RULES = 4
SMALL_VOLUMES = {"100,000": 1e5, "1 M": 1e6, "5 M": 5e6, "10 M": 1e7, "20 M": 2e7, "50 M": 5e7, "100 M": 1e8}
VOLUMES = {"1 M": 1e6, "10 M": 1e7, "100 M": 1e8, "1 B": 1e9, "10 B": 1e10}


def units(events: float) -> int:
    """Throughput units for the peak. A unit takes 1 MB or 1,000 events a second."""
    a_second = events / SECONDS
    return max(1, ceil(PEAK * a_second * max(EVENT_BYTES / 1e6, 1 / 1000)))


def collecting(events: float, batch: int, memory_gb: float) -> tuple[float, float]:
    """Executions and GB-seconds: the time with at least one request, or the instances that the load needs, if more."""
    requests = events / batch
    rate = requests / SECONDS
    return requests, max(1 - exp(-rate), instances(rate, memory_gb)) * SECONDS * memory_gb


def instances(rate: float, memory_gb: float) -> float:
    """Collecting instances for a rate of requests a second."""
    cores = memory_gb / 2
    return rate / (REQUESTS_A_CORE * cores) / FULL


def lake(events: float, blobs: float = 0, memory_gb: float = 2.0) -> tuple[float, float]:
    """Executions and GB-seconds of compaction, maintenance and queries; `blobs` are blobs of the spill."""
    compacting = max(COMPACT_RUNS * COMPACT_SECONDS, events / COMPACTED_A_SECOND, blobs / BLOBS_COMPACTED_A_SECOND)
    seconds = compacting + MAINTAIN_RUNS * MAINTAIN_SECONDS + QUERIES * QUERY_SECONDS
    return COMPACT_RUNS + MAINTAIN_RUNS + QUERIES, seconds * memory_gb


def functions(events: float, batch: int, memory_gb: float = 0.5, blobs: float = 0) -> float:
    """Both apps, less the free grant. A subscription has one grant."""
    executions, gb_seconds = (
        sum(pair) for pair in zip(collecting(events, batch, memory_gb), lake(events, blobs), strict=True)
    )
    return max(0.0, executions - FREE_EXECUTIONS) * EXECUTIONS + max(0.0, gb_seconds - FREE_GB_SECONDS) * GB_SECONDS


def event_hubs(events: float) -> float:
    return units(events) * THROUGHPUT_UNIT + events * INGRESS


def capture(events: float) -> float:
    return units(events) * CAPTURE


def storage(events: float) -> float:
    """Captured files of a week, a table of thirteen months, and the writes for each captured file."""
    month_gb = events * EVENT_BYTES / 1e9
    kept_gb = month_gb * CAPTURED_DAYS / 30.4 + month_gb * TABLE_SHARE * TABLE_MONTHS
    return kept_gb * STORED_GB + 3 * min(FILES, events) * WRITES


def watching(events: float, batch: int, memory_gb: float = 0.5) -> float:
    """Logs, alerts and the availability test. A collecting instance writes a line in each minute with a request."""
    rate = events / batch / SECONDS
    collected = max(1 - exp(-60 * rate), instances(rate, memory_gb)) * SECONDS / 60
    lines = COMPACT_RUNS + 2 * MAINTAIN_RUNS + collected
    tests = 3 * 12 * 730 * AVAILABILITY_TEST
    return lines * LOG_LINE_BYTES / 1e9 * LOG_GB + LOG_RULES * LOG_ALERT + METRIC_RULES * METRIC_ALERT + tests


def month(events: float, batch: int, memory_gb: float = 0.5) -> float:
    """Total with Event Hubs, in US dollars."""
    rest = event_hubs(events) + capture(events) + storage(events) + watching(events, batch, memory_gb)
    return functions(events, batch, memory_gb) + rest


def spill(events: float, batch: int) -> float:
    """Without Event Hubs: a blob for each request, written and read once, and the listings of the spill.

    Deletes are free. Concurrent requests share a blob, so this is an upper bound.
    """
    blobs = events / batch
    lists = 2 * COMPACT_RUNS + blobs / 5000
    return blobs * (WRITES + READS) + lists * WRITES


def without_hubs(events: float, batch: int) -> float:
    """Total without Event Hubs, in US dollars: no captured files, and fewer alert rules."""
    table_gb = events * EVENT_BYTES / 1e9 * TABLE_SHARE * TABLE_MONTHS
    watched = watching(events, batch) - LOG_ALERT - HUB_METRIC_RULES * METRIC_ALERT
    made = functions(events, batch, blobs=events / batch)
    return made + spill(events, batch) + table_gb * STORED_GB + watched


def break_even(batch: int) -> float:
    """Events a month above which Event Hubs is cheaper."""
    low, high = 1e5, 1e10
    while high / low > 1.001:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if without_hubs(middle, batch) < month(middle, batch) else (low, middle)
    return low


def table_without_hubs() -> str:
    """The table without Event Hubs of docs/cost.md."""
    head = ("events a month", "one a request", "with Event Hubs", "writes of blobs", "ten a request", "with Event Hubs")
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    for name, n in SMALL_VOLUMES.items():
        values = (without_hubs(n, 1), month(n, 1), n * WRITES, without_hubs(n, 10), month(n, 10))
        lines.append(f"| {name} | " + " | ".join(f"${value:,.0f}" for value in values) + " |")
    equal = (f"{break_even(batch) / 1e6:.0f} M" for batch in (1, 10))
    return "\n".join(
        [*lines, "", "As dear as with Event Hubs: {} events a month one a request, {} ten a request.".format(*equal)]
    )


def table() -> str:
    """The first table of docs/cost.md."""
    head = (
        "events a month", "one a request", "ten a request", "one app of 2 GB", "Event Hubs", "Capture", "functions",
        "storage", "watching",
    )  # fmt: skip
    rows = [
        (
            name, month(n, 1), month(n, 10), month(n, 1, 2.0), event_hubs(n), capture(n), functions(n, 1), storage(n),
            watching(n, 1),
        )
        for name, n in VOLUMES.items()
    ]  # fmt: skip
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    lines += [f"| {name} | " + " | ".join(f"${value:,.0f}" for value in values) + " |" for name, *values in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
    print()
    print(table_without_hubs())
