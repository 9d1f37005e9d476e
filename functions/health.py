"""Liveness and readiness of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import azure.functions as func

from clickstream.errors import SettingsError, Unavailable
from clickstream.services import services
from clickstream.sites.preflights import Preflights, advice
from functions._access import tried
from functions._http import RETRY_AFTER_SECONDS, answers_problems, bearer_key, json_answer

if TYPE_CHECKING:
    from clickstream.storage.compaction_state import HubCompaction

bp = func.Blueprint()


@bp.function_name("health")
@bp.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """Always 200 and cheap: the process is alive. If the settings are valid, with the setting `delivery`."""
    try:
        return json_answer({"status": "ok", "delivery": services().settings.delivery})
    except SettingsError:
        return json_answer({"status": "ok"})


@bp.function_name("health_ready")
@bp.route("health/ready", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def health_ready(req: func.HttpRequest) -> func.HttpResponse:
    """200 if settings are valid, the sites' documents were read, each hub or its spill works, and compaction of each
    hub succeeds; else 503. Without Event Hubs the spill has to work.

    Reports the states of hubs and spills, the last success and the backlog of compaction, how often this process had no
    salt and so no ids for its visitors, and the number of origins whose preflights the platform refuses. It sends no
    messages to find out. With an admin key it also reports the problems of the sites that the key opens.
    """
    shared = services()
    problems = await shared.sites.problems()
    administered = await tried(req, shared.sites.administered) if bearer_key(req) is not None else None
    events, failed = await asyncio.gather(shared.event_sink.state(), shared.failed_event_sink.state())
    compaction = await shared.latest_compaction.hubs()
    unlisted = shared.preflights.unlisted(await shared.sites.origins())
    stuck = [hub for hub, each in (compaction or {}).items() if not each.works]
    works = events.works and failed.works and not stuck
    body: dict[str, Any] = {
        "status": "ok" if works else "unavailable",
        "delivery": shared.settings.delivery,
        "sinks": {
            shared.settings.event_hub_name: {**asdict(events), "works": events.works},
            shared.settings.failed_event_hub_name: {**asdict(failed), "works": failed.works},
        },
        "compaction": None if compaction is None else {hub: _public_fields(each) for hub, each in compaction.items()},
        "salts": {"missing_count": shared.salts.missing_count},
        "preflights": _preflights(shared.preflights, unlisted),
    }
    if administered is not None:
        body["sites"] = {site: [*lines, *map(advice, unlisted.get(site, ()))] for site, lines in administered.items()}
        body["other_documents_with_problems"] = len(problems) - sum(map(bool, administered.values()))
    if works:
        return json_answer(body)
    taking = [] if events.works and failed.works else ["events cannot be stored"]
    message = "; ".join(taking + [f"compaction of the hub {hub} fails" for hub in stuck])
    body |= {"code": Unavailable.code, "message": message}
    return json_answer(body, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def _preflights(preflights: Preflights, unlisted: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
    """Who answers preflights, and the number of refused origins. Their names are shown only for an admin key."""
    count = len({origin for origins in unlisted.values() for origin in origins})
    summary = {"answered_by": "app" if preflights.listed is None else "platform", "unlisted_origins": count}
    if count:
        summary["message"] = (
            f"the platform refuses the preflights of pages of {count} origins, because ALLOWED_ORIGINS lacks them; "
            "with a site's admin key this page lists them, and the log does in lines `preflights`"
        )
    return summary


def _public_fields(hub: HubCompaction) -> Mapping[str, Any]:
    """The public state of a hub's compaction: no reasons of failures, no paths of files."""
    names = ("works", "succeeded_at", "failed_runs", "waiting", "put_aside")
    return {name: getattr(hub, name) for name in names}


@bp.function_name("robots")
@bp.route("robots.txt", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def robots(req: func.HttpRequest) -> func.HttpResponse:
    """Excludes search engines from all pages."""
    return func.HttpResponse("User-agent: *\nDisallow: /\n", mimetype="text/plain")
