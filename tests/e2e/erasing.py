"""Ask for an erasure, and search storage for what it must not hold."""

from __future__ import annotations

from contextlib import suppress

import httpx
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from local.stack import Stack
from tests.integration.erasing.world import content


def ask(client: httpx.Client, route: str, user: str, key: str = "demo-admin") -> httpx.Response:
    asked = {"site_id": "demo", "user_ids": [user]}
    return client.post(f"/api/{route}", json=asked, headers={"Authorization": f"Bearer {key}"})


def found_in(stack: Stack, text: str) -> list[str]:
    """Every blob of the account that holds a text."""
    found = []
    with BlobServiceClient.from_connection_string(stack.azurite.connection_string) as service:
        for container in [service.get_container_client(container.name) for container in service.list_containers()]:
            for name in container.list_blob_names():
                with suppress(ResourceNotFoundError):  # the stack deleted it since it was listed
                    if text in content(name, container.download_blob(name).readall()):
                        found.append(f"{container.container_name}/{name}")
    return found
