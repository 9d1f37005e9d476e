"""How a mail is made: a text and the same in HTML, without anything that a mail program would load."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Protocol
from urllib.parse import quote

STYLE = "font-family:system-ui,sans-serif;font-size:15px;line-height:1.5;color:#1b1f24;max-width:40em"


class MailSender(Protocol):
    """A server of mails."""

    @property
    def sender(self) -> str:
        """The address that mails are sent from."""

    def send(self, mail: EmailMessage) -> None:
        """Hand one mail over. Raise Undeliverable, Refused, Unavailable."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says. `html` is the body's content, escaped already; `key` is the same for each attempt."""

    key: str
    subject: str
    text: str
    html: str
    written_at: datetime


def mail_of(letter: Letter, language: str, sender: str, recipient: str, contact: str | None) -> EmailMessage:
    """The mail to one recipient. Its `Message-ID` follows from the key and the recipient, so a copy has the same."""
    mail = EmailMessage()
    mail["From"] = Address(display_name="Clickstream", addr_spec=sender)
    mail["To"] = Address(addr_spec=recipient)
    if contact is not None:
        mail["Reply-To"] = Address(addr_spec=contact)
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(letter.written_at)
    mail["Message-ID"] = f"<{message_key(letter.key, recipient)}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["List-Unsubscribe"] = (
        f"<mailto:{quote(contact or sender, safe='@')}?subject={quote('Unsubscribe: ' + letter.subject)}>"
    )
    mail.set_content(letter.text)
    html = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"></head>'
        f'<body style="{STYLE}">\n{letter.html}\n</body></html>'
    )
    mail.add_alternative(html, subtype="html")
    return mail


def message_key(key: str, recipient: str) -> str:
    """What identifies a mail, without the recipient's address."""
    return hashlib.sha256(f"{key}\0{recipient.lower()}".encode()).hexdigest()[:40]
