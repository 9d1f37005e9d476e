"""What user agents say, in cases; and that the two ways to tell a bot agree."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from crawlerdetect import CrawlerDetect
from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting.bots import is_bot as told_at_the_border
from clickstream.enriching.agent_lists import read_agent_rules, without_browser_words
from clickstream.enriching.agents import describe, device
from clickstream.enriching.bots import is_bot
from clickstream.enriching.unusable import Unusable

# Real agents: the cases of crawlerdetect's own tests, and those of visitors of many sites (`user-agents`, npm).
LISTS = Path(sys.prefix) / "lists"
VISITED = Path(__file__).parents[2] / "trackers" / "node_modules" / "user-agents" / "dist" / "user-agents.json"

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
    assert told_at_the_border(agent, names_tracker=False)


def test_a_library_is_no_bot_where_a_tracker_speaks_through_it() -> None:
    assert device("python-requests/2.31.0", True) == ("other", False)
    assert not told_at_the_border("python-requests/2.31.0", names_tracker=True)
    assert device("Googlebot/2.1", True) == ("bot", True)
    assert told_at_the_border("Googlebot/2.1", names_tracker=True)


def share_called_bots(agents: list[str]) -> float:
    assert len(agents) > 900
    return sum(map(is_bot, agents)) / len(agents)


def test_at_most_one_bot_in_a_hundred_of_public_lists_is_missed() -> None:
    named = [agent for crawler in CRAWLER_USER_AGENTS_DATA for agent in crawler["instances"]]
    listed = (LISTS / "crawlers.txt").read_text().splitlines()
    assert share_called_bots(named) >= 0.99
    assert share_called_bots(listed) >= 0.99


def test_at_most_two_real_browsers_in_a_thousand_of_public_lists_are_bots() -> None:
    every_tenth = (LISTS / "devices.txt").read_text(errors="replace").splitlines()[::10]
    visited = [entry["userAgent"] for entry in json.loads(VISITED.read_text())]
    assert share_called_bots(every_tenth) <= 0.002
    assert share_called_bots(visited) <= 0.002


ANDROID = "AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/142.0.7444.142 Mobile Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/22G100"
ELECTRON = "Chrome/114.0.5735.289 Electron/25.9.7 Safari/537.36"


@pytest.mark.parametrize(
    "agent",
    [
        f"{IPHONE} Safari/604.1 MetaIAB Facebook",
        f"{IPHONE} Safari/604.1 MetaIAB Instagram",
        f"Mozilla/5.0 (Linux; Android 10; MAR-LX1B Build/HUAWEIMAR-L21B; wv) {ANDROID} IABMV/1 MetaIAB Facebook",
        f"Mozilla/5.0 (Linux; Android 15; CPH2557 Build/AP3A.240617.008; wv) {ANDROID} Instagram 406.0.0.58 IABMV/1",
        f"Mozilla/5.0 (Linux; Android 15; 24069PC21G Build/AP3A.240617.008; wv) {ANDROID} MicroMessenger/8.0.50",
        f"Mozilla/5.0 (Linux; Android 7.1.2; G011A Build/N2G48H; wv) {ANDROID} Viber/11.9.5.8",
        "Viber/12.8.0.1 CFNetwork/1121.2.2 Darwin/19.3.0",
        f"{IPHONE} WhatsApp/2.24.10",
        f"{IPHONE} Blackboard/3.6.0",
        f"{IPHONE} SogouSearch Ios/5.0",
        f"{WINDOWS} Slack/4.4.2 {ELECTRON} WindowsStore/10.0.18362 Sonic Slack_SSB/4.4.2",
        f"{WINDOWS} Code/1.85.1 {ELECTRON}",
        f"{WINDOWS} Notion/3.1.0 {ELECTRON}",
        f"Mozilla/5.0 (Linux; Android 10; HTC Butterfly 3) {CHROME} Mobile Safari/537.36",
        "Opera/9.80 (MAUI Runtime; Opera Mini/4.4.39008/37.8625; U; en) Presto/2.12.423 Version/12.16",
        "Lynx/2.8.9rel.1 libwww-FM/2.14 SSL-MM/1.4.1 GNUTLS/3.6.5",
        "Outlook-iOS/709.2189947.prod.iphone (3.24.0)",
        "fuboTV/4.75.0 (Linux;Android 9; AFTDCT31 Build/PS7664.3772N) FuboPlayer/v1.34.0",
    ],
)
def test_people_in_the_browsers_of_apps_are_no_bots(agent: str) -> None:
    assert device(agent, False)[1] is False


@pytest.mark.parametrize(
    "agent",
    [
        "Viber",
        "WhatsApp/2.23.20.0 A",
        f"{IPHONE} MetaIAB Facebook (compatible; Googlebot/2.1)",
        f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {ANDROID} (compatible; Googlebot/2.1)",
        f"Mozilla/5.0 (Linux; Android 15; CPH2557 Build/AP3A.240617.008; wv) {ANDROID} Bytespider",
        "Mozilla/5.0 (Linux; U; Android 4.1.2; Seznam screenshot-generator Build/Q3) AppleWebKit/534.30",
        f"{WINDOWS} HeadlessChrome/114.0 Electron/25.9.7 Safari/537.36",
        "FlipboardProxy/1.2",
        "Slackbot-LinkExpanding 1.0",
        "Microsoft Office Existence Discovery",
    ],
)
def test_a_bot_that_borrows_an_apps_words_is_still_one(agent: str) -> None:
    assert device(agent, False)[1] is True


@pytest.mark.parametrize(
    "agent",
    [
        "Edge Health Probe",
        "Azure Traffic Manager Endpoint Monitor",
        "Load Balancer Agent",
        "AlwaysOn",
        "HealthCheck/1.0",
        "ReadyForRequest/1.0+(HealthCheck)",
        "Datadog/Synthetics",
        "Prometheus/2.45.0",
        "k6/0.45.0 (https://k6.io/)",
        "Grafana k6/1.2.0",
        f"{WINDOWS} Cypress/13.6.0 Chrome/114.0.5735.289 Electron/25.8.4 Safari/537.36",
        "insomnia/2023.5.8",
        "Thunder Client (https://www.thunderclient.com)",
        "Deno/1.37.0",
        "Bun/1.1.0",
        "Guzzle/5.3.1",
    ],
)
def test_probes_and_test_tools_that_no_public_list_names_are_bots(agent: str) -> None:
    assert device(agent, False)[1] is True


def test_a_servers_fetch_that_names_its_tracker_is_no_bot() -> None:
    assert device("Deno/1.37.0", True)[1] is False
    assert device("Edge Health Probe", True)[1] is True


def test_an_operators_words_come_before_all_lists() -> None:
    rules = read_agent_rules(b"version: '1'\nbots: [KioskCheck]\nbrowsers: [OurKiosk, HeadlessChrome]\n")
    kiosk = f"{WINDOWS} HeadlessChrome/114.0 Safari/537.36"
    assert device(kiosk, False)[1] is True
    assert device(kiosk, False, rules)[1] is False
    assert device(f"{SAFARI} KioskCheck OurKiosk", False, rules)[1] is True
    assert device(SAFARI, False, rules) == device(SAFARI, False)


@pytest.mark.parametrize(
    ("text", "problem"),
    [(b"bots: [ab]", "/bots/0"), (b"bots: Google", "/bots"), (b"crawlers: [a]", "/crawlers"), (b"[", "not YAML")],
)
def test_an_operators_words_in_another_form_are_refused_with_their_problems(text: bytes, problem: str) -> None:
    with pytest.raises(Unusable, match=problem):
        read_agent_rules(text)


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
def test_any_text_is_a_bot_if_the_lists_own_engines_say_so_of_what_is_no_browsers_word(agent: str) -> None:
    rest = without_browser_words(agent)
    assert is_bot(agent) == (bool(CrawlerDetect().isCrawler(rest)) or NAMED.search(rest) is not None)
