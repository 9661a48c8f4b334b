"""Convolution of channels-last images in all three passes, each a contraction over pieces that stay in the cache.

Axes are x (N, H, W, C), y (N, OH, OW, O), weight (KH, KW, C / groups, O). A thread copies an image, or a band of one,
with its border of zeros into scratch memory of its own, small enough for the second-level cache, and works on that: no
padded image is ever written to memory. Transposed convolution is the input gradient run forwards.
"""

from __future__ import annotations

from math import prod

import llvmlite.ir as ir

from engine.kernels.cpu import pack
from engine.kernels.cpu.contraction import SMALL_FLOPS, Tiles
from engine.kernels.cpu.emit import new_kernel
from engine.kernels.cpu.expression import Expr, apply, leaf
from engine.kernels.cpu.frames import Conv, Frame, Phase, Share, forward_frame, gradient_frame
from engine.kernels.cpu.geometry import Contraction, Dim
from engine.kernels.cpu.pool import num_threads
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.reduction import column_sums


def forward(conv: Conv, bias: bool = True, activation: str = "", residual: bool = False) -> Plan:
    """y = activation(conv(x, weight) + bias + residual). Arrays: x, weight, y, bias, residual (like y)."""
    if conv.is_depthwise:
        from engine.kernels.cpu import depthwise

        return depthwise.forward(conv, bias, activation, residual)
    names = ("x", "weight", "y", "frames", *(["bias"] if bias else []), *(["residual"] if residual else []))
    kernel = Kernel(emit_forward, (conv, bias, activation, residual, num_threads()), conv.flops < SMALL_FLOPS)
    return Plan((Step(kernel, names),), {"frames": num_threads() * forward_frame(conv).size})


def input_gradient(conv: Conv, gated: bool = False) -> Plan:
    """dx = the gradient of x; zero where x is not positive if gated. Arrays: dy, weight, dx, x.

    Raises:
        ValueError: padding leaves no place to put the window.
    """
    if conv.is_depthwise:
        from engine.kernels.cpu import depthwise

        return depthwise.input_gradient(conv, gated)
    inner, outputs = conv.inner, conv.outputs // conv.groups
    taps = (prod(conv.kernel), -inner * conv.outputs, inner * conv.outputs)
    per_group = (conv.groups, outputs, outputs * inner)
    last = (prod(conv.kernel) - 1) * inner * conv.outputs  # taps in reverse, so that places and taps go the same way
    turn = pack.kernel(pack.Move((taps, per_group), outputs, inner, (1, conv.outputs), inner, (last, 0)))
    kernel = Kernel(emit_input_gradient, (conv, gated, num_threads()), conv.flops < SMALL_FLOPS)
    steps = (
        Step(turn, ("weight", "turned weight")),
        Step(kernel, ("dy", "turned weight", "dx", "frames", *(["x"] if gated else []))),
    )
    return Plan(steps, {"turned weight": conv.weight_size, "frames": num_threads() * gradient_frame(conv).size})


def weight_gradient(conv: Conv, bias: bool = True) -> Plan:
    """dweight and dbias = the gradients of the weight and the bias. Arrays: x, dy, dweight, dbias.

    Each thread sums over its own images; the threads' sums are added in order, so that the result is the same every
    time for a given number of threads.
    """
    if conv.is_depthwise:
        from engine.kernels.cpu import depthwise

        return depthwise.weight_gradient(conv, bias)
    threads = num_threads() if conv.flops >= SMALL_FLOPS else 1
    kernel = Kernel(emit_weight_gradient, (conv, threads), threads == 1)
    steps = [Step(kernel, ("x", "dy", "partial" if threads > 1 else "dweight", "frames"))]
    if threads > 1:
        steps.append(Step(column_sums(threads, conv.weight_size), ("partial", "dweight")))
    if bias:
        pixels = conv.images * conv.out_height * conv.out_width
        steps.append(Step(column_sums(pixels, conv.outputs), ("dy", "dbias")))
    scratch = {"partial": threads * conv.weight_size, "frames": threads * forward_frame(conv).size}
    return Plan(tuple(steps), scratch)


def emit_forward(conv: Conv, bias: bool, activation: str, residual: bool, most: int) -> ir.Module:
    """Every thread takes some bands."""
    frame = forward_frame(conv)
    band, out_row = conv.out_height // frame.bands, conv.out_width * conv.outputs
    inner, outputs = conv.inner, conv.outputs // conv.groups
    epilogue, columns, per_group, per_row, per_pixel = epilogue_of(
        bias, activation, residual, outputs, conv.outputs, out_row
    )
    spec = Contraction(
        outer=(Dim(conv.groups, inner, outputs, outputs, per_group),),
        rows=(
            Dim(band, a=conv.stride[0] * frame.pitch, c=out_row, operands=per_row),
            Dim(conv.out_width, a=conv.stride[1] * conv.channels, c=conv.outputs, operands=per_pixel),
        ),
        columns=outputs,
        reduce=_taps(conv, frame.pitch),
        epilogue=epilogue,
        operand_columns=columns,
    ).simplified()
    code = new_kernel("conv_forward")
    block, thread, threads = code.arguments
    x, weight, y, room, *operands = (code.pointer(block, slot) for slot in range(4 + len(columns)))
    tiles = Tiles(code.module, spec)
    with Share(code, conv.images * frame.bands, thread, threads, most, room, frame) as (number, mine):
        image, part = number // frame.bands, number % frame.bands
        a = frame.enter(code, x, mine, image, part)
        start = number * (band * out_row)
        at = [code.at(o, start) if i == len(operands) - 1 and residual else o for i, o in enumerate(operands)]
        tiles.walk(code, [a, weight, code.at(y, start), *at], code.int(0), code.int(tiles.count))
    code.finish()
    return code.module


def emit_input_gradient(conv: Conv, gated: bool, most: int) -> ir.Module:
    """Every thread takes some images; pixels that differ in their remainder by the stride see different taps."""
    frame = gradient_frame(conv)
    code = new_kernel("conv_input_gradient")
    block, thread, threads = code.arguments
    dy, weight, dx, room, *gate = (code.pointer(block, slot) for slot in range(4 + gated))
    phases = [
        (Phase.of(conv, 0, i), Phase.of(conv, 1, j))
        for i in range(min(conv.stride[0], conv.height))
        for j in range(min(conv.stride[1], conv.width))
    ]
    works = [(_phase_spec(conv, frame, v, h, gated), v, h) for v, h in phases]
    known: dict[Contraction, Tiles] = {}
    pixel, row = conv.channels, conv.width * conv.channels
    with Share(code, conv.images, thread, threads, most, room, frame) as (image, mine):
        a = frame.enter(code, dy, mine, image, code.int(0))
        for spec, v, h in works:
            tiles = known.setdefault(spec, Tiles(code.module, spec, f"phase{len(known)}_"))
            start = image * (conv.height * row) + (v.first * row + h.first * pixel)
            from_a = code.at(a, (v.source + frame.top) * frame.pitch + (h.source + frame.left) * conv.outputs)
            from_b = code.at(weight, (v.tap * conv.kernel[1] + h.tap) * conv.inner * conv.outputs)
            at = [code.at(pointer, start) for pointer in (dx, *gate)]
            tiles.walk(code, [from_a, from_b, *at], code.int(0), code.int(tiles.count))
    code.finish()
    return code.module


def emit_weight_gradient(conv: Conv, most: int) -> ir.Module:
    """Every thread sums over its bands, into a weight of its own."""
    frame = forward_frame(conv)
    band, out_row = conv.out_height // frame.bands, conv.out_width * conv.outputs
    outputs = conv.outputs // conv.groups
    taps = _taps(conv, frame.pitch)
    spec = Contraction(
        outer=(Dim(conv.groups, conv.inner, outputs, outputs),),
        rows=tuple(Dim(dim.size, a=dim.a, c=dim.b) for dim in taps),
        columns=outputs,
        reduce=(
            Dim(band, a=conv.stride[0] * frame.pitch, b=out_row),
            Dim(conv.out_width, a=conv.stride[1] * conv.channels, b=conv.outputs),
        ),
        accumulate=True,
    ).simplified()
    code = new_kernel("conv_weight_gradient")
    block, thread, threads = code.arguments
    x, dy, partial, room = (code.pointer(block, slot) for slot in range(4))
    tiles = Tiles(code.module, spec)
    sums = code.at(partial, thread * conv.weight_size)
    with code.when(thread < most):
        pack.clear(code, sums, conv.weight_size)
    with code.when((threads < most) & thread.equals(0)), code.loop(threads, most) as absent:
        pack.clear(code, code.at(partial, absent * conv.weight_size), conv.weight_size)  # of threads that are not there
    with Share(code, conv.images * frame.bands, thread, threads, most, room, frame) as (number, mine):
        a = frame.enter(code, x, mine, number // frame.bands, number % frame.bands)
        tiles.walk(code, [a, code.at(dy, number * (band * out_row)), sums], code.int(0), code.int(tiles.count))
    code.finish()
    return code.module


def _phase_spec(conv: Conv, frame: Frame, v: Phase, h: Phase, gated: bool) -> Contraction:
    inner, outputs = conv.inner, conv.outputs // conv.groups
    row, per_tap = conv.width * conv.channels, inner * conv.outputs
    strides = (conv.stride[0] * row, conv.stride[1] * conv.channels)
    like_c = lambda stride: (stride,) * gated  # noqa: E731
    return Contraction(
        outer=(Dim(conv.groups, outputs, outputs * inner, inner, like_c(inner)),),
        rows=(
            Dim(v.count, a=frame.pitch, c=strides[0], operands=like_c(strides[0])),
            Dim(h.count, a=conv.outputs, c=strides[1], operands=like_c(strides[1])),
        ),
        columns=inner,
        reduce=(
            Dim(v.taps, a=v.source_step * frame.pitch, b=v.tap_step * conv.kernel[1] * per_tap),
            Dim(h.taps, a=h.source_step * conv.outputs, b=h.tap_step * per_tap),
            Dim(outputs, a=1, b=inner),
        ),
        epilogue=apply("where_positive", leaf("0"), leaf("sum"), 0.0) if gated else None,
        operand_columns=(1,) * gated,
    ).simplified()


def _taps(conv: Conv, pitch: int) -> tuple[Dim, Dim, Dim]:
    """The axes of the weight: rows and columns of the kernel, channels; a in x, b in the weight."""
    per_tap = conv.inner * conv.outputs
    return (
        Dim(conv.kernel[0], a=conv.dilation[0] * pitch, b=conv.kernel[1] * per_tap),
        Dim(conv.kernel[1], a=conv.dilation[1] * conv.channels, b=per_tap),
        Dim(conv.inner, a=1, b=conv.outputs),
    )


def epilogue_of(bias: bool, activation: str, residual: bool, per_group: int, pixel: int, row: int
              ) -> tuple[Expr | None, tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:  # fmt: skip
    """Formula, column steps, and the operands' strides by group, row and pixel."""
    formula = leaf("sum")
    for number in range(bias + residual):
        formula = formula + leaf(str(number))
    if activation:
        formula = apply(activation, formula)
    count = bias + residual
    rows = (0,) * bias + (row,) * residual
    pixels = (0,) * bias + (pixel,) * residual
    return (formula if count or activation else None), (1,) * count, (per_group,) * count, rows, pixels
