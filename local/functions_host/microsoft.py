"""Run functions with Microsoft's worker runtime, the code that Azure runs from Python 3.13 on.

`azure-functions-runtime` is the library of Microsoft's worker. It reads and creates gRPC messages of classes that it
gets as an argument. Here these are plain objects with the same fields, without gRPC.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from http.cookies import SimpleCookie
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import azure_functions_runtime as runtime
from azure.functions.meta import Datum

from local.functions_host.cookies import rewritten
from local.functions_host.indexing import IndexedFunction
from local.functions_host.invoking import Returned, Trigger, invocation_id
from local.functions_host.settings import InvalidApp

MESSAGES = (
    "BindingInfo", "FunctionEnvironmentReloadResponse", "FunctionLoadResponse", "FunctionMetadataResponse",
    "InvocationResponse", "NullableBool", "NullableDouble", "NullableString", "NullableTimestamp", "ParameterBinding",
    "RpcException", "RpcFunctionMetadata", "RpcHttp", "RpcHttpCookie", "RpcLog", "RpcRetryOptions", "StatusResult",
    "StreamingMessage", "TypedData", "WorkerInitResponse", "WorkerMetadata",
)  # fmt: skip
FAILURE, SUCCESS = 0, 1
SCRIPT = "function_app"
SAME_SITE = {"None": "", "Lax": "lax", "Strict": "strict", "ExplicitNone": "none"}


class InvocationFailed(Exception):
    """The function raised, or the runtime could not call it or convert its result."""


class Message:
    """A gRPC message that the runtime creates. Fields that are not set are None."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> None:
        return None


class OneOf:
    """A gRPC message with a single field, which the runtime reads."""

    def __init__(self, name: str, value: object) -> None:
        self._name = name
        setattr(self, name, value)

    def WhichOneof(self, group: str) -> str:
        """The name of the field. There is only one group."""
        return self._name


class MicrosoftInvoker:
    """Runs the functions of one app. Only one per process, because the runtime has its app in globals."""

    def __init__(self, app_dir: Path) -> None:
        """Load and index the app. Raise InvalidApp if the runtime refuses it."""
        runtime.start_threadpool_executor()
        self._properties = {"protos": _protos(), "host": "127.0.0.1"}
        self.functions = asyncio.run(self._index(app_dir))
        self._ids = {function.name: function.function_id for function in self.functions}

    async def _index(self, app_dir: Path) -> list[Any]:
        if str(app_dir) not in sys.path:
            sys.path.insert(0, str(app_dir))
        sys.modules.pop(SCRIPT, None)  # the host's indexing imported it, and an app can be indexed only once
        init = SimpleNamespace(capabilities={}, function_app_directory=str(app_dir))
        first = await runtime.worker_init_request(self._request(worker_init_request=init))
        _check(first.result, InvalidApp)
        answer = await runtime.functions_metadata_request(self._request())
        _check(answer.result, InvalidApp)
        return list(answer.function_metadata_results)

    async def invoke(self, function: IndexedFunction, trigger: Trigger) -> Returned | None:
        """Run a function. Return the response of an HTTP function, else None. Raise InvocationFailed."""
        token = invocation_id.set(str(uuid4()))
        try:
            request = SimpleNamespace(
                invocation_id=invocation_id.get(),
                function_id=self._ids[function.name],
                input_data=[_with_name(function.argument, trigger.value)],
                trigger_metadata={name: _typed(value) for name, value in trigger.metadata.items()},
                trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
                retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
            )
            answer = await runtime.invocation_request(self._request(invocation_request=request))
        finally:
            invocation_id.reset(token)
        _check(answer.result, InvocationFailed)
        return _returned(answer.return_value.http) if function.kind == "httpTrigger" else None

    def _request(self, **request: object) -> SimpleNamespace:
        return SimpleNamespace(request=SimpleNamespace(**request), properties=self._properties)

    def close(self) -> None:
        """Stop the thread pool. No more functions are run."""
        runtime.stop_threadpool_executor()


def _protos() -> SimpleNamespace:
    protos = SimpleNamespace(**{name: type(name, (Message,), {}) for name in MESSAGES})
    protos.StatusResult.Failure, protos.StatusResult.Success = FAILURE, SUCCESS
    protos.BindingInfo.out, protos.BindingInfo.inout = 1, 2
    setattr(protos.BindingInfo, "in", 0)
    protos.RpcHttpCookie.SameSite = SimpleNamespace(**SAME_SITE)
    return protos


def _check(result: Any, error: type[Exception]) -> None:
    if result.status != SUCCESS:
        raise error(f"{result.exception.message}\n{result.exception.stack_trace}")


def _with_name(name: str, value: Datum) -> OneOf:
    binding = OneOf("data", _typed(value))
    binding.__dict__["name"] = name
    return binding


def _typed(value: Datum) -> OneOf:
    if value.type != "http":
        return OneOf(str(value.type), value.value)
    parts: Mapping[str, Any] = value.value
    texts = {name: {key: text.value for key, text in parts[name].items()} for name in ("headers", "query", "params")}
    http = SimpleNamespace(method=parts["method"].value, url=parts["url"].value, body=_typed(parts["body"]), **texts)
    return OneOf("http", http)


def _returned(http: Any) -> Returned:
    if http is None:
        raise InvocationFailed("the function returned a bare value, which the host would parse as JSON")
    cookies = [line for cookie in http.cookies or () for line in rewritten(_cookie(cookie))]
    body = http.body.bytes if http.body.bytes is not None else (http.body.string or "").encode()
    return Returned(int(http.status_code), http.headers, cookies, body)


def _cookie(message: Any) -> SimpleCookie:
    cookie = SimpleCookie({message.name: message.value})
    morsel = cookie[message.name]
    for name, field in (("domain", message.domain), ("path", message.path), ("max-age", message.max_age)):
        if field is not None and field.value not in (None, ""):  # a max-age of 0 deletes a cookie
            morsel[name] = str(int(field.value)) if name == "max-age" else field.value
    if message.expires is not None:
        morsel["expires"] = f"{message.expires.value:%a, %d %b %Y %H:%M:%S GMT}"
    morsel["secure"], morsel["httponly"] = message.secure.value, message.http_only.value
    morsel["samesite"] = message.same_site
    return cookie
