"""A stack whose storage fails when a test says so."""

from __future__ import annotations

from collections.abc import Mapping

from local.stack import Stack, StackSettings
from tests.e2e.journey import DEADLINES
from tests.integration.compacting.failing_storage import FailingStorage


class StackOverFailingStorage(Stack):
    """The functions use storage through a proxy; all other parts use it directly."""

    def __init__(
        self, settings: StackSettings, storage: FailingStorage, deadlines: Mapping[str, str] = DEADLINES
    ) -> None:
        super().__init__(settings)
        self.storage = storage
        self.deadlines = deadlines

    def functions_environment(self) -> dict[str, str]:
        direct = f"http://127.0.0.1:{self.settings.azurite_blob_port}/devstoreaccount1"
        environment = super().functions_environment()
        return {
            **environment,
            "Lake": environment["Lake"].replace(direct, self.storage.endpoint),
            **self.deadlines,
        }
