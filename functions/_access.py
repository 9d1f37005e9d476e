"""Who may ask: the key of a request, and the site that it opens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

import azure.functions as func

from clickstream.errors import Forbidden, InvalidRequest, NotFound, RequestTooLarge
from functions._http import bearer_key

if TYPE_CHECKING:
    from clickstream.sites.document import Site


class NamesSite(Protocol):
    """What every request about a site's rows says."""

    @property
    def site_id(self) -> str: ...


Asked = TypeVar("Asked", bound=NamesSite)
Opens = Callable[[str | None, str], Awaitable["Site"]]


async def authorized(req: func.HttpRequest, parse: Callable[[bytes], Asked], opens: Opens) -> tuple[Asked, Site]:
    """The request and its site, if the key opens it. A key that opens nothing is told so before all else."""
    key = bearer_key(req)
    try:
        request = parse(req.get_body())
    except (InvalidRequest, NotFound, RequestTooLarge):
        with suppress(Forbidden):  # the key opens some site, so its holder may know what is wrong
            await opens(key, "")
        raise
    return request, await opens(key, request.site_id)
