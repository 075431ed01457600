"""Where the traceback of an error in ecrwiz itself goes: to a file, never to a screen."""

from __future__ import annotations

import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["crash_file"]


def crash_file(error: BaseException) -> Path:
    """Write the traceback beside the person's other logs, readable by them alone, and give its path."""
    import platformdirs

    from ecrwiz.model.redact import Redactor

    name = f"crash-{datetime.now(UTC):%Y%m%d-%H%M%S}.log"
    text = Redactor()("".join(traceback.format_exception(error)))
    for folder in (platformdirs.user_log_path("ecrwiz", appauthor=False), Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(text, "utf-8")
        except OSError:  # a full disk or a read-only home: the next place, or none
            continue
        return path
    return Path(name)
