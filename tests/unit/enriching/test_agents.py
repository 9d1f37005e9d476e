"""What user agents say, in cases; and that the two ways to tell a bot agree."""

from __future__ import annotations

import re

import pytest
from crawlerdetect import CrawlerDetect
from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting.bots import is_bot as told_at_the_border
from clickstream.enriching.agents import describe, device
from clickstream.enriching.bots import is_bot

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
IOS = "like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"
SAFARI = f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Safari/605.1.15"
CHROMEBOOK = f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36"
PIXEL = f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {CHROME} Mobile Safari/537.36"
GALAXY_TAB = f"Mozilla/5.0 (Linux; Android 13; SM-X710) {CHROME} Safari/537.36"
LG_TV = f"Mozilla/5.0 (Web0S; Linux/SmartTV) {CHROME} Safari/537.36 WebAppManager"
SONY_TV = f"Mozilla/5.0 (Linux; Android 9; BRAVIA 4K UR2) {CHROME} Safari/537.36"
PEOPLE = [
    (f"{WINDOWS} Chrome/120.0.0.0 Safari/537.36", "Chrome", "120.0", "Windows", "10", "desktop"),
    (f"{WINDOWS} Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0", "Edge", "120.0", "Windows", "10", "desktop"),
    (f"{WINDOWS} Chrome/118.0.0.0 Safari/537.36 OPR/104.0.0.0", "Opera", "104.0", "Windows", "10", "desktop"),
    (FIREFOX, "Firefox", "121.0", "Linux", None, "desktop"),
    (SAFARI, "Safari", "17.2", "Mac OS X", "10.15", "desktop"),
    (CHROMEBOOK, "Chrome", "120.0", "Chrome OS", "14541.0", "desktop"),
    (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 {IOS}", "Mobile Safari", "17.4", "iOS", "17.4", "mobile"),
    (f"Mozilla/5.0 (iPad; CPU OS 17_4 {IOS}", "Mobile Safari", "17.4", "iOS", "17.4", "tablet"),
    (PIXEL, "Chrome Mobile", "120.0", "Android", "14", "mobile"),
    (GALAXY_TAB, "Chrome", "120.0", "Android", "13", "tablet"),
    (LG_TV, "Chrome", "120.0", "Web0S", None, "tv"),
    (SONY_TV, "Chrome", "120.0", "Android", "9", "tv"),
    ("something nobody has heard of", None, None, None, None, "other"),
]


@pytest.mark.parametrize(("agent", "browser", "browser_version", "os", "os_version", "device_class"), PEOPLE)
def test_an_agent_says_its_browser_system_and_device(
    agent: str,
    browser: str | None,
    browser_version: str | None,
    os: str | None,
    os_version: str | None,
    device_class: str,
) -> None:
    told = describe(agent)
    assert (told.browser, told.browser_version, told.os, told.os_version) == (browser, browser_version, os, os_version)
    assert device(agent, False) == (device_class, False)


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        f"Mozilla/5.0 (X11; Linux x86_64) {CHROME.replace('Chrome', 'HeadlessChrome')} Safari/537.36",
        "curl/8.1.2",
        "python-requests/2.31.0",
        "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    ],
)
def test_a_bot_is_one_at_the_border_and_in_the_table(agent: str) -> None:
    assert device(agent, False) == ("bot", True)
    assert told_at_the_border(agent)


def test_a_library_is_no_bot_where_a_tracker_speaks_through_it() -> None:
    assert device("python-requests/2.31.0", True) == ("other", False)
    assert not told_at_the_border("python-requests/2.31.0", "py-1.1.0")
    assert device("Googlebot/2.1", True) == ("bot", True)
    assert told_at_the_border("Googlebot/2.1", "js-4.0")


def test_every_agent_of_a_public_list_of_bots_is_one() -> None:
    agents = [agent for crawler in CRAWLER_USER_AGENTS_DATA for agent in crawler["instances"]]
    assert len(agents) > 2000
    assert [agent for agent in agents if not is_bot(agent)] == []


NAMED = re.compile("|".join(crawler["pattern"] for crawler in CRAWLER_USER_AGENTS_DATA))
WORDS = st.sampled_from(
    [
        "bot",
        "Bot/1.0",
        "crawler",
        "Yandex",
        "YandexSearch",
        "cubot",
        "Chrome/1",
        " ",
        "Mozilla/5.0",
        "\n",
        "spider",
        "é",
    ]
)


@given(st.one_of(st.text(max_size=40), st.lists(WORDS, max_size=6).map("".join)))
def test_any_text_is_a_bot_as_the_lists_own_engines_tell_it(agent: str) -> None:
    assert is_bot(agent) == (bool(CrawlerDetect().isCrawler(agent)) or NAMED.search(agent) is not None)
