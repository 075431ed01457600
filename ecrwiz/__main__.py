"""`python -m ecrwiz` is the same as `ecrwiz`."""

from __future__ import annotations

from ecrwiz.cli import main

if __name__ == "__main__":
    main()
