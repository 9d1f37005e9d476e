"""What the jobs of a site's document have in common: names, delimiters, formats of moments in names of files."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from clickstream.sites.schedules import Schedule
from clickstream.sites.zones import Zone

_TOKENS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
_TOKEN = re.compile("|".join(_TOKENS))

JobName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](-?[a-z0-9]){0,62}$")]
Connection = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](-?[a-z0-9]){0,62}$")]
Container = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](-?[a-z0-9]){2,62}$")]
Stream = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class Strict(BaseModel):
    """A part of the document."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class AnyJob(Strict):
    """The options of every job."""

    name: JobName = Field(description="Name of the job, unique in the site. A renamed job begins anew.")
    description: Annotated[str, StringConstraints(max_length=1000)] = Field(
        default="", description="What the job is for."
    )
    time_zone: Zone | None = Field(default=None, description="IANA time zone of the job; none: the site's.")
    keep_updated: Schedule | None = Field(default=None, description="When further runs are due; none: one run.")


def formatted(moment: datetime, form: str) -> str:
    """A moment by a format of `yyyy`, `MM`, `dd`, `HH`, `mm` and `ss`; anything else stays as it is."""
    return _TOKEN.sub(lambda token: moment.strftime(_TOKENS[token[0]]), form)


def parsed(text: str, form: str) -> datetime:
    """The moment that `formatted` would give as this text. Raise ValueError."""
    return datetime.strptime(text, _TOKEN.sub(lambda token: _TOKENS[token[0]], form))


def _checked_format(form: str) -> str:
    if not _TOKEN.search(form) or not re.fullmatch("[-_.T]*", _TOKEN.sub("", form)):
        raise ValueError(f"{form!r} is no format: it has {', '.join(_TOKENS)}, and between them only - _ . T")
    return form


TimestampFormat = Annotated[str, StringConstraints(max_length=40), AfterValidator(_checked_format)]


def first_character(value: object) -> object:
    """The delimiter is the first character; `t` is a tab."""
    if not isinstance(value, str) or not value:
        return value
    return "\t" if value[0] == "t" else value[0]


def _is_delimiter(text: str) -> str:
    if text in '"\r\n':
        raise ValueError("a delimiter is no quote and no end of a line")
    return text


Delimiter = Annotated[str, AfterValidator(_is_delimiter)]
