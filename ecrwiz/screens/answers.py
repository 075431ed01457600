"""The form: every answer with where it came from, checked while it is typed, and what the answers lead to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Static

from ecrwiz.flow import outlook
from ecrwiz.model.answers import Origin, Resolved, check_field, resolve
from ecrwiz.model.errors import EcrwizError
from ecrwiz.screens.answers_fields import PROFILE, fields
from ecrwiz.screens.answers_preview import AnswersPreview, short
from ecrwiz.screens.answers_profile import ProfilePicker
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.session import Session
from ecrwiz.widgets.field import Field
from ecrwiz.widgets.put import put

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["AnswersScreen"]

_REST: Final = 0.15  # seconds without a key before it is told anew what the answers lead to


class _Fields(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Scrolls by itself to the field that has the cursor: up and down move the cursor, not the view."""


class AnswersScreen(Page[bool]):
    """Gives True when the answers were saved, False when the person went back."""

    SCOPE = "answers"
    TITLE_TEXT = "Answers"
    BINDINGS: ClassVar[list[BindingType]] = bindings("answers")
    AUTO_FOCUS = "#field-project_id Input"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._resolved = session.project.resolved
        self._picker = ProfilePicker(session.project)
        self._tag: str | None = None

    def title_text(self) -> str:
        """The folder tells whose answers these are."""
        return f"ecrwiz · Answers for {self.session.project.paths.root.name}"

    def body(self) -> Iterable[Widget]:
        """All fields, and what is made of them."""
        with Horizontal(id="form"):
            with _Fields(id="fields"):
                yield self._picker
                yield from fields(self.session.project, self.session.draft)
            yield AnswersPreview(id="outlook")
        yield Static(id="names")

    def on_mount(self) -> None:
        """Check what is there already."""
        self._check()

    def _answer_fields(self) -> list[Field]:
        return [field for field in self.query(Field) if field.field_name != PROFILE]

    def _values(self) -> dict[str, str]:
        return {field.field_name: field.value.strip() for field in self._answer_fields()}

    def _resolve(self) -> Resolved:
        mine = {name: (value, Origin("you")) for name, value in self._values().items()}
        return resolve((mine, *self.session.project.layers), self.session.project.regions)

    @on(Field.Changed)
    def _on_changed(self, event: Field.Changed) -> None:
        name = event.field.field_name
        if name == PROFILE:
            return
        if event.value == self._resolved.values.get(name, ""):
            self.session.draft.pop(name, None)
        else:
            self.session.draft[name] = event.value
        self._check()

    @on(ProfilePicker.Region)
    def _on_region(self, event: ProfilePicker.Region) -> None:
        """Another profile: its region comes first in the list, and into the field when the last one's stood there."""
        event.apply(self.query_one("#field-region", Field))
        self._check()

    @on(ProfilePicker.Told)
    def _on_told(self) -> None:
        for field in self.query(Field):
            field.stay_in_sight()
        self._look_ahead()

    def _check(self) -> Resolved:
        """Show what is wrong under each field, and tell anew what the answers lead to."""
        regions = self.session.project.regions
        resolved = self._resolve()
        mine = self._answer_fields()
        for field in mine:
            field.show_problem(check_field(field.field_name, field.value.strip(), regions))
        together = resolved.problems.get("", "")
        if together and not any(field.problem for field in mine):
            self.query_one("#field-project_id", Field).show_problem(together)
        self._look_ahead()
        return resolved

    @work(group="outlook", exclusive=True)
    async def _look_ahead(self) -> None:
        await asyncio.sleep(_REST)
        project = self.session.project
        if self._tag is None:
            try:
                self._tag = await outlook.tag(project)
            except EcrwizError:
                self._tag = ""  # the review says why
        found = await outlook.look(project, self._values(), self._picker.account, self._tag)
        if not self.gone:
            self.query_one(AnswersPreview).show(found)
            put(self.query_one("#names", Static), short(found))

    @on(Field.Submitted)
    def _on_submitted(self) -> None:
        self.action_go_on()

    def action_go_on(self) -> None:
        """Save and close; a field that is wrong gets the cursor instead."""
        resolved = self._check()
        wrong = next((field for field in self.query(Field) if field.problem), None)
        if wrong is not None:
            wrong.focus_entry()
            self.notify("Nothing was saved: mend the marked field first.", severity="warning", markup=False)
            return
        before = self._resolved.values
        changed = {name: value for name, value in self._values().items() if value != before.get(name, "")}
        if resolved.answers is None:  # a field that this form does not show
            self.notify(next(iter(resolved.problems.values()), ""), severity="error", markup=False)
            return
        try:
            self._picker.keep()
            if changed:
                self.session.project.answer(changed)
            self.session.project.save_answers()
        except EcrwizError as error:
            self.notify(str(error), title="Not saved", severity="error", markup=False)
            return
        self.session.draft.clear()
        self.dismiss(True)

    def action_next_field(self) -> None:
        """Go to the next field."""
        self.focus_next()

    def action_previous_field(self) -> None:
        """Go to the field before."""
        self.focus_previous()

    def action_back(self) -> None:
        """Go back; the draft is kept."""
        self.dismiss(False)
