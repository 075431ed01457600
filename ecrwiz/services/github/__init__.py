"""GitHub: the repository that a remote means, a token for it, and what a workflow needs there.

A secret leaves this process only inside a sealed box that GitHub alone can open. A token is sent only to the
host that it is for, over HTTPS (plain HTTP to this machine alone), and never in a command line.
"""

from __future__ import annotations

from ecrwiz.services.github.client import Environment, GitHub, Repository
from ecrwiz.services.github.entries import LARGEST, MOST_SECRETS, MOST_VARIABLES, Variable
from ecrwiz.services.github.remote import api_url_for, find_token, is_githubs_own, parse_remote, token_entry

__all__ = [
    "LARGEST",
    "MOST_SECRETS",
    "MOST_VARIABLES",
    "Environment",
    "GitHub",
    "Repository",
    "Variable",
    "api_url_for",
    "find_token",
    "is_githubs_own",
    "parse_remote",
    "token_entry",
]
