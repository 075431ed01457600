"""Times detection on a repository of 50,000 source files beside a large node_modules, against a bare listing of them.

Run: python benchmarks/bench_detect.py [FILES] [ROUNDS]   (50000 and 9 unless told; made in a temporary folder)
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ecrwiz.services.node_app import detect
from ecrwiz.services.node_app.sources import read_sources

PACKAGE = {
    "name": "shop",
    "scripts": {"build": "next build", "start": "next start"},
    "dependencies": {"next": "16.4.5", "react": "19.0.0", "sharp": "0.34.0", "@prisma/client": "6.0.0"},
}
SOURCE = "export const a = process.env.NEXT_PUBLIC_API_URL\nexport default function Page() { return a }\n" * 20
PER_FOLDER = 25
IN_MODULES = 20_000


def make(root: Path, files: int) -> None:
    """A Next application of so many sources in nested folders, with a node_modules and a lockfile of 1 MB."""
    (root / "package.json").write_text(json.dumps(PACKAGE))
    (root / "package-lock.json").write_text("{" + " " * 1_000_000 + "}")
    (root / "next.config.ts").write_text("export default { output: 'standalone' }\n")
    (root / ".env").write_text("NEXT_PUBLIC_API_URL=https://example.com\n")
    for number in range(files):
        folder = number // PER_FOLDER
        path = root / "src" / f"area{folder % 40}" / f"part{folder % 7}" / f"unit{folder}"
        path.mkdir(parents=True, exist_ok=True)
        (path / f"file{number}.tsx").write_text(SOURCE)
    for number in range(IN_MODULES):
        path = root / "node_modules" / f"package{number // 20}"
        path.mkdir(parents=True, exist_ok=True)
        (path / f"file{number}.js").write_text("module.exports = process.env.NEXT_PUBLIC_NEVER_READ\n")


def listed(root: Path) -> int:
    """The baseline: os.scandir of the folders that detection looks at, and one open and read of each file it reads."""
    sources = read_sources(root).files
    folders = {os.path.dirname(source.path) for source in sources}  # noqa: PTH120
    began = time.perf_counter()
    for folder in folders:
        with os.scandir(root / folder) as entries:
            sum(1 for _ in entries)
    for source in sources:
        with open(f"{root}/{source.path}", "rb") as file:  # noqa: PTH123
            file.read()
    return round((time.perf_counter() - began) * 1_000_000)


def median_ms(work: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Median, worst and median processor time of so many rounds, after one that warms the cache of the file system."""
    work()
    times, used = [], []
    for _ in range(rounds):
        began, began_used = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - began) * 1000)
        used.append((time.process_time() - began_used) * 1000)
    return statistics.median(times), max(times), statistics.median(used)


def main() -> None:
    """Make the repository, measure and print."""
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root, files)
        found = detect(root)
        assert [variable.name for variable in found.public_variables] == ["NEXT_PUBLIC_API_URL"]
        read = len(read_sources(root).files)
        print(f"{files} source files and {IN_MODULES} in node_modules; {read} of the sources are read")
        middle, worst, used = median_ms(lambda: detect(root), rounds)
        base = statistics.median(listed(root) / 1000 for _ in range(rounds))
        print(f"detect:                 median {middle:6.1f} ms, worst {worst:6.1f} ms, processor {used:6.1f} ms")
        print(f"listing and reading:    median {base:6.1f} ms")
        code = "import time; b = time.perf_counter(); import ecrwiz.services.node_app; print(time.perf_counter() - b)"
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        print(f"import of the package:  {float(ran.stdout) * 1000:13.1f} ms")


if __name__ == "__main__":
    main()
