"""A field to type in, with a list of the values that go with what was typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events, on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, OptionList

from ecrwiz.widgets.field import TextField

if TYPE_CHECKING:
    from textual.app import ComposeResult

__all__ = ["PickField"]

_GAP: Final = 2


class PickField(TextField):
    """The list opens while something is typed; enter takes what is marked in it.

    Args:
        name: the field's name.
        label: for the person.
        value: what it holds at first.
        options: the values in the order in which they are shown.
        about: a few words for a value, shown beside it and searched, too.
        origin: where the value came from.
        hint: a short sentence, shown while nothing is wrong.
    """

    DEFAULT_CSS = """
    PickField OptionList { height: auto; max-height: 6; margin: 0 0 0 15; width: 1fr; max-width: 58; display: none; }
    PickField.-open OptionList { display: block; }
    PickField.-open .field--note { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "list(1)", "Next in list", show=False),
        Binding("up", "list(-1)", "Previous in list", show=False),
        Binding("escape", "shut", "Close the list", show=False),
    ]

    def __init__(
        self, name: str, label: str, value: str, *, options: Sequence[str],
        about: Mapping[str, str] | None = None, origin: str = "", hint: str = "",
    ) -> None:  # fmt: skip
        super().__init__(name, label, value, origin=origin, hint=hint)
        self._options, self._about = tuple(options), about or {}
        self._found: list[str] = []
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

    def set_options(self, options: Sequence[str], about: Mapping[str, str]) -> None:
        """Offer other values, or the same in another order."""
        self._options, self._about = tuple(options), about

    def set_value(self, value: str, origin: str) -> None:
        """Hold another value, which did not come from the person."""
        with self.prevent(Input.Changed):
            self._input.value = value
        self.show_origin(origin)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The arrows and escape belong to the list only while it is shown."""
        return self.is_open if action in ("list", "shut") else super().check_action(action, parameters)

    def action_list(self, by: int) -> None:
        """Move in the list."""
        if by > 0:
            self._list.action_cursor_down()
        else:
            self._list.action_cursor_up()

    def action_shut(self) -> None:
        """Close the list; what was typed stays."""
        self.remove_class("-open")

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
        part = typed.strip().casefold()
        exact = any(option.casefold() == part for option in self._options)
        self._found = [] if exact else [option for option in self._options if part in self._searched(option)]
        self._found.sort(key=lambda option: bool(part) and not option.casefold().startswith(part))
        room = max(map(len, self._found), default=0) + _GAP
        self._list.clear_options()
        self._list.add_options(
            [Content.assemble(f"{option:<{room}}", (self._about.get(option, ""), "dim")) for option in self._found]
        )
        self._list.highlighted = 0 if self._found else None
        self.set_class(bool(self._found) and self._input.has_focus, "-open")

    def _searched(self, option: str) -> str:
        return f"{option} {self._about.get(option, '')}".casefold()

    def _take(self, number: int) -> None:
        self._input.value = self._found[number]
        self._input.cursor_position = len(self._input.value)
        self.remove_class("-open")
