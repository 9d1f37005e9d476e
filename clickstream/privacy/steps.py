"""The budget of work for the redaction of one event."""

from __future__ import annotations

# One step is one character read by one prefilter, some five nanoseconds; the budget is half a millisecond. It depends
# only on the event's own size, so that a copy sent in another batch is redacted in the same way. Two long URLs that
# hide an e-mail address and a token each take half of these steps. Many such events are bounded by the request's time.
STEPS_PER_EVENT = 100_000
STEPS_PER_CHARACTER = 1
# The fixed cost of a call, in addition to the characters that it reads.
STEPS_PER_CALL = 300


class Steps:
    """The steps that are left for an event; -1 once more were needed than were left."""

    __slots__ = ("left",)

    def __init__(self, characters: int) -> None:
        """The budget of an event of this many characters."""
        self.left = STEPS_PER_EVENT + STEPS_PER_CHARACTER * characters

    def take(self, count: int) -> bool:
        """Take steps. Returns whether there were as many left; once there were not, always False."""
        self.left = self.left - count if self.left >= count else -1
        return self.left >= 0
