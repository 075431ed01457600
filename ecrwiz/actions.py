"""The one registry of what keys do: it feeds the bindings, the footer, the palette, the help screen and the docs.

Keys are letters, digits, function keys, arrows, enter, escape, space and a few ctrl+letter that neither
terminals nor tmux take for themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ACTIONS", "SCOPES", "Action", "in_scope"]

SCOPES: Final = {
    "app": "Everywhere",
    "menu": "Home",
    "answers": "Answers",
    "review": "Review",
    "run": "Run",
    "log": "Log",
    "logs": "Logs",
    "doctor": "Doctor",
    "credentials": "Credentials",
    "proofs": "What CI may do",
    "where": "Where the secret is",
    "move": "From the key to a role",
    "github": "GitHub",
    "receipt": "Receipt",
    "details": "Details",
    "destroy": "Destroy",
}


@dataclass(frozen=True, slots=True)
class Action:
    """Something a person can do by a key.

    Attributes:
        scope: the screen on which it works, a key of `SCOPES`.
        name: the method without `action_`.
        keys: key names as Textual has them, comma separated; the first is shown.
        label: one or two words for the footer.
        explain: a sentence for the help screen.
        shown: whether the footer shows it; six a screen at most.
    """

    scope: str
    name: str
    keys: str
    label: str
    explain: str
    shown: bool = True

    @property
    def id(self) -> str:
        """A stable name, such as `menu.run_all`, by which a key can be changed."""
        return f"{self.scope}.{self.name}"


ACTIONS: Final = (
    Action("app", "help", "question_mark,f1", "Help", "Show every key of this screen."),
    Action("app", "quit", "q", "Quit", "Leave ecrwiz; asks first while a step runs."),
    Action("menu", "run_step", "enter,r", "Run step", "Run the marked step, even when it is fresh."),
    Action("menu", "run_all", "a", "Run all", "Run every step that is not fresh, after a review."),
    Action("menu", "answers", "e", "Answers", "Change the answers; steps that depend on them become stale."),
    Action("menu", "review", "v", "Review", "Show the files and the Terraform plan; nothing is made."),
    Action("menu", "log", "l", "Log", "Open the last log of the marked step.", shown=False),
    Action("menu", "logs", "L", "All logs", "List the logs of every run that is kept.", shown=False),
    Action("menu", "doctor", "h", "Doctor", "Check tools, credentials, keyring and GitHub.", shown=False),
    Action("menu", "credentials", "i", "CI identity", "Look after the CI identity and its secret.", shown=False),
    Action("menu", "github", "g", "GitHub", "Show what GitHub has and gets; export and rehearse.", shown=False),
    Action("menu", "run_from", "f", "Run from here", "Run the marked step, and all after it not fresh.", shown=False),
    Action("menu", "outputs", "o", "Outputs", "Show what the marked step made.", shown=False),
    Action("menu", "commands", "c", "Commands", "Show the commands of the marked step's last run.", shown=False),
    Action("menu", "refresh", "f5", "Refresh", "Look again how all stands, and ask AWS who you are.", shown=False),
    Action("menu", "receipt", "p", "Receipt", "Show what exists and where the secrets are.", shown=False),
    Action(
        "menu",
        "destroy",
        "d",
        "Destroy",
        "Remove everything that ecrwiz made; asks first.",
        shown=False,
    ),
    Action("menu", "show_run", "w", "Watch", "Watch the run that is going on.", shown=False),
    Action("answers", "go_on", "ctrl+n", "Continue", "Save the answers and go on (enter in a field does the same)."),
    Action("answers", "next_field", "down", "Next field", "Go to the next field (tab does the same).", shown=False),
    Action("answers", "previous_field", "up", "Previous field", "Go to the field before.", shown=False),
    Action("answers", "back", "escape", "Back", "Go back; what you typed is kept."),
    Action("review", "go", "g", "Go", "Make all this: write the files, build, create the resources, push, export."),
    Action(
        "review",
        "keep_or_overwrite",
        "space",
        "Keep/overwrite",
        "Keep your own file, overwrite it and keep a backup, or have both texts in it with conflict markers.",
    ),
    Action("review", "side_by_side", "d", "Diff", "Show a diff side by side, or one line below the other."),
    Action("review", "wrap", "w", "Wrap", "Let long lines go on in the next row, or not.", shown=False),
    Action("review", "again", "r", "Refresh", "Look at the files and ask Terraform again.", shown=False),
    Action("review", "other_pane", "tab", "Other pane", "Move between the list and what it shows.", shown=False),
    Action("review", "back", "escape", "Back", "Go back; nothing is made."),
    Action("run", "retry", "r", "Retry", "Run again what did not succeed."),
    Action("run", "stop", "x", "Stop", "Stop the run in good order; asks first."),
    Action("run", "answers", "e", "Answers", "Change the answers."),
    Action("run", "log", "l", "Full log", "Open the whole log of the marked step."),
    Action("run", "skip", "s", "Skip", "Go on with what does not need the step that failed; asks first.", shown=False),
    Action("run", "copy", "c", "Copy command", "Copy the command of the marked step.", shown=False),
    Action("run", "next_tab", "tab", "Next step", "Go to the next step that runs.", shown=False),
    Action("run", "receipt", "p", "Receipt", "Show what exists now.", shown=False),
    Action("run", "back", "escape", "Home", "Go back to Home; a run goes on."),
    Action(
        "log", "search", "slash", "Search", "Search the log; the text is a regular expression when it is a valid one."
    ),
    Action("log", "next_hit", "n", "Next match", "Go to the next match.", shown=False),
    Action("log", "previous_hit", "N", "Previous match", "Go to the match before.", shown=False),
    Action("log", "case", "c", "Case", "Let case count in the search, or not.", shown=False),
    Action("log", "next_error", "e", "Next error", "Go to the next line that tells of an error."),
    Action("log", "previous_error", "E", "Previous error", "Go to the line with an error before.", shown=False),
    Action("log", "follow", "f,G", "Follow", "Go to the end and stay there while lines come."),
    Action("log", "top", "g", "Top", "Go to the first line.", shown=False),
    Action("log", "wrap", "w", "Wrap", "Let long lines go on in the next row, or not.", shown=False),
    Action("log", "times", "t", "Times", "Show the time of each line (UTC), or not.", shown=False),
    Action("log", "full", "z", "Full screen", "Give the log the whole window, or not.", shown=False),
    Action("log", "copy", "y", "Copy", "Copy the selection, or the whole log.", shown=False),
    Action("log", "export", "x", "Export", "Copy the whole log to a file in your downloads folder.", shown=False),
    Action("log", "back", "escape", "Close", "Close the log."),
    Action("logs", "open", "enter,l", "Open", "Open the marked log."),
    Action("logs", "again", "r", "Refresh", "Look again which logs there are.", shown=False),
    Action("logs", "back", "escape", "Home", "Go back to Home."),
    Action("doctor", "details", "enter", "Details", "Show what was found and how to mend it."),
    Action("doctor", "copy", "y", "Copy fix", "Copy the fix of the marked row."),
    Action("doctor", "again", "r", "Check again", "Check everything again."),
    Action("doctor", "back", "escape", "Home", "Go back to Home."),
    Action("credentials", "verify", "v", "Verify", "Prove what the CI identity may do and what it may not."),
    Action("credentials", "rotate", "n", "Rotate", "Replace the access key by a new one; asks first."),
    Action("credentials", "where", "w", "Where", "Search for every copy of the secret, and for none."),
    Action("credentials", "back", "escape", "Home", "Clear a copied secret from the clipboard; else go back to Home."),
    Action(
        "credentials",
        "copy",
        "y",
        "Copy secret",
        "Copy the secret key; asks first, and clears the clipboard after 45 seconds.",
        shown=False,
    ),
    Action("credentials", "proofs", "p", "Proofs", "Show what the last verification found.", shown=False),
    Action("credentials", "to_oidc", "o", "To a role", "Change from the access key to an OIDC role.", shown=False),
    Action("credentials", "revoke", "x", "Revoke", "Delete the access key and its copies; asks first.", shown=False),
    Action("credentials", "again", "r", "Refresh", "Look again.", shown=False),
    Action("proofs", "again", "v", "Verify again", "Try everything again."),
    Action("proofs", "copy", "y", "Copy", "Copy the table as text; it holds no secret."),
    Action("proofs", "back", "escape", "Back", "Go back."),
    Action("where", "again", "r", "Search again", "Search everything again."),
    Action("where", "copy", "y", "Copy", "Copy the result as text; it holds no secret."),
    Action("where", "back", "escape", "Back", "Go back; a search that goes on is ended."),
    Action("move", "go", "g", "Go on", "Begin, or go on from where it stopped."),
    Action("move", "back", "escape", "Back", "Go back; the stage at work ends, and none is begun after it."),
    Action("github", "export", "g", "Export", "Send what the table says to GitHub, and read it back."),
    Action("github", "keep_or_replace", "space", "Keep/replace", "Keep what GitHub has by this name, or replace it."),
    Action("github", "rehearse", "t", "Rehearse", "Run the workflow on a branch of its own; asks first."),
    Action("github", "back", "escape", "Home", "Go back to Home; nothing is sent."),
    Action("github", "answers", "e", "Answers", "Change the repository or the environment.", shown=False),
    Action("github", "again", "r", "Refresh", "Ask GitHub again.", shown=False),
    Action("receipt", "copy", "y", "Copy", "Copy the receipt as text; it holds no secret."),
    Action("receipt", "export", "x", "Export", "Write the receipt as Markdown into the project's .ecrwiz folder."),
    Action("receipt", "back", "escape,enter", "Home", "Go back to Home."),
    Action("details", "copy", "y", "Copy", "Copy the marked value, or the selection."),
    Action("details", "copy_all", "Y", "Copy all", "Copy all values, one a line."),
    Action("details", "back", "escape", "Back", "Go back."),
    Action("destroy", "back", "escape", "Back", "Go back; nothing is removed."),
)


def in_scope(scope: str) -> tuple[Action, ...]:
    """The actions of one screen, in the order in which they are shown."""
    return tuple(action for action in ACTIONS if action.scope == scope)
