"""Of ordinary events with an e-mail address or a token in their addresses, all else of these addresses is kept.

The work of redaction is bounded, and what lies beyond the bound is REDACTED as a whole: no real page may reach it.
"""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.functional.border import Border

MAIL = quote("jane.doe@canary.example", safe="")
TOKEN = "5f0e3c6a0b3c494caf4f0c6a9f111c3f"
CAMPAIGN = (
    "utm_source=newsletter&utm_medium=email&utm_campaign=spring-2026&utm_content=hero-button&utm_term=running+shoes"
    "&gclid=EAIaIQobChMI1-abcdefgh_ijklmnopqrstuv_wxyz0123456789EAAYASAAEgL5xPD_BwE"
    "&fbclid=IwAR0abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOP"
)
FILTERS = "&".join(
    f"filter[{name}]=a%20{name}" for name in ("size", "colour", "brand", "price", "sort", "page", "sale")
)
INNER = quote(f"https://shop.example/orders/4711?lang=en&{CAMPAIGN}", safe="")
# Addresses, with `{mail}` and `{token}` where those stand.
ADDRESSES = {
    "confirmation": "https://shop.example/account/confirm?email={mail}&token={token}&lang=en&step=2",
    "newsletter": f"https://shop.example/landing/spring?{CAMPAIGN}&email={{mail}}",
    "long landing": f"https://shop.example/landing/spring?{CAMPAIGN}&{FILTERS}&email={{mail}}&token={{token}}&lang=en",
    "search": f"https://shop.example/search?q={{mail}}&{FILTERS}&session_token={{token}}",
    "path": f"https://shop.example/users/{{mail}}/orders/4711?{CAMPAIGN}",
    "sign in": f"https://login.shop.example/authorize?client_id=web&redirect_uri={INNER}&scope=openid%20profile"
    "&login_hint={mail}&id_token={token}&prompt=none",
}


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("other", ADDRESSES)
async def test_a_visitor_whose_addresses_hide_mail_and_tokens_leaves_the_rest_of_both_to_the_site(
    name: str, other: str
) -> None:
    page, referrer = ADDRESSES[name], ADDRESSES[other].replace("https://", "https://www.")
    texts = {"page_title": "Running shoes", "properties": {"contact": "Write to jane.doe@canary.example, please"}}
    sent = {"page_url": page.format(mail=MAIL, token=TOKEN), "referrer": referrer.format(mail=MAIL, token=TOKEN)}
    event = await Border().send_one("/api/events", {"name": "page_view", "anonymous_id": "d1", **texts, **sent})
    assert event["page_url"] == page.format(mail="REDACTED", token="REDACTED")
    assert event["page_query"] == event["page_url"].partition("?")[2]
    assert event["referrer"] == referrer.format(mail="REDACTED", token="REDACTED")
    assert event["properties"] == {"contact": "Write to REDACTED, please"}
    assert event["page_title"] == "Running shoes"
