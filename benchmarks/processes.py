"""What processes cost, from the kernel's own books."""

from __future__ import annotations

import os
import re
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Seconds of processor time that a process, its threads and its ended children have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS


def resident_bytes(pid: int) -> int:
    """Bytes of memory that a process has in use now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak_mb() -> float:
    """Peak of this program alone; what the kernel tells of children counts the parent that they were forked from."""
    told = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert told is not None
    return int(told[1]) * 1024 / 1e6


def forget_peak() -> None:
    """Let the peak of this program be told from now on."""
    Path("/proc/self/clear_refs").write_text("5")
