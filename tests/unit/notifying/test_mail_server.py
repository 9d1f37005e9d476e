"""Mails by SMTP against a server on this machine: what is encrypted, what is refused, and what is tried again."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from clickstream.errors import Refused, SettingsError, Unavailable
from clickstream.notifying.mail_server import MailServer, Undeliverable
from clickstream.notifying.mails import Letter, mail_of
from tests.support.mail_sink import MailSink, mail_sink

LETTER = Letter("run-1", "shop: März 2026", "Grüße", "<p>Grüße</p>", datetime(2026, 4, 1, tzinfo=UTC))


def mail(recipient: str = "ada@shop.example", contact: str | None = None) -> EmailMessage:
    return mail_of(LETTER, "de", "stats@shop.example", recipient, contact)


def server(address: str) -> MailServer:
    return MailServer.named({"CONNECTION_MAIL": address}, "mail")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and its certificate of 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sink")])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "sink.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def sink(certificate: Path) -> Iterator[MailSink]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with mail_sink(context) as sink:
        yield sink


def test_a_mail_and_the_password_go_over_tls_alone(
    sink: MailSink, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    address = f"smtp://stats:p%40ss@127.0.0.1:{sink.port}?from=stats@shop.example"
    server(address).send(mail())
    assert sink.is_encrypted == [True]
    assert [base64.b64decode(text) for text in sink.sign_ins] == [b"\0stats\0p@ss"]
    (taken,) = sink.mails
    assert taken["From"] == "Clickstream <stats@shop.example>" and taken["To"] == "ada@shop.example"
    assert taken["Subject"] == "shop: März 2026" and taken["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in taken.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert [part.get_content().strip().splitlines()[-1] for part in taken.iter_parts()] == ["Grüße", "</body></html>"]

    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Refused, match="no TLS with a valid certificate"):
        server(address).send(mail())
    with mail_sink() as plain, pytest.raises(Refused, match="no TLS"):
        server(f"smtp://127.0.0.1:{plain.port}?from=stats@shop.example").send(mail())
    assert len(sink.mails) == 1 and plain.mails == []


def test_answers_of_the_server_say_who_must_act() -> None:
    with mail_sink() as sink:
        there = server(f"smtp://localhost:{sink.port}?from=stats@shop.example&tls=none")
        sink.answers = {"ada@shop.example": f"550 no such{chr(7)}one {'x' * 500}", "bo@shop.example": "451 later"}
        with pytest.raises(Undeliverable) as gone:
            there.send(mail())
        assert str(gone.value).startswith("550 no such one xxx") and len(str(gone.value)) < 210
        with pytest.raises(Unavailable, match="CONNECTION_MAIL: the mail server answered 451 later"):
            there.send(mail("bo@shop.example"))
        sink.hang_up = 1
        with pytest.raises(Unavailable, match="did not answer"):
            there.send(mail("cy@shop.example"))
        there.send(mail("cy@shop.example"))
    assert sink.recipients == ["cy@shop.example"] * 2
    first, second = sink.mails
    assert first["Message-ID"] == second["Message-ID"] and first.as_string().count("cy@") == 1
    assert mail()["Message-ID"] != first["Message-ID"]
    with pytest.raises(Unavailable, match="did not answer"):
        there.send(mail())


def test_a_mail_says_where_to_leave_the_list() -> None:
    asked = "?subject=Unsubscribe%3A%20shop%3A%20M%C3%A4rz%202026>"
    assert mail()["List-Unsubscribe"] == f"<mailto:stats@shop.example{asked}"
    with_contact = mail(contact="web@shop.example")
    assert with_contact["List-Unsubscribe"] == f"<mailto:web@shop.example{asked}"
    assert with_contact["Reply-To"] == "web@shop.example" and mail()["Reply-To"] is None


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("", "CONNECTION_MAIL .an address. is required"),
        ("mail.example", "must be smtps://"),
        ("https://mail.example?from=a@b.example", "must be smtps://"),
        ("smtp://mail.example/x?from=a@b.example", "must be smtps://"),
        ("smtp://mail.example", "needs .from=ADDRESS"),
        ("smtp://mail.example?from=a", "needs .from=ADDRESS"),
        ("smtp://mail.example:99999?from=a@b.example", "has a port"),
        ("smtp://mail.example?from=a@b.example&tls=none", "only a server on this machine"),
        ("smtp://u:secret@localhost?from=a@b.example&tls=none", "only a server on this machine"),
        ("smtp://localhost?from=a@b.example&tls=off", "neither from nor tls"),
        ("smtp://localhost?from=a@b.example&cc=x", "neither from nor tls"),
        ("smtps://u@mail.example?from=a@b.example", "needs both a user and a password"),
    ],
)
def test_an_address_that_is_none_of_a_mail_server_is_refused(address: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as error:
        server(address)
    assert "secret" not in error.value.message


def test_ports_follow_from_the_scheme() -> None:
    assert server("smtps://mail.example?from=a@b.example").port == 465
    starttls = server("smtp://u:secret@mail.example?from=a@b.example")
    assert (starttls.port, starttls.security) == (587, "smtp") and "secret" not in repr(starttls)
