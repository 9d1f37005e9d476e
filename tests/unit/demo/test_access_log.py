"""Access logs as servers write them: the order of lines, what is a page, escapes, formats, packing, and damage."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.demo.access_log import (
    Line,
    Malformed,
    Unreadable,
    check_readable,
    page_view,
    read_lines,
    reason_left_out,
)
from local.demo.access_log.events import SECONDS_REMEMBERED, Order
from local.demo.access_log.reading import MAX_LINE_BYTES

AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
TIME = "[17/Nov/2026:10:00:00 +0000]"
NOON = datetime(2026, 11, 17, 10, tzinfo=UTC)


def combined(
    request: str = "GET /a HTTP/1.1", front: str = "203.0.113.9 - -", referrer: str = "-", rest: str = ""
) -> str:
    return f'{front} {TIME} "{request}" 200 512 "{referrer}" "{AGENT}"{rest}'


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def read(log: Path, *lines: str | bytes) -> list[Line | Malformed]:
    log.write_bytes(b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines))
    return list(read_lines(log))


def events(log: Path, *lines: str | bytes) -> list[dict[str, Any]]:
    """The page views of a log that has no malformed line."""
    found = read(log, *lines)
    assert [line for line in found if isinstance(line, Malformed)] == []
    return [
        page_view(line, "shop.example", b"key")
        for line in found
        if isinstance(line, Line) and not reason_left_out(line)
    ]


def only(log: Path, *lines: str | bytes) -> dict[str, Any]:
    [event] = events(log, *lines)
    return event


# --- order ---


def test_pages_that_a_visitor_saw_within_one_second_stay_in_the_logs_order(log: Path) -> None:
    lines = [
        combined(f"GET {path} HTTP/1.1", f"203.0.113.{visitor} - -")
        for visitor in range(60)
        for path in ("/landing", "/pricing", "/cart")
    ]
    found = events(log, *lines)
    in_order = sorted(found, key=lambda event: event["created_at"])
    assert in_order == found
    assert len({event["created_at"] for event in found}) == len(found) == 180


def test_the_same_log_sent_again_is_the_same_events(log: Path) -> None:
    lines = [combined(), combined(), combined("GET /b HTTP/1.1")]
    assert events(log, *lines) == events(log, *lines)
    assert len({event["event_id"] for event in events(log, *lines)}) == 3


def test_a_second_that_comes_again_later_goes_on_where_it_was() -> None:
    order = Order()
    later = NOON + timedelta(seconds=1)
    moved = [order.next(moment) - moment for moment in (NOON, NOON, later, NOON)]
    assert [each.microseconds for each in moved] == [0, 1, 0, 2]
    for number in range(2 * SECONDS_REMEMBERED):
        order.next(NOON + timedelta(hours=1, seconds=number))
    assert order.next(NOON) == NOON, "what is long ago is forgotten, for memory is bounded"


# --- what is a page ---


@pytest.mark.parametrize(
    "path",
    [
        "/docs/v1.2", "/team/jane.doe", "/index.shtml", "/shop/list.do", "/page.xhtml", "/hotel/st.-gallen", "/plain",
        "/a.html", "/", "/cgi-bin/search.cgi", "/start.aspx", "/x.jsf", "/.well-known", "/users/a@b.example",
        "/at/3.14", "/search?file=a.png",
    ],
)  # fmt: skip
def test_documents_programs_and_paths_with_a_dot_are_pages(log: Path, path: str) -> None:
    assert only(log, combined(f"GET {path} HTTP/1.1"))["page_url"] == f"http://shop.example{path}"


def test_what_is_left_out_is_named_by_kind(log: Path) -> None:
    requests = {
        "GET /a.PNG HTTP/1.1": "images",
        "GET /s/app.min.js?v=3 HTTP/1.1": "styles and scripts",
        "GET /f.woff2 HTTP/1.1": "fonts",
        "GET /v.mp4 HTTP/1.1": "audio and video",
        "GET /terms.pdf HTTP/1.1": "documents to download",
        "GET /x.tar.gz HTTP/1.1": "archives and programs to download",
        "GET /robots.txt HTTP/1.1": "data and feeds",
        "POST /a HTTP/1.1": "other methods than GET",
        "": "no page requested",
        r"\x16\x03\x01\x02": "no page requested",
        "OPTIONS * HTTP/1.0": "no page requested",
    }
    lines = [line for line in read(log, *(combined(request) for request in requests)) if isinstance(line, Line)]
    assert [reason_left_out(line) for line in lines] == list(requests.values())
    statuses = [combined().replace('" 200 ', f'" {status} ') for status in (301, 404, 500, 100, 304, 206)]
    reasons = [reason_left_out(line) for line in read(log, *statuses) if isinstance(line, Line)]
    assert reasons == ["redirects (3xx)", "refused (4xx)", "failed (5xx)", "no answer", None, None]


# --- escapes and targets ---


@pytest.mark.parametrize("path", [r"/caf\xC3\xA9", "/caf%C3%A9", "/caf%c3%a9", "/café"])
def test_one_page_has_one_address_however_the_server_escaped_it(log: Path, path: str) -> None:
    assert only(log, combined(f"GET {path} HTTP/1.1"))["page_url"] == "http://shop.example/caf%C3%A9"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"/q?name=\"x\"", "/q?name=%22x%22"),
        (r"/q?name=\x22x\x22", "/q?name=%22x%22"),
        (r"/q?path=a\\b", "/q?path=a%5Cb"),
        (r"/q?path=a\x5Cb", "/q?path=a%5Cb"),
        (r"/q?a=1\tb", "/q?a=1%09b"),
        ("/q?name=a b", "/q?name=a%20b"),
        (r"/\xFF", "/%FF"),
        ("/100%", "/100%"),
    ],
)
def test_escapes_are_undone_in_targets_and_referrers(log: Path, written: str, meant: str) -> None:
    event = only(log, combined(f"GET {written} HTTP/1.1", referrer=f"https://ref.example{written}"))
    assert event["page_url"] == f"http://shop.example{meant}"
    assert event["referrer"] == f"https://ref.example{meant}"


def test_escapes_are_undone_in_agents(log: Path) -> None:
    line = combined().replace(AGENT, r"Caf\xC3\xA9 \"x\" \\ 1.0")
    assert only(log, line)["user_agent"] == 'Café "x" \\ 1.0'


def test_whole_addresses_are_pages_of_their_host(log: Path) -> None:
    found = events(
        log,
        combined("GET http://www.shop.example/a?b=1 HTTP/1.1"),
        combined("GET https://WWW.shop.example:8443 HTTP/1.1"),
        combined("GET /old HTTP/0.9"),
        combined("GET /older"),
    )
    assert [event["page_url"] for event in found] == [
        "http://www.shop.example/a?b=1",
        "https://www.shop.example:8443/",
        "http://shop.example/old",
        "http://shop.example/older",
    ]


# --- formats ---


@pytest.mark.parametrize(
    ("front", "rest", "ip", "page"),
    [
        ("203.0.113.9 - -", "", "203.0.113.9", "http://shop.example/a"),
        ("2001:db8::9 - -", "", "2001:db8::9", "http://shop.example/a"),
        ("203.0.113.9 - john doe", "", "203.0.113.9", "http://shop.example/a"),
        ("www.a.example 203.0.113.9 - -", "", "203.0.113.9", "http://www.a.example/a"),
        ("www.a.example:443 203.0.113.9 - -", "", "203.0.113.9", "https://www.a.example/a"),
        ("www.a.example:80 203.0.113.9 - frank", "", "203.0.113.9", "http://www.a.example/a"),
        ("[2001:db8::1]:8080 203.0.113.9 - -", "", "203.0.113.9", "http://[2001:db8::1]:8080/a"),
        ("203.0.113.9, 198.51.100.7 10.0.0.1 - -", "", "203.0.113.9", "http://shop.example/a"),
        ("203.0.113.9 10.0.0.1 - -", "", "203.0.113.9", "http://shop.example/a"),
        ("- 203.0.113.9 - -", "", "203.0.113.9", "http://shop.example/a"),
        ("unknown, 203.0.113.9 10.0.0.1 - -", "", "203.0.113.9", "http://shop.example/a"),
        ("10.0.0.1 - -", ' "203.0.113.9"', "203.0.113.9", "http://shop.example/a"),
        ("10.0.0.1 - -", ' "203.0.113.9:51234, 198.51.100.7"', "203.0.113.9", "http://shop.example/a"),
        ("203.0.113.9 - -", ' "-"', "203.0.113.9", "http://shop.example/a"),
        ("203.0.113.9 - -", ' "-" rt=0.004 uct="0.000" "gzip"', "203.0.113.9", "http://shop.example/a"),
        ("203.0.113.9 - -", " 1234 5678", "203.0.113.9", "http://shop.example/a"),
        ("client.isp.example - -", "", None, "http://shop.example/a"),
        ("www.a.example client.isp.example - -", "", None, "http://www.a.example/a"),
    ],
)
def test_what_servers_put_before_and_after_the_combined_format_is_understood(
    log: Path, front: str, rest: str, ip: str | None, page: str
) -> None:
    event = only(log, combined(front=front, rest=rest))
    assert (event.get("ip"), event["page_url"], event["user_agent"]) == (ip, page, AGENT)


def test_the_common_format_has_neither_agent_nor_referrer(log: Path) -> None:
    event = only(log, f'203.0.113.9 - - {TIME} "GET /a HTTP/1.1" 200 -')
    assert (event["page_url"], event["user_agent"], "referrer" in event) == ("http://shop.example/a", "", False)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("17/Nov/2026:10:00:00 +0000", NOON),
        ("17/Nov/2026:12:00:00 +0200", NOON),
        ("17/Nov/2026:04:30:00 -0530", NOON),
        ("17/Nov/2026:10:00:00.250 +0000", NOON + timedelta(milliseconds=250)),
        ("31/Dec/2026:23:59:60 +0000", datetime(2026, 12, 31, 23, 59, 59, 999_999, UTC)),
    ],
)
def test_times_are_moments_whatever_their_zone(log: Path, written: str, meant: datetime) -> None:
    [line] = read(log, combined().replace(TIME, f"[{written}]"))
    assert isinstance(line, Line)
    assert line.occurred_at == meant


IIS = """\
#Software: Microsoft Internet Information Services 10.0
#Version: 1.0
#Date: 2026-11-17 10:00:00
#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port c-ip cs(User-Agent) cs(Referer) sc-status time-taken
2026-11-17 10:00:00 10.0.0.4 GET /caf\u00e9/a.aspx q=1&r="2" 80 203.0.113.9 Mozilla/5.0+(X11) https://r.example/ 200 15
2026-11-17 10:00:00 10.0.0.4 GET /next - 80 203.0.113.9 - - 304 15
#Fields: time cs-method cs-uri-stem c-ip sc-status cs-host X-Forwarded-For
10:00:01 GET /third 10.0.0.1 200 www.a.example 203.0.113.9,+10.0.0.3
"""
CLOUDFRONT = {
    "date": "2026-11-17", "time": "10:00:00", "x-edge-location": "FRA2", "c-ip": "203.0.113.9", "cs-method": "GET",
    "cs(Host)": "d1.cloudfront.example", "cs-uri-stem": "/caf%C3%A9", "sc-status": "200",
    "cs(Referer)": "https://ref.example/?q=%2522a%2522", "cs(User-Agent)": "Mozilla/5.0%20(X11)", "cs-uri-query": "a=1",
    "x-host-header": "www.a.example", "cs-protocol": "https",
}  # fmt: skip


def test_logs_of_iis_are_read_by_the_fields_they_name(log: Path) -> None:
    first, second, third = events(log, IIS.rstrip("\n"))
    assert first["page_url"] == "http://shop.example/caf%C3%A9/a.aspx?q=1&r=%222%22"
    assert (first["ip"], first["user_agent"]) == ("203.0.113.9", "Mozilla/5.0 (X11)")
    assert first["referrer"] == "https://r.example/"
    assert (second["page_url"], second["created_at"]) == (
        "http://shop.example/next",
        "2026-11-17T10:00:00.000001+00:00",
    )
    assert (third["page_url"], third["ip"]) == ("http://www.a.example/third", "203.0.113.9")
    assert third["created_at"] == "2026-11-17T10:00:01+00:00"


def test_logs_of_cloudfront_are_read_by_tabs(log: Path) -> None:
    event = only(log, "#Version: 1.0", f"#Fields: {' '.join(CLOUDFRONT)}", "\t".join(CLOUDFRONT.values()))
    assert event["page_url"] == "https://www.a.example/caf%C3%A9?a=1"
    assert (event["user_agent"], event["referrer"]) == ("Mozilla/5.0 (X11)", "https://ref.example/?q=%22a%22")


NGINX = {
    "time_iso8601": "2026-11-17T12:00:00+02:00", "remote_addr": "10.0.0.1", "request": "GET /a?q=%22x%22 HTTP/2.0",
    "status": "200", "http_referer": "https://ref.example/", "http_user_agent": AGENT, "host": "www.a.example",
    "scheme": "https", "http_x_forwarded_for": "203.0.113.9, 10.0.0.2",
}  # fmt: skip
ASKED = {
    "proto": "HTTP/2.0", "method": "GET", "host": "www.a.example", "uri": "/a?q=%22x%22", "tls": {"version": 772},
    "headers": {"User-Agent": [AGENT], "Referer": ["https://ref.example/"]},
}  # fmt: skip
CADDY = {
    "level": "info", "ts": 1794909600.25, "logger": "http.log.access.log0", "msg": "handled request", "status": 200,
    "request": {"remote_ip": "10.0.0.1", "remote_port": "51234", "client_ip": "203.0.113.9", **ASKED},
}  # fmt: skip
OLD_CADDY = {**CADDY, "request": {"remote_addr": "203.0.113.9:51234", **ASKED}}
SPLIT_NGINX = {
    "msec": "1794909600.250", "remote_addr": "203.0.113.9", "request_method": "GET", "request_uri": "/a?q=%22x%22",
    "status": 200, "http_referer": "https://ref.example/", "http_user_agent": AGENT, "http_host": "www.a.example",
    "ssl_protocol": "TLSv1.3",
}  # fmt: skip
LOCAL_NGINX = {
    **{name: value for name, value in NGINX.items() if name != "time_iso8601"},
    "time_local": "17/Nov/2026:10:00:00 +0000",
}


@pytest.mark.parametrize(
    "moment",
    [
        *("17/Nov/2026:10:00:00 +0000", "17/Nov/2026:12:30:00.000 +0230", "17/Nov/2026:06:30:00 -0330"),
        *(
            "2026-11-17T10:00:00+00:00",
            "2026-11-17T11:00:00.000+0100",
            "2026-11-17 10:00:00",
            "2026/11/17 10:00:00.000",
        ),
        *("1794909600", "1794909600.000", "1794909600000", "1794909600000000", "1794909600000000000"),
    ],
)
def test_a_moment_is_read_in_any_notation_and_from_any_field(log: Path, moment: str) -> None:
    line = combined().split("[")[0] + f"[{moment}]" + combined().split("]", 1)[1]
    stated = {name: value for name, value in NGINX.items() if name != "time_iso8601"}
    written = [json.dumps({**stated, name: moment}) for name in ("time", "time_local", "ts", "@timestamp")]
    for event in events(log, line, *written):
        assert event["created_at"].startswith("2026-11-17T10:00:00"), moment


@pytest.mark.parametrize(
    "moment", ["inf", "nan", "1e400", "-1e300", "2026-02-31", "31/Feb/2026:10:00:00 +0000", "x", ""]
)
def test_a_text_that_is_no_moment_is_named(log: Path, moment: str) -> None:
    stated = {name: value for name, value in NGINX.items() if name != "time_iso8601"}
    [line] = read(log, json.dumps({**stated, "time": moment}))
    assert str(line).startswith("line 1 has no readable time")


@pytest.mark.parametrize(
    "stated",
    [NGINX, LOCAL_NGINX, SPLIT_NGINX, CADDY, OLD_CADDY],
    ids=["nginx", "nginx 2", "nginx 3", "caddy", "old caddy"],
)
def test_json_lines_of_nginx_and_caddy_are_read(log: Path, stated: dict[str, Any]) -> None:
    event = only(log, json.dumps(stated))
    assert event["page_url"] == "https://www.a.example/a?q=%22x%22"
    assert (event["ip"], event["user_agent"], event["referrer"]) == ("203.0.113.9", AGENT, "https://ref.example/")
    assert event["created_at"].startswith("2026-11-17T10:00:00")


def test_json_that_nginx_wrote_without_escaping_for_json_is_read_all_the_same(log: Path) -> None:
    text = json.dumps({**NGINX, "request": "GET /caf@C3@A9 HTTP/1.1"}).replace("@", "\\x")
    assert only(log, text)["page_url"] == "https://www.a.example/caf%C3%A9"


def test_lines_of_several_formats_in_one_log_are_each_read_as_what_they_are(log: Path) -> None:
    assert len(events(log, combined(), json.dumps(NGINX), "", combined())) == 3


# --- packing and damage ---


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, bz2.compress, lzma.compress, lambda text: pa.compress(text, "zstd", asbytes=True)]
)
@pytest.mark.parametrize("name", ["access.log", "access.log.gz", "access.log-20261117.zst"])
def test_a_packed_log_is_known_by_its_content_and_not_by_its_name(tmp_path: Path, pack: Any, name: str) -> None:
    log = tmp_path / name
    log.write_bytes(pack(f"{combined()}\n".encode()) + pack(f"{combined('GET /b HTTP/1.1')}\n".encode()))
    assert [line.target for line in read_lines(log) if isinstance(line, Line)] == ["/a", "/b"]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, lambda text: pa.compress(text, "zstd", asbytes=True)])
def test_a_damaged_log_is_read_as_far_as_it_goes_and_the_damage_is_named(tmp_path: Path, pack: Any) -> None:
    log = tmp_path / "access.log"
    lines = [combined(f"GET /{number * 7919} HTTP/1.1", f"203.0.113.{number % 250} - -") for number in range(20_000)]
    packed = pack("\n".join(lines).encode())
    log.write_bytes(packed[: len(packed) // 2])
    *found, last = read_lines(log)
    assert sum(isinstance(line, Line) for line in found) > 100
    assert isinstance(last, Malformed) and "the file ends or is damaged after line" in str(last)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "it has none"),
        (b"\n\n", "it has none"),
        (b"hello\nworld\n", "line 1 is in no known log format: hello"),
        (b'{"a": 1}\n', 'line 1 has no method or no status: {"a": 1}'),
        (b"{not json}\n", "line 1 is not JSON"),
        (b"#Fields: date c-ip\n2026-11-17 203.0.113.9\n", "line 1: the fields lack time, cs-method, sc-status"),
        (b"#Fields: time cs-method sc-status\nGET 200\n", "line 2 has 2 fields, not the 3"),
        (b"\x00\x01\x02\xff" * 100, "line 1 is in no known log format"),
        (b"x" * 1_000_000, "line 1 has more than 65536 bytes"),
        (b'203.0.113.9 - - [99/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"', "line 1 has no readable time"),
        (b'203.0.113.9 - - [17/Foo/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"', "line 1 has no readable time"),
        (gzip.compress(b"hello\n", mtime=0), "line 1 is in no known log format: hello"),
        (gzip.compress(b"hello\n" * 1000, mtime=0)[:20], "damaged after line 0"),
    ],
)  # fmt: skip
def test_a_log_of_which_no_line_can_be_read_is_refused_with_its_first_line(
    log: Path, content: bytes, named: str
) -> None:
    log.write_bytes(content)
    with pytest.raises(Unreadable) as refused:
        check_readable(log)
    assert named in str(refused.value)
    assert "\x00" not in str(refused.value)


def test_one_good_line_is_enough_and_the_others_are_counted(log: Path) -> None:
    found = read(log, "hello", combined(), b"x" * (MAX_LINE_BYTES + 1), combined(), b"\xff")
    assert Counter(type(line) for line in found) == {Line: 2, Malformed: 3}
    assert [line.number for line in found if isinstance(line, Line)] == [2, 4]
    check_readable(log)


@given(st.lists(st.binary(max_size=300) | st.text(max_size=300).map(str.encode), max_size=20))
def test_whatever_a_log_holds_is_a_line_or_is_named(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    log = tmp_path_factory.mktemp("log") / "access.log"
    log.write_bytes(b"#Fields: time cs-method sc-status\n" + b"\n".join(lines))
    for line in read_lines(log):
        if isinstance(line, Line):
            page_view(line, "shop.example", b"key")
            reason_left_out(line)


@pytest.mark.parametrize(
    "text",
    ["a" * 60_000, "[" * 60_000, '"' * 60_000, "\\x" * 30_000, "1 " * 30_000, f"a {TIME} " * 1_500, '{"a":' * 12_000],
)
def test_no_line_takes_long(log: Path, text: str) -> None:
    import time

    began = time.process_time()
    read(log, *[text] * 3)
    assert time.process_time() - began < 60
