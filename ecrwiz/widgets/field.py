"""A labelled field: where its value came from stands beside it, what is wrong with it under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Label, OptionList, Static

from ecrwiz.widgets.choice import Choice

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget

__all__ = ["ChoiceField", "Field", "PickField", "TextField"]


class Field(Vertical):
    """The frame that all fields share.

    Args:
        name: the field's name.
        label: for the person.
        value: what it holds at first.
        origin: where that came from; shown until the value changes.
        hint: a short sentence, shown while nothing is wrong.
    """

    DEFAULT_CSS = """
    Field { height: auto; padding: 0 1; }
    Field .field--line { height: 1; }
    Field .field--label { width: 15; }
    Field .field--origin { width: 1fr; padding: 0 0 0 2; color: $text-muted; }
    Field .field--origin { text-wrap: nowrap; text-overflow: ellipsis; }
    Field .field--note { height: auto; padding: 0 0 0 15; color: $text-muted; }
    Field.-wrong .field--note { color: $text-error; }
    Field.-wrong .field--label { color: $text-error; }
    Field:focus-within .field--label { text-style: bold; color: $text-accent; }
    """

    class Changed(Message):
        """The value changed."""

        def __init__(self, field: Field, value: str) -> None:
            super().__init__()
            self.field = field
            self.value = value

    class Submitted(Message):
        """Enter was pressed in the field."""

    def __init__(self, name: str, label: str, value: str, *, origin: str = "", hint: str = "") -> None:
        super().__init__(id=f"field-{name.replace('.', '-')}")
        self.field_name = name
        self._label, self._first, self._origin, self._hint = label, value, origin, hint
        self._problem = ""

    @property
    def value(self) -> str:
        """What the field holds now."""
        raise NotImplementedError

    @property
    def problem(self) -> str:
        """The sentence that says what is wrong; empty when nothing is."""
        return self._problem

    def entry(self) -> Widget:
        """The widget that takes the keys."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Label, entry and origin in a line; the note under them."""
        with Horizontal(classes="field--line"):
            yield Label(self._label, classes="field--label", markup=False)
            yield self.entry()
            yield Static(Content(self._origin), classes="field--origin")
        yield Static(Content(self._hint), classes="field--note")

    def focus_entry(self) -> None:
        """Put the cursor into the field."""
        self.entry().focus()

    def show_problem(self, sentence: str) -> None:
        """Show what is wrong, or the hint when the sentence is empty."""
        if sentence == self._problem:
            return
        self._problem = sentence
        self.set_class(bool(sentence), "-wrong")
        self.query_one(".field--note", Static).update(Content(f"✗ {sentence}" if sentence else self._hint))

    def _changed(self, value: str) -> None:
        origin = self._origin if value == self._first else "you"
        self.query_one(".field--origin", Static).update(Content(origin))
        self.post_message(self.Changed(self, value))


class TextField(Field):
    """A field to type in."""

    DEFAULT_CSS = """
    TextField Input { width: 32; }
    """

    _input: Input

    def compose(self) -> ComposeResult:
        """The frame around an input; an input can only be made while an App runs."""
        self._input = Input(self._first, compact=True, select_on_focus=False)
        yield from super().compose()

    @property
    def value(self) -> str:
        """What was typed."""
        return self._input.value

    def entry(self) -> Widget:
        """The input."""
        return self._input

    @on(Input.Changed)
    def _on_typed(self, event: Input.Changed) -> None:
        event.stop()
        self._changed(event.value)

    @on(Input.Submitted)
    def _on_submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.entered()

    def entered(self) -> None:
        """Enter was pressed. Children override this: Textual calls an overridden `@on` handler, too."""
        self.post_message(self.Submitted())


class PickField(TextField):
    """A field to type in, with a list of the values that hold what was typed."""

    DEFAULT_CSS = """
    PickField OptionList { height: auto; max-height: 5; margin: 0 0 0 15; width: 32; display: none; }
    PickField.-open OptionList { display: block; }
    PickField.-open .field--note { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "list(1)", "Next in list", show=False),
        Binding("up", "list(-1)", "Previous in list", show=False),
    ]

    def __init__(
        self, name: str, label: str, value: str, *, options: Sequence[str], origin: str = "", hint: str = ""
    ) -> None:
        super().__init__(name, label, value, origin=origin, hint=hint)
        self._options = tuple(options)
        self._list = OptionList(compact=True, markup=False)
        self._list.can_focus = False

    def compose(self) -> ComposeResult:
        """The field and its list."""
        yield from super().compose()
        yield self._list

    @property
    def is_open(self) -> bool:
        """Whether the list is shown."""
        return self.has_class("-open")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The arrows move in the list only while it is shown."""
        return self.is_open if action == "list" else super().check_action(action, parameters)

    def action_list(self, by: int) -> None:
        """Move in the list."""
        if by > 0:
            self._list.action_cursor_down()
        else:
            self._list.action_cursor_up()

    @on(Input.Changed)
    def _on_filter(self, event: Input.Changed) -> None:
        self._filter(event.value)

    def entered(self) -> None:
        """Take what is marked in the list; without a list, go on."""
        if self.is_open and self._list.highlighted is not None:
            self._take(self._list.highlighted)
        else:
            super().entered()

    @on(OptionList.OptionSelected)
    def _on_clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take(event.option_index)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:  # noqa: ARG002
        """The list goes with the cursor."""
        self.remove_class("-open")

    def _filter(self, typed: str) -> None:
        part = typed.strip().lower()
        found = [] if part in self._options else [option for option in self._options if part in option]
        self._list.clear_options()
        self._list.add_options(found)
        self._list.highlighted = 0 if found else None
        self.set_class(bool(found) and self._input.has_focus, "-open")

    def _take(self, number: int) -> None:
        self._input.value = str(self._list.get_option_at_index(number).prompt)
        self._input.cursor_position = len(self._input.value)
        self.remove_class("-open")


class ChoiceField(Field):
    """A field with a few words to choose from."""

    def __init__(
        self, name: str, label: str, value: str, *, words: Sequence[str], origin: str = "", hint: str = ""
    ) -> None:
        super().__init__(name, label, value, origin=origin, hint=hint)
        self._choice = Choice(words, value)

    @property
    def value(self) -> str:
        """The chosen word."""
        return self._choice.value

    def entry(self) -> Widget:
        """The words."""
        return self._choice

    @on(Choice.Changed)
    def _on_chosen(self, event: Choice.Changed) -> None:
        event.stop()
        self._changed(event.value)

    @on(Choice.Submitted)
    def _on_submit(self, event: Choice.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted())
