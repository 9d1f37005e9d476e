#!/bin/sh
# Sees to a Chromium for the demo and the tests in pages: one that CHROMIUM names or that is on the PATH, else Debian's,
# with its headless shell, which takes less processor time in tests.
set -eu
missing() {
    echo "Chromium is missing$1. Install it, or name the program of a Chromium or Chrome: make CHROMIUM=/path/to/it ..." >&2
    exit 1
}
if [ -n "${CHROMIUM:-}" ]; then
    if command -v "$CHROMIUM" >/dev/null; then exit 0; fi
    missing ": $CHROMIUM is no program"
fi
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then exit 0; fi
done
if ! command -v apt-get >/dev/null; then missing " and there is no apt-get to install it with"; fi
if [ "$(id -u)" -ne 0 ]; then missing " and only root can install it (sudo apt-get install chromium)"; fi
echo "installing Chromium (once)"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install --yes --quiet --no-install-recommends "$@" >"$log" 2>&1; }
# The package lists may be older than the packages that they name. Not every distribution has the shell.
if ! install chromium chromium-headless-shell \
    && ! { apt-get update --quiet >"$log" 2>&1 && { install chromium chromium-headless-shell || install chromium; }; }; then
    tail -n 5 "$log" >&2
    missing " and apt-get could not install it"
fi
rm -f "$log"
