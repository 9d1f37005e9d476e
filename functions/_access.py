"""Authorises requests: a request's key, and the site that it opens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol, TypeVar

import azure.functions as func

from clickstream.collecting.request import client_address, truncated
from clickstream.errors import Forbidden, Unauthorized
from clickstream.services import services
from clickstream.sites.document import digest_of
from functions._http import bearer_key


class NamesSite(Protocol):
    """A request that names its site, as every request about a site's rows does."""

    @property
    def site_id(self) -> str: ...


Parsed = TypeVar("Parsed", bound=NamesSite)
Opened = TypeVar("Opened")


async def authorized(
    req: func.HttpRequest,
    parse: Callable[[bytes], Parsed],
    opens: Callable[[str | None, str], Awaitable[Opened]],
) -> tuple[Parsed, Opened]:
    """The parsed request, and what the key opens of its site. The body is parsed only if the key opens some site.

    Raise Unauthorized, TooManyRequests, Forbidden and what `parse` raises.
    """
    with suppress(Forbidden):  # the key opens another site
        await tried(req, lambda key: opens(key, ""))
    request = parse(req.get_body())
    return request, await opens(bearer_key(req), request.site_id)


async def tried(req: func.HttpRequest, opens: Callable[[str | None], Awaitable[Opened]]) -> Opened:
    """What the request's key opens. Raise Unauthorized, and TooManyRequests after too many tries from one network."""
    key = bearer_key(req)
    if key is None:
        return await opens(None)
    shared = services()
    address = client_address(
        {name.lower(): value for name, value in req.headers.items()}, shared.settings.trusted_proxy_hops
    )
    network, digest = truncated(address) if address else "", digest_of(key)
    if wait := shared.tries.begin(network, digest):
        await asyncio.sleep(wait)
    try:
        opened = await opens(key)
    except Unauthorized:
        shared.tries.failed(network, digest)
        raise
    except Forbidden:
        shared.tries.opened(network, digest)
        raise
    shared.tries.opened(network, digest)
    return opened
