"""An emulator of a container with a hierarchical namespace, which the public emulators lack.

It does only what Microsoft's documents and reports of users say about the Blob API there: a file creates the folders
above it, and they stay; a folder is deleted like a blob, and refused with 409 DirectoryIsNotEmpty if it is not empty.
It is not Azure: it shows what our requests do if the documents are right.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from obstore.store import AzureStore

from clickstream.storage.blobs import Container

STATUS = {202: "Accepted", 404: "The specified blob does not exist.", 409: "This operation is not permitted."}


class HierarchicalContainer:
    """One container over a real socket. `before_delete` is called with each path before it is deleted."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self.batches = 0
        self.before_delete: Callable[[str], None] = lambda path: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}/account"

    def put(self, path: str) -> None:
        """Create a file and the folders above it."""
        self.files.add(path)
        while path := path.rpartition("/")[0]:
            self.folders.add(path)

    def delete(self, path: str) -> int:
        """Delete a file or an empty folder. Returns the HTTP status: 202, 404 or 409."""
        self.before_delete(path)
        if path in self.folders and any(each.startswith(f"{path}/") for each in self.files | self.folders):
            return 409
        exists = path in self.files | self.folders
        self.files.discard(path)
        self.folders.discard(path)
        return 202 if exists else 404

    def store(self) -> Container:
        """A container as the product opens it."""
        return Container(
            AzureStore(
                "container",
                config={"account_name": "account", "account_key": "a2V5", "endpoint": self.endpoint},
                client_options={"allow_http": True},
            )
        )

    def _listed(self, prefix: str, delimiter: str) -> str:
        """The XML of files and, as in the service by default, folders."""
        names = sorted(each for each in self.files | self.folders if each.startswith(prefix))
        below = {each: each[len(prefix) :].partition("/") for each in names}
        prefixes = {f"{prefix}{first}/" for first, slash, _ in below.values() if slash} if delimiter else set()
        blobs = [each for each in names if not (delimiter and below[each][1])]
        return "".join(map(self._described, blobs)) + "".join(
            f"<BlobPrefix><Name>{each}</Name></BlobPrefix>" for each in sorted(prefixes)
        )

    def _described(self, path: str) -> str:
        kind = "directory" if path in self.folders else "file"
        return (
            f"<Blob><Name>{path}</Name><Properties><Last-Modified>Tue, 10 Mar 2026 12:00:00 GMT</Last-Modified>"
            f"<Etag>1</Etag><ResourceType>{kind}</ResourceType><Content-Length>{int(kind == 'file')}</Content-Length>"
            "<Content-Type>x</Content-Type></Properties></Blob>"
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        container = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                path = _path_of(self.path)
                exists = path in container.files | container.folders
                self.send_response(200 if exists else 404)
                if path in container.folders:
                    self.send_header("x-ms-resource-type", "directory")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                parameters = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                assert parameters["comp"] == "list", self.path
                listed = container._listed(parameters.get("prefix", ""), parameters.get("delimiter", ""))
                data = f"<EnumerationResults><Blobs>{listed}</Blobs><NextMarker/></EnumerationResults>".encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self) -> None:
                assert self.path.endswith("restype=container&comp=batch"), self.path
                container.batches += 1
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                parts = re.findall(r"Content-ID: (\d+).*?DELETE (\S+) HTTP/1.1", body, re.S | re.I)
                answers = [(number, container.delete(_path_of(path))) for number, path in parts]
                body = "".join(
                    f"--b\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\n"
                    f"HTTP/1.1 {status} {STATUS[status]}\r\nx-ms-version: 2023-11-03\r\n\r\n\r\n"
                    for number, status in answers
                )
                data = f"{body}--b--\r\n".encode()
                self.send_response(202)
                self.send_header("Content-Type", "multipart/mixed; boundary=b")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def _path_of(target: str) -> str:
    """The blob's path in the container of a target `/account/container/path`."""
    return unquote(urlsplit(target).path).split("/", 3)[3]
