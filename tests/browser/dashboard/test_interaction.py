"""Gestures, small screens, and requests that fail."""

from __future__ import annotations

import pytest

from tests.browser.dashboard.looking import Looker
from tests.browser.dashboard.world import KEY, SHARE

pytestmark = pytest.mark.e2e

RANGE = "period=2026-10-12,2026-10-26"
SHOP = f"/dashboard?site=shop&{RANGE}"


def test_a_click_anywhere_on_the_chart_shows_the_day_under_it(looker: Looker) -> None:
    parts = [0.02, 0.34, 0.5, 0.97]
    periods = looker.look("interaction.chartClicks", path=SHOP, key=KEY, parts=parts)
    days = [round(part * 14) + 12 for part in parts]
    assert periods == [f"2026-10-{day},2026-10-{day}" for day in days]


@pytest.mark.parametrize("width", [320, 360, 375, 412])
def test_nothing_lies_outside_the_window_of_a_phone(looker: Looker, width: int) -> None:
    phone = {"viewport": {"width": width, "height": 740}, "isMobile": True, "hasTouch": True}
    seen = looker.look("interaction.smallScreen", path=SHOP, key=KEY, device=phone)
    assert seen["outside"] == {"period": [], "filter": [], "details": []}
    assert seen["cut"] == []
    assert not seen["wide"]
    assert seen["label"] <= 0, "the period's name is cut"


WIDTHS = [320, 375, 768, 1024, 1440, 1920]


@pytest.mark.parametrize(
    ("site", "language"), [("shop", ""), ("shop", "de"), ("hostile", "")], ids=["shop", "German", "long names"]
)
def test_every_place_fits_into_windows_of_all_widths(looker: Looker, site: str, language: str) -> None:
    path = SHOP if site == "shop" else f"/dashboard?site={site}&period=all"
    given = {"widths": WIDTHS, "language": language, "all": site == "hostile"}
    assert looker.look("layout.faults", path=path, key=KEY, **given) == {}


@pytest.mark.parametrize("status", [0, 500, 503])
def test_a_failed_refresh_keeps_every_number_and_is_reported_once(looker: Looker, status: int) -> None:
    # A running period, because only those are refreshed.
    seen = looker.look("interaction.failedRefresh", path="/dashboard?site=shop&period=year", key=KEY, status=status)
    assert len(seen["before"]) > 20
    assert seen["during"] == seen["before"] == seen["after"]
    [alert] = seen["alerts"]
    assert "Retry" in alert
    assert ("The server cannot be reached." if status == 0 else "The lake is away.") in alert
    assert ("Trying again" in alert) == (status != 500)


def test_a_refused_file_shows_its_message(looker: Looker) -> None:
    seen = looker.look("interaction.failedFile", path=SHOP, key=KEY)
    assert seen["text"].startswith("Channels could not be saved. No such report.")
    assert seen["isInside"]
    assert seen["left"] == 0


def test_after_a_wrong_key_the_focus_is_on_the_field(looker: Looker) -> None:
    assert looker.look("interaction.refusedKey", path=SHOP) == "read-key"


def test_another_share_link_in_the_same_tab_opens_and_the_skip_link_keeps_its_key(looker: Looker) -> None:
    seen = looker.look("interaction.sharedTab", path=f"/share/shop?{RANGE}", key=SHARE)
    assert "no longer works" in seen["refused"]
    assert seen["figure"] > 0
    assert (seen["focus"], seen["hash"]) == ("content", f"#{SHARE}")
