"""Questions over a screen: buttons with the safe one marked, a text, or a secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from ecrwiz.flow.events import Question, Reply
from ecrwiz.model.redact import Secret

if TYPE_CHECKING:
    from textual.app import ComposeResult

__all__ = ["ButtonsModal", "Choice", "QuestionModal", "TextModal", "TypedModal", "question_modal"]

_GAP: Final = 2  # columns before each button that stands in a row, as the style sheet says

Choice = tuple[str, str, Literal["default", "primary", "warning", "error"]]


class QuestionModal(ModalScreen[Reply]):
    """A question with a body to read; a child adds what the answer is given with.

    Args:
        title: the question.
        body: what to know before answering; never read as markup.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "decline", "No", show=False),
        Binding("ctrl+c", "copy_or_decline", "Copy or no", show=False),
        Binding("up", "scroll_body(-1)", "Up", show=False),
        Binding("down", "scroll_body(1)", "Down", show=False),
        Binding("pageup", "scroll_body(-8)", "Page up", show=False),
        Binding("pagedown", "scroll_body(8)", "Page down", show=False),
    ]

    def __init__(self, title: str, body: Sequence[str] = ()) -> None:
        super().__init__()
        self._title, self._body = title, tuple(body)
        self._withdrawn = False

    def compose(self) -> ComposeResult:
        """Title, body, and the way to answer."""
        with Vertical(classes="modal--box"):
            yield Static(Content(self._title), classes="modal--title")
            if self._body:
                with VerticalScroll(classes="modal--body", can_focus=False):
                    yield Static(Content("\n".join(self._body)))
            yield from self.entry()

    def entry(self) -> ComposeResult:
        """The widgets to answer with."""
        yield from ()

    def withdraw(self) -> None:
        """The question no longer matters: close it, at once or when it is in front again."""
        if self.is_active:
            self.dismiss(None)
        else:
            self._withdrawn = True

    def on_screen_resume(self) -> None:
        """Close what was withdrawn while something else was in front."""
        if self._withdrawn:
            self.dismiss(None)

    def action_decline(self) -> None:
        """The safe answer."""
        self.dismiss(None)

    def action_copy_or_decline(self) -> None:
        """Copy what is selected; with nothing selected this is the safe answer."""
        selected = self.get_selected_text()
        if selected:
            self.app.copy_to_clipboard(selected)
        else:
            self.action_decline()

    def action_scroll_body(self, by: int) -> None:
        """Scroll the body while the cursor stays on the answer."""
        for body in self.query(".modal--body"):
            body.scroll_relative(y=by, animate=False)


class ButtonsModal(QuestionModal):
    """A question answered by a button; gives the button's id.

    Args:
        title: the question.
        body: what to know.
        choices: id, word and kind of each button.
        safe: the id that escape means and that has the cursor at first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "app.focus_previous", "Left", show=False),
        Binding("right", "app.focus_next", "Right", show=False),
    ]

    def __init__(self, title: str, body: Sequence[str], choices: Sequence[Choice], safe: str) -> None:
        super().__init__(title, body)
        self._choices, self._safe = tuple(choices), safe

    def entry(self) -> ComposeResult:
        """The buttons."""
        with Horizontal(classes="modal--buttons"):
            for key, word, kind in self._choices:
                yield Button(Content(word), id=f"answer-{key}", variant=kind, compact=True)

    def on_mount(self) -> None:
        """The cursor stands on the safe answer."""
        self.query_one(f"#answer-{self._safe}", Button).focus()

    @on(events.Resize)
    def _refit(self) -> None:
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """Buttons that do not fit side by side stand one above the other."""
        row = self.query_one(".modal--buttons")
        wanted = sum(button.outer_size.width + _GAP for button in row.query(Button))
        self.query_one(".modal--box").set_class(wanted > row.size.width, "-stacked")

    def action_scroll_body(self, by: int) -> None:
        """Among buttons that stand one above the other, up and down go from one to the next."""
        if abs(by) > 1 or not self.query_one(".modal--box").has_class("-stacked"):
            super().action_scroll_body(by)
        elif by > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def action_decline(self) -> None:
        """The safe answer."""
        self.dismiss(self._safe)

    @on(Button.Pressed)
    def _on_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.chosen((event.button.id or "").removeprefix("answer-"))

    def chosen(self, key: str) -> None:
        """A button was pressed."""
        self.dismiss(key)


class TextModal(QuestionModal):
    """A question answered by typing; gives the text, a `Secret` when it was masked, None when declined."""

    def __init__(self, title: str, body: Sequence[str], *, secret: bool) -> None:
        super().__init__(title, body)
        self._secret = secret

    def entry(self) -> ComposeResult:
        """The input."""
        yield Input(password=self._secret, compact=True, classes="modal--input")
        yield Static("enter answers · esc goes on without", markup=False, classes="modal--hint")

    @on(Input.Submitted)
    def _on_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value:
            self.dismiss(Secret(event.value) if self._secret else event.value)


class TypedModal(QuestionModal):
    """Agreed to by typing a word out; gives True then, and None when declined.

    Args:
        title: the question.
        body: what to know.
        wanted: the word.
        kept: the end of the sentence on another word, such as `nothing was removed`.
    """

    def __init__(self, title: str, body: Sequence[str], wanted: str, kept: str) -> None:
        super().__init__(title, body)
        self._wanted, self._kept = wanted, kept

    def entry(self) -> ComposeResult:
        """What to type, the input, and a word on what was typed."""
        yield Static(Content(f"Type {self._wanted} and press enter; esc goes back."), classes="modal--hint")
        yield Input(compact=True, classes="modal--input")
        yield Static(classes="modal--note")

    @on(Input.Submitted)
    def _on_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip() == self._wanted:
            self.dismiss(True)
        else:
            self.query_one(".modal--note", Static).update(Content(f"✗ That is not {self._wanted}; {self._kept}."))


def question_modal(question: Question) -> QuestionModal:
    """The modal for a step's question."""
    title = f"{question.step}: {question.title}"
    if question.kind == "confirm":
        choices: tuple[Choice, ...] = (("no", question.no, "default"), ("yes", question.yes, "primary"))
        return ButtonsModal(title, question.body, choices, "no")
    if question.kind == "choice":
        safe = question.choices[-1][0]
        kinds: dict[str, Literal["default", "primary"]] = {safe: "default"}
        words = [(word, label, kinds.get(word, "primary")) for word, label in question.choices]
        return ButtonsModal(title, question.body, (words[-1], *words[:-1]), safe)
    return TextModal(title, question.body, secret=question.kind == "secret")
