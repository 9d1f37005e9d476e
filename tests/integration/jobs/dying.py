"""Containers whose writer ends in the middle: a partner's, that of the states, and that of the spill."""

from __future__ import annotations

from typing import Any, BinaryIO

from clickstream.jobs.state import JobState, JobStates
from clickstream.storage.blobs import Container
from tests.integration.jobs.world import World


class Dying:
    """A container that ends its process at the n-th request."""

    def __init__(self, world: World, at: int) -> None:
        self._world, self._target, self.left = world, world.target(), at

    def stage(self, path: str, block: str, data: BinaryIO) -> None:
        self._count()
        self._target.stage(path, block, data)

    def publish(self, path: str, blocks: list[str], content_type: str, writer: str) -> None:
        self._count()
        self._target.publish(path, blocks, content_type, writer)

    def withdraw(self, path: str, writer: str) -> None:
        self._target.withdraw(path, writer)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt  # as little as the end of a process is it handled by anybody


class DyingStates(JobStates):
    """States whose writer ends before or after its n-th write."""

    def __init__(self, world: World, left: int, after: bool) -> None:
        super().__init__(world.lake.account.container(world.lake.settings.lake_container))
        self._left, self._after = left, after

    def write(self, site: str, job: str, state: JobState, version: str | None) -> str:
        self._left -= 1
        if self._left < 0 and not self._after:
            raise KeyboardInterrupt
        written = super().write(site, job, state, version)
        if self._left < 0:
            raise KeyboardInterrupt
        return written


class DyingSpill(Container):
    """The spill's container, which ends its process before or after its n-th write."""

    left, after = 0, False

    def write(self, path: str, data: Any) -> None:
        self.__class__.left -= 1
        if self.left < 0 and not self.after:
            raise KeyboardInterrupt
        super().write(path, data)
        if self.left < 0:
            raise KeyboardInterrupt
