"""Unpacking gzip, zstd and tar while they stream by: nothing is written, and memory stays bounded.

Format of tar: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar's manual, "Basic Tar Format".
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from ecrwiz.services.searching.needles import Needles
from ecrwiz.services.searching.scanner import Budget, Finds, Scanner

__all__ = ["Named", "Sink", "Tar", "Unpacked", "is_packed"]

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_BLOCK: Final = 512
_MOST_OUT: Final = 1 << 20  # bytes that one step of unpacking gives
_ZSTD_IN: Final = 512  # bytes given to zstd at a time: each 4 of them can unfold to 128 kB
_LONGEST_NAME: Final = 64 * 1024  # bytes of a long name's record that are read


class Sink(Protocol):
    """Takes data piece by piece."""

    def feed(self, data: bytes) -> None:
        """Take the next piece."""

    def end(self) -> None:
        """Nothing more comes."""


class Named:
    """A scanner whose finds are noted under a name."""

    def __init__(self, needles: Needles, finds: Finds, name: str) -> None:
        self._scanner = Scanner(needles)
        self._finds = finds
        self._name = name
        self.feed = self._scanner.feed

    def end(self) -> None:
        """Note the finds."""
        self._finds.take(self._name, self._scanner)


def is_packed(head: bytes) -> bool:
    """Whether data that begins so is gzip or zstd."""
    return head.startswith((_GZIP, _ZSTD))


class Unpacked:
    """Unpacks gzip and zstd, takes tar apart, and searches what comes out; other data is searched as it is."""

    def __init__(self, needles: Needles, finds: Finds, name: str, budget: Budget) -> None:
        self._needles = needles
        self._finds = finds
        self._name = name
        self._budget = budget
        self._head = b""
        self._unpack: Callable[[bytes], Iterator[bytes]] | None = None
        self._inner: Sink | None = None
        self._broken = False

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        if self._unpack is None:
            self._head += data
            if len(self._head) < _BLOCK:
                return
            data, self._head = self._head, b""
            self._unpack = self._choose(data)
        self._unpacked(data)

    def end(self) -> None:
        """Search what is left, and note what was found."""
        if self._unpack is None:
            self._unpack = self._choose(self._head)
            self._unpacked(self._head)
        if self._inner is not None:
            self._inner.end()

    def _unpacked(self, data: bytes) -> None:
        if self._unpack is None or self._broken:
            return
        try:
            for piece in self._unpack(data):
                self._budget.spend(len(piece))
                self._give(piece)
        except zlib.error:
            self._trouble("is damaged")
        except ValueError as error:  # zstandard's own, made one in `_zstd`
            self._trouble(str(error))

    def _trouble(self, why: str) -> None:
        self._broken = True
        self._finds.problems.append(f"{self._name} {why}")

    def _give(self, piece: bytes) -> None:
        if self._inner is None:
            self._inner = TarOrNot(self._needles, self._finds, self._name)
        self._inner.feed(piece)

    def _choose(self, head: bytes) -> Callable[[bytes], Iterator[bytes]]:
        if head.startswith(_GZIP):
            return _Gzip().feed
        if head.startswith(_ZSTD):
            return _zstd()
        return lambda data: iter((data,))


class _Gzip:
    """Several gzip streams may follow one another in one file."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(31)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._stream.eof:
                data = data.lstrip(b"\0")
                if not data.startswith(_GZIP[: len(data)]):
                    return
                self._stream = zlib.decompressobj(31)
            piece = self._stream.decompress(data, _MOST_OUT)
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if piece:
                yield piece
            elif not data:
                return


def _zstd() -> Callable[[bytes], Iterator[bytes]]:
    import zstandard

    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    stream: Any = unpacker.decompressobj(read_across_frames=True)

    def feed(data: bytes) -> Iterator[bytes]:
        try:
            for start in range(0, len(data), _ZSTD_IN):
                yield stream.decompress(data[start : start + _ZSTD_IN])
        except zstandard.ZstdError:
            raise ValueError("is damaged, or packed with a window of more than 128 MB") from None

    return feed


class TarOrNot:
    """Takes a tar apart so that each file has its name; all else is searched as one stream."""

    def __init__(self, needles: Needles, finds: Finds, name: str) -> None:
        self._needles = needles
        self._finds = finds
        self._name = name
        self._head = b""
        self._inner: Sink | None = None

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        if self._inner is None:
            self._head += data
            if len(self._head) < _BLOCK:
                return
            self._begin()
            return
        self._inner.feed(data)

    def end(self) -> None:
        """Search what is left, and note what was found."""
        if self._inner is None:
            self._begin()
        if self._inner is not None:
            self._inner.end()

    def _begin(self) -> None:
        rest = Named(self._needles, self._finds, self._name)
        is_tar = _is_header(self._head[:_BLOCK])
        self._inner = Tar(self._open, rest) if is_tar else rest
        head, self._head = self._head, b""
        self._inner.feed(head)

    def _open(self, name: str) -> Sink:
        self._finds.things += 1
        return Named(self._needles, self._finds, f"{self._name}: {name}")


class Tar:
    """Takes a tar apart while it streams by.

    Args:
        open_member: gives the sink for a file's content, by its name.
        rest: takes all that is no file's content: headers, and what follows the end or a broken header.
    """

    def __init__(self, open_member: Callable[[str], Sink], rest: Sink) -> None:
        self._open = open_member
        self._rest = rest
        self._buffer = b""
        self._left = 0  # bytes of the member's content that are still to come
        self._padding = 0
        self._sink: Sink | None = None
        self._record = b""  # of a long name
        self._in_record = b""
        self._long_name = ""
        self._over = False

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        view = self._buffer + data if self._buffer else data
        self._buffer = b""
        at = 0
        while at < len(view):
            if self._over:
                self._rest.feed(view[at:])
                return
            if self._left or self._padding:
                at = self._content(view, at)
            elif len(view) - at < _BLOCK:
                self._buffer = view[at:]
                return
            else:
                self._header(view[at : at + _BLOCK])
                at += _BLOCK

    def end(self) -> None:
        """Nothing more comes: close what is open."""
        self._rest.feed(self._buffer)
        self._close()
        self._rest.end()

    def _content(self, view: bytes, at: int) -> int:
        piece = view[at : at + self._left] if self._left else b""
        self._left -= len(piece)
        if self._sink is not None:
            self._sink.feed(piece)
        else:
            self._rest.feed(piece)
            if self._in_record:
                self._record += piece[: _LONGEST_NAME - len(self._record)]
        at += len(piece)
        if self._left == 0:
            if self._sink is not None or self._in_record:
                self._close()
            skipped = min(self._padding, len(view) - at)
            self._padding -= skipped
            at += skipped
        return at

    def _close(self) -> None:
        if self._sink is not None:
            self._sink.end()
        elif self._in_record:
            self._long_name = _long_name(self._in_record, self._record)
        self._sink, self._in_record, self._record = None, b"", b""

    def _header(self, block: bytes) -> None:
        self._rest.feed(block)
        if not _is_header(block):
            self._over = True
            return
        kind = block[156:157]
        size = _number(block[124:136])
        name = self._long_name or _short_name(block)
        if kind in (b"1", b"2", b"3", b"4", b"5", b"6"):  # links, devices and folders have no content
            size = 0
        self._left, self._padding = size, -size % _BLOCK
        if kind in (b"x", b"L"):
            self._in_record = kind
        else:
            self._long_name = ""
            if kind not in (b"g", b"K") and size:
                self._sink = self._open(name)


def _is_header(block: bytes) -> bool:
    """Whether the sum in the header is that of its bytes."""
    if len(block) < _BLOCK or not any(block):
        return False
    return _number(block[148:156]) == sum(block[:148]) + 8 * 32 + sum(block[156:])


def _number(field: bytes) -> int:
    """Octal digits, or GNU's binary form for what is larger."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    return int(digits, 8) if digits and all(48 <= digit < 56 for digit in digits) else 0


def _short_name(block: bytes) -> str:
    prefix = block[345:500].partition(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    name = block[:100].partition(b"\0")[0]
    return (prefix + b"/" + name if prefix else name).decode("utf-8", "replace")


def _long_name(kind: bytes, record: bytes) -> str:
    if kind == b"L":
        return record.partition(b"\0")[0].decode("utf-8", "replace")
    for line in record.split(b"\n"):
        key, _, value = line.partition(b" ")[2].partition(b"=")
        if key == b"path":
            return value.decode("utf-8", "replace")
    return ""
