"""What was found out about the application by reading its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["NodeApp", "RenderedFile"]


@dataclass(frozen=True, slots=True)
class NodeApp:
    """A Node application as `services.node_app.detect` read it; no code of it was run.

    Attributes:
        name: package.json's `name`, or the folder's.
        framework: `next`, or `node` for everything else.
        manager: the package manager of the lockfile.
        lockfile: its name, or empty when there is none.
        package_files: names of the files an install needs that exist (package.json, lockfile, .npmrc ...).
        node_major: the major version of Node for the image.
        standalone: Next's `output: 'standalone'` is set.
        config_file: Next's own configuration file, or empty.
        has_public: there is a `public/` folder.
        built_on_host: `.next` and `node_modules` are there, which strategy `article` copies.
        port: the port the application uses when nothing says otherwise.
        origins: for each of the above, the file it was read from.
    """

    name: str
    framework: Literal["next", "node"]
    manager: Literal["npm", "yarn"]
    lockfile: str
    package_files: tuple[str, ...]
    node_major: int
    standalone: bool
    config_file: str
    has_public: bool
    built_on_host: bool
    port: int
    origins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """A file as a template gives it.

    Attributes:
        path: relative to the application's folder, with `/`.
        text: its content, LF line ends, one newline at the end.
        executable: it is to be run.
    """

    path: str
    text: str
    executable: bool = False
