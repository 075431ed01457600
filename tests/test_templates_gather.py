"""What the build stage puts together for the image: its own commands, run by a shell on a build of a few files."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ecrwiz.model.app import NodeApp
from ecrwiz.model.errors import BadInputError
from tests.test_templates import APP, PAGES, SITE, TREE, WORKSPACE, dockerfile, files, stages


def gather(tmp_path: Path, app: NodeApp, built: tuple[str, ...]) -> tuple[int, str, set[str]]:
    """Run the last RUN of the build stage in the application's folder.

    Args:
        tmp_path: an empty folder; its `opt` is the image's `/opt`.
        app: the application.
        built: the files that the build makes, relative to the application's folder; each holds its own path.

    Returns:
        The exit status, what was said, and the files that were gathered, relative to `opt`.
    """
    folder = tmp_path / "opt" / "app" / (app.workspace.app if app.workspace else "")
    (folder / "public").mkdir(parents=True)
    for name in ("start.sh", "public/icon.png"):
        (folder / name).write_text(name)
    made = "; ".join(f'mkdir -p "$(dirname {name})"; echo {name} > {name}' for name in built)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("npm", "vite"):
        (programs / name).write_text(f"#!/bin/sh\n{made}\n")
        (programs / name).chmod(0o755)
    script = stages(dockerfile(app, TREE))["build"][-1].removeprefix("RUN ").replace("/opt/", f"{tmp_path}/opt/")
    environ = {"PATH": f"{programs}:/usr/bin:/bin"}
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    top = tmp_path / "opt"
    found = {path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file()}
    return done.returncode, done.stderr, {name for name in found if not name.startswith("app/")}


def standalone(at: str, dist: str = ".next") -> tuple[str, ...]:
    """What a standalone build makes with its server in this folder of `standalone`."""
    top = f"{dist}/standalone/{at}"
    return (
        f"{top}server.js",
        f"{top}{dist}/BUILD_ID",
        f"{dist}/static/a.js",
        # Files of the same names that are not the server and its build.
        f"{dist}/standalone/node_modules/x/server.js",
        f"{dist}/standalone/node_modules/x/{dist}/BUILD_ID",
    )


SERVED = {"out/server.js", "out/start.sh", "out/public/icon.png", "next/BUILD_ID", "next/static/a.js"}


@pytest.mark.parametrize("at", ["", "app/", "opt/app/"])
@pytest.mark.parametrize("dist", [".next", "build/next"])
def test_standalone_wherever_the_folder_of_tracing_is(tmp_path: Path, at: str, dist: str) -> None:
    """`outputFileTracingRoot` may be the application's folder or one above it."""
    code, said, found = gather(tmp_path, replace(APP, dist_dir=dist), standalone(at, dist))
    assert (code, said) == (0, "")
    assert {name for name in found if "node_modules" not in name} == SERVED


MEMBER = {
    "out/start.sh",
    *(f"out/apps/web/{name}" for name in ("server.js", "public/icon.png")),
    *("next/BUILD_ID", "next/static/a.js"),
}


@pytest.mark.parametrize("at", ["", "apps/web/", "app/apps/web/", "web/"])
def test_standalone_of_a_workspace_wherever_the_folder_of_tracing_is(tmp_path: Path, at: str) -> None:
    code, said, found = gather(tmp_path, replace(APP, workspace=WORKSPACE), standalone(at))
    assert (code, said) == (0, "")
    assert {name for name in found if "node_modules" not in name} == MEMBER


def test_packages_beside_a_workspaces_server_come_along(tmp_path: Path) -> None:
    built = (*standalone("apps/web/"), ".next/standalone/node_modules/next/index.js")
    _, _, found = gather(tmp_path, replace(APP, workspace=WORKSPACE), built)
    assert "out/node_modules/next/index.js" in found


@pytest.mark.parametrize("built", [(".next/BUILD_ID",), (".next/standalone/.next/BUILD_ID",)])
@pytest.mark.parametrize("app", [APP, replace(APP, workspace=WORKSPACE)])
def test_a_build_without_a_standalone_server_is_told(tmp_path: Path, app: NodeApp, built: tuple[str, ...]) -> None:
    code, said, found = gather(tmp_path, app, built)
    assert (code, found) == (1, set())
    assert said.startswith("There is no server.js in .next/standalone: the build did not make")


SHOP = replace(SITE, base_path="/shop")


def test_a_site_lies_where_its_pages_ask_for_it(tmp_path: Path) -> None:
    code, said, found = gather(tmp_path, SHOP, ("dist/index.html", "dist/assets/a.js"))
    assert (code, said) == (0, "")
    pages = {f"out/site/shop/{name}" for name in ("index.html", "assets/a.js")}
    assert found == pages | {"out/start.sh", "out/site/serve.json"}
    assert json.loads((tmp_path / "opt/out/site/serve.json").read_text()) == {
        "directoryListing": False,
        "rewrites": [{"source": "/shop/**", "destination": "/shop/index.html"}],
    }
    # The server's own option sends every path to the page at the top, where none is.
    assert "--single" not in files(SHOP)["start.sh"]
    assert " site --listen " in files(SHOP)["start.sh"]


def test_a_site_at_the_top_is_as_before(tmp_path: Path) -> None:
    code, said, found = gather(tmp_path, SITE, ("dist/index.html",))
    assert (code, said) == (0, "")
    assert found == {"out/site/index.html", "out/start.sh", "out/site/serve.json"}
    assert json.loads((tmp_path / "opt/out/site/serve.json").read_text()) == {"directoryListing": False}


def test_what_the_server_looks_for_at_the_top_alone_is_there(tmp_path: Path) -> None:
    app = replace(SHOP, base_path="/docs/v2", single_page=False)
    _, _, found = gather(tmp_path, app, ("dist/index.html", "dist/404.html", "dist/serve.json"))
    assert {"out/site/404.html", "out/site/serve.json", "out/site/docs/v2/index.html"} <= found
    assert (tmp_path / "opt/out/site/serve.json").read_text() == "dist/serve.json\n"


def test_pages_of_several_have_no_rewrites() -> None:
    assert "rewrites" not in dockerfile(replace(PAGES, base_path="/docs"))


@pytest.mark.parametrize("path", ["/a b", "/a'b", "/../up", "/$(id)", "/a\nRUN id", "/a;id", "/*"])
def test_a_base_path_that_would_mean_something_is_refused(path: str) -> None:
    with pytest.raises(BadInputError, match="The path below which the pages are served"):
        dockerfile(replace(SITE, base_path=path))


def test_a_server_answers_below_its_base_path_by_itself() -> None:
    assert files(replace(APP, base_path="/shop")) == files(APP)
