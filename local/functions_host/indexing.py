"""Index the functions of an app, with the checks of the worker and the host at startup."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import re
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.functions as func
from azure.functions.meta import get_binding_registry

from local.functions_host.settings import InvalidApp, resolve_names

_ARGUMENT = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,127}")
SUPPORTED = ("httpTrigger", "timerTrigger", "queueTrigger")


@dataclass(frozen=True, slots=True)
class IndexedFunction:
    """One function: its name, code, trigger binding and retry policy."""

    name: str
    call: Callable[..., Any]
    argument: str
    trigger: Mapping[str, Any]
    wants_context: bool
    max_retries: int
    retry_delay_seconds: float

    @property
    def kind(self) -> str:
        return str(self.trigger["type"])

    @property
    def is_async(self) -> bool:
        return asyncio.iscoroutinefunction(self.call)

    @property
    def auth_level(self) -> str:
        level = self.trigger.get("authLevel", "function")
        return str(getattr(level, "value", level)).lower()

    @property
    def methods(self) -> frozenset[str]:
        """HTTP methods in upper case; empty for any."""
        return frozenset(str(getattr(m, "value", m)).upper() for m in self.trigger.get("methods") or ())

    @property
    def route(self) -> str:
        return str(self.trigger.get("route") or self.name)


def index_app(app_dir: Path, env: Mapping[str, str]) -> Sequence[IndexedFunction]:
    """Import the app and check its functions. Raise InvalidApp for an app that the real host refuses."""
    script = app_dir / env.get("PYTHON_SCRIPT_FILE_NAME", "function_app.py")
    if str(app_dir) not in sys.path:
        sys.path.insert(0, str(app_dir))
    spec = importlib.util.spec_from_file_location(script.stem, script)
    if spec is None or spec.loader is None or not script.is_file():
        raise InvalidApp(f"{script.name} does not exist")
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module
    spec.loader.exec_module(module)
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionRegister)]
    if len(apps) != 1:
        raise InvalidApp(f"{script.name} must hold exactly one FunctionApp, not {len(apps)}")
    try:
        functions = apps[0].get_functions()
    except ValueError as error:
        raise InvalidApp(str(error)) from error
    indexed = [_index(function, env) for function in functions]
    names = [function.name.lower() for function in indexed]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InvalidApp(f"function names must be unique: {', '.join(sorted(twice))}")
    return [function for function in indexed if not _disabled(function.name, env)]


def _disabled(name: str, env: Mapping[str, str]) -> bool:
    return env.get(f"AzureWebJobs.{name}.Disabled", env.get(f"AzureWebJobs__{name}__Disabled", "")).lower() in (
        "1",
        "true",
    )


def _index(function: Any, env: Mapping[str, str]) -> IndexedFunction:
    name: str = function.get_function_name()
    call = function.get_user_function()
    trigger = dict(function.get_trigger().get_dict_repr())
    kind = str(trigger["type"])
    if kind not in SUPPORTED:
        raise InvalidApp(f"{name}: this host does not support {kind}")
    bindings = [binding.get_dict_repr() for binding in function.get_bindings()]
    inputs = [str(binding["name"]) for binding in bindings if binding["name"] != "$return"]
    for argument in inputs:
        if not _ARGUMENT.fullmatch(argument):
            raise InvalidApp(f"{name}: the binding name {argument!r} is not allowed")
    parameters = [parameter for parameter in inspect.signature(call).parameters if parameter != "context"]
    if sorted(parameters) != sorted(inputs):
        raise InvalidApp(f"{name}: parameters {parameters} are not the bindings {inputs}")
    _check_annotations(name, call, trigger)
    for key in ("schedule", "queueName"):
        if key in trigger:
            trigger[key] = resolve_names(str(trigger[key]), env)
    retry = function.get_settings_dict("retry_policy") or {}
    return IndexedFunction(
        name=name,
        call=call,
        argument=str(trigger["name"]),
        trigger=trigger,
        wants_context="context" in inspect.signature(call).parameters,
        max_retries=int(retry.get("max_retry_count", 0)),
        retry_delay_seconds=_seconds(str(retry.get("delay_interval", "00:00:00"))),
    )


def _check_annotations(name: str, call: Callable[..., Any], trigger: Mapping[str, Any]) -> None:
    try:
        hints = typing.get_type_hints(call)
    except NameError as error:
        raise InvalidApp(f"{name}: an annotation cannot be resolved: {error}") from error
    context = hints.get("context", func.Context)
    if not (isinstance(context, type) and issubclass(context, func.Context)) and context != "Context":
        raise InvalidApp(f"{name}: the parameter context must be a func.Context")
    annotation = hints.get(str(trigger["name"]))
    if annotation is None:
        return
    converter = get_binding_registry().get(str(trigger["type"]))
    if not isinstance(annotation, type) or not converter.check_input_type_annotation(annotation):
        raise InvalidApp(f"{name}: {annotation!r} is not a type for a {trigger['type']}")


def _seconds(text: str) -> float:
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
