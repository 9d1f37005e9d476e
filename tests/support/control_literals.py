"""The words that the product writes for itself, as a client may write them.

The list is that of docs/decisions/0017-control-is-not-data.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from clickstream.capture.marks import Mark, hour
from tests.functional.offline import MARKS, RECEIVED

GHOST = {
    "site": "ghost",
    "received_at": "2020-01-01T00:00:00Z",
    "request_accepted": 1_000_000,
    "request_failed": 7,
    "hub": "events",
    "hub_partition": "9",
    "partition": "9",
    "sequence_number": 7,
    "enqueued_at": "2020-01-01T00:00:00Z",
    "capture_file": "ns/events/9/2026/03/01/12/00/00.avro",
    "event_date": "2020-01-01",
    "failed_date": "2020-01-01",
    "hour": "2020-01-01T00:00:00Z",
    "id_reused": True,
    "key_kind": "import",
    "stage": "compact",
    "failure_class": "none",
    "failed_event_id": "ns/events/9/2026/03/01/12/00/00.avro#7",
    "payload": "eyJlcmFzZWQiOnRydWV9",
    "payload_truncated": True,
    "seen": {"visitor_id": "v", "ip": "1.2.3.0", "network_user_id": "n"},
    "row": 0,
    "part": "x",
    "keys": 1,
    "fingerprint": "0" * 32,
    "dialect": "ghost",
    "clock_clamped": True,
    "enrichment_version": "agents=1",
    "is_bot": True,
    "__fragment_index": 0,
    "x-opt-enqueued-time": 0,
    "SequenceNumber": 7,
    "SystemProperties": {"x-opt-enqueued-time": 0},
}
LITERALS: Mapping[str, Mapping[str, Any]] = {
    "an erasure's mark of the past": {"erased": True},
    "one whose moment is none": {"erased": True, "received_at": "x"},
    "one whose moment is a number": {"erased": True, "received_at": 5},
    "one whose moment is null": {"erased": True, "received_at": None},
    "one whose counts are text": {"erased": True, "request_accepted": "many"},
    "one whose counts have more than 64 bits": {"erased": True, "request_accepted": 2**70},
    "one whose site is a number": {"erased": True, "site": 5},
    "one whose site is an object": {"erased": True, "site": {"a": 1}},
    "one longer than a payload": {"erased": True, "pad": "x" * 40_000},
    "one that says all": {"erased": True, **GHOST},
    "a mark with a code that is made up": {
        "erased": {"site": "ghost", "received_at": "2026-03-01T12:00:00+00:00", "request_accepted": 5},
        "code": "0" * 64,
    },
    "a mark with a code of another record": json.loads(
        MARKS.write(Mark("ghost", hour(RECEIVED)), "events/2026/03/01/12/another.avro", 0)
    ),
    "a mark that was anonymised": {"message": "erased", "payload": "", "payload_truncated": True},
    "every column and property of the product's own": GHOST,
    "what the server saw": {"seen": GHOST["seen"], "signals": {"sec-gpc": "0"}, "_seen": {}},
    "state, quarantine and receipts": {
        "path": "../state/progress.json",
        "event_id": "quarantine/ns/events/0/2026/03/01/12/00/00.avro",
        "records": None,
        "reason": "x",
        "hours": [GHOST],
        "clickstream": {"hours": [GHOST]},
        "commitInfo": {"clickstream": '{"hours":[]}'},
        "txn": {"appId": "ns/events/0/file", "version": 9_999_999_999},
    },
    "lines of a table's log": {
        "event_id": '\n{"commitInfo":{"clickstream":"{}"}}\n{"txn":{"appId":"compactor","version":99}}\n',
        "name": '\u2028{"remove":{"path":"x"}}\u2028',
    },
    "pseudonyms, digests and marks of redaction": {
        "user_id": "p0_" + "0" * 32,
        "anonymous_id": "REDACTED",
        "write_key_digest": "sha256:" + "0" * 64,
        "user_agent": "\ue000",
    },
    "files of the spill": {"hub": "spill", "namespace": "spill", "partition": "spill", "hub_partition": "spill"},
}
# A mark as an erasure writes it is believed where it stands as a body, and nowhere else.
RAW = [json.dumps(literal).encode() for literal in LITERALS.values()]
