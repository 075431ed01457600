"""`config.toml` as text: what it says, and the same text with another theme and nothing else changed."""

from __future__ import annotations

from collections.abc import Mapping

from ecrwiz.model.errors import BadInputError

__all__ = ["loads", "with_theme"]


def loads(text: str, where: str) -> Mapping[str, object]:
    """The file's content as plain values.

    Raises:
        BadInputError: it is no TOML.
    """
    import tomllib

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInputError(f"{where} cannot be read: {error}.", "Mend that line, or delete the file.") from None


def with_theme(before: str | None, theme: str) -> str:
    """The file's new text; comments, order and everything else stay as the person wrote them."""
    import tomlkit

    document = tomlkit.parse(before or "")
    if document.get("theme") != theme:
        if "theme" in document or not before:
            document["theme"] = theme
        else:  # before the first table, else it would belong to that table
            return tomlkit.dumps(tomlkit.parse(f'theme = "{theme}"\n')) + before
    return tomlkit.dumps(document)
