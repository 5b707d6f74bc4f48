"""How a child gives up everything it does not need, layer by layer, before it opens a foreign file.

Linux has all layers; elsewhere the limits of resources hold and the rest is reported as absent. Files are not opened
after this: the child holds the one file as an open descriptor and the one folder that it may write into.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import platform
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path

from media.results import Layer, Limits

LINUX = sys.platform == "linux"
MEGABYTE = 1024 * 1024

_libc = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 24, 38
PR_GET_NO_NEW_PRIVS, PTRACE_SEIZE = 39, 0x4206
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000
CLONE_THREAD = 0x00010000

# Landlock: numbers of the calls are the same on every architecture.
LANDLOCK_CREATE, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT = 444, 445, 446
WRITE_FILE, MAKE_REGULAR, TRUNCATE = 1 << 1, 1 << 8, 1 << 14
FILE_RIGHTS_BY_VERSION = ((5, (1 << 16) - 1), (3, (1 << 15) - 1), (2, (1 << 14) - 1), (1, (1 << 13) - 1))
CONNECT_AND_BIND_TCP, ABSTRACT_SOCKETS_AND_SIGNALS = 0b11, 0b11


def share_nothing() -> str | None:
    """Move the server into empty network and IPC spaces, which its children inherit. Says why where it cannot."""
    if not LINUX:
        return "this system has no network spaces"
    # Root keeps its own user space, so that its children can still open files of other owners.
    flags = CLONE_NEWNET | CLONE_NEWIPC | (0 if os.geteuid() == 0 else CLONE_NEWUSER)
    if _libc.unshare(flags) == 0 or (os.geteuid() == 0 and _libc.unshare(flags | CLONE_NEWUSER) == 0):
        return None
    return f"refused by the system ({os.strerror(ctypes.get_errno())})"


def die_with_parent() -> None:
    if LINUX:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def lock_down(folder: int | None, limits: Limits) -> None:
    """Apply every layer that this system has. `folder` is the open folder to write into; None forbids all writing.

    A layer that the system lacks is left out in silence here; `seen_to_hold` tries them out for the report.
    """
    os.environ.clear()
    _limit_resources(limits)
    if LINUX:
        _libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # nobody may look into our memory
        _drop_capabilities()
        if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
            _restrict_files(folder)
            _filter_calls()


def _limit_resources(limits: Limits) -> None:
    for kind, soft, hard in (
        (resource.RLIMIT_AS, *(_mapped_bytes() + limits.memory_mb * MEGABYTE,) * 2),
        (resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1),
        (resource.RLIMIT_FSIZE, *(limits.file_mb * MEGABYTE,) * 2),
        (resource.RLIMIT_NOFILE, *(limits.open_files,) * 2),
        (resource.RLIMIT_CORE, 0, 0),
        # Linux counts threads here, too, and decoders may want one; there the filter of calls forbids new processes.
        *(() if LINUX else ((resource.RLIMIT_NPROC, 0, 0),)),
    ):
        _, ceiling = resource.getrlimit(kind)
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        # macOS refuses some of these; the report says which hold.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (soft, hard))


def _mapped_bytes() -> int:
    if not LINUX:
        return 0
    return int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE


def _drop_capabilities() -> None:
    for capability in range(64):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = struct.pack("=Ii", 0x20080522, 0)
    _libc.capset(header, struct.pack("=6I", 0, 0, 0, 0, 0, 0))


def _restrict_files(folder: int | None) -> None:
    version = _libc.syscall(LANDLOCK_CREATE, None, 0, 1)
    if version < 1:
        return
    rights = next(rights for since, rights in FILE_RIGHTS_BY_VERSION if version >= since)
    attributes = struct.pack(
        "=QQQ",
        rights,
        CONNECT_AND_BIND_TCP if version >= 4 else 0,
        ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0,
    )[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _libc.syscall(LANDLOCK_CREATE, attributes, len(attributes), 0)
    if ruleset < 0:
        return
    if folder is not None:
        rule = struct.pack("=Qi", (WRITE_FILE | MAKE_REGULAR | TRUNCATE) & rights, folder)
        _libc.syscall(LANDLOCK_ADD_RULE, ruleset, 1, rule, 0)
    _libc.syscall(LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)


# The filter refuses what no decoder needs: talking to anybody, starting or watching processes, changing the system.
# It names what is forbidden and not what is allowed, since what a C library needs changes with every release of it.
FORBIDDEN_CALLS: dict[str, tuple[int, ...]] = {
    "x86_64": (
        *(41, 42, 43, 44, 46, 49, 50, 53, 288, 307),  # sockets
        *(57, 58, 59, 322),  # fork, vfork, execve, execveat
        *(101, 310, 311, 312, 434, 438, 440, 448),  # ptrace, process_vm_*, kcmp, pidfd_*, process_madvise
        *(129, 200, 297, 424),  # signals to others
        *(155, 161, 165, 166, 272, 308, 428, 429, 430, 431, 432, 433, 442),  # mounts, roots and spaces
        *(169, 172, 173, 175, 176, 246, 313, 320),  # reboot, ports, modules, kexec
        *(248, 249, 250),  # keys
        *(298, 321, 323, 425, 426, 427),  # perf, bpf, userfaultfd, io_uring
        *(29, 30, 31, 64, 65, 66, 68, 69, 70, 71, 240, 241),  # shared memory and queues
        *(163, 164, 167, 168, 170, 171, 227, 304),  # accounting, clocks, swap, names, open by handle
        # Landlock does not cover these: modes, owners, attributes and times of files, by name alone.
        *(90, 91, 92, 93, 94, 260, 268, 452, 188, 189, 190, 197, 198, 199, 463, 466, 132, 235, 261, 280),
        *(105, 106, 113, 114, 116, 117, 119, 122, 123),  # being somebody else
    ),
    "aarch64": (
        *(198, 199, 200, 201, 202, 203, 206, 211, 242, 269),
        *(221, 281),
        *(117, 270, 271, 272, 424, 434, 438, 440),
        *(130, 138, 240),
        *(39, 40, 41, 51, 97, 268, 428, 429, 430, 431, 432, 433, 442),
        *(104, 105, 106, 142, 273, 294),
        *(217, 218, 219),
        *(241, 280, 282, 425, 426, 427),
        *(180, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197),
        *(89, 112, 161, 162, 170, 224, 225, 265),
        *(52, 53, 54, 55, 452, 5, 6, 7, 14, 15, 16, 463, 466, 88),
        *(143, 144, 145, 146, 147, 149, 151, 152, 159),
    ),
}
KILL_CALLS = {"x86_64": (62, 234), "aarch64": (129, 131)}  # kill, tgkill: to itself only
CLONE_CALLS = {"x86_64": (56, 435), "aarch64": (220, 435)}  # clone: threads only; clone3: "not there", so clone is used
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

ALLOW, REFUSE, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
CALL_NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16


def _filter_calls() -> None:
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        return
    clone, clone3 = CLONE_CALLS[machine]
    program = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD, 0, 0, CALL_NUMBER),
        # The second table of calls of x86-64 would lead around the filter.
        (AT_LEAST, 0, 1, 0x40000000),
        (RETURN, 0, 0, KILL_PROCESS),
        (EQUAL, 0, 1, clone3),
        (RETURN, 0, 0, REFUSE | errno.ENOSYS),
        (EQUAL, 0, 4, clone),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (ANY_BIT, 0, 1, CLONE_THREAD),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE | errno.EPERM),
    ]
    for call in KILL_CALLS[machine]:
        program += [
            (EQUAL, 0, 4, call),
            (LOAD, 0, 0, FIRST_ARGUMENT),
            (EQUAL, 0, 1, os.getpid()),
            (RETURN, 0, 0, ALLOW),
            (RETURN, 0, 0, REFUSE | errno.EPERM),
        ]
    for call in FORBIDDEN_CALLS[machine]:
        program += [(EQUAL, 0, 1, call), (RETURN, 0, 0, REFUSE | errno.EPERM)]
    program.append((RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    _libc.prctl(PR_SET_SECCOMP, 2, header, 0, 0)


def seen_to_hold(limits: Limits, network_space: str | None) -> dict[str, Layer]:
    """Try every layer from inside a locked child. `network_space` is what `share_nothing` answered to the server."""
    kinds = ((resource.RLIMIT_CPU, limits.cpu_seconds), (resource.RLIMIT_FSIZE, limits.file_mb * MEGABYTE))
    cpu, size = (resource.getrlimit(kind)[0] for kind, _ in kinds)
    return {
        "other files": _refused(lambda: Path("/etc/passwd").read_bytes(), "reading /etc/passwd"),
        "other folders": _refused(lambda: list(Path("/").iterdir()), "listing /"),
        "network": _refused(lambda: socket.socket().close(), "opening a socket"),
        "network space": Layer(network_space is None, network_space or "the child sees no network at all"),
        "new processes": _refused(_start_process, "starting a process"),
        "other processes": _refused(_trace_parent, "watching the parent"),
        "privileges": _no_privileges(),
        "environment": Layer(not os.environ, "the environment is empty" if not os.environ else "it has variables"),
        "memory": _refused(lambda: mmap.mmap(-1, (limits.memory_mb + 512) * MEGABYTE).close(), "taking more memory"),
        "open files": _refused(_open_too_many, "opening more files"),
        "processor time": Layer(0 < cpu <= limits.cpu_seconds, f"{limits.cpu_seconds} s at most"),
        "file size": Layer(0 < size <= limits.file_mb * MEGABYTE, f"{limits.file_mb} MB at most"),
        "wall clock": Layer(True, f"the server ends a child after {limits.wall_seconds} s"),
    }


def _refused(attempt: Callable[[], object], what: str) -> Layer:
    try:
        attempt()
    except MemoryError:
        return Layer(True, f"{what} was refused")
    except OSError as error:
        return Layer(True, f"{what} was refused ({error.strerror})")
    return Layer(False, f"{what} was possible")


def _start_process() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def _trace_parent() -> None:
    if not LINUX:
        return
    parent = os.getppid()
    if _libc.ptrace(PTRACE_SEIZE, parent, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _no_privileges() -> Layer:
    if not LINUX:
        return Layer(False, "this system has no such switch")
    set_so = _libc.prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
    return Layer(set_so, "no program can give it more rights" if set_so else "the system refused the switch")


def _open_too_many() -> None:
    opened = []
    try:
        for _ in range(4096):
            opened.append(os.dup(0))
    finally:
        for descriptor in opened:
            os.close(descriptor)
