"""Finds Terraform's files below a folder: a bounded number, and no link to a folder is followed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["MOST_FILES", "NOT_ENTERED", "terraform_files"]

MOST_FILES: Final = 300
"""So many are looked into; one more is given, so that a caller can tell that there are more."""
NOT_ENTERED: Final = (".terraform", ".git", "node_modules", "terraform.d")
"""Folders that are not looked into, in lower case."""


def terraform_files(folder: Path) -> Iterator[Path]:
    """Every .tf and .tf.json file below a folder, in a stable order."""
    count = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name.lower() not in NOT_ENTERED)
        for name in sorted(names):
            if name.endswith((".tf", ".tf.json")):
                count += 1
                if count > MOST_FILES + 1:
                    return
                yield Path(parent, name)
