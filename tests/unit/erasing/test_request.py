"""What may be asked, and how refusals read."""

from __future__ import annotations

import pytest

from clickstream.erasing.request import MAX_BODY_BYTES, parse_erasure, parse_export
from clickstream.errors import InvalidRequest, RequestTooLarge


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"", ""),
        (b'{"site_id": "shop"}', ""),
        (b'{"site_id": "shop", "user_ids": [""]}', "/user_ids/0"),
        (b'{"site_id": "shop", "user_ids": ["  "]}', "/user_ids/0"),
        (b'{"site_id": "shop", "user_ids": "jane"}', "/user_ids"),
        (b'{"site_id": "shop", "user_ids": ["jane"], "linked": "yes"}', "/linked"),
        (b'{"site_id": "shop", "user_ids": ["jane"], "mode": "forget"}', "/mode"),
        (b'{"site_id": "shop", "user_ids": ["jane"], "who": 1}', "/who"),
    ],
)
def test_a_request_that_names_nobody_or_says_too_much_is_refused(body: bytes, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_erasure(body)
    assert (refused.value.code, refused.value.pointer) == ("invalid_person", pointer)


def test_a_body_beyond_its_limit_is_refused_unread() -> None:
    with pytest.raises(RequestTooLarge):
        parse_export(b" " * (MAX_BODY_BYTES + 1))
