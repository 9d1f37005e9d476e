"""The host as an ASGI application: routes, keys, CORS, request bodies, responses."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from azure.functions.meta import Datum

from local.functions_host.indexing import IndexedFunction
from local.functions_host.invoking import Invoker, Returned, Trigger
from local.functions_host.queues import QueueListener
from local.functions_host.routing import Router
from local.functions_host.settings import HostSettings
from local.functions_host.timers import Timer

log = logging.getLogger("host")
# Limits of Azure's front end, which answers 414 beyond them.
MAX_QUERY_BYTES, MAX_URL_BYTES = 4096, 8192
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response."""

    status: int
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Behaviour that depends on the plan or the command line; see README.md."""

    enable_auth: bool = False
    master_key: str = ""
    function_key: str = ""
    flex: bool = True
    strict: bool = False
    runs_jobs: bool = True


class _TooLarge(Exception):
    pass


class HostApp:
    """Serves the functions of one app. `state` is the folder of the timers' status, `env` the app settings."""

    def __init__(
        self,
        functions: Sequence[IndexedFunction],
        settings: HostSettings,
        options: HostOptions,
        invoker: Invoker,
        state: Path,
        env: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._options = options
        self._env = env
        self._invoker = invoker
        http = [function for function in functions if function.kind == "httpTrigger"]
        self._router = Router([(f.name, f.route, f.methods, f) for f in http], settings.route_prefix)
        self._timers = {f.name.lower(): Timer(f, invoker, state) for f in functions if f.kind == "timerTrigger"}
        self._queues = [QueueListener(f, invoker, env) for f in functions if f.kind == "queueTrigger"]
        self._jobs: list[asyncio.Task[None]] = []
        self._manual: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            answer = self._with_cors(scope, await self._answer(scope, receive))
            length = [] if answer.status == 204 else [(b"content-length", str(len(answer.body)).encode())]
            await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, *length]})
            body = b"" if scope["method"] == "HEAD" else answer.body
            await send({"type": "http.response.body", "body": body})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        if self._options.runs_jobs:
            runs = [timer.run() for timer in self._timers.values()] + [queue.run() for queue in self._queues]
            self._jobs = [asyncio.create_task(run) for run in runs]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        self._invoker.close()
        await send({"type": "lifespan.shutdown.complete"})

    # --- requests --------------------------------------------------------------------------------------------------

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        headers = _joined_headers(scope)
        query_bytes = len(scope["query_string"])
        url_bytes = len(scope.get("raw_path", scope["path"].encode()).partition(b"?")[0]) + query_bytes
        if self._options.strict and (query_bytes > MAX_QUERY_BYTES or url_bytes > MAX_URL_BYTES):
            return Answer(414, [])
        if self._is_preflight(scope, headers):
            return Answer(204, [])
        try:
            body = await self._body(headers, receive)
        except _TooLarge:
            return Answer(413, [])
        method, path = (
            scope["method"],
            scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0],
        )
        if path.lower().startswith("/admin/"):
            return self._admin(method, path, headers, body)
        match = self._router.find(method, path)
        if match is None:
            return self._home() if path == "/" and method == "GET" else Answer(404, [])
        function, route_values = match
        query = scope["query_string"].decode("latin-1")
        if not self._is_authorized(function.auth_level, headers, query):
            return Answer(401, [])
        origin = f"{headers.get('x-forwarded-proto', 'http')}://{headers.get('host', '')}"
        request = {
            "method": Datum(method, "string"),
            "url": Datum(f"{origin}{path}?{query}" if query else f"{origin}{path}", "string"),
            "headers": _texts(headers),
            "query": _texts(_parameters(query)),
            "params": _texts(route_values),
            "body": Datum(body, "bytes"),
        }
        try:
            returned = await self._invoker.invoke(function, Trigger(Datum(request, "http")))
            assert returned is not None, "an HTTP function returns a response or raises"
            return self._encode(returned)
        except Exception:
            log.exception("%s failed", function.name)
            return Answer(500, [])

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        limit = self._settings.max_body_bytes
        if int(headers.get("content-length", "0") or 0) > limit:
            raise _TooLarge
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise _TooLarge
            more = message.get("more_body", False)
        # The real host forwards a body only if the request has Content-Length.
        return b"" if self._options.strict and "content-length" not in headers else b"".join(parts)

    def _is_authorized(self, level: str, headers: Mapping[str, str], query: str) -> bool:
        if level == "anonymous" or not self._options.enable_auth:
            return True
        key_sent = headers.get("x-functions-key") or dict(parse_qsl(query)).get("code", "")
        keys = [self._options.master_key] + ([self._options.function_key] if level == "function" else [])
        return any(key and hmac.compare_digest(key_sent.encode(), key.encode()) for key in keys)

    def _home(self) -> Answer:
        if self._env.get("AzureWebJobsDisableHomepage", "").lower() == "true":
            return Answer(204, [])
        return Answer(200, [(b"content-type", b"text/html")], b"<p>Your Functions app is up and running</p>")

    def _admin(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if not self._is_authorized("admin", headers, ""):
            return Answer(401, [])
        parts = path.strip("/").lower().split("/")
        if method == "GET" and parts == ["admin", "host", "ping"]:
            return Answer(200, [])
        if method == "GET" and parts == ["admin", "host", "status"]:
            return _json({"state": "Running", "version": "local"})
        if method == "POST" and len(parts) == 3 and parts[1] == "functions" and parts[2] in self._timers:
            try:
                if not isinstance(json.loads(body or b"{}"), dict):
                    raise ValueError
            except ValueError:
                return Answer(400, [])
            task = asyncio.create_task(self._timers[parts[2]].fire())
            self._manual.add(task)  # the event loop holds only a weak reference
            task.add_done_callback(self._manual.discard)
            return Answer(202, [])
        return Answer(404, [])

    # --- answers ---------------------------------------------------------------------------------------------------

    def _encode(self, returned: Returned) -> Answer:
        # Of repeated headers only the last value remains, except cookies.
        headers = {name.lower(): text for name, text in returned.headers.items()}
        for name, text in self._settings.custom_headers.items():
            headers.setdefault(name.lower(), text)
        encoded = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()]
        encoded += [(b"set-cookie", line.encode("latin-1")) for line in returned.cookies]
        return Answer(returned.status, encoded, returned.body)

    def _is_preflight(self, scope: Scope, headers: Mapping[str, str]) -> bool:
        """Whether the host answers this preflight itself: always on Flex, elsewhere only if origins are configured."""
        is_preflight = (
            scope["method"] == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers
        )
        return is_preflight and (self._options.flex or bool(self._settings.cors_origins))

    def _with_cors(self, scope: Scope, answer: Answer) -> Answer:
        """Add the CORS headers of the platform if it lists the request's origin."""
        headers = _joined_headers(scope)
        origin = headers.get("origin")
        listed = self._settings.cors_origins
        if origin is None or (origin not in listed and "*" not in listed):
            return answer
        added: Headers = [(b"access-control-allow-origin", origin.encode("latin-1"))]
        if self._settings.cors_credentials and "*" not in listed:
            added.append((b"access-control-allow-credentials", b"true"))
        if self._is_preflight(scope, headers):
            for request_name, response_name in (("headers", b"headers"), ("method", b"methods")):
                if value := headers.get(f"access-control-request-{request_name}"):
                    added.append((b"access-control-allow-" + response_name, value.encode("latin-1")))
        others = [(name, value) for name, value in answer.headers if name not in {name for name, _ in added}]
        return Answer(answer.status, others + added, answer.body)


def _json(value: object) -> Answer:
    return Answer(200, [(b"content-type", b"application/json")], json.dumps(value).encode())


def _joined_headers(scope: Scope) -> dict[str, str]:
    """Headers with lower-case names, repeated ones joined, and X-Forwarded-For as App Service writes it."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    if scope.get("client"):
        host, port = scope["client"][:2]
        hop = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        headers["x-forwarded-for"] = f"{headers['x-forwarded-for']}, {hop}" if "x-forwarded-for" in headers else hop
    return headers


def _texts(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(text, "string") for name, text in values.items()}


def _parameters(query: str) -> dict[str, str]:
    """Query parameters as the host passes them: no empty values, values of one name in any case joined by commas."""
    parameters: dict[str, str] = {}
    names: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=False):
        first = names.setdefault(name.lower(), name)
        parameters[first] = f"{parameters[first]},{value}" if first in parameters else value
    return parameters
