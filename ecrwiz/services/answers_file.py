"""`ecrwiz.toml`: the answers beside the application. The person's comments and order survive a rewrite."""

from __future__ import annotations

from collections.abc import Mapping

from ecrwiz.model.errors import BadInputError

__all__ = ["NAME", "dumps", "loads"]

NAME = "ecrwiz.toml"
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
        new: str | int = int(value) if name == "port" else value
        if name not in document or document[name] != new:
            document[name] = new
    return tomlkit.dumps(document)
