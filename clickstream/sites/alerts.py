"""Jobs that watch the numbers of a site, in its document. docs/notices.md defines each condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StrictFloat, StrictInt, model_validator

from clickstream.problems import Place, refuse
from clickstream.sites.job_parts import Connection, Strict
from clickstream.sites.notices import MailTarget, Notice
from clickstream.sites.schedules import Schedule

MAX_WEBHOOKS = 10
Condition = Literal["spike", "silence", "failed_events", "reconciliation", "definition_drift"]
# The options that a condition has.
OPTIONS: dict[Condition, tuple[str, ...]] = {
    "spike": ("times", "at_least"),
    "silence": ("hours",),
    "failed_events": ("share", "at_least"),
    "reconciliation": (),
    "definition_drift": ("share", "at_least"),
}


class Webhook(Strict):
    """An address that messages are posted to."""

    connection: Connection = Field(
        description="Name of the connection: the app's setting CONNECTION_<NAME> is the address of the webhook."
    )
    shape: Literal["json", "slack", "teams"] = Field(
        default="json", description="Form of the message: plain JSON, or that of Slack or Teams."
    )


class Alert(Notice):
    """Sends a message when a condition begins to hold, and one when it is over."""

    kind: ClassVar[str] = "alert"

    alert: Condition = Field(description="The condition.")
    keep_updated: Schedule = Field(description="When the condition is looked at.")
    mail: MailTarget | None = Field(default=None, description="Who gets a mail, and by which mail server.")
    webhooks: Annotated[tuple[Webhook, ...], Field(max_length=MAX_WEBHOOKS)] = Field(
        default=(), description="Webhooks that get a message."
    )
    times: Annotated[StrictFloat, Field(gt=1, le=1000)] = Field(
        default=3.0, description="Of a spike: how many times the usual number."
    )
    at_least: Annotated[StrictInt, Field(ge=1)] = Field(
        default=100, description="Number of events below which there is no spike, failure or drift."
    )
    share: Annotated[StrictFloat, Field(gt=0, le=1)] = Field(
        default=0.05, description="Of failed events and of a drift: the share of events, from 0 to 1."
    )
    hours: Annotated[StrictInt, Field(ge=1, le=168)] = Field(
        default=3, description="Of silence: hours without an event."
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Place, str]]:
        if self.mail is None and not self.webhooks:
            yield ("mail",), "is required, or `webhooks`: somebody must get the message"
        for name in dict.fromkeys(name for options in OPTIONS.values() for name in options):
            if name in self.model_fields_set and name not in OPTIONS[self.alert]:
                yield (name,), f"is no option of {self.alert}"
        names = [webhook.connection for webhook in self.webhooks]
        if len(set(names)) < len(names):
            yield ("webhooks",), "names a connection twice"

    @property
    def connections(self) -> Sequence[str]:
        """The connections of the mail server and the webhooks."""
        mail = () if self.mail is None else (self.mail.connection,)
        return (*mail, *(webhook.connection for webhook in self.webhooks))
