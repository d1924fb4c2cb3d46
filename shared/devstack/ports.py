"""TCP ports of 127.0.0.1: free ones, and who holds a busy one."""

import random
import socket

import psutil

LOOPBACK = "127.0.0.1"
_LISTENING = range(20_000, 32_000)


def free_port() -> int:
    """A port nobody listens on, from below those the system gives to outgoing connections.

    A client that keeps trying a port of theirs while its server restarts can be given that very port, connects to
    itself, and the server never gets it back.
    """
    while not is_free(port := random.choice(_LISTENING)):  # noqa: S311 - no secret
        continue
    return port


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now; connections still closing do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def accepts_connections(port: int) -> bool:
    """Whether a server answers on `port`."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def holder_of(port: int) -> str:
    """Who listens on `port`, as far as we are allowed to see."""
    try:
        listening = (c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN)
        pid = next((c.pid for c in listening if getattr(c.laddr, "port", None) == port), None)
        return f"process {pid} ({psutil.Process(pid).name()})" if pid else "another program"
    except (psutil.Error, OSError):
        return "another program"
