"""Values that Terraform gets beside the rendered ones: the public OpenPGP key, and whom the role trusts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from ecrwiz.flow.layout import KEY_FILE, TRUST_FILE
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import BadInputError
from ecrwiz.services import files, openpgp

__all__ = ["Trusted", "forget_values", "read_trust", "see_to_values", "write_public_key", "write_trust"]

_VARIABLE: Final = "ci_role_trust"
_NOBODY: Final = "nobody"  # no subject of GitHub's: they begin with a claim's name and a colon

Trusted = tuple[str, str, tuple[str, ...]]
"""Issuer, audience and subjects."""


def see_to_values(answers: Answers, infra: Path, inside: Path) -> None:
    """Write what is missing: Terraform wants every value even to import or destroy; any will do then.

    Args:
        answers: the answers.
        infra: the folder that Terraform runs in.
        inside: a folder that it must not lead out of.
    """
    if answers.has_key and not (infra / KEY_FILE).is_file():
        write_public_key(infra / KEY_FILE, openpgp.generate("ecrwiz").public, inside)
    if answers.has_role and not (infra / TRUST_FILE).is_file():
        write_trust(infra / TRUST_FILE, ("localhost", _NOBODY, (_NOBODY,)), inside)


def forget_values(answers: Answers, infra: Path) -> None:
    """Remove those that nothing asks for: Terraform would warn of them at each command."""
    for name, wanted in ((KEY_FILE, answers.has_key), (TRUST_FILE, answers.has_role)):
        if not wanted:
            (infra / name).unlink(missing_ok=True)


def write_public_key(path: Path, public: str, inside: Path) -> None:
    """Write the public half where Terraform finds it; it is no secret."""
    text = (
        "# Made by ecrwiz: the PUBLIC half of a throwaway OpenPGP key. The CI user's secret key is encrypted\n"
        "# to it before it reaches the state. It matters only when the access key is made.\n"
        f"ci_user_pgp_key = {json.dumps(public)}\n"
    )
    files.write_atomic(path, text, inside=inside)


def write_trust(path: Path, trusted: Trusted, inside: Path) -> None:
    """Write whom the role trusts where Terraform finds it; meant to be committed."""
    issuer, audience, subjects = trusted
    value = {_VARIABLE: {"issuer": issuer, "audience": audience, "subjects": list(subjects)}}
    files.write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n", inside=inside)


def read_trust(path: Path, inside: Path) -> Trusted | None:
    """Whom the file says that the role trusts; None when there is no file, or it trusts nobody.

    Raises:
        BadInputError: it is not as ecrwiz writes it.
    """
    text = files.read_text(path, inside=inside)
    if text is None:
        return None
    try:
        value: Any = json.loads(text)[_VARIABLE]
        found = str(value["issuer"]), str(value["audience"]), tuple(str(subject) for subject in value["subjects"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadInputError(
            f"{path.name} cannot be read, and GitHub cannot be asked what it should say.",
            "Remove the file, and run provision again with GitHub in reach.",
        ) from None
    return None if found[2] == (_NOBODY,) else found
