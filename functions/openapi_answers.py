"""JSON Schemas of the routes' answers: the part of the description that is not generated from code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
COUNT: Schema = {"type": "integer", "minimum": 0}
BOOLEAN: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
MOMENT_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
ANY_OBJECT: Schema = {"type": "object"}


def _described(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


def _list(items: Schema, description: str | None = None) -> Schema:
    array: Schema = {"type": "array", "items": items}
    return array if description is None else _described(array, description)


def _by_name(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    properties = {"properties": {**required, **(optional or {})}}
    return {"type": "object", **properties} | ({"required": list(required)} if required else {})


PROBLEM = _described(
    _object(
        {"code": _described(TEXT, "Machine-readable and stable."), "message": _described(TEXT, "Human-readable.")},
        {
            "type": TEXT,
            "title": TEXT,
            "status": {"type": ["integer", "string"]},
            "detail": TEXT,
            "pointer": _described(TEXT_OR_NULL, "JSON pointer to what is wrong."),
            "problems": _list(TEXT),
        },
    ),
    "A problem document (RFC 9457). If all events of a request failed, it also has their number.",
)
VERDICTS = _object(
    {},
    {
        "status": {"enum": ["ok", "failed"]},
        "accepted": COUNT,
        "failed": COUNT,
        "events": _list(
            _object({"status": {"enum": ["accepted", "failed"]}, "event_id": TEXT}),
            "One verdict for each event, in order. Only if the request wants verdicts.",
        ),
        "warning": _described(TEXT, "With verdicts: the platform refuses preflights of this origin; the remedy."),
    },
)
REPLAYED = _object(
    {
        **dict.fromkeys(("examined", "repaired", "still_failed", "not_replayable", "removed", "remaining"), COUNT),
        "next": _described(TEXT_OR_NULL, "Cursor for the next request's `after`; null at the end."),
        "examples": _list(
            _object(
                {"failed_event_id": TEXT, "outcome": {"enum": ["repaired", "still_failed", "not_replayable"]}},
                dict.fromkeys(("event_id", "code", "pointer", "message"), TEXT),
            )
        ),
    }
)
ANSWERS = _object(
    {
        "answers": _list(
            _object(
                {"status": {"type": "integer"}, "body": ANY_OBJECT},
            ),
            "For each question, in order, the status and the body that it would be answered with alone.",
        )
    }
)
SITES = _object(
    {
        "sites": _list(
            _object(
                {
                    "site": TEXT,
                    "key_kind": {"type": "string", "enum": ["read", "share"]},
                    "time_zone": TEXT,
                    "goals": _list(_object({"name": TEXT, "revenue": TEXT_OR_NULL})),
                    "funnels": _list(TEXT),
                    "segments": _list(TEXT),
                },
                {
                    "setup": _described(
                        _object(
                            {
                                "public_keys": _list(TEXT, "The site's public keys, as they are in its pages."),
                                "origins": _list(TEXT, "Origins whose pages may send; empty: any."),
                                "unknown_consent": {"enum": ["full", "anonymous", "denied"]},
                            }
                        ),
                        "With a read key: what a page needs in order to be measured.",
                    ),
                    "annotations": _list(
                        _object({"at": TEXT, "text": TEXT}), "With a read key: what happened when, by the site's clock."
                    ),
                    "audiences": _list(ANY_OBJECT, "With a read key: the audiences, as in the site's document."),
                    "smallest_group": {
                        "type": "integer",
                        "minimum": 1,
                        "description": "With a share key: the minimum number of visitors of a group.",
                    },
                    "shared_properties": _list(TEXT, "With a share key: the event properties that it may query."),
                    "closed_dimensions": _list(
                        TEXT, "With a share key: the dimensions that it may not query, except properties."
                    ),
                },
            )
        )
    }
)
SHARING = _described(
    _object(
        {
            "smallest_group": {"type": "integer", "minimum": 1},
            "withheld": BOOLEAN,
            "small_groups": {"type": "string", "enum": ["none", "folded", "left_out"]},
        }
    ),
    "With a share key: how small groups were handled.",
)
_FILES = _object({"files": COUNT, "bytes": COUNT, "oldest_at": MOMENT_OR_NULL})
DELIVERY: Schema = {
    "enum": ["hub", "spill"],
    "description": "Primary destination of events: Event Hubs, or the spill if no connection is set.",
}
LIVE = _object({"status": {"const": "ok"}}, {"delivery": _described(DELIVERY, "Only if the settings are valid.")})
_SINK = _object(
    {
        "hub": {
            "enum": ["closed", "open", "half_open", "none"],
            "description": "The circuit breaker; `none` without Event Hubs.",
        },
        "hub_reachable": BOOLEAN,
        "spill_reachable": BOOLEAN,
        "works": _described(BOOLEAN, "Whether events can become durable."),
    },
    dict.fromkeys(("acknowledged_at", "spilled_at", "spill_failed_at"), MOMENT_OR_NULL),
)
_COMPACTION = _object(
    {
        "works": _described(BOOLEAN, "False after two failed runs in a row."),
        "succeeded_at": MOMENT_OR_NULL,
        "failed_runs": _described(COUNT, "Failed runs in a row."),
        "waiting": _described(_FILES, "Captured and spilled files that waited at the end of the run."),
        "put_aside": _described(_FILES, "Files that cannot be read, and records that cannot be compacted."),
    }
)
READY = _object(
    {
        "status": {"const": "ok"},
        "delivery": DELIVERY,
        "sinks": _described(_by_name(_SINK), "The state of each hub and its spill, by the hub's name."),
        "compaction": {
            **_by_name(_COMPACTION),
            "type": ["object", "null"],
            "description": "State after the last run, by the hub's name; null if storage does not answer.",
        },
        "salts": _object(
            {"missing_count": _described(COUNT, "Requests to this process without a salt, so without visitor ids.")}
        ),
        "preflights": _object(
            {
                "answered_by": {"enum": ["app", "platform"]},
                "unlisted_origins": _described(
                    COUNT,
                    "Number of sites' origins whose preflights the platform refuses, because ALLOWED_ORIGINS lacks "
                    "them. With an admin key, `sites` lists those of the key's sites.",
                ),
            },
            {"message": _described(TEXT, "Only if there are unlisted origins.")},
        ),
    },
    {
        "sites": _described(
            _by_name(_list(TEXT)),
            "Only with an admin key: the key's sites, each with the problems of its document.",
        ),
        "other_documents_with_problems": _described(
            COUNT, "Only with an admin key: number of other sites' documents that have problems."
        ),
    },
)
RECEIPT = _described(
    _object(
        {
            "erasure_id": TEXT,
            "site": TEXT,
            "mode": {"enum": ["erase", "anonymise"]},
            "subject": _list(TEXT, "Keyed digests of the ids."),
            "counts": _by_name(COUNT),
            "files": _list(ANY_OBJECT),
            "tables": _by_name(ANY_OBJECT),
            "proof": _list(
                _object({"table": TEXT, "version": {"type": "integer"}, "sql": TEXT, "result": {"const": 0}})
            ),
            "key": TEXT,
            "signature": TEXT,
        },
        {
            "asked_by": TEXT,
            **dict.fromkeys(("asked_at", "until", "completed_at"), MOMENT),
            "linked": BOOLEAN,
            "shared_devices_left": COUNT,
            "records_by_site": _by_name(COUNT),
            "exports": _list(
                ANY_OBJECT,
                "The runs of jobs whose files may hold the person: job, run, end, container, and paths of the files.",
            ),
            "undecided": _list(
                ANY_OBJECT,
                "Damaged files with ids of the person, which may have other records, too. An operator has to decide.",
            ),
        },
    ),
    "The signed receipt. It has files and digests of ids, never an id.",
)
_REACHED = _list(
    _object(
        {
            "id": TEXT,
            "given": _described(BOOLEAN, "Whether the request has the id; if not, events link it to one that it has."),
            "events": COUNT,
            "failed_events": COUNT,
        }
    )
)
REACH = _described(
    _object(
        {
            "dry_run": {"const": True},
            "site_id": TEXT,
            "user_ids": _REACHED,
            "anonymous_ids": _REACHED,
            "suggested_ids": _list(
                TEXT, "Ids that events with a public key link to these. Anybody may have sent such events."
            ),
            "too_common": _list(TEXT, "Ids that need `force`."),
            "counts": _object(dict.fromkeys(("events", "failed_events", "failed_events_of_site"), COUNT)),
        },
        {"shared_devices_left": _list(TEXT)},
    ),
    "The answer of a dry run: the ids that the request would reach. Nothing was changed.",
)
REPORT = _object(
    {
        "report": TEXT,
        "columns": _list(
            _object(
                {
                    "name": TEXT,
                    "type": {"enum": ["text", "texts", "integer", "number", "boolean", "date", "moment"]},
                    "description": TEXT,
                }
            )
        ),
        "rows": _list({"type": "array"}, "Cells in the order of the columns."),
        "meta": _object(
            {"complete_until": MOMENT_OR_NULL, "date_range": _list(TEXT)},
            {
                "sharing": SHARING,
                "bots_left_out": {
                    "type": ["integer", "null"],
                    "minimum": 0,
                    "description": "Number of bots' events that are not counted; null if a share key may not read it.",
                },
                "currency": _described(
                    TEXT_OR_NULL, "With revenue: the currency of all amounts; null if unknown or if there are several."
                ),
                "currencies": _list(
                    TEXT, "With revenue, except for share keys: the currencies of the events with revenue."
                ),
                "currency_note": _described(TEXT, "Why amounts are null or incomplete, and the remedy."),
                "total_rows": COUNT,
                "sql": TEXT,
                "parameters": ANY_OBJECT,
            },
        ),
    }
)
REPORTS_KNOWN = _object(
    {
        "reports": _list(
            {"type": "object", "required": ["name", "description", "parameters", "columns"]},
        )
    }
)
_COUNTS = _described({"type": "object", "additionalProperties": COUNT}, "Rows, bytes, files, by name.")
_RUN_UNDER_WAY = _object(
    {
        "id": TEXT,
        "due_at": MOMENT,
        "started_at": MOMENT,
        "attempts": COUNT,
        "counts": _COUNTS,
        "is_worked_on": BOOLEAN,
    }
)
_ENDED_RUN = _object(
    {
        "id": TEXT,
        "site": TEXT,
        "job": TEXT,
        "kind": TEXT,
        "due_at": MOMENT,
        "started_at": MOMENT,
        "ended_at": MOMENT,
        "outcome": {"enum": ["succeeded", "failed"]},
        "attempts": COUNT,
        "counts": _COUNTS,
        "scope": _described(ANY_OBJECT, "Which rows it took."),
        "files": _list(ANY_OBJECT, "Each file with its path, rows and bytes."),
        "actor": {
            "enum": ["author", "operator", "other_side", "nobody", "us", None],
            "description": "Who can remove the reason of a failure.",
        },
        "code": TEXT_OR_NULL,
        "message": TEXT_OR_NULL,
        "withdrawn_at": _described(MOMENT_OR_NULL, "When an erasure deleted its files."),
    }
)
JOB_KNOWN = _object(
    {
        "name": TEXT,
        "kind": TEXT,
        "description": TEXT,
        "status": {"enum": ["active", "running", "stopped", "failed", "done"]},
        "reason": TEXT_OR_NULL,
        "next_runs": _list(MOMENT, "The next due times, in the job's time zone."),
        "run": {"anyOf": [_RUN_UNDER_WAY, {"type": "null"}]},
        "last_run": {"anyOf": [_ENDED_RUN, {"type": "null"}]},
    }
)
JOBS_KNOWN = _object({"jobs": _list(JOB_KNOWN)})
RUNS_KNOWN = _object({"runs": _list(_ENDED_RUN)})
AUDIENCE_ASKED = _object({"site_id": TEXT, "audience": TEXT})
RUN_ASKED = _object({"run": TEXT, "due_at": MOMENT})
_SLICES = _list(_object({"person": TEXT, "from": MOMENT_OR_NULL, "to": MOMENT_OR_NULL}))
_EDIT = {
    "number": {"type": ["integer", "null"]},
    "kind": TEXT,
    "ids": _list(TEXT),
    "at": MOMENT_OR_NULL,
    "undoes": {"type": ["integer", "null"]},
    "why": TEXT,
    "asked_by": TEXT,
    "recorded_at": MOMENT,
}
EDITED = _described(
    _object(
        {
            "dry_run": BOOLEAN,
            "applied": _described(BOOLEAN, "Whether people follow already; else from the next compaction on."),
            "edit": _object(_EDIT),
            "change": _object(
                {
                    "people_before": _list(TEXT, "Whose these ids were, 100 people at most."),
                    "people_after": _list(TEXT),
                    "changed_ids": COUNT,
                    "ids": _list(
                        _object({"kind": TEXT, "id": TEXT, "before": _SLICES, "after": _SLICES}),
                        "Whose each id was and is, from when to when; 100 ids at most.",
                    ),
                }
            ),
        }
    ),
    "The edit, and what it changes; a dry run has recorded nothing.",
)
ADDED = _object(
    {
        "applied": _described(BOOLEAN, "False for a dry run. The document is in force after SITES_REFRESH_SECONDS."),
        "version": _described(TEXT, "The document's version that the plan is about."),
        "changes": _list(
            _object({"name": TEXT, "before": TEXT_OR_NULL, "after": TEXT_OR_NULL}),
            "Fields of the document that change, with their values as JSON.",
        ),
    }
)
IDENTITY_PROBLEMS = _object(
    {
        "ids": _described(_by_name(COUNT), "Number of ids of each kind of problem that there is."),
        "problems": _list(
            _object(
                {
                    "kind": TEXT,
                    "id": TEXT,
                    "count": COUNT,
                    "limit": _described(
                        {"type": ["integer", "null"]}, "The limit that the count is beyond, if it is one."
                    ),
                    "first_at": TEXT,
                    "reason": TEXT,
                }
            ),
            "By kind, those with the largest counts first; 100 ids of a kind at most.",
        ),
    }
)
EDITS = _object({"edits": _list(_object({**_EDIT, "in_force": BOOLEAN}), "Oldest first.")})
