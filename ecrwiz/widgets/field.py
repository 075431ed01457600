"""A labelled field: where its value came from stands beside it, what is wrong with it under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual import events, on
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Label, Static

from ecrwiz.widgets.choice import Choice

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget

__all__ = ["ChoiceField", "Field", "FixedField", "TextField"]


_LABEL = 15  # cells of the label, as in the style sheet below


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
    Field .field--line { height: auto; }
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

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:  # noqa: ARG002
        """Known by a class, too: a style sheet may show the note of the field with the cursor alone."""
        self.add_class("-here")
        self.stay_in_sight()

    def on_resize(self) -> None:
        """A note came or went."""
        self.stay_in_sight()

    def stay_in_sight(self) -> None:
        """Scroll the whole field into sight when the cursor is in it; to be called when others grew, too."""
        if self.has_class("-here"):
            self.call_after_refresh(self.scroll_visible, animate=False)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:  # noqa: ARG002
        """The cursor went."""
        self.remove_class("-here")

    def focus_entry(self) -> None:
        """Put the cursor into the field."""
        self.entry().focus()

    def show_hint(self, sentence: str) -> None:
        """Show another short sentence while nothing is wrong."""
        self._hint = sentence
        if not self._problem:
            for note in self.query(".field--note").results(
                Static
            ):  # none before the field is composed, or after it went
                note.update(Content(sentence))

    def show_origin(self, origin: str) -> None:
        """Say anew where the value comes from, and take it for the first one."""
        self._origin, self._first = origin, self.value
        self.query_one(".field--origin", Static).update(Content(origin))

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
    empty_means: str = ""
    """Shown in the entry while nothing stands there."""

    def compose(self) -> ComposeResult:
        """The frame around an input; an input can only be made while an App runs."""
        self._input = Input(self._first, placeholder=self.empty_means, compact=True, select_on_focus=False)
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


class ChoiceField(Field):
    """A field with a few words to choose from.

    Args:
        name: the field's name.
        label: for the person.
        value: the word that is chosen at first.
        words: all of them.
        shown: how a word is shown when not as it is.
        hints: a short sentence for a word, in the place of `hint` while it is chosen.
        origin: where the value came from.
        hint: a short sentence for all other words.
    """

    def __init__(
        self, name: str, label: str, value: str, *, words: Sequence[str], shown: Mapping[str, str] | None = None,
        hints: Mapping[str, str] | None = None, origin: str = "", hint: str = "",
    ) -> None:  # fmt: skip
        super().__init__(name, label, value, origin=origin, hint=(hints or {}).get(value, hint))
        self._hints, self._usual = hints or {}, hint
        self._choice = Choice(words, value, shown, beside=_LABEL)

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
        self.show_hint(self._hints.get(event.value, self._usual))
        self._changed(event.value)

    @on(Choice.Submitted)
    def _on_submit(self, event: Choice.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted())


class FixedField(Field):
    """A value that is seen and cannot be changed here."""

    DEFAULT_CSS = """
    FixedField .field--fixed { width: 32; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, name: str, label: str, value: str, *, origin: str = "", hint: str = "") -> None:
        super().__init__(name, label, value, origin=origin, hint=hint)
        self._shown = Static(Content(value), classes="field--fixed")

    @property
    def value(self) -> str:
        """What is seen."""
        return self._first

    def entry(self) -> Widget:
        """The text; it takes no keys."""
        return self._shown
