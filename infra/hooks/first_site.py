"""Run after provisioning: create the first site, with new keys.

The document is uploaded to the container that the apps read. A copy is written to sites/, from where
`python -m clickstream.sites apply` uploads later changes. A site that exists is not changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sys
from pathlib import Path

from azd import Refused, ask, keys_file, origins, refuse, say, setting, token, waiting

SCOPE = "https://storage.azure.com/.default"
# A new role assignment takes some minutes before it has an effect.
ROLE_SECONDS = 300.0
CREATED, FORBIDDEN, EXISTS = 201, 403, (409, 412)


def main() -> int:
    try:
        if os.environ.get("CI"):
            say("clickstream: a pipeline makes no site, for nobody would have its keys; see docs/deploying.md")
            return 0
        site = setting("SITE", "main")
        keys = {kind: f"{kind[:2]}_{secrets.token_hex(16)}" for kind in ("public", "read", "admin")}
        document = document_of(site, keys, origins())
        if not write_keys(keys, site):
            return 0
        if put(f"sites/{site}.yaml", document):
            folder = Path("sites")
            folder.mkdir(exist_ok=True)
            (folder / f"{site}.yaml").write_bytes(document)
            say(f"clickstream: the site {site} is there; its keys are in {keys_file()}, and nowhere else in clear")
        else:
            keys_file().unlink()
            say(f"clickstream: the site {site} was there before and is left as it is")
    except Refused as error:
        return refuse(error)
    return 0


def document_of(site: str, keys: dict[str, str], allowed: list[str]) -> bytes:
    """The site's document. It contains the digests of secret keys, not the keys."""
    lines = [
        "# Made by the first deployment; see docs/sites.md. Put a change in force: python -m clickstream.sites apply",
        f"site: {site}",
        "time_zone: UTC",
        f"origins: {json.dumps(allowed)}",
        "keys:",
        f"  - {{kind: public, key: {keys['public']}}}",
        *(
            f"  - {{kind: {kind}, key: 'sha256:{hashlib.sha256(keys[kind].encode()).hexdigest()}'}}"
            for kind in ("read", "admin")
        ),
    ]
    return ("\n".join(lines) + "\n").encode()


def write_keys(keys: dict[str, str], site: str) -> bool:
    """Write the keys to a file that only its owner can read; False if an earlier run wrote it."""
    file = keys_file()
    if file.exists():
        say(f"clickstream: the first site was made before; its keys are in {file}")
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
        json.dump({"site": site, **keys}, written, indent=2)
    return True


def put(path: str, document: bytes) -> bool:
    """Create the blob; False if it exists. Raise Refused if storage refuses it."""
    url = f"{setting('LAKE_BLOB_ENDPOINT').rstrip('/')}/{setting('CONFIG_CONTAINER')}/{path}"
    status, answer = 0, b""
    try:
        for passed in waiting(ROLE_SECONDS):
            headers = {
                "Authorization": f"Bearer {token(SCOPE)}",
                "Content-Type": "application/yaml",
                "If-None-Match": "*",
                "x-ms-blob-type": "BlockBlob",
                "x-ms-version": "2021-12-02",
            }
            status, answer = ask("PUT", url, headers, document)
            if status == CREATED or status in EXISTS:
                return status == CREATED
            if status not in (0, FORBIDDEN):
                break
            reason = "storage does not know the new role yet" if status else answer.decode(errors="replace")
            say(f"clickstream: {reason}, {passed:.0f} s; trying again")
        raise Refused(f"storage does not take {path}: {status} {answer.decode(errors='replace')[:500]}")
    except Refused:
        keys_file().unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    sys.exit(main())
