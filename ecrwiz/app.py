"""The wizard: owns the run, brings questions to the front, and leaves in good order."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.app import AutopilotCallbackType, SystemCommand
from textual.binding import Binding, BindingType

from ecrwiz import keymap
from ecrwiz.actions import in_scope
from ecrwiz.crash import crash_file
from ecrwiz.flow import preferences
from ecrwiz.flow.events import Asked, Event, Question, Reply, RunStarted, StepFinished
from ecrwiz.flow.project import Project
from ecrwiz.model.errors import EcrwizError
from ecrwiz.screens.base import Page
from ecrwiz.screens.copying import CopyingApp
from ecrwiz.screens.help import HelpScreen
from ecrwiz.screens.menu import MenuScreen
from ecrwiz.screens.modals import ButtonsModal, Choice, QuestionModal, question_modal
from ecrwiz.screens.session import Session

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.theme import Theme
    from textual.types import AnimationLevel

__all__ = ["EcrwizApp"]

CANCELLED: Final = 130
GRACE_SECONDS: Final = 60.0
FORCE_SECONDS: Final = 0.1  # a second cancel counts only after the first has been delivered


class EcrwizApp(CopyingApp):
    """Gives the process's exit code.

    Args:
        project: what `open_project` gave.
        world: a word for what is not the real AWS, such as `sandbox`; shown on every screen.

    Raises:
        BadInputError: the person's settings file cannot be used.
    """

    CSS_PATH = "app.tcss"
    TITLE = "ecrwiz"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-tiny-width"), (70, "-narrow"), (100, "-medium"), (120, "-wide"),
    ]  # fmt: skip
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-tiny-height"), (20, "-short"), (32, "-tall"),
    ]  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(action.keys, action.name, action.label, tooltip=action.explain, id=action.id)
            for action in in_scope("app")
        ),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="app.quit_at_once"),
        Binding("f1", "help", "Help", show=False, priority=True, id="app.help_in_field"),
        Binding("ctrl+c", "help_quit", show=False, system=True),
    ]

    def __init__(self, project: Project, world: str = "") -> None:
        self.settings = preferences.load(os.environ)
        keys = keymap.check(self.settings.preferences.keymap, str(self.settings.path))
        super().__init__(project)
        self.session = Session(self, project, world)
        self.session.keymap = keys
        self._questions: deque[Question] = deque()
        self._asking: tuple[Question, QuestionModal] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._unseen = contextlib.ExitStack()

    def on_mount(self) -> None:
        """Catch the signals that end a program, and show Home."""
        if not self.is_headless:
            self._catch_signals()
            self.call_after_refresh(self.settle)
        self._apply_settings()
        self.session.events.subscribe(self, self._heard, immediate=True)
        self.push_screen(MenuScreen(self.session))

    def settle(self) -> None:
        """Take what is there by now out of the garbage collector's hands.

        Its full rounds go through every object, modules and their functions too, and take as long as 150 ms; then a
        key waits. What was made later, it still looks after.
        """
        gc.freeze()

    def _apply_settings(self) -> None:
        wanted = self.settings.preferences
        self.set_keymap(self.session.keymap)
        levels: dict[str, AnimationLevel] = {"off": "none", "basic": "basic", "full": "full"}
        self.animation_level = levels[wanted.animation]
        if wanted.theme in self.available_themes:
            self.theme = wanted.theme
        else:
            self.notify(f"There is no theme {wanted.theme}; ctrl+p, Theme shows those there are.", markup=False)
        self.call_after_refresh(self.theme_changed_signal.subscribe, self, self._keep_theme)

    def _keep_theme(self, theme: Theme) -> None:
        if theme.name != self.settings.preferences.theme:
            self.run_worker(self._save_theme(theme.name), group="theme", exclusive=True)

    async def _save_theme(self, name: str) -> None:
        try:
            await asyncio.to_thread(preferences.save_theme, self.settings.path, name)
        except EcrwizError as error:
            self.notify(str(error), title="The theme was not saved", severity="warning", markup=False)
            return
        self.settings = replace(self.settings, preferences=replace(self.settings.preferences, theme=name))

    async def run_async(
        self,
        *,
        headless: bool = False,
        inline: bool = False,
        inline_no_clear: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
        auto_pilot: AutopilotCallbackType | None = None,
    ) -> int | None:
        """Run, and whatever ended the screen, end the run in good order before the process goes."""
        try:
            code = await super().run_async(
                headless=headless, inline=inline, inline_no_clear=inline_no_clear,
                mouse=mouse and self.settings.preferences.mouse, size=size, auto_pilot=auto_pilot,
            )  # fmt: skip
        finally:
            await self.session.stop(GRACE_SECONDS)
            await self.forget_secret()
        return code if code is not None else self.return_code

    def _handle_exception(self, error: Exception) -> None:
        """Textual would print a traceback with the values of local variables, where a secret may be."""
        super()._handle_exception(_Crash(error))

    # Questions of the steps, one at a time.

    def _heard(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event, RunStarted) and not self.is_headless:
                self.settle()
            elif isinstance(event, Asked):
                self._questions.append(event.question)
            elif isinstance(event, StepFinished):
                self._forget(event)
                wanted = self.settings.preferences
                if wanted.bell and event.seconds >= wanted.bell_seconds:
                    self.bell()
        self._ask_next()

    def _forget(self, ended: StepFinished) -> None:
        self._questions = deque(question for question in self._questions if question.step != ended.step)
        if self._asking is not None and self._asking[0].step == ended.step:
            self._asking[1].withdraw()

    def _ask_next(self) -> None:
        if self._asking is not None or not self._questions:
            return
        question = self._questions.popleft()
        modal = question_modal(question)
        self._asking = (question, modal)

        def answered(reply: Reply) -> None:
            self._asking = None
            agreed = reply == "yes" if question.kind == "confirm" else reply
            self.session.answer(question.id, agreed)
            self._ask_next()

        self.push_screen(modal, answered)

    # Leaving.

    async def action_quit(self) -> None:
        """Leave; ask first while a run is going on."""
        if self._leaving is not None:
            self.session.cancel()
            return
        if not self.session.busy:
            await self.forget_secret()
            self.exit(self._exit_code())
            return
        if isinstance(self.screen, _QuitModal):
            return
        self.push_screen(_QuitModal(self.session), self._quit_answered)

    def _quit_answered(self, reply: Reply) -> None:
        if reply in ("stop", "force"):
            self._leave(CANCELLED, GRACE_SECONDS if reply == "stop" else FORCE_SECONDS)

    def _exit_code(self) -> int:
        end = self.session.run.end
        return end.exit_code if end else 0

    def _leave(self, code: int, grace: float = GRACE_SECONDS) -> None:
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._stop_and_exit(code, grace), name="leave")

    async def _stop_and_exit(self, code: int, grace: float) -> None:
        if self.session.busy:
            self.push_screen(_StoppingModal(self.session))
        await self.session.stop(grace)
        await self.forget_secret()
        self.exit(code)

    def _catch_signals(self) -> None:
        loop, context = asyncio.get_running_loop(), contextvars.copy_context()
        # Not the main thread, or no such signals on this system: the wizard works all the same.
        with contextlib.suppress(RuntimeError, NotImplementedError, ValueError, AttributeError):
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._signalled, number)

            def hung_up(number: int, _frame: object) -> None:
                # At once, not by way of the loop: a closing terminal sends SIGCONT with it, on which Textual
                # would start to write to the terminal anew, and writing to a terminal that is gone blocks.
                _drop_terminal()
                loop.call_soon_threadsafe(self._signalled, number, context=context)

            signal.signal(signal.SIGHUP, hung_up)

    def _signalled(self, number: int) -> None:
        if number not in (signal.SIGINT, signal.SIGTERM):
            self._unseen.enter_context(self.batch_update())  # nobody sees it: draw nothing more
        if self._leaving is not None:
            self.session.cancel()  # asked twice: hurry
        self._leave(128 + number)

    def action_help_quit(self) -> None:
        """Ctrl+C with nothing selected: offer to stop the run, or say how to leave."""
        if self.session.busy:
            self.push_screen(_QuitModal(self.session), self._quit_answered)
        else:
            key = keymap.shown_key("app.quit", self.session.keymap)
            self.notify(f"Press {key} to quit (ctrl+q inside a field).", markup=False)

    # Help and palette.

    def action_help(self) -> None:
        """Show the keys of the screen in front."""
        screen = self.screen
        if isinstance(screen, Page):
            self.push_screen(HelpScreen(screen.SCOPE, self.session.keymap))
        elif isinstance(screen, HelpScreen):
            screen.dismiss(None)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers: the actions of the screen in front that can do something, and the theme."""
        if isinstance(screen, Page):
            for action in in_scope(screen.SCOPE):
                rests = self.session.busy and action.name in screen.NEEDS_REST
                if not rests and screen.check_action(action.name, ()):
                    yield SystemCommand(action.label, action.explain, getattr(screen, f"action_{action.name}"))
        yield SystemCommand("Theme", "Change the colours, for this and every later start.", self.action_change_theme)
        yield SystemCommand("Quit", "Leave ecrwiz.", self.action_quit)


class _Crash(Exception):  # noqa: N818  # it wraps the error proper
    """An error in ecrwiz itself, told in two sentences; the traceback is in a file."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.__cause__ = error
        self._text = (
            f"ecrwiz stopped on an error in ecrwiz itself ({type(error).__name__}). Nothing that was done is lost:\n"
            f"start it again to go on. The details for a report are in {crash_file(error)}."
        )

    def __rich__(self) -> Text:
        """What the person reads, in place of a traceback."""
        return Text(self._text)


class _QuitModal(ButtonsModal):
    """Leave while a run is going on?"""

    def __init__(self, session: Session) -> None:
        body = [
            f"Running: {', '.join(session.run.running) or 'about to begin'}.",
            "Stop and quit ends each step in good order, which may take Terraform some seconds.",
            "Force ends them at once; Terraform may leave its state locked.",
        ]
        choices: tuple[Choice, ...] = (
            ("keep", "Keep running", "default"),
            ("stop", "Stop and quit", "warning"),
            ("force", "Force", "error"),
        )
        super().__init__("A run is going on", body, choices, "keep")


class _StoppingModal(ButtonsModal):
    """Shown until the last step has ended; Force asks them to hurry."""

    def __init__(self, session: Session) -> None:
        body = ["Each step ends in good order; Terraform saves its state and frees its lock."]
        super().__init__("Stopping", body, (("force", "Force", "error"),), "force")
        self._session = session

    def action_decline(self) -> None:
        """There is no way back any more."""

    def chosen(self, key: str) -> None:  # noqa: ARG002
        """Force asks the steps to hurry; the modal stays until the App leaves."""
        self._session.cancel()


def _drop_terminal() -> None:
    """The terminal is gone: what is still written must not fail, and what was suspended must not come back."""
    signal.signal(signal.SIGCONT, signal.SIG_IGN)
    last_resort = threading.Timer(2 * GRACE_SECONDS, os._exit, (128 + signal.SIGHUP,))
    last_resort.daemon = True  # a process that nobody sees must not stay because something in it hangs
    last_resort.start()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            os.dup2(nowhere, descriptor)
