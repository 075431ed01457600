"""What a Dockerfile asks of its builder, and its plain form."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrwiz.model.errors import BadInputError, MissingToolError, ToolFailedError
from ecrwiz.services.docker.dockerfile import Mount, arg_names, check_plain, mounts, plain_form, read_dockerfile

CACHE = "--mount=type=cache,target=/root/.npm"

PLAIN = {
    "no mounts": ("FROM a\nRUN npm ci\n", "FROM a\nRUN npm ci\n"),
    "one": (f"RUN {CACHE} npm ci\n", "RUN  npm ci\n"),
    "several": (f"RUN {CACHE} --mount=type=secret,id=X npm ci\n", "RUN   npm ci\n"),
    "between other flags": (
        f"RUN --network=none {CACHE} --security=insecure x",
        "RUN --network=none  --security=insecure x",
    ),
    "lower case": (f"run {CACHE} npm ci", "run  npm ci"),
    "tabs": (f"RUN\t{CACHE}\tnpm ci", "RUN\t\tnpm ci"),
    "indented": (f"  RUN {CACHE} npm ci", "  RUN  npm ci"),
    "ONBUILD": (f"ONBUILD RUN {CACHE} npm ci", "ONBUILD RUN  npm ci"),
    "continued": (
        f"RUN {CACHE} \\\n    --mount=type=tmpfs,target=/t \\\n    npm ci\n",
        "RUN  \\\n     \\\n    npm ci\n",
    ),
    "continued at once": (f"RUN \\\n  {CACHE} \\\n  npm ci\n", "RUN \\\n   \\\n  npm ci\n"),
    "CRLF": (f"RUN {CACHE} \\\r\n  npm ci\r\n", "RUN  \\\r\n  npm ci\r\n"),
    "blanks behind the backslash": (f"RUN {CACHE} \\  \n  npm ci", "RUN  \\  \n  npm ci"),
    "comments within": (
        f"RUN {CACHE} \\\n# why: {CACHE}\n  # more\n\n  {CACHE} npm ci\n",
        f"RUN  \\\n# why: {CACHE}\n  # more\n\n   npm ci\n",
    ),
    "a flag over two lines": ("RUN --mount=type=cache,\\\ntarget=/x npm ci", "RUN  npm ci"),
    "quoted": ('RUN --mount="type=cache,target=/a b" npm ci', "RUN  npm ci"),
    "escaped": ("RUN --mount=type=cache,target=/a\\ b npm ci", "RUN  npm ci"),
    "exec form": (f'RUN {CACHE} ["npm", "ci"]', 'RUN  ["npm", "ci"]'),
    "not a flag of RUN": (f"RUN docker run {CACHE} x", f"RUN docker run {CACHE} x"),
    "after the first word": (f"RUN npm ci {CACHE}", f"RUN npm ci {CACHE}"),
    "in a continued command": (f"RUN a && \\\n  {CACHE} b", f"RUN a && \\\n  {CACHE} b"),
    "in a comment": (f"# RUN {CACHE} x\nRUN y", f"# RUN {CACHE} x\nRUN y"),
    "in another instruction": (f"LABEL x=\\\nRUN {CACHE}", f"LABEL x=\\\nRUN {CACHE}"),
    "other instructions": (f"RUNNER {CACHE}\nENV RUN={CACHE}", f"RUNNER {CACHE}\nENV RUN={CACHE}"),
    "escape directive": (
        f"# escape=`\nFROM a\nRUN {CACHE} `\n  {CACHE} dir C:\\\nRUN {CACHE} x",
        "# escape=`\nFROM a\nRUN  `\n   dir C:\\\nRUN  x",
    ),
    "no directive further down": (
        f"FROM a\n# escape=`\nRUN {CACHE} \\\n  {CACHE} x",
        "FROM a\n# escape=`\nRUN  \\\n   x",
    ),
    "nothing behind it": (f"RUN {CACHE}", "RUN "),
    "last line continued": (f"RUN {CACHE} \\", "RUN  \\"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_the_plain_form(name: str) -> None:
    text, plain = PLAIN[name]
    assert plain_form(text) == plain
    assert plain_form(plain) == plain


@given(st.text(alphabet="RUNrun \t\\`\n\r#-=mount,\"'xcahe", max_size=80))
def test_the_plain_form_of_anything(text: str) -> None:
    plain = plain_form(text)
    assert plain_form(text) == plain
    assert len(plain) <= len(text)
    if "--mount=" not in text:
        assert plain == text
    assert all(mount.line <= text.count("\n") + 1 for mount in mounts(text))


def test_the_mounts_of_a_dockerfile() -> None:
    text = (
        "FROM a\n"
        f"RUN {CACHE},sharing=locked \\\n"
        "    --mount=type=secret,id=NPM_TOKEN npm ci\n"
        'RUN --mount=target=/src --mount=type=secret,target=/root/.npmrc,required --mount="type=ssh" x\n'
        "RUN --mount=type=secret,env=TOKEN,required=false --mount=Type=tmpfs,target=/t \\\n"
        "  --mount=type=secret,id=b,required=true y\n"
    )
    assert mounts(text) == (
        Mount(2, "cache"),
        Mount(3, "secret", "NPM_TOKEN"),
        Mount(4, "bind"),
        Mount(4, "secret", ".npmrc", required=True),
        Mount(4, "ssh"),
        Mount(5, "secret", "TOKEN"),
        Mount(5, "tmpfs"),
        Mount(6, "secret", "b", required=True),
    )


@pytest.mark.parametrize(
    ("flags", "given_ids", "refused"),
    [
        (CACHE, (), ""),
        ("--mount=type=tmpfs,target=/t", (), ""),
        ("--mount=type=secret,id=X", (), ""),
        ("--mount=type=secret,id=X", ("Y",), ""),
        ("--mount=type=secret,id=X", ("X",), "Line 2 of the Dockerfile needs the build secret X"),
        ("--mount=type=secret,id=X,required", (), "the build secret X"),
        ("--mount=type=bind,source=package.json,target=package.json", (), "a mount of type bind"),
        ("--mount=target=/src", (), "a mount of type bind"),
        ("--mount=type=ssh", (), "a mount of type ssh"),
    ],
)
def test_what_no_plain_form_can_do(flags: str, given_ids: tuple[str, ...], refused: str) -> None:
    text = f"FROM a\nRUN {flags} x"
    if not refused:
        check_plain(text, {*given_ids}, "No reason.")
        return
    with pytest.raises(MissingToolError) as missing:
        check_plain(text, {*given_ids}, "Docker's plugin buildx is not installed.")
    assert refused in missing.value.message
    assert missing.value.message.endswith("Docker's plugin buildx is not installed.")
    assert "buildx" in missing.value.hint


def test_the_names_of_build_arguments() -> None:
    text = (
        'ARG NODE=24 TAG\nFROM a\narg X="y z" \\\n# why\n  NEXT_PUBLIC_URL\n# ARG NOT\nRUN echo ARG NOT_THIS\n'
        "ENV ARG=NO\nARG LAST='it is'\n"
    )
    assert arg_names(text) == {"NODE", "TAG", "X", "NEXT_PUBLIC_URL", "LAST"}


def test_a_dockerfile_is_read_whole_and_without_its_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"\xef\xbb\xbfFROM a\r\n")
    assert read_dockerfile(tmp_path, "Dockerfile") == "FROM a\r\n"
    (tmp_path / "apps/web").mkdir(parents=True)
    (tmp_path / "apps/web/Dockerfile").symlink_to("../../Dockerfile")
    assert read_dockerfile(tmp_path, "apps/web/Dockerfile") == "FROM a\r\n", "a link within the context is fine"
    with pytest.raises(ToolFailedError, match="cannot be read: No such file"):
        read_dockerfile(tmp_path, "gone")


def test_a_hostile_dockerfile_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "clone"
    root.mkdir()
    (tmp_path / "secret").write_text("FROM secret")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "device").symlink_to("/dev/zero")
    (root / "loop").symlink_to("loop")
    (root / "folder").mkdir()
    os.mkfifo(root / "fifo")
    (root / "huge").write_bytes(b"#" * 1_100_000)
    for name in ("out", "device", "folder", "fifo"):
        with pytest.raises(BadInputError, match="no ordinary file"):
            read_dockerfile(root, name)
    with pytest.raises(BadInputError, match="larger than 1 MB"):
        read_dockerfile(root, "huge")
    with pytest.raises(ToolFailedError, match="cannot be read"):
        read_dockerfile(root, "loop")
