"""A storage account without keys: Azurite that takes tokens over HTTPS, and somebody who is signed in to azd."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from azure.storage.blob import BlobServiceClient

from local.azurite import Azurite
from local.processes import free_port
from tests.e2e.identity import write_certificate

CONTAINERS = ("capture", "config", "spill", "salts", "lake")
AZD = """#!{python}
import json, os, sys
if "FAKE_TOKEN" not in os.environ:
    sys.exit("ERROR: not logged in, run `azd auth login` to login")
assert sys.argv[1:3] == ["auth", "token"] and "https://storage.azure.com/.default" in sys.argv, sys.argv
print(json.dumps({{"token": os.environ["FAKE_TOKEN"], "expiresOn": "2999-01-01T00:00:00Z"}}))
"""


def storage_token() -> str:
    """As Entra gives out for storage. The emulator looks at what it says, and not at who signed it."""
    now = int(time.time())
    claims = {
        "aud": "https://storage.azure.com",
        "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000002/",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3600,
    }
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2lnbmVk"])


@dataclass(frozen=True, slots=True)
class Keyless:
    """The account, its containers, and the environment of somebody who is signed in."""

    azurite: Azurite
    service: BlobServiceClient  # sees with the account's key what others wrote
    environment: Mapping[str, str]


@pytest.fixture(scope="session")
def keyless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyless]:
    folder = tmp_path_factory.mktemp("keyless")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    write_certificate("127.0.0.1", certificate, key)
    azd = folder / "bin" / "azd"
    azd.parent.mkdir()
    azd.write_text(AZD.format(python=sys.executable))
    azd.chmod(0o755)
    with Azurite(folder / "data", free_port(), free_port(), (certificate, key)) as azurite:
        service = BlobServiceClient.from_connection_string(
            azurite.connection_string, connection_verify=str(certificate)
        )
        for name in CONTAINERS:
            service.create_container(name)
        environment = {
            "PATH": f"{azd.parent}:{os.environ['PATH']}",
            "SSL_CERT_FILE": str(certificate),
            "FAKE_TOKEN": storage_token(),
            "Lake__blobServiceUri": azurite.blob_endpoint,
            "VISITOR_ID_KEY": "0123456789abcdef",
        }
        yield Keyless(azurite, service, environment)
