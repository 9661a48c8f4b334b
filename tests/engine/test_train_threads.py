"""The threads of a run: all cores or all but those to spare, what the environment says, what the run began with."""

from __future__ import annotations

import pytest

import engine
from engine.formats import checkpoint
from engine.graph import templates
from engine.train import threads
from engine.train.run import prepare_project, train
from engine.train.run_folder import RunFolder


@pytest.fixture(autouse=True)
def number_kept(monkeypatch):
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    blas, compiled = threads.blas(), engine.get_num_threads()
    restore = threads.set_blas
    yield
    restore(blas)
    engine.set_num_threads(compiled)


@pytest.mark.parametrize(("processors", "used"), [(1, 1), (2, 1), (4, 3), (64, threads.MOST)])
def test_without_compiled_kernels_one_processor_stays_free(monkeypatch, processors, used):
    monkeypatch.setattr(threads, "is_compiled", lambda: False)
    monkeypatch.setattr(threads, "available", lambda: processors)
    asked = []
    monkeypatch.setattr(threads, "set_blas", asked.append)
    threads.choose()
    assert asked == [used]


def test_without_compiled_kernels_the_environment_has_the_last_word(monkeypatch):
    monkeypatch.setattr(threads, "is_compiled", lambda: False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    monkeypatch.setattr(threads, "set_blas", lambda number: pytest.fail("it was overruled"))
    threads.choose()


@pytest.mark.parametrize(("cores", "spare", "used"), [(1, 0, 1), (1, 1, 1), (4, 0, 4), (4, 1, 3), (128, 0, 62)])
def test_all_cores_compute_but_those_to_spare(monkeypatch, cores, spare, used):
    monkeypatch.setattr("engine.kernels.cpu.host.physical_cores", lambda: cores)
    assert threads.choose(spare=spare) == used == engine.get_num_threads()


@pytest.mark.parametrize(("said", "used"), [("3", 3), ("100", 62), ("0", 4), ("many", 4), ("", 4)])
def test_the_environment_says_how_many(monkeypatch, said, used):
    monkeypatch.setattr("engine.kernels.cpu.host.physical_cores", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert threads.choose() == used


def test_a_run_that_is_taken_up_has_the_last_word(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads.choose(kept=2, spare=1) == 2


def test_a_number_that_is_set_is_in_force():
    if threads._openblas() is None:
        pytest.skip("this NumPy brings no OpenBLAS")
    for number in (1, 2):
        threads.set_blas(number)
        assert threads.blas() == number


def test_a_run_resumed_among_other_cores_is_the_uninterrupted_one(tmp_path, monkeypatch):
    """Two threads add up the gradient of a convolution's weight in another order than one."""
    project = templates.create("digits-cnn")

    def trained(name, *parts):
        for epochs, cores in parts:
            monkeypatch.setattr("engine.kernels.cpu.host.physical_cores", lambda cores=cores: cores)
            with RunFolder(tmp_path / name) as folder:
                last = folder.checkpoint("last")
                train(prepare_project(project, epochs), folder, resume=last.exists())
        kept = checkpoint.read(last)
        return {name: array.tobytes() for name, array in kept.model.items()}

    whole = trained("whole", (2, 2))
    assert trained("resumed", (1, 2), (2, 1)) == whole
    assert trained("other", (2, 1)) != whole
