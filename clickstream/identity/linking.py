"""Links between ids: which are one user, and which are one device."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Link = tuple[str, str]
Numbers = npt.NDArray[np.int64]


def labels(left: Numbers, right: Numbers, count: int) -> Numbers:
    """The least number that each of `count` numbers is linked to, directly or by others.

    Labels spread over all links at once and then jump to their own labels, so a chain of n links takes about log n
    rounds. Recursive SQL takes n squared steps for one id with n links, and any public key can send those.
    """
    label: Numbers = np.arange(count)
    while True:
        a, b = label[left], label[right]
        low, high = np.minimum(a, b), np.maximum(a, b)
        differ = low < high
        if not differ.any():
            return label
        np.minimum.at(label, high[differ], low[differ])
        while not ((onward := label[label]) == label).all():
            label = onward


def components(links: Iterable[Link]) -> Mapping[str, Sequence[str]]:
    """The ids that links join, directly or by others: each id with all ids of its component, in the order of texts."""
    pairs = list(links)
    ids = sorted({id for pair in pairs for id in pair})
    numbers = {id: number for number, id in enumerate(ids)}
    left = np.fromiter((numbers[a] for a, _ in pairs), np.int64, len(pairs))
    right = np.fromiter((numbers[b] for _, b in pairs), np.int64, len(pairs))
    label = labels(left, right, len(ids))
    joined: dict[int, list[str]] = defaultdict(list)
    for id, number in zip(ids, label.tolist(), strict=True):
        joined[number].append(id)
    return {id: members for members in joined.values() for id in members}


@dataclass(frozen=True, slots=True)
class Guarded:
    """Links that count, and the ids whose aliases do not."""

    links: Sequence[Link]
    placeholders: Mapping[str, int]
    """Ids that are aliases of too many others, with the number of these."""


def without_placeholders(aliases: Collection[Link], most: int) -> Guarded:
    """Leave out every alias of an id that is an alias of more than `most` others."""
    partners: dict[str, set[str]] = defaultdict(set)
    for a, b in aliases:
        partners[a].add(b)
        partners[b].add(a)
    placeholders = {id: len(others) for id, others in partners.items() if len(others) > most}
    return Guarded([(a, b) for a, b in aliases if a not in placeholders and b not in placeholders], placeholders)


def names(
    aliases: Collection[Link],
    merged: Iterable[Sequence[str]],
    split: Collection[str],
    rank: Callable[[str], int],
    most: int,
) -> tuple[Mapping[str, str], Mapping[str, int]]:
    """The name of each id that is joined to another, and the names of too large components with their sizes.

    Aliases of a component of more than `most` ids do not count, nor do aliases of an id that is `split` off. `merged`
    are the ids that operators joined: these always count. A name is the least id of the component in the order of
    texts, among those of the least `rank`. Late events change no name of an id that events carry already.
    """
    joined = components(aliases)
    too_large = {members[0]: len(members) for members in joined.values() if len(members) > most}
    kept = [(a, b) for a, b in aliases if len(joined[a]) <= most and a not in split and b not in split]
    by_hand = [(ids[0], id) for ids in merged for id in ids[1:]]
    named: dict[str, str] = {}
    for id, members in components([*kept, *by_hand]).items():
        named[id] = min(members, key=lambda member: (rank(member), member))
    return named, too_large
