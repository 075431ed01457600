"""Child processes: the only place that starts one.

Each child gets no keyboard, a session of its own (so that a signal reaches its whole group) and an
environment without our secrets. Stopping goes down a ladder of SIGINT, SIGTERM, SIGKILL, and nothing returns
before the group is gone: Terraform needs the first rung to save its state and free its lock.
"""

from __future__ import annotations

from ecrwiz.services.process.child import child_environment
from ecrwiz.services.process.notes import end_survivors
from ecrwiz.services.process.run import Captured, Finished, capture, pour, shell_words, stream, which
from ecrwiz.services.process.threads import in_daemon_thread

__all__ = [
    "Captured",
    "Finished",
    "capture",
    "child_environment",
    "end_survivors",
    "in_daemon_thread",
    "pour",
    "shell_words",
    "stream",
    "which",
]
