"""Windows opened as the application opens them, and closed in the end."""

from __future__ import annotations

import pytest

from tests.journeys.person import Person, close


@pytest.fixture
def open_window(qtbot, qapp):
    """Opens windows like the application does; every one is closed in the end, and no engine is left."""
    from gui.theme import theme
    from gui.window import Window

    opened: list[Person] = []

    def open() -> Person:
        theme.install(qapp, "dark")
        window = Window()
        window.resize(1366, 768)
        window.show()
        qtbot.waitExposed(window)
        person = Person(window, qtbot)
        person.until(lambda: window.dashboard is not None)
        opened.append(person)
        return person

    yield open
    for person in opened:
        close(person)


@pytest.fixture
def person(open_window):
    """Somebody in front of a new window."""
    return open_window()
