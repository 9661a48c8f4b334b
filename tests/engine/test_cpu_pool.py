"""The pool of threads under everything that can go on around it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.cpu import context, pool
from engine.kernels.cpu.eager import CpuKernels
from engine.kernels.cpu.emit import new_kernel
from engine.kernels.cpu.program import Kernel, Program
from engine.kernels.cpu.values import I64

ROOT = Path(__file__).parents[2]


def emit_turns(size):
    """Each thread takes its share of x and adds what it finds `size` further on: wrong without a barrier between."""
    code = new_kernel("turns")
    block, thread, threads = code.arguments
    x, y = code.pointer(block, 0), code.pointer(block, 1)
    start, stop = code.share(size, thread, threads)
    with code.loop(start, stop) as i:
        code.store(code.load(x, (code.int(size - 1) - i)) + 1.0, y, i)
    code.finish()
    return code.module


def emit_who(most):
    """Counts the threads that came, in an array of one place each."""
    code = new_kernel("who")
    block, thread, threads = code.arguments
    code.store(threads, code.pointer(block, 0), thread)
    code.finish()
    return code.module


def emit_pieces(count, parts, waits):
    """Counts in `done` each piece that is computed; who takes the first piece waits there until all others are done."""
    code = new_kernel("pieces")
    block, thread, threads = code.arguments
    done, total, lost = (code.pointer(block, slot) for slot in range(3))
    with code.taken(count, thread, threads, parts) as part, code.loop(*part) as piece:
        code.add_atomic(code.at(done, piece, I64), 1)
        patience = code.variable(code.int(0))
        with code.when(piece.equals(0)), code.repeat() as away:
            code.leave_if(code.load_atomic(total) % count >= (count - 1 if waits else 0), away)
            patience.set(patience.get() + 1)
            code.pause()
            with code.when(patience.get().equals(100_000_000)):
                code.add_atomic(lost, 1)
            code.leave_if(patience.get() >= 100_000_000, away)
        code.add_atomic(total, 1)
    code.finish()
    return code.module


def turns(count, size=1000):
    x, y = np.zeros(size, np.float32), np.zeros(size, np.float32)
    kernel = Kernel(emit_turns, (size,))
    return x, Program([kernel.bind(*((x, y), (y, x))[i % 2]) for i in range(count)])


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_all_threads_take_part_and_wait_for_each_other(threads):
    pool.set_num_threads(threads)
    x, program = turns(20)
    for _ in range(20):
        pool.run(program)
    assert np.array_equal(x, np.full(1000, 400, np.float32))
    seen = np.zeros(threads, np.int64)
    pool.run(Program([Kernel(emit_who, (threads,)).bind(seen)]))
    assert (seen == threads).all()


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize(("count", "parts"), [(1, 1), (2, 8), (7, 3), (100, 8), (101, 200)])
def test_each_piece_is_taken_once(count, parts, threads, alone):
    pool.set_num_threads(threads)
    done, total, lost = np.zeros(count, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64)
    kernel = Kernel(emit_pieces, (count, parts, False), alone)
    pool.run(Program([kernel.bind(done, total, lost)] * 30))
    assert (done == 30).all()


@pytest.mark.parametrize("threads", [2, 3])
def test_others_do_what_a_slow_thread_has_not_begun(threads):
    pool.set_num_threads(threads)
    done, total, lost = np.zeros(60, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64)
    program = Program([Kernel(emit_pieces, (60, 60, True)).bind(done, total, lost)])
    for run in range(1, 6):
        pool.run(program)
        assert (done == run).all()
        assert (total[0], lost[0]) == (60 * run, 0)


def test_an_entry_for_one_thread_runs_once_between_shared_ones():
    pool.set_num_threads(3)
    seen, x = np.zeros(3, np.int64), np.zeros(1000, np.float32)
    alone = Kernel(emit_more, (1000,), alone=True).bind(x)
    shared = Kernel(emit_who, (3,)).bind(seen)
    for _ in range(50):
        pool.run(Program([alone, alone, shared, alone, shared]))
    assert (x == 150).all()
    assert (seen == 3).all()


def emit_more(size):
    code = new_kernel("more")
    x = code.pointer(code.arguments[0], 0)
    with code.loop(0, size) as i:
        code.store(code.load(x, i) + 1.0, x, i)
    code.finish()
    return code.module


def test_callers_from_several_threads_take_turns():
    pool.set_num_threads(2)
    work = [turns(10) for _ in range(4)]

    def call(program):
        for _ in range(100):
            pool.run(program)

    callers = [threading.Thread(target=call, args=(program,)) for _, program in work]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert all((x == 1000).all() for x, _ in work)


def test_the_number_of_threads_may_change_between_programs():
    x, program = turns(2)
    for threads in (1, 4, 2, 3, 1, 2):
        pool.set_num_threads(threads)
        assert pool.num_threads() == threads
        pool.run(program)
    assert (x == 12).all()


@pytest.mark.parametrize("count", [0, -1, 63])
def test_an_impossible_number_of_threads_is_refused(count):
    with pytest.raises(ValueError, match="between 1 and 62"):
        pool.set_num_threads(count)


def test_sleeping_threads_wake_up_and_idle_ones_use_no_time():
    pool.set_num_threads(3)
    x, program = turns(2)
    pool.run(program)
    time.sleep(0.05)  # longer than they linger
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1
    pool.run(program)
    assert (x == 4).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_makes_threads_of_its_own():
    pool.set_num_threads(2)
    x, program = turns(2)
    pool.run(program)
    child = os.fork()
    if child == 0:
        pool.run(program)
        os._exit(0 if (x == 4).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
    pool.run(program)
    assert (x == 4).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_forked_while_another_thread_compiles_does_not_wait_for_it():
    ends, kernels = threading.Event(), CpuKernels(np)
    kernels.softmax(np.ones((20, 60), np.float32), -1)  # what is imported for it is there

    def compile_much():
        for columns in range(300, 400):
            kernels.softmax(np.ones((20, columns), np.float32), -1)
            if ends.is_set():
                break

    compiler = threading.Thread(target=compile_much)
    compiler.start()
    for columns in (61, 62, 63):
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            os._exit(round(kernels.softmax(np.ones((20, columns), np.float32), -1).sum()) != 20)
        assert os.waitpid(child, 0)[1] == 0
    ends.set()
    compiler.join()


def test_threads_end_after_an_interrupt_too_where_another_number_is_set():
    pool.set_num_threads(2)
    _, program = turns(2)
    pool.run(program)
    known = pool._pool
    while not known.context[context.STATES + context.STATE_WORDS + context.PARKED]:  # so that it must be woken
        time.sleep(0.001)

    def interrupt():
        raise KeyboardInterrupt

    known._complete = interrupt
    with pytest.raises(KeyboardInterrupt):
        pool.run(program)
    del known._complete
    pool.set_num_threads(3)
    pool.run(turns(3)[1])
    assert not any(worker.is_alive() for worker in known._workers)


def run_script(text, **options):
    return subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, timeout=60, **options)


def test_the_interpreter_ends_cleanly_while_threads_spin():
    result = run_script(
        "import sys; sys.path.insert(0, 'tests/engine')\n"
        "import test_cpu_pool as t\n"
        "t.pool.set_num_threads(4); x, program = t.turns(4)\n"
        "for _ in range(50): t.pool.run(program)\n"
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_an_interrupt_between_waking_and_working_loses_nothing():
    pool.set_num_threads(2)
    x, program = turns(2)
    pool.run(program)
    done = 1

    armed = False

    def interrupt(*_):
        if armed:
            raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        for attempt in range(60):
            if attempt % 3 == 0:
                time.sleep(0.003)  # so that a worker has to be woken
            try:
                armed = True
                signal.setitimer(signal.ITIMER_REAL, 1e-6 + attempt * 3e-6)
                pool.run(program)
                armed = False
            except KeyboardInterrupt:
                armed = False
            pool.run(program)
            assert x[0] == x[-1]
            assert x[0] >= 2 * (done + 1)
            done = int(x[0]) // 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_numbers_and_arrays_reach_a_kernel():
    def seen(value, kind):
        code_out = np.zeros(1, np.int64 if kind == I64 else np.float32)
        pool.run(Program([Kernel(emit_number, (kind == I64,)).bind(code_out, value)]))
        return code_out[0]

    assert seen(7, I64) == 7
    assert seen(0.5, None) == 0.5


def emit_number(whole):
    code = new_kernel("number")
    block = code.arguments[0]
    value = code.number(block, 1, I64) if whole else code.number(block, 1)
    code.store(value, code.pointer(block, 0))
    code.finish()
    return code.module
