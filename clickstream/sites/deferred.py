"""Parts of a site's document whose models are built only for documents that have them.

Building the models of audiences and jobs takes some 50 ms of a cold start, and collecting needs neither.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic_core import CoreSchema, core_schema

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler, TypeAdapter
    from pydantic.json_schema import JsonSchemaValue


class Deferred:
    """Annotates a field of the type that `load` returns. Validation raises what that type's does, at its places."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._adapter = lru_cache(maxsize=1)(lambda: _adapter_of(load()))

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(lambda value: self._adapter().validate_python(value))

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self._adapter().core_schema)


def _adapter_of(type_: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(type_)


def load_audiences() -> Any:
    """The type of a document's audiences."""
    from clickstream.sites.audiences import Audiences

    return Audiences


def load_audience_messages() -> Any:
    """The type of the part about messages of audiences."""
    from clickstream.sites.audience_messages import AudienceMessages

    return AudienceMessages | None


def load_jobs() -> Any:
    """The type of a document's jobs."""
    from clickstream.sites.jobs import Jobs

    return Jobs
