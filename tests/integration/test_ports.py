"""Ports of tests that run side by side: none is given twice, and a server can listen on each."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from local.processes import accepts_connections, free_port
from local.stack import ROOT

pytestmark = pytest.mark.integration
PROCESSES, PORTS = 4, 250
ASK = f"""
from local.processes import free_port
print(*(free_port() for _ in range({PORTS})), flush=True)
input()
"""


def test_processes_side_by_side_are_given_ports_of_their_own() -> None:
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", ASK], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(PROCESSES)
    ]
    try:
        given = [port for process in asking for port in (process.stdout or sys.stdin).readline().split()]
    finally:
        for process in asking:
            process.communicate("\n")
    assert len(given) == len(set(given)) == PROCESSES * PORTS


def test_nobody_answers_on_a_free_port_until_a_server_listens_there() -> None:
    port = free_port()
    assert not accepts_connections(port)
    with socket.create_server(("127.0.0.1", port)):
        assert accepts_connections(port)


def test_a_port_for_any_process_is_never_one_that_is_kept() -> None:
    kept = {free_port() for _ in range(100)}
    for _ in range(2000):
        with socket.socket() as any_port:
            any_port.bind(("127.0.0.1", 0))
            assert any_port.getsockname()[1] not in kept
