"""Reads what an application is from its files; nothing of it is run and node_modules is never walked."""

from __future__ import annotations

from ecrwiz.services.node_app.detection import DEFAULT_PORT, detect, suggest
from ecrwiz.services.node_app.versions import SUPPORTED_MAJORS

__all__ = ["DEFAULT_PORT", "SUPPORTED_MAJORS", "detect", "suggest"]
