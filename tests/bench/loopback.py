"""A network of its own for a bench, and the counters that say what passed through it: nobody's word is taken.

Rule: a prober's probes are counted by the kernel (connections begun) and by the target (answers given), its cost by the
kernel too (user and system time of its process). Why a network namespace: the kernel's connection counters are one
set per namespace, so with one of its own a bench counts its prober's connections and no neighbour's, whether or not a
target's program ever sees them; a prober that resets at once is never seen by the program.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
from pathlib import Path
from struct import pack

import psutil

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def enter_own_network() -> bool:
    """Move this process, and what it starts from now on, to an empty network with only a loopback; whether it may.

    Call it before any thread is started. There is no way back.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    flags = CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWUSER | CLONE_NEWNET
    if libc.unshare(flags) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, pack("16sh22x", b"lo", IFF_UP))
    return True


def connections_opened() -> int:
    """TCP connections that this network's programs have begun, since it exists.

    The kernel counts no successes: a connection that is reset before its target took it is a failed attempt there.
    """
    names, values = (line.split()[1:] for line in Path("/proc/net/snmp").read_text().splitlines() if line[:4] == "Tcp:")
    return int(dict(zip(names, values, strict=True))["ActiveOpens"])


def cpu_s(pid: int) -> float:
    """User and system time of a process so far, all its threads."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def kept_waiting_s(pid: int) -> float:
    """Time in which the process's first thread could have run and another program had the core."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def pin(pid: int, core: int) -> None:
    """Keep every thread of a process on one core."""
    for thread in psutil.Process(pid).threads():
        os.sched_setaffinity(thread.id, {core})


def two_cores() -> tuple[int, int]:
    """(the prober's core, the core of everything else). Raises RuntimeError if this process may use only one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise RuntimeError("this bench needs two cores, one for the prober and one for its target: give it two")
    return cores[-1], cores[0]


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
