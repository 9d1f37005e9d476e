"""Finds problems of sites' keys: keys shared between sites, and short ones."""

from __future__ import annotations

from collections.abc import Iterable

from clickstream.sites.document import Key, KeyKind, Site

# Cannot be guessed: even 16 hexadecimal digits have 64 bits.
MIN_SECRET_CHARACTERS = 16
SHAREABLE = (KeyKind.READ, KeyKind.ADMIN)


def key_problems(sites: Iterable[Site]) -> list[tuple[str, str]]:
    """Pairs of site and problem, for keys that two sites share.

    A key opens one site as one kind. Only a key of a kind in SHAREABLE, which writes nothing and is in no link, may
    open several sites, with the same kind in each.
    """
    owners: dict[bytes, tuple[str, Key]] = {}
    problems: list[tuple[str, str]] = []
    for site in sites:
        for index, key in enumerate(site.keys):
            owner, other = owners.setdefault(key.digest, (site.site, key))
            shared = key.kind is other.kind and key.kind in SHAREABLE
            if owner != site.site and not shared:
                problem = f"/keys/{index}/key: is a key of kind {other.kind} of the site {owner} too"
                problems.append((site.site, problem))
    return problems


def short_key_problems(sites: Iterable[Site]) -> list[tuple[str, str]]:
    """Pairs of site and problem, for secret keys that are too short.

    A digest does not show its key's length; a short key behind one is refused when it is used.
    """
    return [
        (
            site.site,
            f"/keys/{index}/key: a key of kind {key.kind} has at least {MIN_SECRET_CHARACTERS} characters, not "
            f"{len(key.key)}; a shorter one opens nothing, unless the setting ALLOW_SHORT_KEYS is true",
        )
        for site in sites
        for index, key in enumerate(site.keys)
        if key.kind is not KeyKind.PUBLIC and not key.is_digest and len(key.key) < MIN_SECRET_CHARACTERS
    ]
