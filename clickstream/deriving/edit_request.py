"""The request for an edit of identities, validated at the border with every problem reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from clickstream.identity.edits import EditKind
from clickstream.problems import check_body, parse_body, refuse

MAX_BODY_BYTES = 65_536
MAX_IDS = 20
INVALID = "invalid_edit"
Id = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
# How many ids an edit of each kind has, at least and at most.
COUNTS = {
    EditKind.MERGE: (2, MAX_IDS),
    EditKind.SPLIT: (1, MAX_IDS),
    EditKind.LINK: (2, 2),
    EditKind.UNLINK: (2, 2),
    EditKind.BLOCK: (1, MAX_IDS),
    EditKind.UNDO: (0, 0),
}


class EditRequest(BaseModel):
    """One edit of which ids are one person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site_id: str
    kind: EditKind = Field(description="merge, split, link, unlink, block or undo: see docs/identity.md.")
    ids: Annotated[tuple[Id, ...], Field(max_length=MAX_IDS)] = Field(
        default=(),
        validate_default=True,
        description="Ids of users and devices, as reports show them or as the site knows them. Of link and unlink the "
        "device and the user; of undo none.",
    )
    at: AwareDatetime | None = Field(
        default=None, validate_default=True, description="Of link, the moment of the user's being on the device."
    )
    undoes: Annotated[StrictInt, Field(ge=1)] | None = Field(
        default=None, validate_default=True, description="Of undo, the number of the edit that is void from now on."
    )
    why: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)] = Field(
        description="The reason, for the log; preferably without a name."
    )
    asked_by: Annotated[str, StringConstraints(max_length=200)] = Field(
        default="", description="Reference of the requester for the log, such as a ticket's number; preferably no name."
    )
    dry_run: StrictBool = Field(default=False, description="Whether to record nothing and only say what would change.")

    # Validators of fields, because one of the whole would not run if any field had a problem.
    @field_validator("ids")
    @classmethod
    def _fit_the_kind(cls, ids: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        refuse(((index,), "is named above already") for index, id in enumerate(ids) if id in ids[:index])
        if "kind" in info.data:  # else it has a problem of its own
            least, most = COUNTS[info.data["kind"]]
            if not least <= len(ids) <= most:
                number = f"{least} ids" if least == most else f"{least} to {most} ids"
                raise ValueError(f"{info.data['kind']} takes {number}")
        return ids

    @field_validator("at", "undoes")
    @classmethod
    def _goes_with_the_kind(cls, value: Any, info: ValidationInfo) -> Any:
        kind = EditKind.LINK if info.field_name == "at" else EditKind.UNDO
        if "kind" in info.data and (value is not None) is not (info.data["kind"] is kind):
            raise ValueError(f"goes with the kind {kind}, and only with it")
        return value


def parse_edit(body: bytes) -> EditRequest:
    """Read the body of `POST /api/identities`. Raise InvalidRequest with every problem, RequestTooLarge."""
    return parse_body(body, EditRequest, MAX_BODY_BYTES, INVALID)


class EditsRequest(BaseModel):
    """The log of a site's edits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site_id: str


def parse_edits(parameters: Mapping[str, str]) -> EditsRequest:
    """Read the parameters of `GET /api/identities/edits`. Raise InvalidRequest with every problem."""
    return check_body(dict(parameters), EditsRequest, INVALID)
