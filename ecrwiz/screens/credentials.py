"""The CI identity: who it is, how old its key is, where its copies are, and what can be done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.containers import VerticalScroll
from textual.widgets import Static

from ecrwiz.flow import custody
from ecrwiz.flow.context import Approvals, View
from ecrwiz.flow.events import StepId
from ecrwiz.flow.steps import credentials
from ecrwiz.keymap import shown_key
from ecrwiz.model import results
from ecrwiz.model.custody import Custody
from ecrwiz.model.errors import EcrwizError
from ecrwiz.screens.base import bindings
from ecrwiz.screens.copying import CopyingApp
from ecrwiz.screens.custody_view import about_copy, identity_text, rows
from ecrwiz.screens.desk import Desk
from ecrwiz.screens.modals import ButtonsModal, Choice, TypedModal
from ecrwiz.screens.move import MoveScreen
from ecrwiz.screens.proofs import ProofsScreen
from ecrwiz.screens.session import Session
from ecrwiz.screens.where import WhereScreen
from ecrwiz.widgets.put import put
from ecrwiz.widgets.row_list import Column, RowList
from ecrwiz.widgets.waiting import Waiting

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["CredentialsScreen"]

LOOK_SECONDS: Final = 60.0  # each source has a deadline of its own; this one is for what has none

_ROTATE: Final = (
    "1. A second key is made; its secret goes into the keyring at once.",
    "2. The new key is proven with AWS.",
    "3. GitHub's secrets are replaced and read back.",
    "4. The old key is deactivated, and the new one proven again.",
    "5. The old key is deleted, and Terraform's state follows.",
    "CI works all the while; a stop at any point loses nothing, and the next start goes on from there.",
)
_COPY: Final = (
    "Every program of yours can read the clipboard, and a clipboard manager may keep what was in it.",
    "It is cleared after 45 seconds, when esc is pressed here, and when ecrwiz ends.",
)


class CredentialsScreen(Desk):
    """Facts, a row for each place that has or could have the secret, the marked one in full."""

    SCOPE = "credentials"
    TITLE_TEXT = "CI identity"
    BINDINGS: ClassVar[list[BindingType]] = bindings("credentials")
    AUTO_FOCUS = "#copies"
    NEEDS_REST = frozenset({"verify", "rotate", "revoke", "to_oidc"})

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._custody: Custody | None = None
        # Held, not looked up: an answer may come while the screen is being taken apart.
        self._waiting = Waiting("Asking IAM, the keyring and GitHub", id="waiting")
        self._facts = Static(id="facts")
        self._copies = RowList(
            Column(1),
            Column(0, title="Place"),
            Column(8, title="State"),
            Column(9, title="Age"),
            Column(34, title="Note", from_width=110),
            id="copies",
        )
        self._about = Static(id="about-text")
        self._keys = Static(id="keys")
        self._countdown = Static(id="countdown")

    def body(self) -> Iterable[Widget]:
        """Facts, places, the marked place, keys, the clipboard's clock."""
        yield self._waiting
        yield self._facts
        yield self._copies
        with VerticalScroll(id="about", can_focus=False):
            yield self._about
        yield self._keys
        yield self._countdown

    def on_mount(self) -> None:
        """Look."""
        self.set_interval(0.5, self._count_down)
        self._count_down()
        self.look()

    @work(group="custody", exclusive=True)
    async def look(self) -> None:
        """Ask anew, off the loop."""
        self._waiting.again()
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                self._custody = await custody.custody(self.session.project)
        except EcrwizError as error:
            self._say(f"✗ {error.message}\n{error.hint}".rstrip())
        except TimeoutError:
            self._say(f"✗ Not all answered within {LOOK_SECONDS:.0f} seconds. Look again with {self._key('again')}.")
        else:
            self._show()
        if not self.gone:
            self._waiting.done()
            self.refresh_bindings()

    def _say(self, text: str) -> None:
        if not self.gone:
            put(self._facts, text)

    def _show(self) -> None:
        if self.gone or self._custody is None:
            return
        put(self._facts, identity_text(self._custody, max(40, self.size.width - 4)))
        self._copies.set_rows(rows(self._custody.copies))
        self._show_about()
        put(self._keys, self._keys_text())

    def _show_about(self) -> None:
        key, known = self._copies.key, self._custody
        put(self._about, about_copy(known.copies[int(key)] if key and known else None))

    def _keys_text(self) -> str:
        words = {"copy": "copy secret", "proofs": "last proofs", "revoke": "revoke", "to_oidc": "change to a role"}
        shown = [f"{self._key(name)} {what}" for name, what in words.items() if self.check_action(name, ())]
        return "  ".join(shown)

    def on_resize(self) -> None:
        """The facts are set for the width."""
        self._show()

    @on(RowList.Marked, "#copies")
    def _on_marked(self, event: RowList.Marked) -> None:
        event.stop()
        self._show_about()

    def _key(self, name: str) -> str:
        return shown_key(f"credentials.{name}", self.session.keymap)

    def _count_down(self) -> None:
        left = self._copying.secret_left
        self._countdown.display = left is not None
        if left is not None:
            text = f"The secret is in the clipboard for {left:.0f} s more; {self._key('back')} clears it now."
            put(self._countdown, text, layout=False)

    @property
    def _copying(self) -> CopyingApp:
        app = self.app
        assert isinstance(app, CopyingApp)  # noqa: S101  # the only App there is
        return app

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only the keys that can do something with this identity."""
        has_key = self._custody is not None and bool(self._custody.access_key_id)
        match action:
            case "verify":
                return self._custody is not None and bool(self._custody.arn)
            case "rotate" | "revoke" | "to_oidc":
                return has_key
            case "copy":
                return has_key and not self.app.is_web
            case "proofs":
                return self.session.project.results.find(results.VerifyResult) is not None
            case _:
                return True

    # What the keys do.

    def action_verify(self) -> None:
        """Prove what the identity may do; the table of proofs comes after."""
        self.do(StepId.VERIFY)

    def action_proofs(self) -> None:
        """Show what the last verification found."""
        found = self.session.project.results.find(results.VerifyResult)
        if found is not None:
            self.app.push_screen(ProofsScreen(self.session, found.proofs), self._proofs_read)

    def _proofs_read(self, then: str | None) -> None:
        if then == "again":
            self.action_verify()

    def action_where(self) -> None:
        """Search for copies."""
        self.app.push_screen(WhereScreen(self.session))

    def action_rotate(self) -> None:
        """Ask, then replace the key."""
        known = self._custody
        if known is None or not self.rests():
            return
        choices: tuple[Choice, ...] = (("keep", "Keep the key", "default"), ("rotate", "Rotate", "warning"))

        def answered(reply: object) -> None:
            if reply == "rotate":
                self.do(StepId.ROTATE)

        self.app.push_screen(
            ButtonsModal(f"Replace access key {known.access_key_id}?", _ROTATE, choices, "keep"), answered
        )

    def action_revoke(self) -> None:
        """Ask for the project's id typed out, then delete the key and its copies."""
        known, answers = self._custody, self.session.project.resolved.answers
        if known is None or answers is None or not self.rests():
            return
        body = (
            f"Every access key of {answers.ci_user_name} is deactivated at once, then deleted.",
            "Its copies in GitHub and in the keyring are deleted too.",
            "CI cannot push from then on, until a run of every step makes a new key.",
        )

        def typed(agreed: object) -> None:
            if agreed is True:
                self.do(StepId.REVOKE, Approvals(everything=True))

        title = f"Revoke access key {known.access_key_id}?"
        self.app.push_screen(TypedModal(title, body, answers.project_id, "nothing was revoked"), typed)

    def action_to_oidc(self) -> None:
        """Change from the key to a role."""

        def moved(_: None) -> None:
            self.look()

        if self.rests():
            self.app.push_screen(MoveScreen(self.session), moved)

    def action_copy(self) -> None:
        """Ask, then copy the secret; a session in a browser has another machine's clipboard."""
        if not self.check_action("copy", ()):
            return
        choices: tuple[Choice, ...] = (("no", "Do not copy", "default"), ("copy", "Copy", "warning"))

        def answered(reply: object) -> None:
            if reply == "copy":
                self._copy()

        self.app.push_screen(ButtonsModal("Copy the secret key to the clipboard?", _COPY, choices, "no"), answered)

    @work(group="copy", exclusive=True)
    async def _copy(self) -> None:
        """Read the secret off the loop: a keyring may wait for its password, or hang until its deadline."""
        project = self.session.project
        made = project.results.find(results.ProvisionResult)
        if made is None:
            self.notify("There is no access key of this project.", markup=False)
            return
        self.notify("Reading the secret from the keyring.", markup=False)
        try:
            secret = await credentials.read_secret(View(project, StepId.CREDENTIALS), made)
        except EcrwizError as error:
            self.notify(str(error), title="Not copied", severity="error", timeout=20, markup=False)
            return
        self._copying.copy_secret(secret)

    def action_again(self) -> None:
        """Look again."""
        self.look()

    def came_back(self, step: StepId) -> None:
        """The key may be another one, and there may be proofs to read."""
        self.look()
        found = self.session.project.results
        proofs, made = found.find(results.VerifyResult), found.find(results.RotateResult)
        # Rows that came out wrong fail the step; after any other failure the rows are those of an earlier run.
        tried = self.ended_well(step) or (proofs is not None and any(proof.wrong for proof in proofs.proofs))
        if step is StepId.VERIFY and tried and not self.session.busy:
            self.action_proofs()
        if step is StepId.ROTATE and self.ended_well(step) and made is not None:
            self.notify(f"{made.old} was replaced by {made.new}.", title="Rotated", markup=False)

    async def action_back(self) -> None:
        """Clear a copied secret first; else back to Home."""
        if self._copying.secret_left is None:
            self.dismiss("")
            return
        gone = await self._copying.forget_secret()
        self._count_down()
        if gone is False:
            words = "It could not be cleared: copy something else, which takes the secret's place."
            self.notify(words, title="Clipboard", severity="warning", timeout=20, markup=False)
            return
        self.notify("The clipboard was cleared.", markup=False)
