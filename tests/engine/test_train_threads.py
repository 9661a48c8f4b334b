"""The threads of the linear algebra: one processor stays free, and the environment has the last word."""

from __future__ import annotations

import pytest

from engine.train import threads


@pytest.fixture(autouse=True)
def number_kept(monkeypatch):
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    before, restore = threads.count(), threads.set_count
    yield
    restore(before)


@pytest.mark.parametrize(("processors", "used"), [(1, 1), (2, 1), (4, 3), (64, threads.MOST)])
def test_one_processor_stays_free(monkeypatch, processors, used):
    monkeypatch.setattr(threads, "available", lambda: processors)
    asked = []
    monkeypatch.setattr(threads, "set_count", asked.append)
    threads.choose()
    assert asked == [used]


def test_the_environment_has_the_last_word(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    monkeypatch.setattr(threads, "set_count", lambda number: pytest.fail("it was overruled"))
    threads.choose()


def test_a_number_that_is_set_is_in_force():
    if threads._openblas() is None:
        pytest.skip("this NumPy brings no OpenBLAS")
    for number in (1, 2):
        threads.set_count(number)
        assert threads.count() == number
