"""Sends mails by SMTP, always over TLS except on this machine."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from clickstream.errors import Refused, SettingsError, Unavailable
from clickstream.notifying.outside import LOOPBACK, TIMEOUT_SECONDS, shortened
from clickstream.settings import job_address, job_setting

PORTS = {"smtp": 587, "smtps": 465}
FORM = "smtps://USER:PASSWORD@HOST?from=ADDRESS, or smtp:// for STARTTLS"
Security = Literal["smtps", "smtp", "none"]
_ADDRESS = re.compile(r"[^\s@<>,;:\"]+@[A-Za-z0-9.-]+")


class Undeliverable(Exception):
    """The server takes no mail for this recipient. The message is its answer, shortened."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server, and the address that mails are sent from."""

    setting: str
    host: str
    port: int
    sender: str
    security: Security
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def named(cls, env: Mapping[str, str], name: str) -> MailServer:
        """The server of a connection of jobs. Raise SettingsError, which never has the password."""
        setting = job_setting(name)
        try:
            return _parsed(setting, job_address(env, name))
        except ValueError as error:
            raise SettingsError([f"{setting} {error}"]) from None

    def send(self, mail: EmailMessage) -> None:
        """Hand one mail over; it returns once the server has taken it.

        Raise Undeliverable, Refused if the server takes no mail of this app, Unavailable.
        """
        try:
            with self._connected() as session:
                session.send_message(mail, self.sender)
        except smtplib.SMTPRecipientsRefused as error:
            code, answer = next(iter(error.recipients.values()))
            if code < 500:
                raise Unavailable(f"{self.setting}: the mail server answered {shortened(code, answer)}") from error
            raise Undeliverable(shortened(code, answer)) from error
        except smtplib.SMTPResponseException as error:
            said = f"{self.setting}: the mail server answered {shortened(error.smtp_code, error.smtp_error)}"
            if isinstance(error, smtplib.SMTPAuthenticationError) or error.smtp_code >= 500:
                raise Refused(said, code="mail_refused") from error
            raise Unavailable(said) from error
        except (smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError) as error:
            message = f"{self.setting}: the mail server has no TLS with a valid certificate, or no sign-in"
            raise Refused(message, code="mail_not_safe") from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(f"{self.setting}: the mail server did not answer ({type(error).__name__})") from error

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.security == "smtps":
            session: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_SECONDS, context=context)
        else:
            session = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)
        try:
            if self.security == "smtp":
                session.starttls(context=context)
            if self.user is not None and self.password is not None:
                session.login(self.user, self.password)
        except BaseException:
            with suppress(OSError):
                session.close()
            raise
        return session


def _parsed(setting: str, address: str) -> MailServer:
    """Raise ValueError with what is wrong."""
    parts = urlsplit(address)
    if parts.scheme not in PORTS or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(f"must be {FORM}")
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError:
        raise ValueError("has a port that is no number from 0 to 65535") from None
    options = parse_qs(parts.query)
    sender = options.pop("from", [""])[0]
    if _ADDRESS.fullmatch(sender) is None:
        raise ValueError(f"needs ?from=ADDRESS, the sender of mails: {FORM}")
    without = options.pop("tls", None)
    if options or without not in (None, ["none"]):
        raise ValueError("has an option that is neither from nor tls=none")
    if without and (parts.hostname not in LOOPBACK or parts.password or parts.scheme != "smtp"):
        raise ValueError("has tls=none, which only a server on this machine may have, at smtp:// without a password")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("needs both a user and a password, or neither")
    secrets = [None if text is None else unquote(text) for text in (parts.username, parts.password)]
    security: Security = "none" if without else "smtps" if parts.scheme == "smtps" else "smtp"
    return MailServer(setting, parts.hostname, port, sender, security, *secrets)
