"""What an app without keys meets in Azure: a token service of the platform, and Event Hubs behind TLS."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import json
import random
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Self
from urllib.parse import quote_plus

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from local.event_hubs.config import DEFAULT_KEY, DEFAULT_KEY_NAME

AMQP_OVER_TLS = 5671


def token(expires_at: int) -> str:
    """One that the emulator takes until then, in seconds since 1970."""
    signed = hmac.new(DEFAULT_KEY.encode(), f"events\n{expires_at}".encode(), sha256).digest()
    signature = quote_plus(base64.b64encode(signed))
    return f"SharedAccessSignature sr=events&sig={signature}&se={expires_at}&skn={DEFAULT_KEY_NAME}"


class TokenService:
    """The endpoint that App Service gives an app for its identity: 500 while `down`, else tokens of `seconds`.

    https://learn.microsoft.com/azure/app-service/overview-managed-identity. The tokens are the emulator's own.
    """

    def __init__(self, seconds: int) -> None:
        self.down = True
        self.asked = 0
        self._seconds = seconds
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self) -> tuple[int, dict[str, str]]:
        """Status and body."""
        self.asked += 1
        if self.down:
            return 500, {"error": "server_error"}
        expires_at = int(time.time()) + self._seconds
        return 200, {
            "access_token": token(expires_at),
            "expires_on": str(expires_at),
            "token_type": "Bearer",
            "resource": "x",
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = service.answer()
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        return Handler


class BehindTls:
    """The port of AMQP over TLS, which the SDK does not let one choose, before a plain one.

    `host` is a loopback address of its own, so that several run side by side. `trust` is a folder with a certifi that
    trusts its certificate and no other, for that list is the only one that the SDK reads.
    """

    def __init__(self, folder: Path, target_port: int) -> None:
        self.host = f"127.{'.'.join(str(random.randint(1, 254)) for _ in range(3))}"
        self.connected = 0
        self.trust = folder / "trust"
        self._certificate = folder / "certificate.pem"
        self._key = folder / "key.pem"
        self._target_port = target_port
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._loop: asyncio.AbstractEventLoop
        self._closing: asyncio.Event
        self._passing: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        write_certificate(self.host, self._certificate, self._key)
        (self.trust / "certifi").mkdir(parents=True)
        module = f"def where() -> str:\n    return {str(self._certificate)!r}\n"
        (self.trust / "certifi" / "__init__.py").write_text(module)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate, self._key)
        server = await asyncio.start_server(self._pass_on, self.host, AMQP_OVER_TLS, ssl=context)
        self._ready.set()
        await self._closing.wait()
        server.close()
        for passing in self._passing:
            passing.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        task = asyncio.current_task()
        assert task is not None, "the server runs this in one"
        self._passing.add(task)
        from_target, to_target = await asyncio.open_connection("127.0.0.1", self._target_port)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_copy(reader, to_target))
                ways.create_task(_copy(from_target, writer))
        finally:
            self._passing.discard(task)
            for end in (writer, to_target):
                end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until either end is closed; then the other is, too."""
    with contextlib.suppress(OSError):
        while part := await reader.read(65_536):
            writer.write(part)
            await writer.drain()
    writer.close()


def write_certificate(host: str, certificate: Path, key: Path) -> None:
    """A certificate of an address that signs itself, and its key, as PEM."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
