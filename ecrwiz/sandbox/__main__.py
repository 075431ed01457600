"""`python -m ecrwiz.sandbox serve|stop|status --data DIR`: the supervisor, and the care of a kept sandbox."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ecrwiz.model.errors import EcrwizError
from ecrwiz.sandbox import client


def main(arguments: list[str]) -> int:
    """Run one command and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ecrwiz.sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("serve", "run a sandbox until the input is closed; the product starts this itself"),
        ("stop", "end a sandbox and remove its folder"),
        ("status", "say whether a sandbox runs, and where"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--data", type=Path, required=True, help="the sandbox's folder")
        if name == "serve":
            command.add_argument("--keep", action="store_true", help="go on when the input is closed")
    options = parser.parse_args(arguments)
    data = Path(options.data).absolute()
    if options.command == "serve":
        from ecrwiz.sandbox.supervisor import serve

        return serve(data, keep=options.keep)
    return _stop(data) if options.command == "stop" else _status(data)


def _stop(data: Path) -> int:
    try:
        stopped = client.stop(data)
    except EcrwizError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"The sandbox in {data} is gone.\n" if stopped else f"No sandbox runs in {data}.\n")
    return 0


def _status(data: Path) -> int:
    info = client.status(data)
    if info is None:
        sys.stdout.write(f"No sandbox runs in {data}.\n")
        return 1
    kept = "kept until it is stopped" if info.keep else "ends with the process that started it"
    sys.stdout.write(
        f"A sandbox runs in {data} (process {info.pid}, {kept}).\n"
        f"AWS       {info.aws}\nregistry  {info.registry}\nGitHub    {info.github}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
