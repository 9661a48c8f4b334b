"""Windows opened as the application opens them, and closed in the end."""

from __future__ import annotations

import pytest

from tests.journeys.person import Person, close


@pytest.fixture
def open_window(qtbot, qapp):
    """Opens windows like the application does; every one is closed in the end, and no engine is left."""
    from gui import app as application

    opened: list[Person] = []

    def open() -> Person:
        window = application.open_window(qapp)
        window.resize(1366, 768)
        with qtbot.waitSignal(window.dashboard.was_built, timeout=20_000):
            qtbot.waitExposed(window)
        window.activateWindow()  # a bare X server has no window manager that would
        qtbot.waitUntil(window.isActiveWindow)
        person = Person(window, qtbot)
        opened.append(person)
        return person

    yield open
    for person in opened:
        close(person)


@pytest.fixture
def person(open_window):
    """Somebody in front of a new window."""
    return open_window()
