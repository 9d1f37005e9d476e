"""The script that is served: the built one, small, packed and cached."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "functions" / "static"
BUDGET_BYTES = 3072
VITALS_BUDGET_BYTES = 1024


def test_the_script_that_is_deployed_is_what_its_source_builds(tmp_path: Path) -> None:
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=ROOT / "tracker", check=True)
    for name in ("t.js", "t.debug.js", "t.vitals.js"):
        built = (tmp_path / name).read_bytes()
        assert (STATIC / name).read_bytes() == gzip.decompress((STATIC / f"{name}.gz").read_bytes()) == built, (
            "make tracker"
        )


def test_it_is_small(capsys: pytest.CaptureFixture[str]) -> None:
    plain = (STATIC / "t.js").read_bytes()
    packed = {"as it is served": (STATIC / "t.js.gz").stat().st_size, "by gzip -9": len(gzip.compress(plain, 9))}
    with capsys.disabled():
        print(f"\nt.js: {len(plain)} bytes, packed {packed}, of {BUDGET_BYTES}")
    assert max(packed.values()) <= BUDGET_BYTES
    assert (STATIC / "t.vitals.js.gz").stat().st_size <= VITALS_BUDGET_BYTES


def test_the_module_can_be_imported_where_there_is_no_page() -> None:
    code = "import('./dist/index.js').then(({ tracker }) => { tracker.track('rendered'); console.log('fine'); })"
    done = subprocess.run(["node", "-e", code], cwd=ROOT / "tracker", capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("fine\n", "")


TYPED = """
import { start, tracker, type Settings } from "clickstream-tracker";
import type {} from "clickstream-tracker/window";
const settings = { site: "key", endpoint: "https://app.example/api/events", consent: "denied" } satisfies Settings;
start(settings);
tracker.track("signup", { plan: "pro" });
(window.clickstream = window.clickstream || []).push(["consent", "full"]);
// @ts-expect-error there is no such level
window.clickstream.push(["consent", "half"]);
"""


def test_the_package_is_installed_and_has_its_types(tmp_path: Path) -> None:
    tracker = ROOT / "tracker"
    packed = run(["npm", "pack", "--silent", "--pack-destination", str(tmp_path)], tracker).split()[-1]
    (tmp_path / "package.json").write_text('{"private": true, "type": "module"}')
    (tmp_path / "page.ts").write_text(TYPED)
    run(["npm", "install", "--silent", "--offline", "--no-audit", "--no-fund", f"./{packed}"], tmp_path)
    typescript = str(tracker / "node_modules" / ".bin" / "tsc")
    options = ["--strict", "--noEmit", "--module", "esnext", "--moduleResolution", "bundler", "--target", "es2022"]
    run([typescript, *options, "page.ts"], tmp_path)
    code = "import { tracker } from 'clickstream-tracker'; console.log(typeof tracker.track)"
    assert run(["node", "--input-type=module", "-e", code], tmp_path) == "function\n"


def run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_types_hold() -> None:
    done = subprocess.run(["npx", "tsc", "--noEmit"], cwd=ROOT / "tracker", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.e2e
def test_it_is_served_packed_and_cached(client: httpx.Client) -> None:
    packed = client.get("/t.js", headers={"Accept-Encoding": "gzip, br"})
    plain = client.get("/t.js", headers={"Accept-Encoding": "identity"})
    assert packed.content == plain.content == (STATIC / "t.js").read_bytes()
    assert (packed.headers["content-encoding"], plain.headers.get("content-encoding")) == ("gzip", None)
    for answer in (packed, plain):
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert "max-age=86400" in answer.headers["cache-control"]
        again = client.get(
            "/t.js",
            headers={
                "If-None-Match": answer.headers["etag"],
                "Accept-Encoding": answer.headers.get("content-encoding", "identity"),
            },
        )
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
    assert packed.headers["etag"] != plain.headers["etag"]
