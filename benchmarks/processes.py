"""What processes have used of the processor."""

import os
from collections.abc import Mapping
from pathlib import Path

from devstack.child_process import ChildProcess

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(processes: Mapping[str, ChildProcess]) -> dict[str, float]:
    """Seconds of CPU that each has used since its start; 0 for one that does not run."""
    return {name: cpu_seconds_of(process.pid) if process.pid else 0.0 for name, process in processes.items()}


def cpu_seconds_of(pid: int) -> float:
    """Seconds of CPU that all threads of a process have used since its start."""
    # The program's name, in parentheses, may hold spaces; user and system time are the 14th and 15th field.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND
