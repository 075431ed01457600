"""The local file system: whole files in, whole files out, and nothing half written."""

from __future__ import annotations

import contextlib
import difflib
import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import BadInputError, EcrwizError, ToolFailedError

__all__ = [
    "backup",
    "diff",
    "digest",
    "is_locked",
    "lock",
    "private_folder",
    "read_text",
    "write_atomic",
]

_LARGEST: Final = 5_000_000  # bytes; what a person or a program wrote for people is far smaller

_ELSEWHERE: Final = "Some network drives know no locks: set ECRWIZ_STATE_DIR to a folder on a local disk."


def read_text(path: Path, *, inside: Path | None = None, cut: bool = False) -> str | None:
    """A file's text; None when there is no such file. A byte order mark is dropped, line ends stay.

    Args:
        path: the file.
        inside: a folder that it must not lead out of over a link; None when it may.
        cut: of a file that is too large, give the beginning instead of refusing it.

    Raises:
        BadInputError: it is a folder or a device, no UTF-8 text, too large, or a link that leads out.
        ToolFailedError: the system does not let it be read.
    """
    _stay_inside(path, inside, "it was not read")
    try:
        data = _read(path)
        if len(data) > _LARGEST:
            if not cut:
                raise BadInputError(
                    f"{path} is larger than the {_LARGEST // 1_000_000} MB that are read as text.",
                    "Make it smaller or move it away.",
                )
            data = data[: data.rfind(b"\n", 0, _LARGEST) + 1]
        return data.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError as error:
        raise BadInputError(f"{path} is a folder and should be a file.", "Move it away and try again.") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path} is not UTF-8 text.", "Save it as UTF-8 and try again.") from error
    except OSError as error:
        raise ToolFailedError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error


def write_atomic(
    path: Path,
    text: str,
    *,
    executable: bool = False,
    private: bool = False,
    inside: Path | None = None,
    follow: bool = True,
    scratch: Path | None = None,
) -> None:
    """Write a file so that at any moment it is wholly the old one or wholly the new one.

    Folders that are missing are made. A symbolic link stays one: the file that it points to is replaced.

    Args:
        path: the file.
        text: its content, written as it is in UTF-8.
        executable: everyone who may read it may run it.
        private: only this user may read it, and the folders that are made for it.
        inside: a folder that it must not lead out of over a link; None when it may.
        follow: False to replace a link itself, should one lie there, instead of what it points to.
        scratch: a folder on the same disk for what is half written, which a power cut leaves there; None for beside.

    Raises:
        BadInputError: it is a link that leads out, or a device.
        ToolFailedError: no permission, no space, or something else stands in its place.
    """
    _stay_inside(path, inside, "nothing was written")
    target = Path(os.path.realpath(path)) if follow else Path(os.path.realpath(path.parent), path.name)
    try:
        _refuse_devices(target, path)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
        half = (scratch or target.parent) / f".{target.name[:100]}.{secrets.token_hex(6)}.tmp"
        descriptor = _open_new(half, private=private or target.exists())
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
                file.flush()
                _set_mode(file.fileno(), target, executable=executable, private=private)
                os.fsync(file.fileno())
            half.replace(target)
        except BaseException:  # an interrupt, too, must leave no stray file
            half.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except OSError as error:
        raise ToolFailedError(
            f"{path} could not be written: {error.strerror}; it is as it was before.",
            "Check the permissions of its folder and the space on the disk.",
        ) from error


def _open_new(path: Path, *, private: bool) -> int:
    """A descriptor to write to a new file; the system itself takes the umask off its mode.

    From the start nobody else may read a private file, nor one in the place of a file whose own permissions it gets.
    """
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)


def backup(path: Path, *, inside: Path | None = None) -> Path:
    """Copy a file to a new name beside it: `NAME.ecrwiz-backup`, then `-2`, `-3` and so on.

    Args:
        path: the file.
        inside: a folder that it must not lead out of over a link; None when it may.

    Returns:
        The copy. No file is ever overwritten.

    Raises:
        BadInputError: it is a link that leads out, or a device.
        ToolFailedError: it cannot be copied.
    """
    _stay_inside(path, inside, "nothing was written")
    copy, number = path.with_name(f"{path.name}.ecrwiz-backup"), 1
    try:
        _refuse_devices(path, path)
        while True:
            try:
                with path.open("rb") as source, open(copy, "xb", opener=_for_this_user) as file:
                    try:
                        shutil.copyfileobj(source, file)
                        os.fchmod(file.fileno(), stat.S_IMODE(os.fstat(source.fileno()).st_mode))
                        file.flush()
                        os.fsync(file.fileno())
                    except BaseException:
                        copy.unlink(missing_ok=True)
                        raise
                return copy
            except FileExistsError:
                number += 1
                copy = path.with_name(f"{path.name}.ecrwiz-backup-{number}")
    except OSError as error:
        raise ToolFailedError(
            f"{path} could not be copied to {copy.name}: {error.strerror}; it is as it was before.",
            "Check the permissions of its folder and the space on the disk.",
        ) from error


def diff(label: str, old: str | None, new: str) -> str:
    """A unified diff, as `git diff` shows it.

    Args:
        label: the file's name in the header.
        old: the text that is there; None when there is no file.
        new: the text that is to be there.

    Returns:
        The diff; empty when nothing changes. A carriage return is shown as `^M`, since line ends are
        otherwise not to be seen.
    """
    before = "/dev/null" if old is None else f"a/{label}"
    lines = difflib.unified_diff(_split(old or ""), _split(new), before, f"b/{label}")
    shown = (line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
    return "".join(shown).replace("\r", "^M")


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a lock file; it is free again when this process ends in whatever way.

    Raises:
        BadInputError: it is a link; what it leads to is not ours to write into.
        EcrwizError: another process holds it.
        ToolFailedError: the file cannot be made.
    """
    import fcntl

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BadInputError(f"{path} is a link and should be a file.", "Remove the link and try again.") from error
        raise ToolFailedError(f"{path} could not be made: {error.strerror}.", "Check the permissions.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            who = f" (pid {holder})" if holder.isdigit() else ""
            raise EcrwizError(
                f"Another ecrwiz run{who} is at work in this project.",
                "Wait until it ends, or end it with Ctrl-C.",
            ) from error
        except OSError as error:
            raise ToolFailedError(f"{path} cannot be locked: {error.strerror}.", _ELSEWHERE) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
        # The file stays: removing it would let two processes hold two files of one name.
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock file now; nothing is made."""
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def private_folder(path: Path) -> None:
    """Make a folder that only this user may look into; one that is there becomes so, whoever made it.

    Raises:
        BadInputError: it is a link, no folder, or one that several users are meant to share.
        ToolFailedError: the system does not let it be made or closed to others.
    """
    advice = "Set ECRWIZ_STATE_DIR to a folder of your own."
    try:
        if path.is_symlink():
            raise BadInputError(f"{path} is a link and should be a folder.", "Replace it by a folder.")
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            if mode & stat.S_ISVTX:  # such as /tmp: closing it would shut everybody else out
                raise BadInputError(f"{path} is a folder that several users share.", advice)
            if mode & 0o077:
                os.fchmod(descriptor, mode & ~0o077)
        finally:
            os.close(descriptor)
    except (FileExistsError, NotADirectoryError) as error:
        raise BadInputError(f"{path} is a file and should be a folder.", "Move it away and try again.") from error
    except OSError as error:
        raise ToolFailedError(f"{path} could not be closed to other users: {error.strerror}.", advice) from error


def digest(text: str) -> str:
    """A short fingerprint of a text: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _stay_inside(path: Path, inside: Path | None, consequence: str) -> None:
    """Refuse a path that links lead out of a folder: git stores links, so a clone may hold any.

    Raises:
        BadInputError: it leads out, or into .git.
    """
    if inside is None:
        return
    real, base = Path(os.path.realpath(path)), Path(os.path.realpath(inside))
    if real.is_relative_to(base):
        # A hook in .git that is written over a link would be run by the next `git commit`.
        if ".git" not in (part.lower() for part in real.relative_to(base).parts):
            return
        raise BadInputError(f"{path} is a link that leads into .git; {consequence}.", "Replace it by a file.")
    # The outermost link below the folder is the one to replace.
    below = (folder for folder in reversed(path.parents) if folder.is_relative_to(inside) and folder != inside)
    link = next((folder for folder in below if folder.is_symlink()), path)
    raise BadInputError(
        f"{link} is a link that leads out of {inside}; {consequence}.",
        f"Replace it by a {'file' if link == path else 'folder'}.",
    )


def _refuse_devices(target: Path, path: Path) -> None:
    """Let through what is absent, a file, or a folder, whose own error is told elsewhere.

    Looking comes before opening: with some devices the opening alone does something.

    Raises:
        BadInputError: it is a device, a pipe or a socket.
        OSError: the system does not let it be looked at.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        mode = target.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise BadInputError(f"{path} is no ordinary file.", "Replace it by a file.")


def _read(path: Path) -> bytes:
    _refuse_devices(path, path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    # Some files of /proc are ordinary by their look and would let the reader wait for ever.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        return file.read(_LARGEST + 1) or b""


def _set_mode(descriptor: int, target: Path, *, executable: bool, private: bool) -> None:
    """Give a new file the permissions of the one that it replaces, if there is one."""
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if not private:
        with contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(target.stat().st_mode)
    os.fchmod(descriptor, mode | (mode & 0o444) >> 2 if executable else mode)


def _for_this_user(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _split(text: str) -> list[str]:
    """Lines with their ends, split at LF only; `str.splitlines` would split at form feeds and more."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1].removesuffix("\n")
    return lines if lines[-1] else lines[:-1]


def _sync_folder(folder: Path) -> None:
    """Make the rename itself outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
