"""Which user agents are bots. They are told so, never dropped."""

from __future__ import annotations


def is_bot(user_agent: str | None, tracker: str | None = None) -> bool:
    """Whether the agent, of an event that names its tracker or not, is a bot's. Without an agent nothing is said."""
    if not user_agent:
        return False
    # Building the patterns takes 0.2 s and 35 MB, once, which only those who ask for verdicts pay.
    from clickstream.enriching.bots import sent_by_bot

    return sent_by_bot(user_agent, tracker is not None)
