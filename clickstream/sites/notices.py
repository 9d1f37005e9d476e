"""Jobs that write to people, in a site's document; summaries by mail are here, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from clickstream.problems import Place, refuse
from clickstream.sites.job_parts import AnyJob, Connection, Strict

MAX_RECIPIENTS = 50
MAX_ADDRESS = 254

MailAddress = Annotated[
    str,
    StringConstraints(max_length=MAX_ADDRESS, pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]+$"),
]
DashboardAddress = Annotated[
    str, StringConstraints(max_length=500, pattern=r"^(https://|http://localhost[:/])[!#-;=?-~]+$")
]
Language = Literal["en", "de"]


def _each_once(addresses: tuple[str, ...]) -> tuple[str, ...]:
    if len({address.lower() for address in addresses}) < len(addresses):
        raise ValueError("names an address twice")
    return addresses


class MailTarget(Strict):
    """The mail server and the recipients of a job."""

    connection: Connection = Field(
        description="Name of the connection: the app's setting CONNECTION_<NAME> is the address of the mail server."
    )
    recipients: Annotated[
        tuple[MailAddress, ...], Field(min_length=1, max_length=MAX_RECIPIENTS), AfterValidator(_each_once)
    ] = Field(description="Addresses, each of which gets a mail of its own.")
    contact: MailAddress | None = Field(
        default=None, description="Address for answers, and for requests to get no more mails; none: the sender."
    )


class Notice(AnyJob):
    """A job that writes to people."""

    language: Language = Field(default="en", description="Language of the texts: en or de.")
    dashboard: DashboardAddress | None = Field(
        default=None, description="Address of the dashboard, such as https://stats.example/dashboard, for a link."
    )

    @property
    def connections(self) -> Sequence[str]:
        """The connections that the job uses."""
        raise NotImplementedError


class Summary(Notice):
    """Sends the numbers of each week or month by mail."""

    kind: ClassVar[str] = "send-summary"

    send: Literal["summary"] = Field(description="What is sent.")
    mail: MailTarget = Field(description="Who gets it, and by which mail server.")
    period: Literal["week", "month"] = Field(
        default="week",
        description="What it is about: the last whole week, from Monday, or calendar month, in the site's time zone.",
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Place, str]]:
        if self.keep_updated is not None and self.keep_updated.every != self.period:
            yield ("keep_updated", "every"), f"must be {self.period}, as `period`: each is sent once"

    @property
    def connections(self) -> Sequence[str]:
        """The connection of the mail server."""
        return (self.mail.connection,)
