"""Diffs read, coloured, and laid out; a tree of rows that folds."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.widget import Widget

from ecrwiz.services import files
from ecrwiz.widgets.choice import Choice
from ecrwiz.widgets.colouring import colour, language
from ecrwiz.widgets.cut import middle_out
from ecrwiz.widgets.diff_lines import beside, code, read_diff, unified, words
from ecrwiz.widgets.diff_view import DiffView
from ecrwiz.widgets.row_list import Cell, Column
from ecrwiz.widgets.tree_list import Node, TreeList

DIFF = """\
--- a/x.tf
+++ b/x.tf
@@ -1,3 +1,3 @@
 # same
-name = "old"
+name = "new"
+more = 1
\\ No newline at end of file
"""


class OneWidget(App[None]):
    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


def text(widget: Widget, y: int) -> str:
    return widget.render_line(y).text.rstrip()


@pytest.mark.parametrize(
    ("path", "name"),
    [("Dockerfile", "docker"), ("a/start.sh", "bash"), ("infra/main.tf", "terraform"), ("x.tfvars", "terraform"),
     (".github/workflows/e.yml", "yaml"), ("ecrwiz.toml", "toml"), ("a.json", "json"), (".gitignore", ""),
     ("LICENSE", "")],
)  # fmt: skip
def test_languages_by_name(path: str, name: str) -> None:
    assert language(path) == name
    kinds = {kind for line in colour('# c\nFROM "x"\nname: "a"\n{"a": 1}\n', name) for _, _, kind in line}
    assert bool(kinds) is bool(name), "the language is known to Pygments under this name"


@given(
    st.text(st.characters(codec="utf-8"), max_size=200),
    st.sampled_from(["terraform", "yaml", "bash", "docker", "toml", ""]),
)
def test_spans_lie_within_their_lines(source: str, spoken: str) -> None:
    lines = [line.replace("\r", "") for line in source.split("\n")]
    for line, spans in zip(lines, colour("\n".join(lines), spoken), strict=True):
        assert all(0 <= start < end <= len(line) for start, end, _ in spans)


def test_a_diff_keeps_its_signs_and_gets_its_colours() -> None:
    lines = unified(read_diff(DIFF, "terraform"))
    assert [line.text for line in lines] == [
        "@@ -1,3 +1,3 @@", " # same", '-name = "old"', '+name = "new"', "+more = 1", "\\ No newline at end of file",
    ]  # fmt: skip
    kinds = [{kind for _, _, kind in line.spans} for line in lines]
    assert kinds[0] == {"place"}
    assert "comment" in kinds[1]
    assert {"removed", "removed-sign", "string"} <= kinds[2]
    assert {"added", "added-sign", "string"} <= kinds[3]
    assert kinds[5] == {"muted"}


@given(st.text("abc -+@\\\n", max_size=80), st.text("abc -+@\\\n", max_size=80))
def test_every_line_of_both_sides_is_in_every_layout(old: str, new: str) -> None:
    diff = files.diff("x", old, new)
    read = read_diff(diff, "")
    signed = [line.text for line in unified(read)]
    body = [line for line in diff.split("\n")[2:] if line] if diff else []
    assert [line for line in signed if line.strip()] == [line for line in body if line.strip()]
    rows = beside(read, 200)
    assert all(cell_len(row.text) == 199 for row in rows if "│" in row.text)
    for sign, side in (("-", 0), ("+", 1)):
        mine = [line.text for line in read if line.sign == sign]
        shown = [row.text.split(" │ ")[side] for row in rows if " │ " in row.text]
        assert [part[2:].rstrip() for part in shown if part.startswith(sign)] == [line.rstrip() for line in mine]


def test_side_by_side_pairs_what_went_with_what_came_and_wraps() -> None:
    rows = [[half.rstrip() for half in row.text.split("│")] for row in beside(read_diff(DIFF, "terraform"), 43)]
    assert rows[1:4] == [
        ["  # same", "   # same"],
        ['- name = "old"', ' + name = "new"'],
        ["", " + more = 1"],
    ]
    long = [row.text for row in beside(read_diff("@@ @@\n+" + "x" * 30 + "\n", ""), 43)[1:]]
    assert [row.split("│")[1][:4] for row in long] == [" + x", "   x"], "the sign stands once"
    wide = read_diff("@@ @@\n+" + "汉" * 30 + "\n", "")
    assert all(cell_len(row.text) == 43 for row in beside(wide, 43)[1:])
    assert sum(row.text.count("汉") for row in beside(wide, 43)) == 30


def test_escape_sequences_and_tabs_do_no_harm() -> None:
    evil = "\x1b]52;c;aGk=\x07\x1b[2J[/foo]\tx"
    for lines in (unified(read_diff(f"@@ @@\n+{evil}\n", "bash")), code(evil, "bash"), words(evil)):
        assert all("\x1b" not in line.text and "\x07" not in line.text and "\t" not in line.text for line in lines)
        assert any("[/foo]" in line.text for line in lines)


def test_conflict_markers_stand_out() -> None:
    lines = code("<<<<<<< yours\na\n=======\nb\n>>>>>>> ecrwiz\n", "")
    assert [line.spans[0][2] if line.spans else "" for line in lines] == ["warning", "", "warning", "", "warning"]


def test_five_thousand_lines_are_laid_out_in_a_moment() -> None:
    new = "".join(f'resource "a" "b{number}" {{ name = "{number}" }}\n' for number in range(5000))
    before = time.process_time()
    rows = beside(read_diff(files.diff("x", "one\n", new), "terraform"), 160)
    assert len(rows) >= 5000
    assert time.process_time() - before < 10, "on a thread, but not for ever"


async def test_a_view_draws_the_kinds_and_only_what_is_in_sight() -> None:
    view = DiffView()
    async with OneWidget(view).run_test(size=(40, 6)) as pilot:
        view.show_lines(unified(read_diff(DIFF, "terraform")))
        await pilot.pause()
        assert text(view, 2) == '-name = "old"'
        grounds = [{segment.style.bgcolor for segment in view.render_line(y) if segment.style} for y in (1, 2, 3)]
        assert not grounds[1] <= grounds[0]
        assert grounds[1] != grounds[2], "what came and what went have grounds of their own"
        same = view.buffer
        view.show_lines(unified(read_diff(DIFF, "terraform")))
        assert view.buffer is same, "the reader's place stays"
        for kind in DiffView.KINDS:
            assert view._style(kind)


DEEP = Node("a2", (Cell(""), Cell("deep")))
NODES = (
    Node("a", (Cell("+"), Cell("first [/foo]")), (Node("a1", (Cell(""), Cell("inner")), (DEEP,)),)),
    Node("b", (Cell(""), Cell("second")), (Node("b1", (Cell(""), Cell("hidden"))),), shut=True),
)


async def test_a_tree_folds_by_keys_and_by_mouse_and_is_filtered_whole() -> None:
    tree = TreeList(Column(1), Column(0, middle=True), tree=1)
    async with OneWidget(tree).run_test(size=(40, 10)) as pilot:
        tree.set_nodes(NODES)
        tree.focus()
        await pilot.pause()
        assert [row.key for row in tree.rows] == ["a", "a1", "a2", "b"]
        assert text(tree, 0).endswith("▾ first [/foo]")
        assert text(tree, 3).endswith("▹ second")
        await pilot.press("down", "left")
        assert [row.key for row in tree.rows] == ["a", "a1", "b"]
        await pilot.press("left")
        assert tree.key == "a", "left on what is folded goes to the head"
        tree.set_nodes(NODES)
        assert [row.key for row in tree.rows] == ["a", "a1", "b"], "what was folded stays folded"
        await pilot.press("end", "enter")
        assert [row.key for row in tree.rows] == ["a", "a1", "b", "b1"]
        await pilot.click(TreeList, offset=(5, 1))
        assert tree.key == "a1"
        await pilot.click(TreeList, offset=(5, 1))
        assert "a2" in [row.key for row in tree.rows]
        await pilot.press("end", "left", "left", "slash", *"hidden")
        assert [row.key for row in tree.rows] == ["b1"], "what is folded is found"
        await pilot.press("escape")
        assert len(tree.rows) > 1


async def test_a_choice_takes_more_rows_where_its_words_need_them() -> None:
    words = ("mutable", "immutable", "immutable-except-latest")
    choice = Choice(words, "mutable", {"mutable": "can [move]"})
    async with OneWidget(choice).run_test(size=(40, 6)) as pilot:
        await pilot.pause()
        assert choice.size.height == 2
        assert text(choice, 0).strip() == "● can [move]   ○ immutable"
        assert text(choice, 1).strip() == "○ immutable-except-latest"
        await pilot.click(Choice, offset=(4, 1))
        assert choice.value == "immutable-except-latest"
        await pilot.press("right")
        assert choice.value == "mutable"


def test_a_long_path_loses_its_middle() -> None:
    assert middle_out("short", 10) == "short"
    cut = middle_out("    module.ci_user.aws_iam_access_key.this", 30)
    assert len(cut) == 30
    assert cut.startswith("    module")
    assert cut.endswith("access_key.this")
