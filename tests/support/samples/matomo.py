"""A request of a matomo client."""

from __future__ import annotations

from urllib.parse import parse_qsl

# matomo.js 5 in Chromium: a POST with an empty body, everything in the query
PAGEVIEW = dict(
    parse_qsl(
        "action_name=Shoes&idsite=demo&rec=1&r=123456&h=8&m=34&s=33&url=https%3A%2F%2Fshop.example%2Fa"
        "&urlref=https%3A%2F%2Fsearch.example%2F&_id=0123456789abcdef&_idn=1&send_image=0&_refts=0&pv_id=aBcDeF"
        "&pf_net=2&pf_srv=11&uadata=%7B%22platform%22%3A%22Linux%22%7D&pdf=1&cookie=1&res=1920x1080"
    )
)
