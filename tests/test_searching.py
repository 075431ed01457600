"""A planted secret is found at any place, in any form and however the data comes; and never where it is not."""

from __future__ import annotations

import base64
import gzip
import io
import os
import pickle
import random
import string
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ecrwiz.model.redact import Secret
from ecrwiz.services.git import history
from ecrwiz.services.searching import (
    Budget,
    ImageReader,
    Needles,
    ObjectReader,
    Scanner,
    SpentError,
    search_files,
    search_text,
)

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ALPHABET = string.ascii_letters + string.digits + "+/"
NEEDLES = Needles([Secret(SECRET)], [KEY_ID])


def budget() -> Budget:
    return Budget(60, 1_000_000_000)


def wrapped(text: str, width: int) -> str:
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


# Each way in which a secret gets into a file: what stands there for it.
FORMS: dict[str, Callable[[str, int], bytes]] = {
    "raw": lambda secret, _: secret.encode(),
    "json": lambda secret, _: secret.replace("/", "\\/").encode(),
    "url": lambda secret, _: quote(secret, safe="").encode(),
    "url, lower": lambda secret, _: quote(secret, safe="").replace("%2F", "%2f").replace("%2B", "%2b").encode(),
    "url, path": lambda secret, _: quote(secret).encode(),
    "utf-16-le": lambda secret, _: secret.encode("utf-16-le"),
    "utf-16-be": lambda secret, _: secret.encode("utf-16-be"),
    "base64": lambda secret, number: base64.b64encode(b"xyz"[: number % 3] + secret.encode() + b"q" * (number % 4)),
    "base64, url": lambda secret, number: base64.urlsafe_b64encode(b"xyz"[: number % 3] + secret.encode()).rstrip(b"="),
    "base64, wrapped": lambda secret, number: wrapped(
        base64.b64encode(b"abcdefghijk"[: number % 11] + secret.encode()).decode(), 1 + number % 76
    ).encode(),
    "wrapped": lambda secret, number: wrapped(secret, 1 + number % 30).encode(),
}

secrets_ = st.text(ALPHABET, min_size=40, max_size=40)


@settings(max_examples=400, deadline=None)
@given(
    secret=secrets_,
    form=st.sampled_from(sorted(FORMS)),
    number=st.integers(0, 10_000),
    before=st.binary(max_size=300),
    after=st.binary(max_size=300),
    cuts=st.lists(st.integers(1, 64), min_size=1, max_size=20),
)
def test_found_wherever_the_pieces_are_cut(
    secret: str, form: str, number: int, before: bytes, after: bytes, cuts: list[int]
) -> None:
    planted = FORMS[form](secret, number)
    # What stands before it must not be taken for its first characters, as `AAA` before `AAB...` is.
    data = before + b"\x01" + planted + b"\x01" + after
    scanner, at, turn = Scanner(Needles([Secret(secret)], [])), 0, 0
    while at < len(data):
        scanner.feed(data[at : at + cuts[turn % len(cuts)]])
        at += cuts[turn % len(cuts)]
        turn += 1
    assert [hit.kind for hit in scanner.hits] == ["secret"], (form, secret)
    first = len(before) + 1
    assert first <= scanner.hits[0].offset < first + len(planted)


@settings(max_examples=200, deadline=None)
@given(secret=secrets_, offset=st.integers(0, 2000), size=st.integers(1, 500))
def test_found_at_any_offset_with_its_line(secret: str, offset: int, size: int) -> None:
    lines = ["x" * 7 for _ in range(300)]
    text = "\n".join(lines)[:offset]
    data = f"{text}|{secret}|\nend\n".encode()
    scanner = Scanner(Needles([Secret(secret)], []))
    for at in range(0, len(data), size):
        scanner.feed(data[at : at + size])
    (hit,) = scanner.hits
    assert (hit.offset, hit.line) == (offset + 1, text.count("\n") + 1)


@settings(max_examples=300, deadline=None)
@given(secret=secrets_, other=secrets_, data=st.binary(max_size=2000), cut=st.integers(0, 39))
def test_nothing_is_found_where_it_is_not(secret: str, other: str, data: bytes, cut: int) -> None:
    if other == secret:
        return
    # One character is another, by more than its last two bits: of base64, a character that more text may share is not
    # compared, so the end of the secret is known there by its first six bits alone.
    near = secret[:cut] + ("z" if ord(secret[cut]) >> 2 != ord("z") >> 2 else "A") + secret[cut + 1 :]
    scanner = Scanner(Needles([Secret(secret)], []))
    for piece in (data, f"\x01{near}\x01{other}\x01".encode(), base64.b64encode(near.encode()), data):
        scanner.feed(piece)
    assert scanner.hits == []


def test_all_lines_of_it_are_told_once_and_not_without_end() -> None:
    scanner = Scanner(NEEDLES)
    for _ in range(3):
        scanner.feed(f"a\n{KEY_ID}\n{SECRET}\n".encode())
    assert [(hit.kind, hit.line) for hit in scanner.hits if hit.kind == "secret"] == [("secret", n) for n in (3, 6, 9)]
    for _ in range(1000):
        scanner.feed(f"{KEY_ID}\n".encode())
    assert sum(hit.kind == "key id" for hit in scanner.hits) == 20


def test_what_is_looked_for_never_shows() -> None:
    assert SECRET not in repr(NEEDLES) + str(NEEDLES)
    with pytest.raises(TypeError):
        pickle.dumps(NEEDLES)
    assert not Needles([Secret("short")], [""]), "a few characters would be found everywhere"


# --- files ------------------------------------------------------------------------------------------------------------


def plant(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_files_and_folders(tmp_path: Path) -> None:
    plant(tmp_path / "clean.txt", b"nothing here\n")
    plant(tmp_path / "deep/er/.env.local", f"A=1\nAWS_SECRET_ACCESS_KEY={SECRET}\n".encode())
    plant(tmp_path / "state.json", f'{{\n"id": "{KEY_ID}"}}'.encode())
    plant(tmp_path / "node_modules/x.js", SECRET.encode())
    plant(tmp_path / "known.env", SECRET.encode())
    (tmp_path / "link").symlink_to(tmp_path / "node_modules")
    os.mkfifo(tmp_path / "pipe")
    found = search_files(
        NEEDLES,
        [tmp_path, tmp_path / "missing"],
        budget(),
        name=lambda path: path.relative_to(tmp_path).as_posix(),
        without=("node_modules",),
        apart=[tmp_path / "known.env"],
    )
    assert found.secret == ["deep/er/.env.local:2"]
    assert found.key_id == ["state.json:2"]
    assert (found.things, found.problems) == (3, [])


def test_a_named_link_is_followed_and_a_loop_ends(tmp_path: Path) -> None:
    real = plant(tmp_path / "dotfiles/npmrc", f"//r/:_auth={SECRET}".encode())
    link = tmp_path / ".npmrc"
    link.symlink_to(real)
    (tmp_path / "dotfiles/up").symlink_to(tmp_path)
    assert search_files(NEEDLES, [link], budget()).secret == [f"{link}:1"]
    assert search_files(NEEDLES, [tmp_path, tmp_path], budget()).things == 1


def test_packed_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "provision.tfplan", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tfplan", b"x" * 5000 + SECRET.encode())
    plant(tmp_path / "old.log.gz", gzip.compress(b"\n" * 9) + gzip.compress(b"a\n" + SECRET.encode()))
    plant(tmp_path / "old.zst", zstandard.compress(b"b\n\n" + SECRET.encode()))
    with tarfile.open(tmp_path / "backup.tgz", "w:gz") as tar:
        tar.add(plant(tmp_path / "in", SECRET.encode()), "home/.env")
    (tmp_path / "in").unlink()
    found = search_files(NEEDLES, [tmp_path], budget(), name=lambda path: path.name)
    assert sorted(found.secret) == [
        "backup.tgz, unpacked: home/.env:1",
        "old.log.gz, unpacked:11",
        "old.zst at byte 12",  # so short that zstd left it as it was
        "old.zst, unpacked:3",
        "provision.tfplan, tfplan:1",
    ]


def test_a_bomb_and_a_damaged_archive_stop_nothing(tmp_path: Path) -> None:
    plant(tmp_path / "a.gz", gzip.compress(bytes(40_000_000)))
    plant(tmp_path / "z.txt", SECRET.encode())
    found = search_files(NEEDLES, [tmp_path], Budget(60, 10_000_000))
    assert found.problems == ["stopped after 0.0 GB"]
    plant(tmp_path / "a.gz", gzip.compress(os.urandom(9000))[:-3000] + b"\0" * 3000)
    plant(tmp_path / "b.zip", b"PK\3\4" + bytes(300))
    plant(tmp_path / "c.zst", b"\x28\xb5\x2f\xfd" + b"\xff" * 600)
    found = search_files(NEEDLES, [tmp_path], budget(), name=lambda path: path.name)
    assert found.secret == ["z.txt:1"]
    assert len(found.problems) == 3


def test_what_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plant(tmp_path / "secret.txt", SECRET.encode())
    real = os.open

    def refuse(name: object, *rest: object) -> int:
        if name == path:
            raise PermissionError(13, "Permission denied")
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    assert search_files(NEEDLES, [path], budget(), name=lambda _: "it").problems == ["it: Permission denied"]


def test_time_is_limited(tmp_path: Path) -> None:
    plant(tmp_path / "a", SECRET.encode())
    assert search_files(NEEDLES, [tmp_path], Budget(-1, 10**9)).problems == ["stopped after -1 s"]


def test_texts() -> None:
    found = search_text(NEEDLES, [("PATH", "/bin"), ("KEY", SECRET), ("ID", f"x{KEY_ID}")])
    assert (found.secret, found.key_id, found.things) == (["KEY"], ["ID"], 3)


# --- images -----------------------------------------------------------------------------------------------------------


def tar_of(entries: dict[str, bytes], kind: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for name, data in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {"plain": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}
LONG = "very/" + "long" * 40 + "/.env"


def read_image(data: bytes, size: int, needles: Needles = NEEDLES) -> ImageReader:
    reader = ImageReader(needles, budget())
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size])
    reader.end()
    return reader


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("size", [97, 512, 1000, 1 << 20])
def test_a_layer_however_it_is_packed(packing: str, kind: int, size: int) -> None:
    layer = tar_of({"etc/passwd": b"root", LONG: b"\n" * 5 + SECRET.encode(), "empty": b"", "z": b"end"}, kind)
    digest = "ab" * 32
    image = tar_of({"manifest.json": b"[]", f"blobs/sha256/{digest}": PACKINGS[packing](layer)}, kind)
    found = read_image(image, size).finds
    assert found.secret == [f"{digest[:12]}: {LONG}:6"]
    assert found.problems == []


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 3000), max_size=6),
    at=st.integers(0, 5),
    offset=st.integers(0, 3000),
    packing=st.sampled_from(sorted(PACKINGS)),
    piece=st.integers(100, 5000),
)
def test_any_offset_of_any_file_of_a_layer(sizes: list[int], at: int, offset: int, packing: str, piece: int) -> None:
    seeded = random.Random(repr((sizes, at, offset)))
    files = {f"file{number}": seeded.randbytes(size) for number, size in enumerate(sizes)}
    clean = tar_of({"0/layer.tar": PACKINGS[packing](tar_of(files))})
    assert read_image(clean, piece).finds.secret == []
    files[f"file{at}"] = seeded.randbytes(offset) + SECRET.encode() + seeded.randbytes(9)
    found = read_image(tar_of({"0/layer.tar": PACKINGS[packing](tar_of(files))}), piece).finds
    assert [line.rpartition(":")[0] or line.partition(" at ")[0] for line in found.secret] in (
        [f"0/layer.tar: file{at}"],
        ["0/layer.tar"],  # in binary data it is `: file3 at byte 17`
    )


def test_the_configuration_names_and_what_follows_the_end() -> None:
    history = f'{{"history": [{{"created_by": "RUN |1 KEY={SECRET}"}}]}}'.encode()
    found = read_image(tar_of({"blobs/sha256/" + "c" * 64: history}), 700).finds
    assert found.secret == ["c" * 12 + ":1"]
    found = read_image(tar_of({f"files/{SECRET}": b"x"}), 700).finds
    assert len(found.secret) == 1, "a file's name can hold it, too"
    layer = tar_of({"a": b"x"}) + b"hidden " + SECRET.encode()
    assert len(read_image(tar_of({"0/layer.tar": layer}), 700).finds.secret) == 1
    extended = tar_of({"big": bytes(10_000), "last": SECRET.encode()})
    assert read_image(tar_of({"0/layer.tar": extended}), 333).finds.secret == ["0/layer.tar: last:1"]


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=3000), piece=st.integers(1, 700))
def test_no_stream_makes_it_fall_over(data: bytes, piece: int) -> None:
    for stream in (data, tar_of({"0/layer.tar": data}), tar_of({"a": data})[: len(data)], b"\x1f\x8b" + data):
        read_image(stream, piece)


def test_a_layer_that_unfolds_without_end_is_left() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    reader = ImageReader(NEEDLES, Budget(60, 5_000_000))
    with pytest.raises(SpentError):
        reader.feed(tar_of({"0/layer.tar": bomb}))


# --- git --------------------------------------------------------------------------------------------------------------


def git(root: Path, *words: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *who, *words], cwd=root, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    ).stdout


async def read_objects(root: Path) -> ObjectReader:
    reader = ObjectReader(NEEDLES, budget())
    assert await history.pour_objects(root, reader.feed, 30) is True
    reader.end()
    assert reader.finds.problems == []
    return reader


async def test_every_corner_of_a_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    plant(tmp_path / "a.txt", b"clean")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    assert (await read_objects(tmp_path)).secret == []

    plant(tmp_path / "sub dir/config.js", f"x\nkey = '{SECRET}'\n".encode())
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "two")
    git(tmp_path, "rm", "-q", "sub dir/config.js")
    git(tmp_path, "commit", "-qm", "gone again")
    ((oid, kind, where),) = (await read_objects(tmp_path)).secret
    assert (kind, where) == ("blob", ":2")
    assert (
        await history.names_of(tmp_path, oid)
        == f"sub dir/config.js in commit {git(tmp_path, 'log', '--format=%h', '-n2').split()[0]}"
    )

    git(tmp_path, "reset", "-q", "--hard", "HEAD~2")
    git(tmp_path, "reflog", "expire", "--expire=now", "--all")
    assert len((await read_objects(tmp_path)).secret) == 1, "an object that nothing refers to is there all the same"
    assert await history.names_of(tmp_path, oid) == ""
    git(tmp_path, "gc", "-q", "--prune=now")
    assert (await read_objects(tmp_path)).secret == []

    plant(tmp_path / "staged", f"{SECRET} staged".encode())
    git(tmp_path, "add", "staged")
    ((oid, _, _),) = (await read_objects(tmp_path)).secret
    assert await history.names_of(tmp_path, oid) == "staged in the index"
    git(tmp_path, "stash", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", f"oh {SECRET}")
    git(tmp_path, "gc", "-q")
    found = (await read_objects(tmp_path)).secret
    assert sorted(kind for _, kind, _ in found) == ["blob", "commit"]


async def test_folders_and_none(tmp_path: Path) -> None:
    assert await history.folders(tmp_path) == ()
    assert await history.pour_objects(tmp_path, lambda _: None, 5) is None
    git(tmp_path, "init", "-q")
    assert [path.name for path in await history.folders(tmp_path)] == [".git"]


async def test_a_spent_budget_ends_git(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    plant(tmp_path / "big", random.Random(1).randbytes(3_000_000))
    git(tmp_path, "add", ".")
    reader = ObjectReader(NEEDLES, Budget(30, 100_000))
    with pytest.raises(SpentError):
        await history.pour_objects(tmp_path, reader.feed, 30)


@settings(max_examples=100, deadline=None)
@given(bodies=st.lists(st.binary(max_size=400), max_size=8), piece=st.integers(1, 500), at=st.integers(0, 8))
def test_the_stream_of_objects_may_be_cut_anywhere(bodies: list[bytes], piece: int, at: int) -> None:
    bodies.insert(min(at, len(bodies)), b"\x01" + SECRET.encode())
    stream = b"".join(b"%040x blob %d\n%b\n" % (number, len(body), body) for number, body in enumerate(bodies))
    reader = ObjectReader(NEEDLES, budget())
    for begin in range(0, len(stream), piece):
        reader.feed(stream[begin : begin + piece])
    reader.end()
    assert [int(oid, 16) for oid, _, _ in reader.secret] == [min(at, len(bodies) - 1)]
    assert (reader.finds.things, reader.finds.problems) == (len(bodies), [])


def test_a_missing_object_is_told() -> None:
    reader = ObjectReader(NEEDLES, budget())
    reader.feed(b"a" * 40 + b" missing\n" + b"b" * 40 + b" blob 9\nabc")
    reader.end()
    assert len(reader.finds.problems) == 2
