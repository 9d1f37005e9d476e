"""The rules by which a site's ids become people, as its document may change them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from clickstream.privacy.nobody import means_nobody

# Anonymous events that precede somebody else's login by this much are the newcomer's: as long as the pause that ends a
# visit.
BEFORE_LOGIN = timedelta(minutes=30)

# Raise it when the rules give an event to somebody else. Everybody is then resolved anew.
RULES_VERSION = 2


class Trust(StrEnum):
    """Whose user ids are believed."""

    ANY = "any"
    SERVER = "server"
    """Those that came with a secret key."""
    SIGNED = "signed"
    """Those, and those with a valid signature."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes beyond which evidence is ignored, because it is more likely to be a fault than a person."""

    partners: int = 20
    """Ids that one id may be an alias of. An id with more is a placeholder: none of its aliases counts."""
    ids: int = 100
    """Ids that aliases may join into one person. A person with more falls apart."""
    people: int = 10
    """People on one device. With more the device is shared by everybody, and its anonymous events are its own."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a site's document says about identity."""

    trust: Trust = Trust.ANY
    public_aliases: bool = False
    """Whether a public key may say that two user ids are one person. A signature proves only one of them."""
    protected_ids: frozenset[str] = frozenset()
    """Ids that mean nobody, in addition to `clickstream.privacy.nobody`; in lower case."""
    pseudonyms_of_nobody: Collection[str] = field(default=frozenset(), repr=False)
    logout_events: tuple[str, ...] = ()
    limits: Limits = Limits()

    def protects(self, id: str) -> bool:
        """Whether an id means nobody."""
        return means_nobody(id) or id.strip().lower() in self.protected_ids or id in self.pseudonyms_of_nobody
