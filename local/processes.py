"""Child processes and ports of the local stack. The code is part of the emulator, which can be installed alone."""

from __future__ import annotations

from local.event_hubs.processes import Child, Service, StartFailed, accepts_connections, free_port, require_free_port

__all__ = ["Child", "Service", "StartFailed", "accepts_connections", "free_port", "require_free_port"]
