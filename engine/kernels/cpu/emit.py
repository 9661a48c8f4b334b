"""Writing native functions: values with operators, loops, vectors and masks, on llvmlite's instruction builder.

A kernel is a function void(args, thread, threads): `args` is the address of a block of pointers and numbers, and each
of the `threads` threads that run it takes its own share of the work.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.ir as ir

from engine.kernels.cpu.compile import SYMBOL, new_module
from engine.kernels.cpu.context import PHASE, STATE_WORDS, STATES, TAKEN, TAKEN_BITS
from engine.kernels.cpu.host import host
from engine.kernels.cpu.values import F32, I1, I32, I64, KERNEL, POINTER, VOID, Value, Variable, constant, vector


class Code:
    """One function being written.

    Args:
        module: where the function goes.
        name: its symbol; "kernel" is the one that others can find.
        signature: its type; that of a kernel if not given.
    """

    def __init__(self, module: ir.Module, name: str = SYMBOL, signature: Any = KERNEL) -> None:
        self.module = module
        self.function = ir.Function(module, signature, name=name)
        self.function.attributes.add("nounwind")
        self.frame = self.function.append_basic_block("frame")
        self.ir = ir.IRBuilder(self.function.append_basic_block("start"))
        self._start = self.ir.block
        self.arguments = tuple(Value(self, argument) for argument in self.function.args)
        self.context: Value | None = None  # of the pool, in a kernel whose work the threads take by and by
        if name != SYMBOL:
            self.function.linkage = "internal"

    @property
    def lanes(self) -> int:
        """Numbers in a vector register of the processor that is compiled for."""
        return host().lanes

    def finish(self, result: Value | None = None) -> Any:
        """Close the function, with its result where it has one."""
        if result is None:
            self.ir.ret_void()
        else:
            self.ir.ret(result.ir)
        ir.IRBuilder(self.frame).branch(self._start)
        return self.function

    # constants and types

    def int(self, value: int) -> Value:
        return Value(self, ir.Constant(I64, value))

    def float(self, value: float, lanes: int = 1) -> Value:
        return self.constant(value, vector(lanes))

    def constant(self, value: Any, kind: Any) -> Value:
        """The same number in every lane, rounded to float32 where that is the kind."""
        element = getattr(kind, "element", kind)
        if element == F32:
            value = _float32(value)
        return Value(self, constant(kind, (value,)) if hasattr(kind, "count") else ir.Constant(kind, value))

    def like(self, value: Any, model: Value) -> Value:
        """A Python number or a scalar as a value of the model's type."""
        if not isinstance(value, Value):
            return self.constant(value, model.type)
        return self.splat(value, model.lanes) if value.lanes == 1 and model.lanes > 1 else value

    def bitcast(self, value: Value, element: Any) -> Value:
        return Value(self, self.ir.bitcast(value.ir, vector(value.lanes, element)))

    def to_int(self, value: Value) -> Value:
        """float32 to int32, lane by lane, towards zero."""
        return Value(self, self.ir.fptosi(value.ir, vector(value.lanes, I32)))

    def to_float(self, value: Value) -> Value:
        """Signed integers to float32, lane by lane."""
        return Value(self, self.ir.sitofp(value.ir, vector(value.lanes)))

    def extend(self, value: Value, element: Any = I64) -> Value:
        return Value(self, self.ir.zext(value.ir, vector(value.lanes, element)))

    def truncate(self, value: Value, element: Any = I32) -> Value:
        return Value(self, self.ir.trunc(value.ir, vector(value.lanes, element)))

    # arithmetic

    def binary(self, operation: str, a: Value, b: Any) -> Value:
        b = self.like(b, a)
        a = self.like(a, b)
        if a.is_float:
            return Value(self, getattr(self.ir, "f" + operation)(a.ir, b.ir))
        folded = _fold(operation, a, b)
        if folded is not None:
            return folded if isinstance(folded, Value) else self.constant(folded, a.type)
        name = {"div": "udiv", "rem": "urem"}.get(operation, operation)
        flags = ("nsw",) if operation in ("add", "sub", "mul") and a.type == I64 else ()
        return Value(self, getattr(self.ir, name)(a.ir, b.ir, flags=flags))

    def bits(self, operation: str, a: Value, b: Any) -> Value:
        return Value(self, getattr(self.ir, operation)(a.ir, self.like(b, a).ir))

    def compare(self, operation: str, a: Value, b: Any) -> Value:
        """Signed for integers; False where a float is not a number, but for "!="."""
        b = self.like(b, a)
        a = self.like(a, b)
        if not a.is_float:
            return Value(self, self.ir.icmp_signed(operation, a.ir, b.ir))
        compare = self.ir.fcmp_unordered if operation == "!=" else self.ir.fcmp_ordered
        return Value(self, compare(operation, a.ir, b.ir))

    def select(self, condition: Value, yes: Any, no: Any) -> Value:
        model = yes if isinstance(yes, Value) else no
        yes, no = self.like(yes, model), self.like(no, model)
        return Value(self, self.ir.select(condition.ir, yes.ir, no.ir))

    def intrinsic(self, name: str, *values: Value, result: Any = None) -> Value:
        """llvm.NAME on values of one type."""
        kind = values[0].type
        suffix = f"v{values[0].lanes}f32" if values[0].lanes > 1 else "f32"
        if not values[0].is_float:
            suffix = suffix.replace("f32", f"i{getattr(kind, 'element', kind).width}")
        function = self.declare(f"llvm.{name}.{suffix}", result or kind, [v.type for v in values])
        return Value(self, self.ir.call(function, [v.ir for v in values]))

    def declare(self, name: str, result: Any, arguments: list[Any]) -> Any:
        known = self.module.globals.get(name)
        return known or ir.Function(self.module, ir.FunctionType(result, arguments), name=name)

    def fma(self, a: Value, b: Any, c: Any) -> Value:
        """a b + c, rounded once where the processor can."""
        widest = max((v for v in (a, b, c) if isinstance(v, Value)), key=lambda v: v.lanes)
        values = [self.like(v, widest) for v in (a, b, c)]
        return self.intrinsic("fma" if host().lanes > 4 or host().is_arm else "fmuladd", *values)

    def minimum(self, a: Value, b: Any) -> Value:
        b = self.like(b, a)
        return self.select(a < b, a, b)

    def maximum(self, a: Value, b: Any) -> Value:
        b = self.like(b, a)
        return self.select(a > b, a, b)

    # vectors

    def splat(self, value: Value, lanes: int) -> Value:
        if lanes == 1:
            return value
        if isinstance(value.ir, ir.Constant):
            return self.constant(value.ir.constant, vector(lanes, value.type))
        kind = vector(lanes, value.type)
        undefined = ir.Constant(kind, ir.Undefined)
        first = self.ir.insert_element(undefined, value.ir, ir.Constant(I32, 0))
        return Value(self, self.ir.shuffle_vector(first, undefined, constant(vector(lanes, I32), (0,))))

    def shuffle(self, a: Value, b: Value, lanes: list[int]) -> Value:
        """Lanes by number, those of b after those of a."""
        return Value(self, self.ir.shuffle_vector(a.ir, b.ir, constant(vector(len(lanes), I32), tuple(lanes))))

    def lane(self, value: Value, index: int) -> Value:
        return Value(self, self.ir.extract_element(value.ir, ir.Constant(I32, index)))

    def iota(self, lanes: int, element: Any = I32) -> Value:
        """0, 1, 2, ..."""
        return Value(self, constant(vector(lanes, element), tuple(range(lanes))))

    def total(self, value: Value) -> Value:
        """Sum of the lanes, halves added to halves: the order is fixed."""
        return self._halve(value, lambda a, b: a + b)

    def largest(self, value: Value) -> Value:
        return self._halve(value, self.maximum)

    def _halve(self, value: Value, combine: Any) -> Value:
        while value.lanes > 1:
            half = value.lanes // 2
            low, high = list(range(half)), list(range(half, 2 * half))
            if half == 1:
                return combine(self.lane(value, 0), self.lane(value, 1))
            value = combine(self.shuffle(value, value, low), self.shuffle(value, value, high))
        return value

    # memory

    def at(self, pointer: Value, index: Any, element: Any = F32) -> Value:
        """The address of an element: of float32 numbers if not said."""
        index = self.like(index, self.int(0))
        if isinstance(index.ir, ir.Constant) and index.ir.constant == 0:
            return pointer
        return Value(self, self.ir.gep(pointer.ir, [index.ir], inbounds=True, source_etype=element))

    def load(self, pointer: Value, index: Any = 0, lanes: int = 1, count: int | None = None, kind: Any = F32) -> Value:
        """`lanes` numbers; where `count` is less, the others are 0 and their memory is not touched."""
        place = self.at(pointer, index, kind)
        if count is None or count >= lanes:
            return Value(self, self.ir.load(place.ir, align=_bytes(kind), typ=vector(lanes, kind)))
        return self.load_masked(place, self._first(lanes, count), kind)

    def store(self, value: Value, pointer: Value, index: Any = 0, count: int | None = None) -> None:
        element = getattr(value.type, "element", value.type)
        place = self.at(pointer, index, element)
        if count is None or count >= value.lanes:
            self.ir.store(value.ir, place.ir, align=_bytes(element))
        else:
            self.store_masked(value, place, self._first(value.lanes, count))

    def load_masked(self, place: Value, mask: Value, kind: Any = F32) -> Value:
        lanes = mask.lanes
        name = f"llvm.masked.load.v{lanes}{'f' if kind == F32 else 'i'}{8 * _bytes(kind)}.p0"
        whole = vector(lanes, kind)
        function = self.declare(name, whole, [POINTER, I32, mask.type, whole])
        zero = self.constant(0, whole)
        return Value(self, self.ir.call(function, [place.ir, ir.Constant(I32, _bytes(kind)), mask.ir, zero.ir]))

    def store_masked(self, value: Value, place: Value, mask: Value) -> None:
        element = value.type.element
        name = f"llvm.masked.store.v{value.lanes}{'f' if element == F32 else 'i'}{8 * _bytes(element)}.p0"
        function = self.declare(name, VOID, [value.type, POINTER, I32, mask.type])
        self.ir.call(function, [value.ir, place.ir, ir.Constant(I32, _bytes(element)), mask.ir])

    def room(self, floats: int) -> Value:
        """Memory for some numbers that lives as long as the call."""
        with self.ir.goto_block(self.frame):
            place = self.ir.alloca(ir.ArrayType(F32, floats))
            place.align, place.type = 64, POINTER
        return Value(self, place)

    def prefetch(self, pointer: Value, index: Any = 0, write: bool = False, near: bool = False) -> None:
        """Fetch a cache line: into the first level for writing, into the second, or first if near, for reading."""
        function = self.declare("llvm.prefetch.p0", VOID, [POINTER, I32, I32, I32])
        how = (1, 3, 1) if write else (0, 3 if near else 2, 1)
        self.ir.call(function, [self.at(pointer, index).ir, *(ir.Constant(I32, n) for n in how)])

    def first(self, lanes: int, count: Value) -> Value:
        """A mask of the first `count` lanes, a number known when the function runs."""
        return self.iota(lanes) < self.splat(self.truncate(count), lanes)

    def _first(self, lanes: int, count: int) -> Value:
        return Value(self, constant(vector(lanes, I1), tuple(lane < count for lane in range(lanes))))

    def pointer(self, block: Value, slot: int) -> Value:
        """A pointer out of an argument block, given as an address."""
        return Value(self, self.ir.load(self._slot(block, slot).ir, typ=POINTER))

    def number(self, block: Value, slot: int, kind: Any = F32) -> Value:
        """A number out of an argument block."""
        return Value(self, self.ir.load(self._slot(block, slot).ir, typ=kind))

    def _slot(self, block: Value, slot: int) -> Value:
        return self.at(Value(self, self.ir.inttoptr(block.ir, POINTER)), slot, I64)

    # threads

    def load_atomic(self, place: Value, ordering: str = "acquire") -> Value:
        return Value(self, self.ir.load_atomic(place.ir, ordering, 8, typ=I64))

    def store_atomic(self, value: Value, place: Value) -> None:
        """As an exchange: llvmlite's atomic store does not know pointers without a type."""
        self.ir.atomic_rmw("xchg", place.ir, value.ir, "seq_cst")

    def add_atomic(self, place: Value, value: int, ordering: str = "acq_rel") -> Value:
        """Adds; the number that was there before."""
        return Value(self, self.ir.atomic_rmw("add", place.ir, ir.Constant(I64, value), ordering))

    def exchange_atomic(self, place: Value, expected: int | Value, new: int | Value) -> Value:
        """Replaces the expected number; whether it was there."""
        old, put = (self.like(number, self.int(0)).ir for number in (expected, new))
        return Value(self, self.ir.extract_value(self.ir.cmpxchg(place.ir, old, put, "seq_cst", "seq_cst"), 1))

    def pause(self) -> None:
        """Tells the processor that this is a loop that waits."""
        if host().is_x86:
            self.ir.call(self.declare("llvm.x86.sse2.pause", VOID, []), [])
        elif host().is_arm:
            self.ir.call(self.declare("llvm.aarch64.hint", VOID, [I32]), [ir.Constant(I32, 1)])

    # control

    def variable(self, initial: Value) -> Variable:
        return Variable(self, initial)

    def word(self) -> Value:
        """A 0 in memory, for as long as the function runs."""
        with self.ir.goto_block(self.frame):
            address = self.ir.ptrtoint(self.ir.alloca(I64), I64)
            place = Value(self, self.ir.inttoptr(address, POINTER))
        self.ir.store(ir.Constant(I64, 0), place.ir)
        return place

    def scratch(self, floats: int) -> Value:
        """Memory on the stack, for as long as the function runs."""
        with self.ir.goto_block(self.frame):
            address = self.ir.ptrtoint(self.ir.alloca(F32, floats), I64)
            return Value(self, self.ir.inttoptr(address, POINTER))

    @contextmanager
    def loop(self, start: Any, stop: Any, step: int = 1) -> Iterator[Value]:
        """for i in range(start, stop, step)"""
        start, stop = self.like(start, self.int(0)), self.like(stop, self.int(0))
        body, after = self.function.append_basic_block("loop"), self.function.append_basic_block("after")
        before = self.ir.block
        self.ir.cbranch((start < stop).ir, body, after)
        self.ir.position_at_end(body)
        index = self.ir.phi(I64)
        index.add_incoming(start.ir, before)
        yield Value(self, index)
        following = Value(self, index) + step
        index.add_incoming(following.ir, self.ir.block)
        self.ir.cbranch((following < stop).ir, body, after)
        self.ir.position_at_end(after)

    @contextmanager
    def repeat(self) -> Iterator[Any]:
        """An endless loop; yields the block to branch to, to leave it."""
        body, after = self.function.append_basic_block("repeat"), self.function.append_basic_block("after")
        self.ir.branch(body)
        self.ir.position_at_end(body)
        yield after
        if not self.ir.block.is_terminated:
            self.ir.branch(body)
        self.ir.position_at_end(after)

    def leave_if(self, condition: Value, target: Any) -> None:
        """Branch out where the condition holds, go on where not."""
        onwards = self.function.append_basic_block("onwards")
        self.ir.cbranch(condition.ir, target, onwards)
        self.ir.position_at_end(onwards)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        with self.ir.if_then(condition.ir):
            yield

    def call(self, function: Any, *values: Any) -> Value:
        return Value(self, self.ir.call(function, [v.ir for v in values]))

    def share(self, count: int | Value, thread: Value, threads: Value, grain: int = 1) -> tuple[Value, Value]:
        """This thread's part [start, stop) of `count` pieces, in whole grains but for the last."""
        count = self.like(count, thread)
        grains = (count + (grain - 1)) // grain
        start, stop = grains * thread // threads * grain, grains * (thread + 1) // threads * grain
        return self.minimum(start, count), self.minimum(stop, count)

    @contextmanager
    def taken(self, count: int | Value, thread: Value, threads: Value, parts: int) -> Iterator[tuple[Value, Value]]:
        """Parts [start, stop) of `count` pieces, for as long as there are any: first of this thread's own share, then
        of others' shares, since cores differ in speed and may be lent to others meanwhile. Once in a kernel.

        Only for pieces that come out the same whoever computes them.

        Args:
            count: of pieces.
            thread, threads: who asks, and how many do.
            parts: into how many a share is cut.
        """
        context, self.context = self.context, None
        phase, own = self.variable(self.int(0)), self.word()
        with self.when(context.differs(0)):
            phase.set(self.load_atomic(self._context_word(context, PHASE)) + 1)
        begun = phase.get() << TAKEN_BITS
        owner, asked = self.variable(thread), self.variable(self.int(0))
        with self.repeat() as away:
            start, stop = self.share(count, owner.get(), threads)
            step = (stop - start + (parts - 1)) // parts
            taken = self._context_word(context, STATES + TAKEN, owner.get())
            first = start + self._take(self.select(context.equals(0), own, taken), begun) * step
            with self.when(first < stop):
                yield first, self.minimum(first + step, stop)
            with self.when(first >= stop):
                owner.set((owner.get() + 1) % threads)
                asked.set(asked.get() + 1)
            self.leave_if(asked.get() >= threads, away)

    def _take(self, place: Value, begun: Value) -> Value:
        """How many were taken since `begun`, to take one more; a smaller number there is of an earlier time."""
        known = self.variable(begun)
        with self.repeat() as away:
            found = self.load_atomic(place)
            known.set(self.maximum(found, begun))
            self.leave_if(self.exchange_atomic(place, found, known.get() + 1), away)
        return known.get() - begun

    def _context_word(self, context: Value, word: int, thread: Value | int = 0) -> Value:
        start = Value(self, self.ir.inttoptr(context.ir, POINTER))
        return self.at(start, self.like(thread, context) * STATE_WORDS + word, I64)


def new_kernel(name: str) -> Code:
    """A module with a kernel to be written; `code.finish(); return code.module` ends it."""
    code = Code(new_module(name))
    *code.arguments, code.context = code.arguments
    return code


def _bytes(kind: Any) -> int:
    return 4 if kind == F32 else kind.width // 8


def _float32(value: float) -> float:
    """The nearest float32: LLVM takes no constant that needs more digits."""
    try:
        return struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _fold(operation: str, a: Value, b: Value) -> Value | int | None:
    """What an operation on int64 is without an instruction, if it can be known."""
    left = a.ir.constant if isinstance(a.ir, ir.Constant) else None
    right = b.ir.constant if isinstance(b.ir, ir.Constant) else None
    if not isinstance(left, int | None) or not isinstance(right, int | None):
        return None
    if left is not None and right is not None:
        exact = {"add": left + right, "sub": left - right, "mul": left * right}
        return exact[operation] if operation in exact else (left // right if operation == "div" else left % right)
    if right == 0 and operation in ("add", "sub"):
        return a
    if left == 0 and operation == "add":
        return b
    if operation == "mul" and (left == 0 or right == 0):
        return 0
    if operation in ("mul", "div") and right == 1:
        return a
    if operation == "mul" and left == 1:
        return b
    return 0 if operation == "rem" and right == 1 else None
