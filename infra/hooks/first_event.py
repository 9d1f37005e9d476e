"""Run after deployment: wait until both apps are ready, send one event, and print the tag and the dashboard."""

from __future__ import annotations

import json
import sys

from azd import Refused, ask, keys_file, refuse, say, setting, waiting

START_SECONDS = 300.0
# Reports leave out events of bots, and the user agent of a library counts as one.
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
OK = 200


def main() -> int:
    try:
        collect, lake = setting("SERVICE_COLLECT_URL").rstrip("/"), setting("SERVICE_LAKE_URL").rstrip("/")
        ready("collect", collect)
        ready("lake", lake)
        if not keys_file().exists():
            say("clickstream: both apps are ready. The first site's keys are not here, so no event is sent.")
            return 0
        keys = json.loads(keys_file().read_text())
        send(collect, keys["public"])
    except Refused as error:
        return refuse(error)
    say(
        f"""
  The tag for your pages:

    <script async src="{collect}/t.js" data-site="{keys["public"]}"></script>

  The dashboard:  {lake}/dashboard   (site {keys["site"]}; the read key is in {keys_file()})
  The event shows there within some seven minutes: Capture writes after one, compact runs every five.
"""
    )
    return 0


def ready(name: str, url: str) -> None:
    """Wait for an app. Raise Refused with its last answer if it is not ready in time."""
    answer = b""
    for passed in waiting(START_SECONDS):
        status, answer = ask("GET", f"{url}/health/ready")
        if status == OK:
            say(f"clickstream: {name} is ready, after {passed:.0f} s")
            return
        say(f"clickstream: {name} is not ready yet ({status or 'no answer'}), {passed:.0f} s")
    raise Refused(f"{name} is not ready: {answer.decode(errors='replace')[:2000]}")


def send(url: str, key: str) -> None:
    """Send one event, and print its verdict."""
    event = json.dumps({"name": "first_event", "data": {"sent_by": "azd"}}).encode()
    status, answer = 0, b""
    for _ in waiting(60):
        status, answer = ask("POST", f"{url}/api/events?verdict=1", {"X-Write-Key": key, "User-Agent": BROWSER}, event)
        if status == OK:
            say(f"clickstream: the first event was answered {answer.decode()}")
            return
        # The app reads the sites' documents again every half minute.
        say(f"clickstream: the first event is not taken yet ({status})")
    raise Refused(f"the first event was answered {status}: {answer.decode(errors='replace')[:500]}")


if __name__ == "__main__":
    sys.exit(main())
