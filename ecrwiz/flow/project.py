"""A project as the doors open it: its folder, its answers and where they came from, its journal, its services."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ecrwiz.flow import profiles, three_way
from ecrwiz.flow.events import StepId
from ecrwiz.flow.journal import Journal, Results
from ecrwiz.flow.toolbox import Toolbox
from ecrwiz.model.answers import BUILD_ARG, FIELDS, NOT_KEPT, Answers, Origin, Resolved, resolve
from ecrwiz.model.app import NodeApp, Place
from ecrwiz.model.errors import BadInputError, EcrwizError, ToolFailedError
from ecrwiz.model.paths import INFRA_FOLDERS, ProjectPaths
from ecrwiz.model.settings import Settings
from ecrwiz.services import answers_file, aws, files, git, github, node_app, templates

__all__ = ["Layer", "Project", "check_state_folder", "open_project"]

Layer = Mapping[str, tuple[str, Origin]]

_STATE = ".ecrwiz"
_DOCKERFILE = "Dockerfile"

# What the names of resources in AWS, and the image, are made of: it must not change by itself.
_NAMING = ("project_id", "region", "env", "app", "port")


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

    def __post_init__(self) -> None:
        self._follow_answers()

    @property
    def place(self) -> Place:
        """Where the application lies in the work tree, or in the monorepo when there is no repository."""
        root, base = self.paths.root.resolve(), self.paths.base.resolve()
        app = PurePosixPath(root.relative_to(base))
        return Place("/".join([".."] * len(app.parts)) or ".", app.as_posix())

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

    def check(self, steps: Collection[StepId]) -> None:
        """Refuse what cannot be used before anything is written.

        Raises:
            BadInputError: an answer, or the application as far as these steps need it.
        """
        if StepId.RENDER not in steps:
            self.resolved.require()
            return
        app = self.need_app()
        templates.check_supported(self.answers, app)

    def answer(self, values: Mapping[str, str]) -> Resolved:
        """Take the person's own values, strongest of all, and check everything again."""
        mine: Layer = {name: (value, Origin("you")) for name, value in values.items()}
        self.layers = (mine, *self.layers)
        self.resolved = resolve(self.layers, self.regions)
        self._follow_answers()
        return self.resolved

    def as_if(self, values: Mapping[str, str]) -> Project:
        """The same project with other answers, to be looked at; this one stays as it is."""
        mine: Layer = {name: (value, Origin("you")) for name, value in values.items()}
        layers = (mine, *self.layers)
        return replace(self, layers=layers, resolved=resolve(layers, self.regions), tools=copy.copy(self.tools))

    def standing_answers(self, file: str | None = None) -> Answers:
        """The answers without what was said for this run alone.

        Args:
            file: the text of an `ecrwiz.toml`; None for the one that was there when the project was opened.

        Raises:
            BadInputError: they cannot be used.
        """
        environment, now, detected = self.layers[-3:]
        return resolve((environment, now if file is None else _file_layer(file), detected), self.regions).require()

    def _follow_answers(self) -> None:
        """One of the answers says where Terraform's files lie."""
        folder = INFRA_FOLDERS.get(self.resolved.values.get("infra_layout", ""), self.paths.infra_folder)
        self.paths = replace(self.paths, infra_folder=folder)
        self.tools.paths = self.paths

    def save_answers(self) -> None:
        """Write down what must stay the same from run to run, and what the person said.

        What was detected or is a default stays open, so that a git remote that is added later is found; what only
        this environment said is not the file's to say.

        Raises:
            EcrwizError: the answers are not usable, or the file cannot be written.
        """
        self.tools.settings.need_writing()
        answers = self.answers
        file, root = self.paths.answers_file, self.paths.root
        before = files.read_text(file, inside=root)
        values = {name: str(getattr(answers, name)) for name in FIELDS if name not in NOT_KEPT and self._is_kept(name)}
        given = {BUILD_ARG + name: value for name, value in answers.build_args.items()}
        values |= {name: value for name, value in given.items() if self._is_kept(name)}
        after = answers_file.dumps(before, values)
        if after != before:
            files.write_atomic(file, after, inside=root)

    def _is_kept(self, name: str) -> bool:
        source = self.resolved.origins[name].source
        said = source in ("you", "flag", "file") and bool(self.resolved.values[name])
        return said or (name in _NAMING and source != "environment")


async def open_project(root: Path, flags: Mapping[str, str], environ: Mapping[str, str], profile: str = "") -> Project:
    """Read everything there is to know before anything is run.

    Args:
        root: the application's folder, absolute.
        flags: answers given on the command line.
        environ: the process's environment.
        profile: the AWS profile that an option names; empty for the environment's, or the one chosen for the folder.

    Raises:
        BadInputError: the folder, a setting, the profile or `ecrwiz.toml` cannot be used.
    """
    if not root.is_dir():  # noqa: ASYNC240  # one look at the local disk, before anything runs
        raise BadInputError(f"{root} is no folder.", "Go into your application's folder, or name it with -C.")
    settings = Settings.from_environment(environ)
    paths = ProjectPaths(root, settings.state_dir or root / _STATE, settings.terraform_state)
    await check_state_folder(root, paths.state)
    tools = Toolbox(settings, environ, paths, profiles.chosen(paths, environ, profile))
    app: NodeApp | None = None
    problem: EcrwizError | None = None
    try:
        app = node_app.detect(root)
    except EcrwizError as error:
        problem = error
    paths = replace(paths, repository=await _repository(root, app))
    layers = (
        {name: (value, Origin("flag", f"--set {name}")) for name, value in flags.items()},
        _from_environment(environ),
        _from_file(paths.answers_file),
        await _detected(paths, app, tools.environ),
    )
    regions = aws.known_regions()
    return Project(
        paths=paths,
        tools=tools,
        layers=layers,
        regions=regions,
        resolved=resolve(layers, regions),
        app=app,
        app_problem=problem,
        journal=Journal(paths.journal),
    )


async def check_state_folder(root: Path, state: Path) -> None:
    """Refuse a `.ecrwiz/` that came with the repository instead of being made by ecrwiz on this machine.

    A journal says what to destroy, and a link says what to overwrite: neither may be somebody else's.

    Args:
        root: the application's folder.
        state: the state folder. When it lies elsewhere, `.ecrwiz/` holds nothing but the lock.

    Raises:
        BadInputError: it or something in it is a link, or git tracks something in it.
        ToolFailedError: it cannot be looked at, or git refuses to work there.
    """
    own = root / _STATE
    try:
        entries = [own, *own.iterdir()] if own.is_dir() and not own.is_symlink() else [own]
        link = next((entry for entry in entries if entry.is_symlink()), None)
    except OSError as error:
        raise ToolFailedError(f"{own} cannot be read: {error.strerror}.", "Check its permissions.") from error
    if link is not None:
        raise BadInputError(
            f"{link} is a link, and what ecrwiz remembers must lie in files of its own.",
            "Remove the link; to keep the state elsewhere, set ECRWIZ_STATE_DIR.",
        )
    if state.is_relative_to(own) and own.exists() and await git.is_tracked(root, _STATE):
        raise BadInputError(
            f"{own} came with the Git repository, so it may be somebody else's and is not believed.",
            f"Take it out with `git rm -r {_STATE}` (keep the files with --cached if they are yours), "
            "or set ECRWIZ_STATE_DIR to a folder of your own.",
        )


async def _repository(root: Path, app: NodeApp | None) -> Path | None:
    """The work tree around the application; without one, the monorepo that it is a part of."""
    top = await git.top(root)
    if top is not None or app is None or app.workspace is None:
        return top
    return (root / app.workspace.up).resolve()


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
    text = files.read_text(path, inside=path.parent)
    return {} if text is None else _file_layer(text)


def _file_layer(text: str) -> Layer:
    return {name: (value, Origin("file", answers_file.NAME)) for name, value in answers_file.loads(text).items()}


async def _detected(paths: ProjectPaths, app: NodeApp | None, environ: Mapping[str, str]) -> Layer:
    root = paths.root
    found: dict[str, tuple[str, Origin]] = {}
    if app is not None:
        for name, (value, where) in node_app.suggest(root, app).items():
            found[name] = (value, Origin("detected", where))
        if found.get("strategy", ("",))[0] == "own" and three_way.read_last(paths, _DOCKERFILE) is not None:
            del found["strategy"]  # ecrwiz rendered it, and the person took its first comment out
    found |= profiles.region_layer(environ)
    state = await git.describe(root)
    remote, origin = _github_remote(state.remotes if state else {})
    if remote is not None:
        host, owner, name = remote
        found["github_repository"] = (f"{owner}/{name}", Origin("detected", f"git remote {origin}"))
        found["github_api_url"] = (github.api_url_for(host), Origin("detected", f"git remote {origin}"))
    return found


def _github_remote(remotes: Mapping[str, str]) -> tuple[tuple[str, str, str] | None, str]:
    """The remote that is on GitHub, `origin` first, or the only one; None when there is none or several."""
    found = {name: parsed for name, url in remotes.items() if (parsed := github.parse_remote(url))}
    if "origin" not in found and len(found) != 1:
        return None, ""
    name = "origin" if "origin" in found else next(iter(found))
    return found[name], name
