"""The dashboard that is served: the built one, small, packed, cached, and under a policy that lets nothing else in."""

from __future__ import annotations

import gzip
import re
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from local.stack import Stack

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "functions" / "static" / "dashboard"
BUDGET_BYTES = 120 * 1024
MAP_BUDGET_BYTES = 25 * 1024


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_dashboard_that_is_deployed_is_what_its_source_builds(tmp_path: Path) -> None:
    subprocess.run(["node", "build.mjs", str(tmp_path / "built")], cwd=ROOT / "dashboard", check=True)
    built, deployed = files(tmp_path / "built"), files(STATIC)
    assert list(deployed) == list(built), "make dashboard"
    for name, body in built.items():
        if not name.endswith(".gz"):
            assert deployed[name] == body, "make dashboard"
            assert gzip.decompress(deployed[f"{name}.gz"]) == body, "make dashboard"


def test_the_whole_page_is_small(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {path.name: path.stat().st_size for path in STATIC.glob("*.gz")}
    with capsys.disabled():
        print(f"\ndashboard: {sum(sizes.values())} bytes packed of {BUDGET_BYTES}: {sizes}")
    assert sum(sizes.values()) <= BUDGET_BYTES
    [outlines] = (size for name, size in sizes.items() if name.startswith("world-"))
    assert outlines <= MAP_BUDGET_BYTES


def test_its_types_hold() -> None:
    done = subprocess.run(["npx", "tsc"], cwd=ROOT / "dashboard", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_no_text_is_ever_taken_for_markup() -> None:
    sources = [path for path in (ROOT / "dashboard" / "src").rglob("*") if path.suffix in {".ts", ".tsx", ".html"}]
    assert len(sources) > 20
    markup = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|style=\"|\son\w+=\"")
    for path in sources:
        assert not markup.search(path.read_text()), path.name


@pytest.mark.e2e
def test_the_page_lets_in_nothing_but_its_own_files(client: httpx.Client) -> None:
    answer = client.get("/dashboard")
    assert answer.headers["content-type"].startswith("text/html")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)", answer.text)


@pytest.mark.e2e
def test_the_page_is_asked_for_anew_and_its_files_never_again(client: httpx.Client) -> None:
    page = client.get("/dashboard")
    assert page.headers["cache-control"] == "no-cache"
    assert client.get("/dashboard", headers={"If-None-Match": page.headers["etag"]}).status_code == 304
    named = re.findall(r'"(/dashboard/assets/[^"]+)"', page.text)
    assert len(named) == 2
    for address in named:
        packed = client.get(address, headers={"Accept-Encoding": "gzip"})
        plain = client.get(address, headers={"Accept-Encoding": "identity"})
        assert packed.content == plain.content == (STATIC / address.rpartition("/")[2]).read_bytes()
        assert (packed.headers["content-encoding"], plain.headers.get("content-encoding")) == ("gzip", None)
        assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert packed.headers["vary"] == "Accept-Encoding"
        kind = "text/javascript" if address.endswith(".js") else "text/css"
        assert packed.headers["content-type"].startswith(kind)


@pytest.mark.e2e
@pytest.mark.parametrize(
    "name", ["page.html", "dashboard-AAAA.js", "..%2Fpage.html", "..%2F..%2Fopenapi.json", "dashboard-A.js.gz"]
)
def test_there_are_no_other_files(client: httpx.Client, name: str) -> None:
    assert client.get(f"/dashboard/assets/{name}").status_code == 404


@pytest.mark.e2e
def test_a_share_link_leads_to_the_same_page(client: httpx.Client) -> None:
    assert client.get("/share/demo").content == client.get("/dashboard").content


@pytest.mark.e2e
def test_pages_that_a_site_names_may_frame_its_shared_dashboard_and_no_other(
    stack: Stack, client: httpx.Client
) -> None:
    document = b"""
site: framed
keys: [{kind: share, key: framed-share}]
embed_origins: ["https://intranet.example"]
"""
    service = BlobServiceClient.from_connection_string(stack.azurite.connection_string)
    blob = service.get_blob_client("config", "sites/framed.yaml")
    blob.upload_blob(document)
    try:
        in_force = "frame-ancestors https://intranet.example"
        deadline = time.monotonic() + 120
        while not client.get("/share/framed").headers["content-security-policy"].endswith(in_force):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert "frame-ancestors 'none'" in client.get("/share/demo").headers["content-security-policy"]
        assert "frame-ancestors 'none'" in client.get("/share/nobody").headers["content-security-policy"]
        assert "frame-ancestors 'none'" in client.get("/dashboard").headers["content-security-policy"]
    finally:
        blob.delete_blob()


@pytest.mark.e2e
def test_a_read_key_is_told_its_sites_and_no_other_key_is(client: httpx.Client) -> None:
    opened = client.get("/api/sites", headers={"Authorization": "Bearer demo-read"})
    [site] = opened.json()["sites"]
    assert (site["site"], site["key_kind"]) == ("demo", "read")
    assert opened.headers["cache-control"] == "no-store"
    shared = client.get("/api/sites", headers={"Authorization": "Bearer demo-share"})
    assert any(goal["revenue"] for goal in site["goals"])
    goals = [{**goal, "revenue": None} for goal in site["goals"]]  # a share key opens no property that is not listed
    closed = ["event:currency", "person:id", "time:minute"]
    bounds = {"smallest_group": 5, "shared_properties": [], "closed_dimensions": closed}
    assert site.pop("setup") == {"public_keys": ["demo"], "origins": [], "unknown_consent": "full"}
    assert isinstance(site.pop("audiences"), list) and isinstance(site.pop("annotations"), list)
    assert shared.json() == {"sites": [{**site, "key_kind": "share", "goals": goals, **bounds}]}
    for key in ("demo", "demo-server", "demo-import", "demo-admin", "nothing"):
        refused = client.get("/api/sites", headers={"Authorization": f"Bearer {key}"})
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert client.get("/api/sites").status_code == 401
