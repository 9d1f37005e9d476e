"""What the routes answer with, as JSON Schema: the part of the description that no code says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
PROBLEM: Schema = {
    "type": "object",
    "description": "A problem document (RFC 9457). Where all events of a request failed it tells their number, too.",
    "required": ["code", "message"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": ["integer", "string"]},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable; for programs."},
        "message": {"type": "string", "description": "For a person."},
        "pointer": {"type": ["string", "null"], "description": "JSON pointer to what is wrong."},
        "problems": {"type": "array", "items": {"type": "string"}},
    },
}
VERDICTS: Schema = {
    "type": "object",
    "properties": {
        "status": {"enum": ["ok", "failed"]},
        "accepted": {"type": "integer", "minimum": 0},
        "failed": {"type": "integer", "minimum": 0},
        "events": {
            "type": "array",
            "description": "One for each event, in order; only where it was asked for.",
            "items": {
                "type": "object",
                "required": ["status", "event_id"],
                "properties": {"status": {"enum": ["accepted", "failed"]}, "event_id": {"type": "string"}},
            },
        },
    },
}
REPLAYED: Schema = {
    "type": "object",
    "required": ["examined", "repaired", "still_failed", "not_replayable", "removed", "remaining", "next", "examples"],
    "properties": {
        **{
            name: {"type": "integer", "minimum": 0}
            for name in ("examined", "repaired", "still_failed", "not_replayable", "removed", "remaining")
        },
        "next": {"type": ["string", "null"], "description": "Where to go on, as `after`; null at the end."},
        "examples": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["failed_event_id", "outcome"],
                "properties": {
                    "failed_event_id": {"type": "string"},
                    "outcome": {"enum": ["repaired", "still_failed", "not_replayable"]},
                    "event_id": {"type": "string"},
                    "code": {"type": "string"},
                    "pointer": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
SITES: Schema = {
    "type": "object",
    "required": ["sites"],
    "properties": {
        "sites": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["site", "key_kind", "time_zone", "goals", "funnels", "segments"],
                "properties": {
                    "site": {"type": "string"},
                    "key_kind": {"type": "string", "enum": ["read", "share"]},
                    "time_zone": {"type": "string"},
                    "goals": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["name", "revenue"],
                            "properties": {"name": {"type": "string"}, "revenue": {"type": ["string", "null"]}},
                        },
                    },
                    "funnels": {"type": "array", "items": {"type": "string"}},
                    "segments": {"type": "array", "items": {"type": "string"}},
                },
            },
        }
    },
}
READY: Schema = {
    "type": "object",
    "required": ["status", "sites", "sinks", "salts"],
    "properties": {
        "status": {"const": "ok"},
        "sites": {"type": "array", "items": {"type": "string"}, "description": "The names of those in force."},
        "sinks": {
            "type": "object",
            "description": "The state of each hub and its spill, by the hub's name.",
            "additionalProperties": {
                "type": "object",
                "required": ["hub", "hub_reachable", "spill_reachable", "works"],
                "properties": {
                    "hub": {"enum": ["closed", "open", "half_open"], "description": "The circuit breaker."},
                    "hub_reachable": {"type": "boolean"},
                    "acknowledged_at": {"type": ["string", "null"], "format": "date-time"},
                    "spill_reachable": {"type": "boolean"},
                    "spilled_at": {"type": ["string", "null"], "format": "date-time"},
                    "spill_failed_at": {"type": ["string", "null"], "format": "date-time"},
                    "works": {"type": "boolean", "description": "Whether events can become durable."},
                },
            },
        },
        "salts": {
            "type": "object",
            "required": ["missing_count"],
            "properties": {
                "missing_count": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "Requests to this process that found no salt for ids of the day.",
                }
            },
        },
    },
}
RECEIPT: Schema = {
    "type": "object",
    "description": "What was done, signed. It names files and digests of ids, never an id.",
    "required": ["erasure_id", "site", "mode", "subject", "counts", "files", "tables", "proof", "key", "signature"],
    "properties": {
        "erasure_id": {"type": "string"},
        "site": {"type": "string"},
        "mode": {"enum": ["erase", "anonymise"]},
        "asked_by": {"type": "string"},
        **{name: {"type": "string", "format": "date-time"} for name in ("asked_at", "until", "completed_at")},
        "subject": {"type": "array", "items": {"type": "string"}, "description": "Keyed digests of the ids."},
        "linked": {"type": "boolean"},
        "shared_devices_left": {"type": "integer", "minimum": 0},
        "counts": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        "files": {"type": "array", "items": {"type": "object"}},
        "tables": {"type": "object", "additionalProperties": {"type": "object"}},
        "proof": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["table", "version", "sql", "result"],
                "properties": {
                    "table": {"type": "string"},
                    "version": {"type": "integer"},
                    "sql": {"type": "string"},
                    "result": {"const": 0},
                },
            },
        },
        "key": {"type": "string"},
        "signature": {"type": "string"},
    },
}
REPORT: Schema = {
    "type": "object",
    "required": ["report", "columns", "rows", "meta"],
    "properties": {
        "report": {"type": "string"},
        "columns": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "type", "description"],
                "properties": {
                    "name": {"type": "string"},
                    "type": {"enum": ["text", "texts", "integer", "number", "boolean", "date", "moment"]},
                    "description": {"type": "string"},
                },
            },
        },
        "rows": {"type": "array", "items": {"type": "array"}, "description": "Cells in the order of the columns."},
        "meta": {
            "type": "object",
            "required": ["complete_until", "date_range"],
            "properties": {
                "complete_until": {"type": ["string", "null"], "format": "date-time"},
                "date_range": {"type": "array", "items": {"type": "string"}},
                "total_rows": {"type": "integer", "minimum": 0},
                "sql": {"type": "string"},
                "parameters": {"type": "object"},
            },
        },
    },
}
REPORTS_KNOWN: Schema = {
    "type": "object",
    "required": ["reports"],
    "properties": {
        "reports": {
            "type": "array",
            "items": {"type": "object", "required": ["name", "description", "parameters", "columns"]},
        }
    },
}
