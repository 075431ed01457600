"""What packages need of the operating system: Debian packages on top of node:*-slim."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ecrwiz.model.app import SystemNeed
from ecrwiz.services.node_app.reading import Package, Project

__all__ = ["NEEDS", "Need", "system_needs"]

_COMPILER: Final = ("python3", "make", "g++")
_CHROMIUM: Final = ("chromium", "fonts-liberation")


@dataclass(frozen=True, slots=True)
class Need:
    """What one npm package needs. The names are those of Debian bookworm, which node:*-slim is made of.

    Attributes:
        packages: the npm packages.
        why: for the comment in the Dockerfile.
        build: Debian packages while it is installed and built.
        run: Debian packages in the running image.
        below: only versions below this major need it; 0 for all.
        dev: also when it is only a devDependency, because the build uses it.
        environment: variables that it needs at run time.
    """

    packages: tuple[str, ...]
    why: str
    build: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    below: int = 0
    dev: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


NEEDS: Final = (
    Need(("sharp",), "its binary for glibc comes from npm, nothing else is needed"),
    Need(("@prisma/client", "prisma"), "Prisma finds its engine by OpenSSL", ("openssl",), ("openssl",), dev=True),
    Need(("bcrypt",), "is compiled when its ready-made binary cannot be fetched", _COMPILER, below=6),
    Need(("argon2",), "is compiled when its ready-made binary cannot be fetched", _COMPILER),
    Need(("better-sqlite3", "sqlite3"), "is compiled when its ready-made binary cannot be fetched", _COMPILER),
    Need(
        ("canvas",),
        "draws with Cairo and Pango",
        (*_COMPILER, "pkg-config", "libcairo2-dev", "libpango1.0-dev", "libjpeg-dev", "libgif-dev", "librsvg2-dev"),
        (
            "libcairo2",
            "libpango-1.0-0",
            "libpangocairo-1.0-0",
            "libjpeg62-turbo",
            "libgif7",
            "librsvg2-2",
            "fontconfig",
            "fonts-dejavu-core",
        ),
    ),
    Need(
        ("@napi-rs/canvas", "satori", "@vercel/og"), "writes text with the system's fonts", (), ("fonts-dejavu-core",)
    ),
    Need(
        ("puppeteer", "puppeteer-core"),
        "drives a browser",
        (),
        _CHROMIUM,
        environment={"PUPPETEER_EXECUTABLE_PATH": "/usr/bin/chromium"},
    ),
    Need(
        ("playwright", "playwright-core", "playwright-chromium"),
        "drives a browser",
        (),
        _CHROMIUM,
        environment={"CHROMIUM_PATH": "/usr/bin/chromium"},
    ),
    Need(("fluent-ffmpeg",), "runs ffmpeg", (), ("ffmpeg",)),
    Need(("gm",), "runs GraphicsMagick", (), ("graphicsmagick",)),
    Need(("imagemagick", "node-imagemagick"), "runs ImageMagick", (), ("imagemagick",)),
    Need(("pdf2pic",), "runs GraphicsMagick and Ghostscript", (), ("graphicsmagick", "ghostscript")),
    Need(("node-poppler", "pdf-poppler"), "runs Poppler", (), ("poppler-utils",)),
    Need(("node-tesseract-ocr",), "runs Tesseract", (), ("tesseract-ocr",)),
    Need(("libreoffice-convert",), "runs LibreOffice", (), ("libreoffice-writer",)),
    Need(("simple-git",), "runs git", (), ("git",)),
    Need(("pg-native", "libpq"), "is compiled against libpq", (*_COMPILER, "libpq-dev"), ("libpq5",)),
    Need(("kerberos",), "is compiled against Kerberos", (*_COMPILER, "libkrb5-dev"), ("libgssapi-krb5-2",)),
    Need(("odbc",), "is compiled against unixODBC", (*_COMPILER, "unixodbc-dev"), ("libodbc2",)),
    Need(("node-libcurl",), "is compiled against curl", (*_COMPILER, "libcurl4-openssl-dev"), ("libcurl4",)),
    Need(("zeromq", "re2", "isolated-vm", "node-pty", "serialport"), "is compiled by node-gyp", _COMPILER),
    Need(("node-rdkafka",), "is compiled by node-gyp", (*_COMPILER, "libssl-dev", "zlib1g-dev"), ()),
    Need(("couchbase", "@tensorflow/tfjs-node"), "is compiled by node-gyp", _COMPILER),
    Need(("node-sass",), "is compiled by node-gyp", _COMPILER, dev=True),
    Need(("node-gyp",), "compiles packages", _COMPILER, dev=True),
)
_FROM_GIT = re.compile(r"git(?:\+|:|hub:)|gitlab:|bitbucket:|https?://[^#]+\.git(?:#|$)|[\w.-]+/[\w.-]+(?:#[\w./-]+)?$")


def system_needs(project: Project, packages: Iterable[Package]) -> tuple[SystemNeed, ...]:
    """What the packages of the application, and of those in its workspace that it uses, need.

    Args:
        project: the application; its environment and notes are added to.
        packages: its package.json and theirs.
    """
    listed = list(packages)
    found = [*_from_table(project, listed), *_from_git(project, listed)]
    if found:
        project.origins["system"] = "package.json"
    return tuple(found)


def _from_table(project: Project, packages: list[Package]) -> Iterator[SystemNeed]:
    for need in NEEDS:
        name = next((name for name in need.packages if any(_needs(need, name, package) for package in packages)), "")
        if not name:
            continue
        project.environment.update(need.environment)
        if need.run == _CHROMIUM:
            _note_browser(project, name)
        if need.build or need.run:
            yield SystemNeed(name, need.why, need.build, need.run)


def _needs(need: Need, name: str, package: Package) -> bool:
    there = package.has(name) if need.dev else package.runs(name)
    if there and need.below:
        match = re.search(r"\d{1,4}", package.wanted(name))
        return match is None or int(match[0]) < need.below
    return there


def _note_browser(project: Project, name: str) -> None:
    if name.startswith("puppeteer"):
        hint = "Set skipDownload: true in .puppeteerrc.cjs, so that the build does not fetch a second browser."
    else:
        hint = "Launch it with executablePath: process.env.CHROMIUM_PATH."
    project.note(
        f"{name} drives a browser: the image gets Debian's Chromium at /usr/bin/chromium.",
        f"{hint} In a container it needs the argument --no-sandbox.",
        warning=name.startswith("playwright"),
    )


def _from_git(project: Project, packages: list[Package]) -> Iterator[SystemNeed]:
    for package in packages:
        for kind in (package.dependencies, package.dev, package.optional):
            for name, wanted in kind.items():
                if not isinstance(wanted, str) or not _FROM_GIT.match(wanted) or wanted.startswith("npm:"):
                    continue
                shown = name[:80] if name.isprintable() else "a package"
                if wanted.startswith("git+ssh:"):
                    project.note(
                        f"{shown} comes from a Git repository over SSH, and a build has no key for it.",
                        "Use a git+https address or a registry.",
                        warning=True,
                    )
                yield SystemNeed("git", "some packages come from Git repositories", ("git", "ca-certificates"))
                return
