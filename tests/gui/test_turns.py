"""Work in turns of the event loop."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QObject
from shiboken6 import delete

from gui.turns import Turns, in_own_turn, leave_undone


def live(turns: int = 20) -> None:
    for _ in range(turns):
        QCoreApplication.processEvents()


def test_each_piece_takes_a_turn_of_its_own_and_what_is_asked_for_twice_is_done_once(qapp):
    owner, done, seen = QObject(), [], []
    first, second = (in_own_turn(owner, lambda name=name: done.append(name)) for name in ("first", "second"))
    for ask in (first, second, first):
        ask("whatever", "the signal", "carries")
    assert done == []
    while len(done) < 2 and len(seen) < 500:
        QCoreApplication.processEvents()
        seen.append(len(done))
    assert done == ["first", "second"]
    assert 1 in seen, "both came in one turn"
    live()
    assert len(done) == 2


def test_a_step_takes_a_turn_where_that_is_asked_for(qapp):
    owner, done, seen = QObject(), [], []
    turns = Turns(owner, seconds=0)
    turns.start(done.append(step) for step in range(3))
    while turns.is_busy and len(seen) < 500:
        QCoreApplication.processEvents()
        seen.append(len(done))
    assert [count for count in range(4) if count in seen][-3:] == [1, 2, 3]


@pytest.mark.parametrize("end", [delete, leave_undone])
def test_nothing_is_done_for_a_window_that_went_away(qapp, end):
    window, done = QObject(), []
    in_own_turn(QObject(window), lambda: done.append("for nobody"))()
    end(window)
    live()
    assert done == []


def test_work_that_begins_anew_replaces_what_it_was_doing(qapp):
    owner, done = QObject(), []
    turns = Turns(owner)

    def steps(name):
        done.append(name)
        if name == "old":
            turns.start(steps("new"))
        yield
        done.append(f"the end of the {name}")

    turns.start(steps("old"))
    turns.finish()
    assert done == ["old", "new", "the end of the new"]
