"""The Docker engine: build, try out, push, without `login`.

Images are built with BuildKit by the docker program, as docker-py cannot; all else goes through docker-py, and so
does the build where no program with BuildKit is to be had. Every call that can last is ended when the awaiting task
is cancelled: the program by SIGINT, docker-py's by shutting its socket down; the engine then removes what it was
working in. Registry credentials go into the one request that needs them.
"""

from __future__ import annotations

from ecrwiz.services.docker.context import context_digest
from ecrwiz.services.docker.dockerfile import arg_names, mounts, read_dockerfile
from ecrwiz.services.docker.engine import Engine, ImageInfo
from ecrwiz.services.docker.ignore import is_sent
from ecrwiz.services.docker.probe import Probe, Trial
from ecrwiz.services.docker.request import Request

__all__ = [
    "Engine",
    "ImageInfo",
    "Probe",
    "Request",
    "Trial",
    "arg_names",
    "context_digest",
    "is_sent",
    "mounts",
    "read_dockerfile",
]
