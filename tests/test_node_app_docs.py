from __future__ import annotations

import importlib.util
from pathlib import Path

from ecrwiz.services.node_app.frameworks import FRAMEWORKS

DOCS = Path(__file__).parents[1] / "docs"


def rendered() -> str:
    spec = importlib.util.spec_from_file_location("detection_page", DOCS / "detection.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module.render()
    assert isinstance(text, str)
    return text


def test_the_page_is_what_the_code_gives() -> None:
    assert (DOCS / "detection.md").read_text("utf-8") == rendered(), "run: python docs/detection.py"


def test_every_framework_is_on_the_page_and_tables_are_whole() -> None:
    lines = rendered().splitlines()
    for row in FRAMEWORKS:
        assert any(line.startswith(f"| {row.title} |") for line in lines)
    tables = [line.replace("\\|", "") for line in lines if line.startswith("|")]
    assert len(tables) > 80
    # The second is in the table of base paths.
    assert [line.count("|") for line in tables if line.startswith("| Next.js")] == [7, 4]
