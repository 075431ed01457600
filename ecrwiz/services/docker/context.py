"""The build context: which files are sent, as a stream without a temporary file, and their fingerprint."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import BadInputError
from ecrwiz.services.docker.ignore import Ignore, read_ignore

__all__ = ["NEVER", "Entry", "context_digest", "list_context", "tar_size", "tar_stream"]

_PIECE: Final = 256 * 1024  # bytes per piece of the stream
_BLOCK: Final = tarfile.BLOCKSIZE
NEVER: Final = ".ecrwiz"
"""Our own journal and logs, in whatever folder: they would make every build differ from the one before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, folder or link of the context.

    Attributes:
        path: relative to the context, with `/`.
        stat: of the thing itself, links not followed.
    """

    path: str
    stat: os.stat_result


def list_context(root: Path, dockerfile: str = "Dockerfile") -> list[Entry]:
    """What a build in this folder is sent, in a fixed order, by the rules of its `.dockerignore`.

    Args:
        root: the context.
        dockerfile: relative to it; sent even when it is ignored.

    Raises:
        BadInputError: a folder cannot be read, or `.dockerignore` makes no sense.
    """
    rules = read_ignore(root, dockerfile)
    try:
        return list(_walk(root, "", rules, rules.nothing))
    except OSError as error:
        raise _unreadable(error) from error


def context_digest(root: Path, dockerfile: str = "Dockerfile") -> str:
    """A fingerprint of what a build in this folder is sent: paths, sizes, times and execute bits, no content.

    Args:
        root: the context.
        dockerfile: relative to it.

    Raises:
        BadInputError: a folder cannot be read, or `.dockerignore` makes no sense.
    """
    digest = hashlib.sha256()
    for entry in list_context(root, dockerfile):
        mode, line = entry.stat.st_mode, os.fsencode(entry.path)
        if stat.S_ISLNK(mode):
            line += b"\0link\0" + os.fsencode(_target(root, entry))
        elif stat.S_ISREG(mode):
            executable = bool(mode & stat.S_IXUSR)
            line += f"\0file\0{executable}\0{entry.stat.st_size}\0{entry.stat.st_mtime_ns}".encode()
        digest.update(line + b"\0\n")
    return digest.hexdigest()


def tar_size(entries: list[Entry]) -> int:
    """About how many bytes `tar_stream` will give; long names take some more."""
    total, linked = 0, set()
    for entry in entries:
        facts = entry.stat
        identity = (facts.st_dev, facts.st_ino)
        total += _BLOCK
        if stat.S_ISREG(facts.st_mode) and identity not in linked:
            total += _padded(facts.st_size)
        if facts.st_nlink > 1:
            linked.add(identity)
    return total


def tar_stream(
    root: Path, entries: list[Entry], on_sent: Callable[[int], None], instead: Mapping[str, bytes] | None = None
) -> Iterator[bytes]:
    """The context as a tar archive, in pieces; owners become root and times whole seconds, as Docker does.

    Args:
        root: the context.
        entries: from `list_context`.
        on_sent: told the number of bytes before each piece; what it raises ends the stream.
        instead: the content of files by path, in place of what is on the disk.

    Raises:
        BadInputError: a file cannot be read or has changed meanwhile.
    """
    sent, buffer = 0, bytearray()
    for data in _tar_pieces(root, entries, instead or {}):
        buffer += data
        if len(buffer) >= _PIECE:
            on_sent(sent)
            yield bytes(buffer)
            sent += len(buffer)
            buffer.clear()
    on_sent(sent)
    yield bytes(buffer) + bytes(2 * _BLOCK)


def _tar_pieces(root: Path, entries: list[Entry], instead: Mapping[str, bytes]) -> Iterator[bytes]:
    links: dict[tuple[int, int], str] = {}
    for entry in entries:
        content = instead.get(entry.path)
        # What is replaced must not become the file that a hard link of it refers to.
        info = _tar_info(root, entry, links if content is None else {})
        if info is None:
            continue
        if content is not None:
            info.type, info.linkname, info.size = tarfile.REGTYPE, "", len(content)
        yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        if content is not None:
            yield content + bytes(_padded(len(content)) - len(content))
        elif info.isreg():
            yield from _content(root / entry.path, info.size)


def _tar_info(root: Path, entry: Entry, links: dict[tuple[int, int], str]) -> tarfile.TarInfo | None:
    """The archive's header for an entry; None for sockets and devices, which cannot be sent."""
    info = tarfile.TarInfo(entry.path)
    mode, facts = entry.stat.st_mode, entry.stat
    info.mode = stat.S_IMODE(mode)
    info.mtime = max(0, int(facts.st_mtime))
    identity = (facts.st_dev, facts.st_ino)
    if stat.S_ISDIR(mode):
        info.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(mode):
        info.type, info.linkname = tarfile.SYMTYPE, _target(root, entry)
    elif stat.S_ISFIFO(mode):
        info.type = tarfile.FIFOTYPE
    elif not stat.S_ISREG(mode):
        return None
    elif facts.st_nlink > 1 and identity in links:
        info.type, info.linkname = tarfile.LNKTYPE, links[identity]
    else:
        info.size = facts.st_size
        links[identity] = entry.path
    return info


def _content(path: Path, size: int) -> Iterator[bytes]:
    left = size
    try:
        with path.open("rb") as file:
            while left and (data := file.read(min(_PIECE, left))):
                left -= len(data)
                yield data
    except OSError as error:
        raise _unreadable(error) from error
    if left:
        raise BadInputError(f"{path} became shorter while it was sent to the Docker engine.", "Build again.")
    yield bytes(_padded(size) - size)


def _walk(root: Path, folder: str, rules: Ignore, above: tuple[bool, ...]) -> Iterator[Entry]:
    with os.scandir(root / folder) as found:
        things = sorted(found, key=lambda thing: thing.name)
    for thing in things:
        path = f"{folder}/{thing.name}" if folder else thing.name
        if thing.name == NEVER:
            continue
        ignored, hits = rules.decide(path, above)
        if not ignored:
            yield Entry(path, thing.stat(follow_symlinks=False))
        if thing.is_dir(follow_symlinks=False) and (not ignored or rules.may_hold_kept(path)):
            yield from _walk(root, path, rules, hits)


def _target(root: Path, entry: Entry) -> str:
    try:
        return os.readlink(root / entry.path)  # noqa: PTH115 - a Path would tidy the text up
    except OSError as error:
        raise _unreadable(error) from error


def _unreadable(error: OSError) -> BadInputError:
    return BadInputError(
        f"{error.filename} cannot be read for the build: {error.strerror}.",
        "Make it readable, or name it in .dockerignore.",
    )


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
