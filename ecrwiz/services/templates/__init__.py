"""Renders the files that ecrwiz puts beside an application. Nothing is written here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ecrwiz.model.answers import Answers
from ecrwiz.model.app import NodeApp, Place, RenderedFile
from ecrwiz.model.errors import BadInputError
from ecrwiz.services.templates import dockerfile, ignore, starting, terraform, workflow
from ecrwiz.services.templates.dockerfile import base_image
from ecrwiz.services.templates.ignore import merge_ignore
from ecrwiz.services.templates.terraform import hcl_quote, terraform_templates

__all__ = ["base_image", "check_supported", "hcl_quote", "merge_ignore", "render", "terraform_templates"]

_AT_THE_TOP: Final = Place()


def render(
    answers: Answers, app: NodeApp, existing: Callable[[str], str | None], place: Place = _AT_THE_TOP
) -> tuple[RenderedFile, ...]:
    """Render every file for an application.

    Args:
        answers: the checked answers.
        app: what was read of the application.
        existing: gives the text of a file by its path relative to the application's folder, with `/`, which may
            begin with `../` in a workspace; None when there is none. Asked for ignore files, to keep what the person
            wrote there, for package.json files and the head of a lockfile, and for Next's configuration.
        place: where the application lies in its Git work tree.

    Returns:
        The files in the order in which a person reads them.

    Raises:
        BadInputError: there is no Dockerfile for such an application, or something in its files cannot stand in one.
    """
    check_supported(answers, app)
    found = [*_image_files(answers, app, existing)]
    found.append(ignore.dockerignore(answers.strategy, app, existing))
    found.append(ignore.gitignore(existing))
    found += terraform.infra_files(answers)
    run = workflow.workflow_file(answers, app, place)
    return (*found, run) if run else tuple(found)


def _image_files(answers: Answers, app: NodeApp, existing: Callable[[str], str | None]) -> tuple[RenderedFile, ...]:
    if answers.strategy == "own":
        return ()
    make = dockerfile.article if answers.strategy == "article" else dockerfile.multi_stage
    return (
        RenderedFile("Dockerfile", make(answers, app, existing)),
        RenderedFile("start.sh", starting.start_script(answers, app), executable=True),
    )


def check_supported(answers: Answers, app: NodeApp) -> None:
    """Say early what cannot be rendered.

    Raises:
        BadInputError: the strategy does not fit the application, or the answers do not go together.
    """
    terraform.check(answers)
    if answers.strategy == "own":
        if app.dockerfile is None:
            raise BadInputError(
                "The strategy own builds with a Dockerfile of yours, and there is none in the application's folder.",
                "Take the strategy multi-stage, or write a Dockerfile.",
            )
    elif app.serving == "own":
        raise BadInputError(
            "There is no package.json, so ecrwiz cannot write a Dockerfile here.",
            "Take the strategy own, which builds with the Dockerfile that is there.",
        )
    elif answers.strategy == "article":
        _check_article(app)
    elif app.serving == "static" and not app.output:
        raise BadInputError(
            "Nothing says which folder the build writes its pages to.",
            "Set the output folder in the framework's configuration, or take the strategy own.",
        )
    elif app.serving == "command" and app.start is None:
        raise BadInputError(
            "Nothing says how the application is started.", 'Add a script to package.json: "start": "node server.js".'
        )


def _check_article(app: NodeApp) -> None:
    if app.serving not in ("next", "next-standalone"):
        raise BadInputError(
            "The strategy article is for Next.js alone, because the article's start.sh starts Next.",
            "Take the strategy multi-stage.",
        )
    if app.workspace:
        raise BadInputError(
            "The strategy article copies node_modules of one folder, and in a workspace they lie in several.",
            "Take the strategy multi-stage.",
        )
    if app.manager.linker == "pnp":
        raise BadInputError(
            "The strategy article copies node_modules, and Yarn's Plug'n'Play makes none.",
            "Take the strategy multi-stage.",
        )
