"""The path below which an application expects to be served, when that is not the top."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ecrwiz.services.node_app.javascript import Config, json_with_comments
from ecrwiz.services.node_app.plans import Plan, variants
from ecrwiz.services.node_app.reading import Project, is_plain_path, table

__all__ = ["BASES", "Base", "read_base_path"]

_LONGEST: Final = 150  # characters; with a slash it still is an answer `health_path`


@dataclass(frozen=True, slots=True)
class Base:
    """Where a framework is told its base path.

    Attributes:
        key: the setting in its configuration; empty when there is none.
        option: the option of the build command; empty when there is none.
        stem: the configuration's name without `.config.*`; empty for the one that was found for the framework.
        serves: its own server answers below the path, too.
        only_with: the setting counts only when this word stands in the build script.
        path_only: of a whole address the path counts, as a page's own place; elsewhere it is that of a CDN.
    """

    key: str = ""
    option: str = ""
    stem: str = ""
    serves: bool = False
    only_with: str = ""
    path_only: bool = False


BASES: Final = {
    "next": Base("basePath", serves=True),
    "astro": Base("base", "--base", serves=True),
    "sveltekit": Base("base", serves=True),
    "vite": Base("base", "--base"),
    "react-router": Base("base", "--base", stem="vite"),
    "remix": Base("base", "--base", stem="vite"),
    "vitepress": Base("base", "--base"),
    "vue-cli": Base("publicPath"),
    "docusaurus": Base("baseUrl"),
    "quasar": Base("publicPath"),
    "gatsby": Base("pathPrefix", only_with="--prefix-paths"),
    "parcel": Base("", "--public-url"),
    "angular": Base("", "--base-href"),
    "create-react-app": Base("", "PUBLIC_URL", path_only=True),
}


def read_base_path(project: Project, framework: str, plan: Plan) -> str:
    """The base path, such as `/shop`, in the form that `NodeApp.base_path` describes; empty at the top.

    Args:
        project: the application; gets a note when the path cannot be read or served.
        framework: its key in the table of frameworks.
        plan: how it is served.
    """
    base = BASES.get(framework)
    if base is None or (plan.serving != "static" and not base.serves):
        return ""
    found, origin = next(_said(project, framework, base, plan), ("", ""))
    address = re.match(r"(?:[a-zA-Z][\w+.-]{0,30}:)?//[^/?#]*([^?#]*)", found)
    if address and not base.path_only:
        return ""  # a CDN's address: the page itself is served at the top
    path = (address[1] if address else found).strip("/")
    if path in ("", "."):
        return ""
    names = path.split("/")
    if not is_plain_path(path) or "." in names or "@" in path or len(path) > _LONGEST:
        project.note(
            f"{origin} sets the base path {path[:60]!r}, which ecrwiz cannot serve; the image has the site at the top.",
            "Use letters, digits, '-', '_' and '.' in it only.",
            warning=True,
        )
        return ""
    project.origins["base_path"] = origin
    return f"/{path}"


def _said(project: Project, framework: str, base: Base, plan: Plan) -> Iterator[tuple[str, str]]:
    """The values that say something, the one that wins first, each with the file that it stands in."""
    script = project.package.scripts.get("build", "")
    if base.option and (match := re.search(rf"(?:^|\s){base.option}[ =][\"']?([^\s\"']+)", script)):
        yield match[1], "package.json"
    if framework == "create-react-app":
        homepage = project.package.data.get("homepage")
        yield homepage if isinstance(homepage, str) else "", "package.json"
    elif framework == "angular":
        yield from _angular(project)
    if base.key and base.only_with in script:
        yield from _configured(project, framework, base, plan)


def _configured(project: Project, framework: str, base: Base, plan: Plan) -> Iterator[tuple[str, str]]:
    name = project.first(variants(base.stem)) if base.stem else plan.config_file
    settings = Config(project.files.text(project.root / name) or "" if name else "")
    if framework == "sveltekit" and not settings.has_key("paths"):
        return
    value = settings.string(base.key)
    if value is not None:
        yield value, name
    elif settings.has_key(base.key) and settings.word(base.key) not in ("undefined", "null"):
        project.note(
            f"{name} sets {base.key} to something that ecrwiz cannot read; the image has the site at the top.",
            f"Write it as a plain string, such as {base.key}: '/shop', or leave it out of the image's build.",
            warning=True,
        )


def _angular(project: Project) -> Iterator[tuple[str, str]]:
    settings = json_with_comments(project.files.text(project.root / "angular.json"))
    for entry in table(settings.get("projects")).values():
        build = table(table(table(entry).get("architect") or table(entry).get("targets")).get("build"))
        production = table(table(build.get("configurations")).get("production"))
        for options in (production, table(build.get("options"))):
            if isinstance(options.get("baseHref"), str):
                yield options["baseHref"], "angular.json"
    page = project.files.text(project.root / "src/index.html", head=20_000) or ""
    if match := re.search(r"<base\s[^<>]{0,100}?href=[\"']([^\"'<>]{0,200})[\"']", page):
        yield match[1], "src/index.html"
