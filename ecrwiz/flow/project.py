"""A project as the doors open it: its folder, its answers and where they came from, its journal, its services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ecrwiz.flow.journal import Journal, Results
from ecrwiz.flow.toolbox import Toolbox
from ecrwiz.model.answers import FIELDS, NOT_KEPT, Answers, Origin, Resolved, resolve
from ecrwiz.model.app import NodeApp
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.paths import ProjectPaths
from ecrwiz.model.settings import Settings
from ecrwiz.services import answers_file, aws, files, git, github, node_app

__all__ = ["Layer", "Project", "open_project"]

Layer = Mapping[str, tuple[str, Origin]]


@dataclass
class Project:
    """One application and everything ecrwiz knows of it.

    Attributes:
        paths: where things lie.
        tools: the services.
        layers: raw values with origins, strongest first.
        regions: the regions that AWS knows.
        resolved: the merged and checked answers.
        app: what was read from the application's files; None when `app_problem` says why not.
        app_problem: why the folder cannot be used.
        journal: what was done.
    """

    paths: ProjectPaths
    tools: Toolbox
    layers: tuple[Layer, ...]
    regions: frozenset[str]
    resolved: Resolved
    app: NodeApp | None
    app_problem: EcrwizError | None
    journal: Journal

    @property
    def answers(self) -> Answers:
        """The checked answers.

        Raises:
            BadInputError: one of them cannot be used.
        """
        return self.resolved.require()

    @property
    def results(self) -> Results:
        """What the steps made so far."""
        return Results(self.journal)

    def need_app(self) -> NodeApp:
        """The application.

        Raises:
            EcrwizError: the folder holds none that can be used.
        """
        if self.app is None:
            raise self.app_problem or BadInputError(f"{self.paths.root} holds no application.")
        return self.app

    def answer(self, values: Mapping[str, str]) -> Resolved:
        """Take the person's own values, strongest of all, and check everything again."""
        mine: Layer = {name: (value, Origin("you")) for name, value in values.items()}
        self.layers = (mine, *self.layers)
        self.resolved = resolve(self.layers, self.regions)
        return self.resolved

    def save_answers(self) -> None:
        """Write the answers to `ecrwiz.toml`, save those that only this environment gave.

        Raises:
            EcrwizError: the answers are not usable, or the file cannot be written.
        """
        answers = self.answers
        before = files.read_text(self.paths.answers_file)
        values = {
            name: str(getattr(answers, name))
            for name in FIELDS
            if name not in NOT_KEPT and self.resolved.origins[name].source != "environment"
        }
        after = answers_file.dumps(before, values)
        if after != before:
            files.write_atomic(self.paths.answers_file, after)


async def open_project(root: Path, flags: Mapping[str, str], environ: Mapping[str, str]) -> Project:
    """Read everything there is to know before anything is run.

    Args:
        root: the application's folder, absolute.
        flags: answers given on the command line.
        environ: the process's environment.

    Raises:
        BadInputError: the folder, a setting or `ecrwiz.toml` cannot be used.
    """
    if not root.is_dir():  # noqa: ASYNC240  # one look at the local disk, before anything runs
        raise BadInputError(f"{root} is no folder.", "Go into your application's folder, or name it with -C.")
    settings = Settings.from_environment(environ)
    paths = ProjectPaths(root, settings.state_dir or root / ".ecrwiz", settings.terraform_state)
    app: NodeApp | None = None
    problem: EcrwizError | None = None
    try:
        app = node_app.detect(root)
    except EcrwizError as error:
        problem = error
    layers = (
        {name: (value, Origin("flag", f"--set {name}")) for name, value in flags.items()},
        _from_environment(environ),
        _from_file(paths.answers_file),
        await _detected(root, app, environ),
    )
    regions = aws.known_regions()
    return Project(
        paths=paths,
        tools=Toolbox(settings, environ, paths),
        layers=layers,
        regions=regions,
        resolved=resolve(layers, regions),
        app=app,
        app_problem=problem,
        journal=Journal(paths.journal),
    )


def _from_environment(environ: Mapping[str, str]) -> Layer:
    found = {
        name: (environ[variable], Origin("environment", variable))
        for name in FIELDS
        if environ.get(variable := f"ECRWIZ_{name.upper()}")
    }
    if environ.get("GITHUB_API_URL"):  # the name that GitHub's own runners use
        found.setdefault("github_api_url", (environ["GITHUB_API_URL"], Origin("environment", "GITHUB_API_URL")))
    return found


def _from_file(path: Path) -> Layer:
    text = files.read_text(path)
    if text is None:
        return {}
    return {name: (value, Origin("file", path.name)) for name, value in answers_file.loads(text).items()}


async def _detected(root: Path, app: NodeApp | None, environ: Mapping[str, str]) -> Layer:
    found: dict[str, tuple[str, Origin]] = {}
    if app is not None:
        for name, (value, where) in node_app.suggest(root, app).items():
            found[name] = (value, Origin("detected", where))
    region = aws.configured_region(environ)
    if region is not None:
        found["region"] = (region[0], Origin("detected", region[1]))
    else:
        found["region"] = ("us-east-1", Origin("default"))
    state = await git.describe(root)
    remote = github.parse_remote(state.remotes.get("origin", "")) if state else None
    if remote is not None:
        host, owner, name = remote
        found["github_repository"] = (f"{owner}/{name}", Origin("detected", "git remote origin"))
        found["github_api_url"] = (github.api_url_for(host), Origin("detected", "git remote origin"))
    return found
