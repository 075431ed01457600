"""Projects of Nx that have no package.json of their own, which ecrwiz does not read but names."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Final

from ecrwiz.services.node_app.next_js import CONFIGS
from ecrwiz.services.node_app.plans import variants
from ecrwiz.services.node_app.reading import is_plain_path

__all__ = ["nx_projects"]

# With one of these the root is an application itself.
_OWN: Final = ("project.json", "index.html", "angular.json", *CONFIGS, *variants("vite"), *variants("nuxt"))


def nx_projects(root: Path) -> list[str]:
    """The folders below a root of Nx that only a project.json describes, applications if there are any.

    Args:
        root: the folder.

    Returns:
        Relative paths, sorted; none when it is no root of Nx or an application itself.
    """
    if not (root / "nx.json").is_file() or any((root / name).is_file() for name in _OWN):
        return []
    found = [
        path.parent.relative_to(root).as_posix()
        for pattern in ("*/project.json", "*/*/project.json")
        for path in islice(root.glob(pattern), 50)
        if "node_modules" not in path.parts and not path.with_name("package.json").is_file()
    ]
    # Tests of the applications are projects, too.
    projects = [path for path in sorted(found) if is_plain_path(path) and not path.endswith("-e2e")]
    return [path for path in projects if path.startswith("apps/")] or projects
