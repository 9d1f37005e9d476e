"""Fault injection: rules that make steps of the protocol fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

# Faults by step of the protocol. `black_hole` reads all input and never answers.
ACTIONS: Mapping[str, frozenset[str]] = {
    "connect": frozenset({"drop", "black_hole"}),
    "cbs": frozenset({"reject", "drop", "delay", "black_hole"}),
    "management": frozenset({"reject", "drop", "delay", "black_hole"}),
    "attach": frozenset({"refuse", "drop", "black_hole"}),
    "send": frozenset(
        {"reject", "delay", "drop_before_store", "drop_after_store", "detach", "black_hole", "no_ack", "throttle"}
    ),
    "deliver": frozenset({"drop", "detach", "duplicate"}),
}
THROTTLED = (
    "The request was terminated because the namespace is being throttled. Error code : 50002. "
    "Please wait 4 seconds and try again."
)


class InvalidRule(ValueError):
    """The rule is invalid. The message names the problem."""


@dataclass(slots=True)
class Rule:
    """One fault: at `point` do `action`, for the named hub and partition or for all.

    The first `after` matches pass, later ones are hit with `probability`, at most `count` times. Times are in ms.
    """

    point: str
    action: str
    hub: str | None = None
    partition: str | None = None
    after: int = 0
    count: int | None = None
    probability: float = 1.0
    seed: int = 0
    condition: str = "com.microsoft:server-busy"
    description: str = "a fault on purpose"
    status: int = 401
    delay_ms: int = 1000
    duplicates: int = 1
    events_per_second: float | None = None
    bytes_per_second: float | None = None
    seen: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)
    _random: Random = field(init=False, repr=False)
    _allowance: dict[str, tuple[float, float]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    @classmethod
    def parse(cls, value: object) -> Rule:
        """Parse a rule. Raise InvalidRule for an unknown point, action or field, or a value of the wrong type."""
        if not isinstance(value, dict):
            raise InvalidRule("a rule is an object")
        settable = {name: slot for name, slot in cls.__dataclass_fields__.items() if slot.init}
        if unknown := set(value) - set(settable):
            raise InvalidRule(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(settable)}")
        point, action = str(value.get("point")), str(value.get("action"))
        if point not in ACTIONS:
            raise InvalidRule(f"point must be one of {', '.join(ACTIONS)}")
        if action not in ACTIONS[point]:
            raise InvalidRule(f"action at {point} must be one of {', '.join(sorted(ACTIONS[point]))}")
        for name, setting in value.items():
            annotation = str(settable[name].type)
            kinds = (str,) if "str" in annotation else (int, float) if "float" in annotation else (int,)
            if setting is None and "None" in annotation:
                continue
            if not isinstance(setting, kinds) or isinstance(setting, bool):
                raise InvalidRule(f"{name} must be {annotation}")
        rule = cls(**value)
        if rule.action == "throttle" and rule.events_per_second is None and rule.bytes_per_second is None:
            raise InvalidRule("throttle needs events_per_second or bytes_per_second")
        return rule

    def matches(self, point: str, hub: str | None, partition: str | None) -> bool:
        """Whether the fault happens here and now. Advances the rule's counters and its random sequence."""
        if point != self.point or self.hub not in (None, hub) or self.partition not in (None, partition):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.count is not None and self.fired >= self.count):
            return False
        if self.probability < 1.0 and self._random.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def allows(self, events: int, size: int, now: float) -> bool:
        """Whether a throttle admits this many events and bytes at `now`, in seconds: a token bucket for one second."""
        rates = (("events", self.events_per_second, float(events)), ("bytes", self.bytes_per_second, float(size)))
        left: dict[str, tuple[float, float]] = {}
        allowed = True
        for name, rate, amount in rates:
            if rate is not None:
                before, at = self._allowance.get(name, (rate, now))
                available = min(rate, before + (now - at) * rate)
                allowed = allowed and available >= min(amount, rate)
                left[name] = (available, amount)
        for name, (available, amount) in left.items():
            self._allowance[name] = (available - amount if allowed else available, now)
        return allowed


class Faults:
    """The active rules. The first one that matches decides."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.rules: list[Rule] = []
        self._clock = clock

    def at(self, point: str, hub: str | None = None, partition: str | None = None) -> Rule | None:
        """The rule of the fault that happens here, if any."""
        return next((rule for rule in self.rules if rule.matches(point, hub, partition)), None)

    def throttles(self, rule: Rule, events: int, size: int) -> bool:
        """Whether the rule refuses this many events and bytes now."""
        return not rule.allows(events, size, self._clock())

    def as_json(self) -> list[dict[str, Any]]:
        """Every rule with its counters: `seen` matches, `fired` faults."""
        return [
            {name: getattr(rule, name) for name in Rule.__dataclass_fields__ if not name.startswith("_")}
            for rule in self.rules
        ]
