"""Looking for a secret and for the id of its key in files, archives, Git's objects and an image's layers.

Everything is read piece by piece with a limit of time and of bytes, and what is found is told by its place alone. The
secret is in this process's memory and nowhere else: no program is asked to search for it.
"""

from __future__ import annotations

from ecrwiz.services.searching.images import ImageReader
from ecrwiz.services.searching.needles import Needles
from ecrwiz.services.searching.objects import ObjectReader
from ecrwiz.services.searching.scanner import Budget, Finds, Hit, Scanner, SpentError
from ecrwiz.services.searching.trees import search_files, search_text

__all__ = [
    "Budget",
    "Finds",
    "Hit",
    "ImageReader",
    "Needles",
    "ObjectReader",
    "Scanner",
    "SpentError",
    "search_files",
    "search_text",
]
