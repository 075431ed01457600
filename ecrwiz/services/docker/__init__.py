"""The Docker engine: build, try out, push. Through docker-py, without its command line and without `login`.

Every call that can last is cut when the awaiting task is cancelled, by shutting its socket down: the engine
then removes what it was working in. Registry credentials go into the one request that needs them.
"""

from __future__ import annotations

from ecrwiz.services.docker.context import context_digest
from ecrwiz.services.docker.engine import Engine, ImageInfo
from ecrwiz.services.docker.probe import Probe

__all__ = ["Engine", "ImageInfo", "Probe", "context_digest"]
