"""Cross entropy: the calls of its forward and backward, joined into one pass over the scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.kernels import cpu
from engine.plan.lower import FLOAT, Lowering, rule
from engine.plan.reductions import summed
from engine.plan.trace import Call, Trace, Value

JOINED = "cross_entropy_with_gradient"


def join_cross_entropy(trace: Trace) -> Trace:
    """log_softmax, nll and cross_entropy_backward of one (N, C) of scores become one call, where nothing else is in it.

    What the gradient is to be scaled with has to be known before the loss: it is, where the loss is what backward()
    began with.
    """
    calls = list(trace.calls)
    for softmax in [c for c in calls if c.kernel == "log_softmax"]:
        joined = _joined(calls, softmax)
        if joined is not None:
            calls = joined
    return replace(trace, calls=calls)


def _joined(calls: list[Call], softmax: Call) -> list[Call] | None:
    x, log_p = softmax.arguments[0], softmax.results
    readers = [c for c in calls if log_p in c.reads()]
    forward = next((c for c in readers if c.kernel == "nll" and c.arguments[2:] == (None, None)), None)
    backward = next((c for c in readers if c.kernel == "cross_entropy_backward" and c.arguments[3] is None), None)
    if len(readers) != 2 or forward is None or backward is None or x.ndim != 2 or x.dtype != FLOAT:
        return None
    share, _, target, _ = backward.arguments
    before = _makers(calls, share)
    if share.shape or target.dtype != np.int64 or target is not forward.arguments[1] or before is None:
        return None
    behind = {id(c) for c in calls[calls.index(forward) :]}
    before = list({id(c): c for c in before if id(c) in behind}.values())
    both = Call(JOINED, (x, target, share), {}, (forward.results[0], backward.results))
    gone = {id(c) for c in (softmax, forward, backward, *before)}
    result = []
    for call in calls:
        if call is forward:
            result += [*before, both]
        elif id(call) not in gone:
            result.append(call)
    return result


def _makers(calls: list[Call], value: Value) -> list[Call] | None:
    """The calls that make a value out of nothing but state, in order; None where there is more in it."""
    if value.kind == "state":
        return []
    maker = next((c for c in calls if value in c.makes()), None)
    if maker is None or maker.kernel not in ("div", "mul", "full"):
        return None
    found: list[Call] = []
    for source in maker.reads():
        earlier = _makers(calls, source)
        if earlier is None:
            return None
        found += earlier
    return [*found, maker]


@rule(JOINED)
def cross_entropy(low: Lowering, call: Call) -> bool:
    """Losses and the gradient of the scores in one pass, and its sum over the samples where a layer wants it."""
    x, target, share = call.arguments
    losses, gradient = call.results
    low.env[losses], low.env[gradient] = low.new(losses.shape), low.new(gradient.shape)
    bias, more = _bias_of(low, gradient), {}
    if bias is not None:
        low.env[bias.results] = more["dbias"] = low.new(bias.results.shape)
        low.finish(bias)
    plan = cpu.cross_entropy.cross_entropy(*x.shape, sums=bias is not None)
    low.emit(plan, x=low.packed(x), target=low.packed(target),
             scale=low.packed(share), losses=low.env[losses], dx=low.env[gradient], **more)  # fmt: skip
    return True


def _bias_of(low: Lowering, gradient: Value) -> Call | None:
    """The call that sums the gradient, or a reshaped one, over all but its last axis."""
    for reader in low.readers.get(gradient, ()):
        if reader.kernel == "linear_backward_bias":
            return reader
        if reader.kernel == "reshape" and reader.results.shape[-1] == gradient.shape[-1]:
            found = (c for c in low.readers.get(reader.results, ()) if c.kernel == "linear_backward_bias")
            return next(found, None)
    return None


@rule("softmax", "log_softmax")
def softmax(low: Lowering, call: Call) -> bool:
    """Along the last axis."""
    x, axis = call.arguments
    if x.dtype != FLOAT or not x.size or axis % x.ndim != x.ndim - 1:
        return False
    out = low.env[call.results] = low.new(x.shape)
    columns = x.shape[-1]
    low.emit(cpu.rows.softmax(x.size // columns, columns, call.kernel == "log_softmax"), x=low.packed(x), y=out)
    return True


@rule("softmax_backward", "log_softmax_backward")
def softmax_backward(low: Lowering, call: Call) -> bool:
    """Along the last axis."""
    grad, y, axis = call.arguments
    if y.dtype != FLOAT or not y.size or axis % y.ndim != y.ndim - 1:
        return False
    out = low.env[call.results] = low.new(y.shape)
    columns = y.shape[-1]
    low.emit(cpu.rows.softmax_gradient(y.size // columns, columns, call.kernel == "log_softmax_backward"),
             y=low.packed(y), dy=low.packed(grad), dx=out)  # fmt: skip
    return True


@rule("nll_mean")
def nll_mean(low: Lowering, call: Call) -> bool:
    """The mean of the losses, all counting alike."""
    loss, factor = call.arguments
    if factor is not None or loss.dtype != FLOAT or not loss.size:
        return False
    low.env[call.results[0]] = summed(low, low.lazy(loss), tuple(range(loss.ndim)), 1 / loss.size, ())
    return True
