"""Run functions: coroutines on the event loop, plain functions in a thread pool.

Input and output have the form that the host and its worker exchange, so that Microsoft's runtime can run the functions
as well (microsoft.py).
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import uuid4

import azure.functions as func
from azure.functions.meta import Datum, get_binding_registry

from local.functions_host.cookies import rewritten
from local.functions_host.indexing import IndexedFunction

log = logging.getLogger("host")
invocation_id: contextvars.ContextVar[str] = contextvars.ContextVar("invocation_id", default="-")
thread_storage = threading.local()


@dataclass(frozen=True, slots=True)
class Trigger:
    """The input of a function: the value of its trigger, and the trigger's metadata."""

    value: Datum
    metadata: Mapping[str, Datum] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Returned:
    """The response of an HTTP function. `cookies` are values of Set-Cookie headers."""

    status: int
    headers: Mapping[str, str]
    cookies: Sequence[str]
    body: bytes


class Invoker(Protocol):
    """Runs functions."""

    async def invoke(self, function: IndexedFunction, trigger: Trigger) -> Returned | None:
        """Run a function. Return the response of an HTTP function, else None. Raise what the function raises."""

    def close(self) -> None:
        """Stop the thread pool. No more functions are run."""


async def invoke_with_retries(invoker: Invoker, function: IndexedFunction, trigger: Trigger) -> bool:
    """Run a job with the retries of its policy. Return whether it succeeded. Failures are logged."""
    for attempt in range(function.max_retries + 1):
        try:
            await invoker.invoke(function, trigger)
            return True
        except Exception:
            log.exception("%s failed (attempt %d)", function.name, attempt + 1)
        if attempt < function.max_retries:
            await asyncio.sleep(function.retry_delay_seconds)
    return False


class Context(func.Context):
    """The `context` argument of a function."""

    def __init__(self, name: str, directory: str) -> None:
        self._name = name
        self._directory = directory
        self._id = invocation_id.get()

    @property
    def invocation_id(self) -> str:
        return self._id

    @property
    def function_name(self) -> str:
        return self._name

    @property
    def function_directory(self) -> str:
        return self._directory

    # A thread of the app sets `invocation_id` here, so that its log lines get the id.
    thread_local_storage: Any = thread_storage
    # This host has no tracing.
    trace_context: Any = None
    retry_context: Any = None


class LocalInvoker:
    """Calls functions as the worker does: with as many threads as processors plus four, without cancellation."""

    def __init__(self, directory: str) -> None:
        threads = int(os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT") or min(32, (os.cpu_count() or 1) + 4))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="function")
        self._directory = directory

    async def invoke(self, function: IndexedFunction, trigger: Trigger) -> Returned | None:
        """See `Invoker`."""
        token = invocation_id.set(str(uuid4()))
        try:
            decode = get_binding_registry().get(function.kind).decode
            arguments: dict[str, Any] = {function.argument: decode(trigger.value, trigger_metadata=trigger.metadata)}
            if function.wants_context:
                arguments["context"] = Context(function.name, self._directory)
            if function.is_async:
                result = await function.call(**arguments)
            else:
                context = contextvars.copy_context()
                loop = asyncio.get_running_loop()
                result = await loop.run_in_executor(self._pool, lambda: context.run(function.call, **arguments))
            return _returned(result) if function.kind == "httpTrigger" else None
        finally:
            invocation_id.reset(token)

    def close(self) -> None:
        """See `Invoker`."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _returned(result: object) -> Returned:
    datum = get_binding_registry().get("http").encode(result, expected_type=None)
    if datum.type == "string":
        raise TypeError("the function returned a string, which the real host would parse as JSON")
    value = datum.value
    cookies = [line for cookie in value["cookies"] or () for line in rewritten(cookie)]
    headers = {str(name): str(header.value) for name, header in value["headers"].items()}
    return Returned(int(value["status_code"].value), headers, cookies, value["body"].value)
