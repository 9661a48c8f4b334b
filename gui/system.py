"""What the operating system must have before Qt may be loaded, in sentences instead of an abort.

Imports nothing of Qt: a missing library or display makes Qt end the process, so it is looked for first.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys

# library -> Debian package; the first group for every use of Qt, the second for a real window on X11
_EVERYWHERE = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
}
_X11 = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}


def obstacle() -> str:
    """Why a window cannot open here and how to mend it, in one sentence; "" where nothing stands in the way."""
    if importlib.util.find_spec("PySide6") is None:
        setup = "python -m pip install uv && python -m uv run main.py"
        return f"Layerloom's window needs PySide6, which is not installed: run `{setup}`"
    if not sys.platform.startswith("linux"):
        return ""
    platform = os.environ.get("QT_QPA_PLATFORM", "").split(":")[0]
    on_screen = platform in ("", "xcb", "wayland")
    uses_x11 = platform == "xcb" or (on_screen and not os.environ.get("WAYLAND_DISPLAY"))
    missing = _missing({**_EVERYWHERE, **(_X11 if uses_x11 else {})})
    if missing:
        packages = " ".join(missing.values())
        return (
            f"Qt needs the system library {', '.join(missing)}, which is not installed: "
            f"run `sudo apt-get install {packages}` (Debian, Ubuntu) or your system's equivalent"
        )
    return _display_obstacle() if uses_x11 else ""


def _missing(libraries: dict[str, str]) -> dict[str, str]:
    missing = {}
    for library, package in libraries.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing[library] = package
    return missing


def _display_obstacle() -> str:
    display = os.environ.get("DISPLAY")
    advice = "start it from a desktop session, or under a virtual screen with `xvfb-run -a python main.py`"
    if not display:
        return f"there is no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set): {advice}"
    xcb = ctypes.CDLL("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    refused = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return f"the display {display} does not answer: {advice}" if refused else ""
