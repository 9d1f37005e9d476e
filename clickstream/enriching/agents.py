"""Parses user agents: browser, operating system, device class, bot or not. Names are those of uap-core."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version

from ua_parser import OS, UserAgent, parse

from clickstream.enriching.agent_lists import NO_RULES, AgentRules
from clickstream.enriching.bots import list_version as bots_version
from clickstream.enriching.bots import sent_by_bot

# The size of the caches: so many agents of at most LOOKED_AT characters take 50 MB at worst.
REMEMBERED = 32_768
DESKTOPS = frozenset({"Windows", "Mac OS X", "Linux", "Chrome OS", "Ubuntu", "Fedora", "Debian", "FreeBSD", "OpenBSD"})
# Operating systems of handheld devices, unless the agent says otherwise.
MOBILES = frozenset({"iOS", "Android", "Windows Phone", "Windows Mobile", "BlackBerry OS", "KaiOS", "Symbian OS"})
MOBILES |= {"Firefox OS", "Bada", "Maemo", "MeeGo", "Nokia Series 40", "HarmonyOS"}
# Words of makers and standards of television sets and of devices plugged into them.
_TELEVISION = re.compile(
    r"smart-?tv|\btv\b|hbbtv|netcast|web0s|webos\.tv|googletv|google tv|androidtv|android tv|apple ?tv|crkey"
    r"|roku|bravia|viera|aft[a-z]{1,4}\b|shield android|dlnadoc|opera tv|inettvbrowser|philipstv",
    re.IGNORECASE,
)
_TABLET = re.compile(
    r"ipad|tablet|kindle|silk/|playbook|nexus (?:7|9|10)\b|sm-[txp]\d|gt-p\d|kf[a-z]{2,4}\b", re.IGNORECASE
)
_MOBILE = re.compile(
    r"mobi|iphone|ipod|opera mini|phone|midp|cldc|\bwap\b|fennec|nokia|sm-[agjn]\d|pixel \d", re.IGNORECASE
)
_DESKTOP = re.compile(r"windows nt|macintosh|x11;|cros ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Agent:
    """Browser and operating system of a user agent; None for what is not recognised."""

    browser: str | None = None
    browser_version: str | None = None
    os: str | None = None
    os_version: str | None = None


def agents_version() -> str:
    """The version of the list that recognises browsers and operating systems."""
    return version("ua-parser-builtins")


def devices_version() -> str:
    """The versions of the lists of devices and of bots."""
    return f"{agents_version()}+{bots_version()}"


@lru_cache(maxsize=REMEMBERED)
def describe(agent: str) -> Agent:
    """Parse an agent. Results are cached."""
    parsed = parse(agent)
    return Agent(_family(parsed.user_agent), _version_of(parsed.user_agent), _family(parsed.os), _version_of(parsed.os))


@lru_cache(maxsize=REMEMBERED)
def device(agent: str, names_tracker: bool, rules: AgentRules = NO_RULES) -> tuple[str, bool]:
    """The device class, and whether a bot sent the event. `names_tracker` is whether the event names its tracker."""
    if sent_by_bot(agent, names_tracker, rules):
        return "bot", True
    return device_class(agent, describe(agent).os), False


def device_class(agent: str, system: str | None) -> str:
    """desktop, mobile, tablet, tv or other: by the agent's words first, then by its operating system."""
    if _TELEVISION.search(agent) or system in ("tvOS", "Chromecast"):
        return "tv"
    if _TABLET.search(agent):
        return "tablet"
    if _MOBILE.search(agent):
        return "mobile"
    if "android" in agent.lower():  # Google tells makers to omit `Mobile` in agents of tablets
        return "tablet"
    if system in MOBILES:
        return "mobile"
    return "desktop" if system in DESKTOPS or _DESKTOP.search(agent) else "other"


def _family(part: UserAgent | OS | None) -> str | None:
    return None if part is None or part.family == "Other" else part.family


def _version_of(part: UserAgent | OS | None) -> str | None:
    """Major and minor version; the rest changes weekly and is useless for grouping."""
    if part is None or not part.major:
        return None
    return ".".join(_until_absent((part.major, part.minor)))


def _until_absent(numbers: Iterable[str | None]) -> Iterable[str]:
    for number in numbers:
        if not number:
            return
        yield number
