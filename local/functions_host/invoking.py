"""Running functions: coroutines on the loop, plain functions in a small pool of threads."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import azure.functions as func

from local.functions_host.indexing import IndexedFunction

log = logging.getLogger("host")
invocation_id: contextvars.ContextVar[str] = contextvars.ContextVar("invocation_id", default="-")


class Context(func.Context):
    """What a function learns of its own invocation."""

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

    # What tracing and retries would tell; this host traces nothing.
    thread_local_storage: Any = None
    trace_context: Any = None
    retry_context: Any = None


class Invoker:
    """Calls functions as the worker does: five threads on one processor, no cancellation."""

    def __init__(self, directory: str) -> None:
        threads = int(os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT") or min(32, (os.cpu_count() or 1) + 4))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="function")
        self._directory = directory

    async def invoke(self, function: IndexedFunction, value: object) -> Any:
        """The function's result. Whatever it raises comes through."""
        token = invocation_id.set(str(uuid4()))
        try:
            arguments: dict[str, Any] = {function.argument: value}
            if function.wants_context:
                arguments["context"] = Context(function.name, self._directory)
            if function.is_async:
                return await function.call(**arguments)
            context = contextvars.copy_context()
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, lambda: context.run(function.call, **arguments))
        finally:
            invocation_id.reset(token)

    async def invoke_with_retries(self, function: IndexedFunction, value: object) -> bool:
        """Run a job with its own retries; whether it succeeded in the end. A failure is logged."""
        for attempt in range(function.max_retries + 1):
            try:
                await self.invoke(function, value)
                return True
            except Exception:
                log.exception("%s failed (attempt %d)", function.name, attempt + 1)
            if attempt < function.max_retries:
                await asyncio.sleep(function.retry_delay_seconds)
        return False

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
