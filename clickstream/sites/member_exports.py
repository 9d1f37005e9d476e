"""Jobs that export the members of an audience, in a site's document."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StringConstraints

from clickstream.problems import Place
from clickstream.sites.exports import Export, FieldName
from clickstream.sites.job_parts import AnyJob, Delimiter, first_character
from clickstream.sites.limits import Few

# What is exported of a member, in this order: the membership, the ids, and the columns of `profiles`.
OF_MEMBERSHIP = ("person", "is_known", "changes_at", "user_ids", "device_ids")
MEMBER_FIELDS = (
    *OF_MEMBERSHIP, "label", "users", "devices", "first_seen_at", "last_seen_at", "active_days", "visits", "acts",
    "page_views", "orders", "revenue", "first_source", "first_medium", "first_channel", "first_campaign",
    "last_source", "last_medium", "last_channel", "last_campaign", "first_page", "country", "device_class",
    "advertising", "traits",
)  # fmt: skip
TRAIT = "traits."
# What is exported of a change before that.
OF_CHANGE = ("change", "changed_at", "entered_at")


def _on_one_line(text: str) -> str:
    if any(ord(character) < 32 for character in text):
        raise ValueError("has a control character")
    return text


class MemberExport(Export):
    """Exports the members of an audience to files of a blob container."""

    kind: ClassVar[str] = "export-members"

    export: Literal["members"] = Field(description="What is exported.")
    audience: Annotated[str, StringConstraints(min_length=1, max_length=63)] = Field(
        description="Slug of the audience whose members are exported."
    )
    changes: Literal["none", "enters", "all"] = Field(
        default="none",
        description="Whether a scheduled run exports the changes since the last run instead of all members: new "
        "members alone (enters), or ends of memberships, too (all).",
    )
    existing_users: StrictBool = Field(
        default=False, description="With `changes`, whether the first run exports all members of its moment."
    )
    fields: Annotated[tuple[FieldName, ...], Few] = Field(
        default=(),
        description="What is exported of a member, in this order; `traits.<name>` is one trait. None: all.",
    )
    delimiter: Annotated[Delimiter, BeforeValidator(first_character)] = Field(
        default=",", description="What separates columns of a CSV file: the first character; t is a tab."
    )
    join: Annotated[str, StringConstraints(min_length=1, max_length=10), AfterValidator(_on_one_line)] = Field(
        default="&", description="What is between the values of a list, in a column of a CSV file."
    )

    @property
    def known_fields(self) -> Sequence[str]:
        """Everything that can be exported, except single traits."""
        return MEMBER_FIELDS if self.changes == "none" else (*OF_CHANGE, *MEMBER_FIELDS)

    def _problems(self) -> Iterator[tuple[Place, str]]:
        if self.changes != "none" and self.keep_updated is None:
            yield ("changes",), "needs `keep_updated`: changes are those since the last run"
        if self.existing_users and self.changes == "none":
            yield ("existing_users",), "needs `changes`: without them each file has all members"
        for index, name in enumerate(self.fields):
            if name not in self.known_fields and not (name.startswith(TRAIT) and len(name) > len(TRAIT)):
                near = difflib.get_close_matches(name, self.known_fields, 1)
                meant = f" (is {near[0]!r} meant?)" if near else ""
                yield ("fields", index), f"{name!r} is nothing of a member{meant}; a trait is {TRAIT}<name>"
        if len(set(self.fields)) < len(self.fields):
            yield ("fields",), "names a field twice"
        yield from super()._problems()


def unknown_audiences(jobs: Iterable[AnyJob], slugs: Iterable[str]) -> Iterator[tuple[Place, str]]:
    """Jobs that name an audience that the site does not have."""
    known = list(slugs)
    for index, job in enumerate(jobs):
        if isinstance(job, MemberExport) and job.audience not in known:
            shown = ", ".join(known[:10]) or "none"
            yield (index, "audience"), f"no audience has the slug {job.audience!r}; known are {shown}"
