"""Bot detection. Bots are flagged in verdicts, never dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clickstream.collecting.dialect import Verdict
from clickstream.collecting.event_processor import Outcome
from clickstream.collecting.threads import Threads
from clickstream.errors import Unavailable


async def verdicts_with_bots(outcomes: Sequence[Outcome], threads: Threads, seconds: float) -> Sequence[Verdict]:
    """The verdicts with `bot` set; without it if no thread gets to it within `seconds`.

    The events are durable already, so this must not make the request fail.
    """
    try:
        return await threads.run(lambda: _with_bots(outcomes), seconds)
    except Unavailable:
        return [outcome.verdict for outcome in outcomes]


def _with_bots(outcomes: Sequence[Outcome]) -> Sequence[Verdict]:
    senders = {(outcome.user_agent, outcome.tracker is not None) for outcome in outcomes}
    bots = {sender: is_bot(*sender) for sender in senders}
    return [replace(each.verdict, bot=bots[each.user_agent, each.tracker is not None]) for each in outcomes]


def is_bot(user_agent: str | None, names_tracker: bool) -> bool:
    """Whether the user agent is a bot's; False without one. `names_tracker`: whether the event names its tracker."""
    if not user_agent:
        return False
    # Imported here because building the patterns takes 0.2 s and 35 MB, once, and only requests for verdicts need them.
    from clickstream.enriching.bots import sent_by_bot

    return sent_by_bot(user_agent, names_tracker)
