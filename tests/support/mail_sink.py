"""A mail server for tests: keeps what it takes, and answers as a test asks it to."""

from __future__ import annotations

import socketserver
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Thread


@dataclass
class MailSink:
    """`answers` maps a recipient to the answer it gets once, or always; `hang_up` ends the connection instead of the
    answer to the next mails that are taken, as many as it says.
    """

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answers: Mapping[str, str] = field(default_factory=dict)
    hang_up: int = 0
    sign_ins: list[str] = field(default_factory=list)
    is_encrypted: list[bool] = field(default_factory=list)
    port: int = 0


@contextmanager
def mail_sink(starttls: ssl.SSLContext | None = None) -> Iterator[MailSink]:
    """A server on this machine; it offers STARTTLS and sign-in if it has a certificate."""
    sink = MailSink()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            encrypted, recipient = False, ""
            self.say("220 sink")
            while line := self.rfile.readline().decode().strip():
                command = line.upper()
                if command.startswith("EHLO"):
                    offers = ["AUTH PLAIN"] if encrypted else ["STARTTLS"] if starttls else []
                    lines = ["sink", *offers]
                    for place, text in enumerate(lines, 1):
                        self.say(f"250{' ' if place == len(lines) else '-'}{text}")
                elif command == "STARTTLS" and starttls is not None:
                    self.say("220 go on")
                    if not self.encrypt(starttls):
                        return
                    encrypted = True
                elif command.startswith("AUTH"):
                    sink.sign_ins.append(line.split()[-1])
                    self.say("235 signed in")
                elif command.startswith("RCPT"):
                    recipient = line.partition("<")[2].partition(">")[0]
                    self.say(sink.answers.get(recipient, "250 ok"))
                elif command == "DATA":
                    self.say("354 go on")
                    taken = bytearray()
                    while (part := self.rfile.readline()) not in (b".\r\n", b""):
                        taken += part.removeprefix(b".") if part.startswith(b"..") else part
                    sink.mails.append(message_from_bytes(bytes(taken), policy=policy.default))
                    sink.recipients.append(recipient)
                    sink.is_encrypted.append(encrypted)
                    if sink.hang_up:
                        sink.hang_up -= 1
                        return
                    self.say("250 taken")
                elif command == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")

        def encrypt(self, context: ssl.SSLContext) -> bool:
            try:
                self.request = context.wrap_socket(self.request, server_side=True)
            except ssl.SSLError:  # the client does not trust the certificate
                return False
            self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)
            return True

        def finish(self) -> None:
            super().finish()
            self.request.close()

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        sink.port = server.server_address[1]
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield sink
        server.shutdown()
