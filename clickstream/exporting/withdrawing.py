"""What an erasure does about files that exports have published before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from clickstream.errors import InvalidSite, NotFound, Refused, SettingsError
from clickstream.exporting.exports import Publishing
from clickstream.jobs.state import EndedRun, JobStates
from clickstream.sites.document import Site
from clickstream.sites.exports import Export


class PublishedFiles:
    """The published files of sites. `target` opens a container by connection and name."""

    def __init__(
        self,
        states: JobStates,
        site: Callable[[str], Site],
        target: Callable[[str, str], Publishing],
        now: Callable[[], datetime],
    ) -> None:
        self._states, self._site, self._target, self._now = states, site, target, now

    def after_erasure(self, site: str) -> Sequence[Mapping[str, Any]]:
        """The runs whose files may hold the person; files of jobs with `erase_exports: delete` are deleted before.

        Those that the app may not delete stay. Raise Unavailable if storage fails.
        """
        deleting = self._jobs_that_delete(site)
        for run in self._states.ended_exports(site):
            if run.job in deleting and run.files and run.withdrawn_at is None and self._withdraw(run):
                self._states.record(replace(run, withdrawn_at=self._now()))
        return self._states.exports(site)

    def _jobs_that_delete(self, site: str) -> frozenset[str]:
        try:
            jobs = self._site(site).jobs
        except (NotFound, InvalidSite):
            return frozenset()
        return frozenset(job.name for job in jobs if isinstance(job, Export) and job.erase_exports == "delete")

    def _withdraw(self, run: EndedRun) -> bool:
        connection, _, container = run.scope["written_to"].partition("/")
        try:
            target = self._target(connection, container)
            for path in [*(file["path"] for file in run.files), run.scope["manifest"]]:
                target.withdraw(path, run.id)
        except (Refused, SettingsError):
            return False
        return True
