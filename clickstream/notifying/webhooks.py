"""Posts messages to webhooks. Their addresses are secrets of the operator, so no error has one."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from clickstream.errors import Refused, SettingsError, Unavailable
from clickstream.notifying.outside import LOOPBACK, MAX_ANSWER, TIMEOUT_SECONDS, shortened
from clickstream.settings import job_address, job_setting

# Answers after which a later try may succeed, besides all of 5xx.
LATER = (408, 425, 429)


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """An address of HTTPS, or of HTTP on this machine. A redirect is not followed."""

    setting: str
    is_https: bool
    host: str
    port: int | None
    path: str = field(repr=False)

    @classmethod
    def named(cls, env: Mapping[str, str], name: str) -> WebhookAddress:
        """The address of a connection of jobs. Raise SettingsError, which never has the address."""
        setting = job_setting(name)
        try:
            parts = urlsplit(job_address(env, name))
            port = parts.port
        except ValueError:
            raise SettingsError([f"{setting} is no address"]) from None
        is_https = parts.scheme == "https"
        if not parts.hostname or not (is_https or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
            raise SettingsError([f"{setting} must be an address of https://, or of http:// on this machine"])
        if parts.username is not None or not parts.geturl().isascii() or any(c <= " " for c in parts.geturl()):
            raise SettingsError([f"{setting} has a user, a space or a letter that is not ASCII"])
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(setting, is_https, parts.hostname, port, path)

    def post(self, body: bytes) -> None:
        """Post JSON; it returns once the answer is 2xx. Raise Refused, Unavailable."""
        connection: HTTPConnection = (
            HTTPSConnection(self.host, self.port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
            if self.is_https
            else HTTPConnection(self.host, self.port, timeout=TIMEOUT_SECONDS)
        )
        try:
            connection.request("POST", self.path, body, {"Content-Type": "application/json"})
            with connection.getresponse() as answer:
                status, text = answer.status, answer.read(MAX_ANSWER)
        except ssl.SSLCertVerificationError as error:
            raise Refused(f"{self.setting}: the certificate is not valid", code="webhook_refused") from error
        except (OSError, HTTPException) as error:
            raise Unavailable(f"{self.setting}: the webhook did not answer ({type(error).__name__})") from error
        finally:
            connection.close()
        said = f"{self.setting}: the webhook answered {shortened(status, text)}"
        if status >= 500 or status in LATER:
            raise Unavailable(said)
        if not 200 <= status < 300:
            raise Refused(said, code="webhook_refused")
