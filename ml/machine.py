"""What this machine has to offer to models. Imports nothing heavy."""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Gpu:
    name: str
    memory_mb: int


@dataclass(frozen=True)
class Machine:
    """`cores` and `memory_mb` are what this process may use: a container may have less than its host."""

    cores: int
    memory_mb: int
    gpus: tuple[Gpu, ...]
    unified: bool  # the graphics processor works in the machine's own memory (Apple)

    @property
    def gpu_memory_mb(self) -> int:
        """Of the largest one; 0 without any."""
        return max((gpu.memory_mb for gpu in self.gpus), default=0)


def look() -> Machine:
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    return Machine(_cores(), _memory_mb(), _gpus(), unified=apple)


def _cores() -> int:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        return max(1, min(allowed, round(int(quota) / int(period))))
    return allowed


def _memory_mb() -> int:
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _read("/sys/fs/cgroup/memory.max")
    return (min(whole, int(limit)) if limit.isdigit() else whole) // 2**20


def _read(file: str) -> str:
    try:
        return Path(file).read_text().strip()
    except OSError:
        return ""


def _gpus() -> tuple[Gpu, ...]:
    if shutil.which("nvidia-smi") is None:
        return ()
    question = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ()  # a driver that does not answer is no graphics processor for us
    return tuple(
        Gpu(name.strip(), int(memory))
        for line in answer.stdout.splitlines()
        for name, comma, memory in [line.rpartition(",")]
        if comma and memory.strip().isdigit()
    )
