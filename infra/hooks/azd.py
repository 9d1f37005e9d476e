"""Shared parts of the hooks. They use the standard library only, since a hook runs before anything is installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

# As the platform takes them: no wildcard, no path, no port that browsers leave out.
ORIGIN = re.compile(r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]{0,4})?")
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 15.0


class Refused(Exception):
    """A problem that the reader has to correct before azd can continue."""


def setting(name: str, default: str | None = None) -> str:
    """A variable of the azd environment. Raise Refused if it is missing and has no default."""
    value = os.environ.get(name, "").strip() or default
    if value is None:
        raise Refused(f"{name} is not set; `azd env refresh` brings back what the deployment gave")
    return value


def origins() -> list[str]:
    """The origins of ALLOWED_ORIGINS. Raise Refused for a text that is no origin."""
    text = setting("ALLOWED_ORIGINS", "")
    listed = [each.strip() for each in text.split(",")] if text else []
    for origin in listed:
        if ORIGIN.fullmatch(origin) is None:
            raise Refused(
                f"ALLOWED_ORIGINS: {origin} is no origin such as https://www.example.com: in lower case, without path "
                "and wildcard, for the platform answers preflights for what is listed one by one"
            )
    return listed


def keys_file() -> Path:
    """The file of the first site's keys. It is in azd's own folder, which is neither committed nor deployed."""
    return Path(".azure") / setting("AZURE_ENV_NAME") / "clickstream-keys.json"


def token(scope: str) -> str:
    """An access token of the person who is signed in to azd. Raise Refused if nobody is."""
    azd = shutil.which("azd")
    if azd is None:
        raise Refused("azd is not on the PATH")
    ran = subprocess.run([azd, "auth", "token", "--scope", scope, "--output", "json"], capture_output=True, text=True)
    if ran.returncode:
        raise Refused(f"azd gives no token, `azd auth login` signs in: {ran.stderr.strip()}")
    return str(json.loads(ran.stdout)["token"])


def ask(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> tuple[int, bytes]:
    """The answer's status and body, whatever the status; 0 and the reason if there is no answer."""
    request = urllib.request.Request(url, body, dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        return 0, str(error).encode()


def waiting(seconds: float) -> Iterator[float]:
    """Seconds since the first try, once per try until `seconds` have passed. The wait between two tries doubles."""
    began, wait = time.monotonic(), FIRST_WAIT_SECONDS
    while (passed := time.monotonic() - began) <= seconds:
        yield passed
        time.sleep(min(wait, max(0.0, seconds - passed) + 0.1))
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)


def say(line: str) -> None:
    print(line, flush=True)


def refuse(error: Refused) -> int:
    """The hook's exit code, which ends azd's command."""
    print(f"\nclickstream: {error}\n", file=sys.stderr, flush=True)
    return 1
