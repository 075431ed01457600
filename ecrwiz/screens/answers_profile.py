"""The AWS profile in the form: which there are, whose account each is, and how long its session lasts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from textual import on, work
from textual.containers import Vertical
from textual.message import Message

from ecrwiz.flow import profiles
from ecrwiz.flow.profiles import Profile
from ecrwiz.flow.project import Project
from ecrwiz.model.profile import Standing
from ecrwiz.model.redact import plain
from ecrwiz.screens.answers_fields import profile_field
from ecrwiz.widgets.field import Field
from ecrwiz.widgets.pick_field import PickField

if TYPE_CHECKING:
    from textual.app import ComposeResult

__all__ = ["ProfilePicker", "standing_words"]

_REST: Final = 0.4  # seconds without a key before AWS is asked


class ProfilePicker(Vertical):
    """Holds the field of the profile. AWS, or a program that a profile names, is asked beside the typing.

    Args:
        project: whose profile it is.
    """

    DEFAULT_CSS = """
    ProfilePicker { height: auto; }
    """

    class Told(Message):
        """AWS said whose account it is, or why not."""

    class Region(Message):
        """Another profile was chosen: its region is the nearest of all."""

        def __init__(self, region: str, before: str, origin: str) -> None:
            super().__init__()
            self._region, self._before, self._origin = region, before, origin

        def apply(self, field: Field) -> None:
            """Bring it into the field of the region."""
            if isinstance(field, PickField) and self._region:
                field.set_options(*profiles.region_options(self._region))
                if field.value == self._before:
                    field.set_value(self._region, self._origin)

    def __init__(self, project: Project) -> None:
        super().__init__()
        self.account = ""
        self._project = project
        self._field = profile_field(project.tools.chosen)
        self._known: dict[str, Profile] = {}
        self._listed = False
        self._region = project.resolved.values.get("region", "") if _is_profiles(project) else ""

    def compose(self) -> ComposeResult:
        """The field."""
        yield self._field

    def on_mount(self) -> None:
        """Read which profiles there are."""
        self._list()

    @property
    def _wanted(self) -> str:
        return self._project.tools.chosen.name if self._project.tools.chosen.is_fixed else self._field.value.strip()

    @work(group="profiles", exclusive=True)
    async def _list(self) -> None:
        found = await profiles.listed(self._project)
        self._known = {profile.name: profile for profile in found.profiles}
        self._listed = True
        if not self.is_attached:
            return
        if isinstance(self._field, PickField):
            about = {profile.name: _about(profile) for profile in found.profiles}
            self._field.set_options(tuple(about), about)
        if found.problem:
            self.notify(found.problem, title="AWS configuration", severity="warning", markup=False)
        if self._project.tools.chosen.note:
            self.notify(self._project.tools.chosen.note, severity="warning", markup=False)
        self._ask()

    @on(Field.Changed)
    def _on_typed(self, event: Field.Changed) -> None:
        name = event.value.strip()
        event.field.show_problem("" if self._may_be(name) else f"There is no AWS profile {name} on this machine.")
        if self._may_be(name):
            self._follow_region(name)
            self._ask()

    def _may_be(self, name: str) -> bool:
        return not name or not self._listed or name in self._known

    def _follow_region(self, name: str) -> None:
        profile = self._known.get(name)
        if profile is not None and profile.region:
            self.post_message(self.Region(profile.region, self._region, f"from AWS profile {name}"))
            self._region = profile.region

    @work(group="standing", exclusive=True)
    async def _ask(self) -> None:
        """Ask AWS; what was known of another profile is no longer shown."""
        name = self._wanted
        self.account = ""
        self._field.show_hint("Asking AWS…")
        await asyncio.sleep(_REST if self._field.has_focus_within else 0)
        said = await profiles.standing(self._project, name, self._known.get(name or "default"))
        if not self.is_attached or name != self._wanted:
            return
        self.account = said.account
        self._field.show_hint(standing_words(said))
        self.post_message(self.Told())

    def keep(self) -> None:
        """Use the chosen profile in this folder from now on.

        Raises:
            EcrwizError: it cannot be kept.
        """
        chosen = self._project.tools.chosen
        if not chosen.is_fixed and self._wanted != chosen.name:
            profiles.choose(self._project, self._wanted)


def standing_words(said: Standing) -> str:
    """What AWS said of a profile, in a sentence."""
    if said.problem:
        return plain(f"✗ {said.problem} {said.hint}")
    who = f"Account {said.account}, {said.arn.split(':', 5)[-1]}"
    if said.is_root:
        return f"! Account {said.account}, root: it may do everything. Better use a user or role with fewer rights."
    left = profiles.left_words(said.ends)
    end = f"; {left}" if left else ""
    again = f": {said.renew}" if left == "expired" and said.renew else ""
    return plain(f"{who}, from {said.source}{end}{again}.")


def _about(profile: Profile) -> str:
    region = f", {profile.region}" if profile.region else ""
    left = profiles.left_words(profile.ends)
    return plain(f"{profile.kind}{region}{f', {left}' if left else ''}")


def _is_profiles(project: Project) -> bool:
    """Whether the region is what an AWS profile says, and nobody's own word."""
    origin = project.resolved.origins.get("region")
    return origin is not None and origin.source in ("detected", "default")
