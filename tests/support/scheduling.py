"""In which order workers take the files of tests, so that no processor waits while another test could use it.

Tests of browsers and stacks mostly wait; the others compute. Half of the workers begin with those that wait, and half
with those that compute, until they meet. So both kinds run beside one another, and only half of the workers start the
stacks and browsers.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

# The first folders mostly wait, the last ones compute. Where the workers meet, files are short.
FOLDERS = ("browser", "e2e", "trackers", "infra", "unit", "functional", "integration")
# One worker runs all files of such a folder, for they share what is costly to start: a browser, or a world of sites.
SHARING = ("tests/browser/dashboard", "tests/browser", "tests/trackers")


def position(nodeid: str) -> int:
    """The position of a test's folder among FOLDERS; what is in none comes first."""
    parts = PurePosixPath(nodeid.partition("::")[0]).parts
    return next((FOLDERS.index(part) for part in parts[1:2] if part in FOLDERS), -1)


def scope(nodeid: str) -> str:
    """What runs on one worker: the test's file, or the folder whose files share costly fixtures."""
    file = nodeid.partition("::")[0]
    folder = str(PurePosixPath(file).parent)
    return folder if folder in SHARING else file


class FromBothEnds(LoadFileScheduling):  # type: ignore[misc]
    """Workers with an even number take the first scope that waits, and the others take the last."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        if int(node.gateway.id.removeprefix("gw")) % 2:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)
