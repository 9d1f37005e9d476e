"""User agents taken apart: browser, system, class of device, bot or not. Names are those of uap-core."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version

from ua_parser import OS, UserAgent, parse

from clickstream.enriching.bots import list_version as bots_version
from clickstream.enriching.bots import sent_by_bot

# So many agents of at most LOOKED_AT characters take 50 MB at worst.
REMEMBERED = 32_768
DESKTOPS = frozenset({"Windows", "Mac OS X", "Linux", "Chrome OS", "Ubuntu", "Fedora", "Debian", "FreeBSD", "OpenBSD"})
# Families of systems whose devices lie in a hand, unless the agent says otherwise.
MOBILES = frozenset({"iOS", "Android", "Windows Phone", "Windows Mobile", "BlackBerry OS", "KaiOS", "Symbian OS"})
MOBILES |= {"Firefox OS", "Bada", "Maemo", "MeeGo", "Nokia Series 40", "HarmonyOS"}
# Words of makers and standards of television sets and of what is plugged into them.
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
    """What a user agent says of itself; None where it says nothing that is known."""

    browser: str | None = None
    browser_version: str | None = None
    os: str | None = None
    os_version: str | None = None


def agents_version() -> str:
    """Version of the list that browsers and systems are told by."""
    return version("ua-parser-builtins")


def devices_version() -> str:
    """Versions of the lists that bots are told by, too."""
    return f"{agents_version()}+{bots_version()}"


@lru_cache(maxsize=REMEMBERED)
def describe(agent: str) -> Agent:
    """What an agent says."""
    said = parse(agent)
    return Agent(_family(said.user_agent), _version_of(said.user_agent), _family(said.os), _version_of(said.os))


@lru_cache(maxsize=REMEMBERED)
def device(agent: str, names_tracker: bool) -> tuple[str, bool]:
    """Class of the device, and whether a bot sent an event that names its tracker or not."""
    if sent_by_bot(agent, names_tracker):
        return "bot", True
    return device_class(agent, describe(agent).os), False


def device_class(agent: str, system: str | None) -> str:
    """desktop, mobile, tablet, tv or other: by the agent's words first, then by its system."""
    if _TELEVISION.search(agent) or system in ("tvOS", "Chromecast"):
        return "tv"
    if _TABLET.search(agent):
        return "tablet"
    if _MOBILE.search(agent):
        return "mobile"
    if "android" in agent.lower():  # Google asks makers to leave `Mobile` out of the agents of tablets
        return "tablet"
    if system in MOBILES:
        return "mobile"
    return "desktop" if system in DESKTOPS or _DESKTOP.search(agent) else "other"


def _family(part: UserAgent | OS | None) -> str | None:
    return None if part is None or part.family == "Other" else part.family


def _version_of(part: UserAgent | OS | None) -> str | None:
    """Major and minor: what follows changes weekly and groups nothing."""
    if part is None or not part.major:
        return None
    return ".".join(_until_absent((part.major, part.minor)))


def _until_absent(numbers: Iterable[str | None]) -> Iterable[str]:
    for number in numbers:
        if not number:
            return
        yield number
