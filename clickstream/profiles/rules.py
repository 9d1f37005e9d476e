"""What a site's document says about profiles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProfileRules:
    """The site's choices."""

    label: str = "name"
    """The trait that names a person for readers."""
    first_write: tuple[str, ...] = ()
    """Traits that keep their first value."""
    currency: str | None = None
    """Currency of amounts that name none."""
