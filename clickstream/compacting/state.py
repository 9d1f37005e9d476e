"""The state of compaction per hub, for later runs and `/health/ready`: successes, and what failed how often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from clickstream.capture.names import CaptureFile
from clickstream.compacting.sources import Source
from clickstream.storage.compaction_state import Attempt, CompactionStateFile, Files, HubCompaction

CUT_SHORT = "the process ended during the run"


class CompactionState:
    """The state of all hubs, written before each step that may fail.

    If two runs are under way, the last to write wins. This is harmless, because the state decides when something is
    tried again, and never what is in the tables.
    """

    def __init__(self, file: CompactionStateFile, hubs: Iterable[str]) -> None:
        self._file = file
        self.hubs = {hub: HubCompaction() for hub in hubs}

    def begin(self) -> None:
        """Note that a run begins. An earlier run that has not ended counts as failed. Raise Unavailable."""
        before = self._file.read()
        self.hubs = {hub: before.get(hub, HubCompaction()) for hub in self.hubs}
        in_an_attempt = any(state.attempts for state in self.hubs.values())
        for state in self.hubs.values():
            if state.running and (state.attempts or not in_an_attempt):
                state.failed_runs += 1
                state.reason = CUT_SHORT
            state.running = True
        self._write()

    def files_at_once(self, source: Source) -> int | None:
        """Limit of files per chunk: half of those in the chunk in which the process ended. None if it did not."""
        attempt = self.hubs[source.hub].attempts.get(source.name)
        return None if attempt is None else max(attempt.files // 2, 1)

    def deaths(self, source: Source, files: Sequence[CaptureFile]) -> int:
        """How often the process ended while it compacted exactly these files."""
        attempt = self.hubs[source.hub].attempts.get(source.name)
        same = attempt is not None and (attempt.path, attempt.files) == (files[0].path, len(files))
        return attempt.deaths + 1 if attempt is not None and same else 0

    def attempt(self, source: Source, files: Sequence[CaptureFile]) -> None:
        """Note that these files are about to be compacted. Raise Unavailable."""
        attempt = Attempt(files[0].path, len(files), self.deaths(source, files))
        self.hubs[source.hub].attempts[source.name] = attempt
        self._write()

    def attempted(self, source: Source) -> None:
        """Note that the process has survived the attempt."""
        self.hubs[source.hub].attempts.pop(source.name, None)

    def done(self, source: Source, files: Sequence[CaptureFile]) -> None:
        """Note that the files are committed or put aside."""
        for file in files:
            self.hubs[source.hub].tries.pop(file.path, None)

    def failed(self, source: Source, file: CaptureFile) -> int:
        """Note that the file failed by itself. Returns the number of runs in which it has. Raise Unavailable."""
        tries = self.hubs[source.hub].tries
        tries[file.path] = tries.get(file.path, 0) + 1
        self._write()
        return tries[file.path]

    def end(self, hub: str, reason: str | None, waiting: Files, put_aside: Files, now: datetime) -> None:
        """Note that the run is done with a hub. It failed if there is a `reason`. Raise Unavailable."""
        state = self.hubs[hub]
        state.running, state.reason, state.waiting, state.put_aside = False, reason, waiting, put_aside
        state.attempts.clear()
        if reason is None:
            state.succeeded_at, state.failed_runs, state.tries = now, 0, {}
        else:
            state.failed_runs += 1
        self._write()

    def _write(self) -> None:
        self._file.write(self.hubs)


def summed(files: Iterable[CaptureFile]) -> Files:
    """The number of files, their bytes, and when the window of the oldest started."""
    files = list(files)
    return Files(
        len(files),
        sum(file.size_bytes for file in files),
        min((file.started_at for file in files), default=None),
    )
