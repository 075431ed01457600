"""`ecrwiz.toml`: the answers beside the application. The person's comments and order survive a rewrite."""

from __future__ import annotations

from collections.abc import Mapping

from ecrwiz.model.answers import BUILD_ARG
from ecrwiz.model.errors import BadInputError

__all__ = ["NAME", "dumps", "loads"]

NAME = "ecrwiz.toml"
_TABLE = BUILD_ARG.rstrip(".")
_NUMBERS = ("port", "untagged_days", "keep_images")
_HEADER = "Answers for ecrwiz, safe to commit: no secret is ever written here."


def loads(text: str) -> dict[str, str]:
    """The values in the file, as text.

    Raises:
        BadInputError: the file is no TOML, or holds something else than plain values.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        data = tomlkit.parse(text).unwrap()
    except TOMLKitError as error:
        raise BadInputError(f"{NAME} cannot be read: {error}.", "Mend that line, or delete the file.") from None
    arguments = data.pop(_TABLE, {})
    if not isinstance(arguments, dict):
        raise BadInputError(f"{NAME}: {_TABLE} is no table.", f"Write [{_TABLE}] on a line, and NAME = ... below it.")
    data.update({BUILD_ARG + name: value for name, value in arguments.items()})
    for name, value in data.items():
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise BadInputError(f"{NAME}: {name} is no text and no number.", f'Write it as {name} = "...".')
    return {name: str(value) for name, value in data.items()}


def dumps(before: str | None, values: Mapping[str, str]) -> str:
    """The file's new text: `before` with these values set, everything else as it was."""
    import tomlkit

    document = tomlkit.parse(before or "")
    if not before:
        document.add(tomlkit.comment(_HEADER))
    for name, value in values.items():
        new: str | int = int(value) if name in _NUMBERS else value
        if name.startswith(BUILD_ARG):
            table = document.setdefault(_TABLE, tomlkit.table())
            if table.get(name.removeprefix(BUILD_ARG)) != new:
                table[name.removeprefix(BUILD_ARG)] = new
        elif name not in document or document[name] != new:
            document[name] = new
    return tomlkit.dumps(document)
