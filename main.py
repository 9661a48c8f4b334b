"""Opens the Layerloom window; with --engine or --reader first, the same program is one of its headless parts."""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> int:
    """Run the window, or the engine's command line behind `--engine`. Returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["--engine"]:
        from engine.__main__ import main as engine_main

        return engine_main(arguments[1:])

    if arguments == ["--reader"]:
        from gui.reading.child import main as reader_main

        return reader_main()

    from gui.system import obstacle

    if reason := obstacle():
        print(f"layerloom: {reason}.", file=sys.stderr)
        return 1

    from gui.app import main as window_main

    return window_main(arguments)


if __name__ == "__main__":
    sys.exit(main())
