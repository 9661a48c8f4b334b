"""The native side of the pool: threads that run a program in step, wait by spinning for a while, then park.

A program is a table of (function, arguments, flags). Every thread walks through it and calls each
function with its own number, so that between two barriers the threads share one piece of work.
"""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir

from engine.kernels.cpu.compile import new_module
from engine.kernels.cpu.context import (
    ARRIVED,
    GENERATION,
    LENGTH,
    PARKED,
    PATIENCE,
    PENDING,
    PHASE,
    SEEN,
    STATE_WORDS,
    STATES,
    TABLE,
    THREADS,
    WAKE,
    YIELD,
)  # fmt: skip
from engine.kernels.cpu.emit import Code
from engine.kernels.cpu.values import I64, KERNEL, POINTER, VOID, Value

ENTRANCE = ir.FunctionType(VOID, [I64, I64, I64])  # what is called from outside
ENTRY_WORDS = 3
RECORD_TABLE, RECORD_LENGTH, RECORD_CONTEXT, RECORD_MOVES, MOVES = range(5)  # words of a record; its moves lie at MOVES
MOVE_WORDS = 3  # of each: number of the array, address of the slot, offset in bytes
BARRIER, ALONE = 1, 2  # flags of an entry: all wait behind it; thread 0 does it by itself
PAUSES = 4000  # at a barrier, before the processor is offered to others


def launch() -> ir.Module:
    """kernel(context, 0, 0): start the program; run thread 0's part unless somebody must be woken first (WAKE)."""
    module = new_module("launch")
    work = _work(module)
    code = Code(module, signature=ENTRANCE)
    context, _, _ = code.arguments
    _start(code, work, context)
    code.finish()
    return module


def enter(item: int, data: int) -> ir.Module:
    """kernel(record, arrays): put the addresses of a tuple of arrays where the record says, and start its program.

    A record is (table, length, context or 0, how many moves), and its moves.

    Args:
        item: where the first item of a tuple lies, in bytes.
        data: where an array says in which memory its first element lies, in bytes.
    """
    module = new_module("enter")
    work = _work(module)
    code = Code(module, signature=ir.FunctionType(VOID, [I64, I64]))
    record, arrays = code.arguments
    table, length, context, moves = (code.load(_word(code, record, w), kind=I64) for w in range(MOVES))
    with code.loop(0, moves) as move:
        number, slot, offset = (
            code.load(code.at(_word(code, record, MOVES + w), move * MOVE_WORDS, I64), kind=I64) for w in range(3)
        )
        array = code.load(_word(code, arrays + item, number), kind=I64)
        address = code.load(_word(code, array + data, 0), kind=I64)
        code.store(address + offset, _word(code, slot, 0))
    with code.ir.if_else(context.equals(0).ir) as (is_alone, is_shared):
        with is_alone, code.loop(0, length) as entry:
            _call_alone(code, _entry(code, table, entry))
        with is_shared:
            code.store(table, _word(code, context, TABLE))
            code.store(length, _word(code, context, LENGTH))
            _start(code, work, context)
    code.finish()
    return module


def finish() -> ir.Module:
    """kernel(context, 0, 0): thread 0's part of a program whose sleepers have been woken."""
    module = new_module("finish")
    work = _work(module)
    code = Code(module, signature=ENTRANCE)
    context, _, _ = code.arguments
    code.call(work, context, code.int(0))
    code.store(code.int(0), _word(code, context, PENDING))
    code.finish()
    return module


def follow() -> ir.Module:
    """kernel(context, thread, generation seen): run what comes; park and return after a while without work."""
    module = new_module("follow")
    work = _work(module)
    code = Code(module, signature=ENTRANCE)
    context, thread, begun = code.arguments
    seen, idle = code.variable(begun), code.variable(code.int(0))
    patience = code.load(_word(code, context, PATIENCE), kind=I64)
    with code.repeat() as away:
        now = code.load_atomic(_word(code, context, GENERATION))
        with code.ir.if_else(now.differs(seen.get()).ir) as (work_came, nothing_came):
            with work_came:
                code.call(work, context, thread)
                seen.set(seen.get() + 1)
                idle.set(code.int(0))
            with nothing_came:
                code.pause()
                idle.set(idle.get() + 1)
                with code.when(idle.get() > patience):
                    _park(code, context, thread, seen.get(), away)
                    idle.set(code.int(0))
    code.finish()
    return module


def serial() -> ir.Module:
    """kernel(table, length, 0): the whole program in the calling thread."""
    module = new_module("serial")
    code = Code(module, signature=ENTRANCE)
    table, length, _ = code.arguments
    with code.loop(0, length) as entry:
        _call_alone(code, _entry(code, table, entry))
    code.finish()
    return module


def rest() -> ir.Module:
    """kernel(pauses, 0, 0): wait so many pauses, to learn how long one takes."""
    module = new_module("rest")
    code = Code(module, signature=ENTRANCE)
    with code.loop(0, code.arguments[0]):
        code.pause()
    code.finish()
    return module


def nothing() -> ir.Module:
    """kernel(...): does nothing; stands in for the system's yield where there is none."""
    module = new_module("nothing")
    Code(module, signature=ENTRANCE).finish()
    return module


def _start(code: Code, work: Any, context: Value) -> None:
    """Let the others begin, and do thread 0's part unless somebody must be woken first."""
    code.store(code.int(1), _word(code, context, PENDING))
    code.add_atomic(_word(code, context, GENERATION), 1, "seq_cst")
    mask = code.variable(code.int(0))
    with code.loop(1, code.load(_word(code, context, THREADS), kind=I64)) as thread:
        woken = code.exchange_atomic(_state(code, context, thread, PARKED), 1, 0)
        mask.set(mask.get() | (code.extend(woken) << thread))
    code.store(mask.get(), _word(code, context, WAKE))
    with code.when(mask.get().equals(0)):
        code.call(work, context, code.int(0))
        code.store(code.int(0), _word(code, context, PENDING))


def _park(code: Code, context: Value, thread: Value, seen: Value, away: Any) -> None:
    """Say that this thread sleeps and return, unless work came in between and nobody has taken over waking it."""
    code.store_atomic(seen, _state(code, context, thread, SEEN))
    code.store_atomic(code.int(1), _state(code, context, thread, PARKED))
    code.leave_if(code.load_atomic(_word(code, context, GENERATION), "seq_cst").equals(seen), away)
    mine = code.exchange_atomic(_state(code, context, thread, PARKED), 1, 0)
    code.leave_if(mine.equals(0), away)


def _work(module: ir.Module) -> Any:
    """work(context, thread): a thread's way through the program."""
    barrier = _barrier(module)
    code = Code(module, "work", ir.FunctionType(VOID, [I64, I64]))
    context, thread = code.arguments
    table, length, threads = (code.load(_word(code, context, w), kind=I64) for w in (TABLE, LENGTH, THREADS))
    with code.loop(0, length) as entry:
        place = _entry(code, table, entry)
        flags = code.load(place, 2, kind=I64)
        with code.ir.if_else((flags & ALONE).differs(0).ir) as (is_alone, is_shared):
            with is_alone, code.when(thread.equals(0)):
                _call_alone(code, place)
            with is_shared:
                _call_entry(code, place, thread, threads, context)
        with code.when((flags & BARRIER).differs(0)):
            code.call(barrier, context, threads)
    return code.finish()


def _barrier(module: ir.Module) -> Any:
    """barrier(context, threads): the last to arrive lets the others go by changing the phase."""
    code = Code(module, "barrier", ir.FunctionType(VOID, [I64, I64]))
    context, threads = code.arguments
    phase = code.load_atomic(_word(code, context, PHASE))
    arrived = code.add_atomic(_word(code, context, ARRIVED), 1)
    with code.ir.if_else(arrived.equals(threads - 1).ir) as (is_last, waits):
        with is_last:
            code.store_atomic(code.int(0), _word(code, context, ARRIVED))
            code.add_atomic(_word(code, context, PHASE), 1)
        with waits:
            count = code.variable(code.int(0))
            with code.repeat() as away:
                code.leave_if(code.load_atomic(_word(code, context, PHASE)).differs(phase), away)
                code.pause()
                count.set(count.get() + 1)
                with code.when(count.get() > PAUSES):
                    _yield(code, context)
    return code.finish()


def _yield(code: Code, context: Value) -> None:
    address = code.load(_word(code, context, YIELD), kind=I64)
    function = code.ir.inttoptr(address.ir, ir.PointerType(ir.FunctionType(VOID, [])))
    code.ir.call(function, [])


def _call_alone(code: Code, place: Value) -> None:
    _call_entry(code, place, code.int(0), code.int(1), code.int(0))


def _call_entry(code: Code, place: Value, thread: Value, threads: Value, context: Value) -> None:
    address, arguments = code.load(place, 0, kind=I64), code.load(place, 1, kind=I64)
    function = code.ir.inttoptr(address.ir, ir.PointerType(KERNEL))
    code.ir.call(function, [arguments.ir, thread.ir, threads.ir, context.ir])


def _entry(code: Code, table: Value, index: Value) -> Value:
    start = Value(code, code.ir.inttoptr(table.ir, POINTER))
    return code.at(start, index * ENTRY_WORDS, I64)


def _word(code: Code, context: Value, index: int | Value) -> Value:
    return code.at(Value(code, code.ir.inttoptr(context.ir, POINTER)), index, I64)


def _state(code: Code, context: Value, thread: Value, index: int) -> Value:
    start = Value(code, code.ir.inttoptr(context.ir, POINTER))
    return code.at(start, thread * STATE_WORDS + (STATES + index), I64)
