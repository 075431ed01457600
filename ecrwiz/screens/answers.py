"""The form: every answer with where it came from, checked while it is typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ecrwiz.model import validation
from ecrwiz.model.answers import BUILD_ARG, CHOICES, Origin, Resolved, check_field, resolve
from ecrwiz.model.errors import EcrwizError
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.session import Session
from ecrwiz.widgets.field import ChoiceField, Field, PickField, TextField

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["AnswersScreen"]

_LABELS: Final[Mapping[str, tuple[str, str]]] = {
    "project_id": ("Project id", "Names the repository and the CI user."),
    "app": ("App", "The last part of the repository's name."),
    "env": ("Environment", "Such as dev or prod; part of the CI user's name."),
    "region": ("AWS region", "Type a part of a code, such as eu or west, for a list."),
    "port": ("Port", "Where the container listens when PORT is not set."),
    "strategy": ("Dockerfile", "multi-stage builds in Docker; article copies your build; own keeps yours."),
    "platform": ("Platform", "What the servers run on that will pull the image."),
    "github_repository": ("GitHub", "OWNER/NAME that gets the secrets; empty for none."),
}
_FURTHER: Final[Mapping[str, tuple[str, str]]] = {
    "health_path": ("Health path", "What the image is asked for when it is tried."),
    "workflow": ("Workflow", "Write a GitHub workflow that builds and pushes."),
    "ecs_deploy": ("ECS deploy", "Let CI bring each image into an ECS service."),
    "tag_mutability": ("Image tags", "Whether a tag may move to another image."),
    "infra_layout": ("Terraform in", "infra; beside your own in infra/ecrwiz; reuse your provider."),
}


class _Fields(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Scrolls by itself to the field that has the cursor: up and down move the cursor, not the view."""


class AnswersScreen(Page[bool]):
    """Gives True when the answers were saved, False when the person went back."""

    SCOPE = "answers"
    TITLE_TEXT = "Answers"
    BINDINGS: ClassVar[list[BindingType]] = bindings("answers")
    AUTO_FOCUS = "TextField Input"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._resolved = session.project.resolved

    def title_text(self) -> str:
        """The folder tells whose answers these are."""
        return f"ecrwiz · Answers for {self.session.project.paths.root.name}"

    def body(self) -> Iterable[Widget]:
        """All fields, and what is made of them."""
        with _Fields(id="fields"):
            for name, (label, hint) in _LABELS.items():
                yield self._field(name, label, hint)
            yield Static("Further answers", classes="fields--head", markup=False)
            for name, (label, hint) in _FURTHER.items():
                yield self._field(name, label, hint)
            yield from self._public_fields()
        yield Static(id="names")

    def _public_fields(self) -> Iterable[Widget]:
        """A field for each variable that the build bakes into what browsers get."""
        app = self.session.project.app
        if app is None or not app.public_variables:
            return
        yield Static("Public: baked into the image, for everybody to read", classes="fields--head", markup=False)
        for variable in app.public_variables:
            field = self._field(BUILD_ARG + variable.name, variable.name, f"Public; used in {variable.where}.")
            field.add_class("-public")
            yield field

    def _field(self, name: str, label: str, hint: str) -> Field:
        saved = self._resolved.values.get(name, "")
        value = self.session.draft.get(name, saved)
        origin = "you" if value != saved else _origin_text(self._resolved.origins.get(name))
        if name == "region":
            regions = sorted(self.session.project.regions)
            return PickField(name, label, value, options=regions, origin=origin, hint=hint)
        words = CHOICES.get(name)
        if words:
            return ChoiceField(name, label, value, words=words, origin=origin, hint=hint)
        return TextField(name, label, value, origin=origin, hint=hint)

    def on_mount(self) -> None:
        """Check what is there already."""
        super().on_mount()
        self._check()

    def _values(self) -> dict[str, str]:
        return {field.field_name: field.value.strip() for field in self.query(Field)}

    def _resolve(self) -> Resolved:
        mine = {name: (value, Origin("you")) for name, value in self._values().items()}
        return resolve((mine, *self.session.project.layers), self.session.project.regions)

    @on(Field.Changed)
    def _on_changed(self, event: Field.Changed) -> None:
        name = event.field.field_name
        if event.value == self._resolved.values.get(name, ""):
            self.session.draft.pop(name, None)
        else:
            self.session.draft[name] = event.value
        self._check()

    def _check(self) -> Resolved:
        """Show what is wrong under each field, and the names under all of them."""
        regions = self.session.project.regions
        resolved = self._resolve()
        for field in self.query(Field):
            field.show_problem(check_field(field.field_name, field.value.strip(), regions))
        together = resolved.problems.get("", "")
        if together and not any(field.problem for field in self.query(Field)):
            self.query_one("#field-project_id", Field).show_problem(together)
        self._show_names()
        return resolved

    def _show_names(self) -> None:
        fields = {field.field_name: field for field in self.query(Field)}
        project, env, app = (
            "…" if fields[name].problem else fields[name].value.strip() for name in ("project_id", "env", "app")
        )
        self.query_one("#names", Static).update(
            Content(
                f"Repository  {validation.repository_name(project, app)}\n"
                f"CI user     {validation.ci_user_name(project, env)}"
            )
        )

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


def _origin_text(origin: Origin | None) -> str:
    return str(origin) if origin else ""
