"""Rules of convolution in all three passes: what comes before and behind is taken along where it can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.kernels import cpu
from engine.kernels.cpu.program import Plan
from engine.kernels.cpu.shapes import Conv
from engine.plan.dense import summed
from engine.plan.elementwise import by_channel
from engine.plan.images import LAST, PLAIN, TAPS, by_pixel, epilogue, source
from engine.plan.lazy import Gather, Heavy, Lazy
from engine.plan.lower import FLOAT, Lowering, rule
from engine.plan.places import Place
from engine.plan.trace import Call, Value


@rule("conv2d")
def conv2d(low: Lowering, call: Call) -> bool:
    """y = conv(x, weight) + bias. As the way back of a transposed convolution it takes the weight's gradient along."""
    x, weight, bias, *options = call.arguments
    if x.dtype != FLOAT:
        return False
    conv = sizes(x.shape, weight.shape, *options)
    partner = None if bias is not None else _partner(low, call, x, 1, options)
    result = call.results
    reads, read_places = source(low, x, "x", low.is_only_for(x, [call, *([partner] if partner else [])]))
    places = {**read_places, "weight": low.packed(weight, TAPS)}
    if partner is None:
        make = lambda ending: cpu.convolution.forward(conv, source=reads, epilogue=ending)  # noqa: E731
    else:
        grad = partner.arguments[0]
        slopes, slope_places = source(low, grad, "dy", low.is_last(grad))
        places |= slope_places
        make = lambda ending: cpu.convolution.transposed_backward(conv, reads, slopes, epilogue=ending)  # noqa: E731
    parts = cpu.convolution.gathered(conv, "y" if partner is None else "dx").count
    heavy = _heavy(low, result, places, make, "y", parts)
    low.env[result] = Lazy(result.shape, PLAIN, {}, heavy)
    if partner is not None:
        _along(low, heavy, places, {"dweight": (partner.results, TAPS)})
        low.finish(partner)
    if bias is not None:
        low.env[result] = low.combine("add", result.shape, low.env[result], by_channel(low, bias, 4))
    return True


@rule("conv2d_backward_input")
def conv2d_backward_input(low: Lowering, call: Call) -> bool:
    """dx, and along with it the gradients of weight and bias where they are wanted of the same dy."""
    grad, weight, shape, *options = call.arguments
    conv = sizes(tuple(shape), weight.shape, *options)
    leaves_rows = grad.shape[2:] != (conv.out_height, conv.out_width)  # that no window reaches
    if grad.dtype != FLOAT or leaves_rows or conv.has_many_phases:
        return False
    partner = _partner(low, call, grad, 0, options)
    bias = _bias_partner(low, grad) if partner else None
    calls = [c for c in (call, partner, bias) if c is not None]
    slopes, places = source(low, grad, "dy", low.is_only_for(grad, calls))
    places = {**places, "weight": low.packed(weight, TAPS)}
    if partner is None:
        make = lambda ending: cpu.convolution.input_gradient(conv, source=slopes, epilogue=ending)  # noqa: E731
    else:
        x = partner.arguments[1]
        reads, read_places = source(low, x, "x", low.is_last(x))
        places |= read_places
        make = lambda ending: cpu.convolution.backward(conv, reads, slopes, True, bias is not None, ending)  # noqa: E731
    result = call.results
    heavy = _heavy(low, result, places, make, "dx", cpu.convolution.gathered(conv, "dx").count)
    low.env[result] = Lazy(result.shape, PLAIN, {}, heavy)
    if partner is not None:
        more = {"dweight": (partner.results, TAPS)}
        if bias is not None:
            more["dbias"] = (bias.results, (0,))
        _along(low, heavy, places, more)
        for other in calls[1:]:
            low.finish(other)
    return True


@rule("conv2d_backward_weight")
def conv2d_backward_weight(low: Lowering, call: Call) -> bool:
    """dweight, and dbias along with it, where no dx is wanted."""
    grad, x, kernel, *options = call.arguments
    if grad.dtype != FLOAT:
        return False
    result = call.results
    conv = sizes(x.shape, (*result.shape[:2], *kernel), *options)
    bias = _bias_partner(low, grad)
    calls = [c for c in (call, bias) if c is not None]
    slopes, places = source(low, grad, "dy", low.is_only_for(grad, calls))
    reads, read_places = source(low, x, "x", low.is_last(x))
    low.env[result] = places["dweight"] = low.new(result.shape, TAPS)
    if bias is not None:
        low.env[bias.results] = places["dbias"] = low.new(bias.results.shape)
        low.finish(bias)
    low.emit(cpu.convolution.weight_gradient(conv, bias is not None, x=reads, dy=slopes), **places, **read_places)
    return True


@rule("conv2d_backward_bias")
def conv2d_backward_bias(low: Lowering, call: Call) -> bool:
    (grad,) = call.arguments
    if grad.dtype != FLOAT:
        return False
    low.env[call.results] = summed(low, by_pixel(low.packed(grad, LAST)))
    return True


def sizes(x: tuple[int, ...], weight: tuple[int, ...], stride: Any, padding: Any, dilation: Any, groups: int) -> Conv:
    """Sizes of a convolution of x (N, C, H, W) with a weight (O, C / groups, KH, KW)."""
    n, c, h, w = x
    return Conv(n, h, w, c, weight[0], tuple(weight[2:]), tuple(stride), tuple(map(tuple, padding)), tuple(dilation),
                groups)  # fmt: skip


def _partner(low: Lowering, call: Call, value: Value, position: int, options: list[Any]) -> Call | None:
    """The gradient of the weight that reads the same value, as this argument, with the same options."""
    for other in low.readers.get(value, ()):
        is_due = other.kernel == "conv2d_backward_weight" and id(other) not in low.done
        if is_due and other.arguments[position] is value and list(other.arguments[3:]) == options:
            known = other.arguments[1 - position] in low.env or other.arguments[1 - position].kind == "state"
            if known and other.results.shape == call.arguments[1].shape:
                return other
    return None


def _bias_partner(low: Lowering, grad: Value) -> Call | None:
    due = (c for c in low.readers.get(grad, ()) if c.kernel == "conv2d_backward_bias" and id(c) not in low.done)
    return next(due, None)


def _heavy(low: Lowering, result: Value, places: dict[str, Place], make: Callable[[cpu.operands.Epilogue], Plan],
           name: str, parts: int) -> Heavy:  # fmt: skip
    """A convolution still to be run: `make` gives its plan for an epilogue; `places` are its arrays."""

    def emit(lazy: Lazy, gather: Gather | None) -> Place | None:
        ready = epilogue(lazy, gather, "e")
        if ready is None:
            return None
        ending, operands = ready
        out = low.new(result.shape, LAST)
        more = {}
        if gather:
            rows = 2 if gather.moments else len(gather.sums)
            gather.out, gather.parts = low.new((parts, rows, result.shape[1])), parts
            more["moments" if gather.moments else "sums"] = gather.out
        low.emit(make(ending), **places, **operands, **more, **{name: out})
        return out

    return Heavy(emit, tuple(place.buffer for place in places.values()), result.shape, gathers=True)


def _along(low: Lowering, heavy: Heavy, places: dict[str, Place], more: dict[str, tuple[Value, Any]]) -> None:
    """Results that the heavy kernel stores along with its own; who asks for one first lets the kernel run."""
    plain = heavy.emit
    for name, (value, order) in more.items():
        places[name] = low.new(value.shape, order)
    state = {"has run": False}

    def emit(lazy: Lazy, gather: Gather | None) -> Place | None:
        place = plain(lazy, gather)
        state["has run"] = state["has run"] or place is not None
        return place

    heavy.emit = emit

    def wait(place: Place) -> Callable[[Lazy, Gather | None], Place | None]:
        def result(lazy: Lazy, gather: Gather | None) -> Place | None:
            if gather or lazy.expr != PLAIN:
                return None
            if not state["has run"]:
                emit(Lazy(heavy.shape, PLAIN), None)
            return place

        return result

    for name, (value, _) in more.items():
        waiting = Heavy(wait(places[name]), heavy.reads, value.shape)
        low.env[value] = Lazy(value.shape, PLAIN, {}, waiting)
