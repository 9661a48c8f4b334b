"""`python -m engine`, and the console script `layerloom`."""

from __future__ import annotations

import sys

from engine import interrupt


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        interrupt.raises()
        from engine.cli import run

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return interrupt.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
