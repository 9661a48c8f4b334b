"""What stands in a field: values to text, text to values, one step up or down. Pure functions."""

from __future__ import annotations

import math
import re
from typing import Any

from engine.graph.catalogue import Parameter

_SEPARATOR = re.compile(r"\s*[x×,;]\s*|\s+")


def format_value(value: Any) -> str:
    """(3, 3) -> "3 x 3", 0.001 -> "0.001", None -> ""."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        separator = ", " if any(isinstance(v, float) for v in value) else " x "
        return separator.join(format_value(v) for v in value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def parse_value(parameter: Parameter, text: str) -> tuple[Any, str]:
    """-> value, what is wrong with the text in words ("" when nothing is).

    A pair of two equal numbers is kept as the one number, which is how layers write it.
    """
    text = text.strip().strip("()[]")
    if not text:
        return None, parameter.check(None)
    if text.casefold() in {str(c).casefold(): c for c in parameter.choices}:
        return next(c for c in parameter.choices if str(c).casefold() == text.casefold()), ""
    whole = parameter.kind in ("int", "pair", "ints")
    numbers = []
    for word in filter(None, _SEPARATOR.split(text)):
        try:
            numbers.append(int(word) if whole else float(word))
        except ValueError:
            return None, f"{word!r} is no {'whole number' if whole else 'number'}"
    if not all(math.isfinite(n) for n in numbers):
        return None, f"{text!r} is no finite number"
    if not numbers:
        return None, f"{text!r} is no {'whole number' if whole else 'number'}"
    if parameter.kind in ("int", "float") and len(numbers) > 1:
        return None, f"one number is enough, {len(numbers)} are given"
    value: Any = numbers[0] if len(numbers) == 1 else tuple(numbers)
    if parameter.kind == "pair" and isinstance(value, tuple) and len(set(value)) == 1 and len(value) == 2:
        value = value[0]
    return value, parameter.check(value)


def show_value(parameter: Parameter, value: Any) -> str:
    """As `format_value`, with a kernel of 3 written as the "3 x 3" that it is."""
    if parameter.kind == "pair" and "kernel" in parameter.name and isinstance(value, int):
        return f"{value} x {value}"
    return format_value(value)


def step_value(parameter: Parameter, value: Any, steps: int) -> Any:
    """The value `steps` up or down, within the parameter's range."""
    if isinstance(value, tuple | list):
        return tuple(step_value(parameter, v, steps) for v in value)
    if isinstance(value, str) or value is None:
        value = parameter.start if isinstance(parameter.start, int | float) else parameter.minimum or 0
    if parameter.kind in ("int", "pair", "ints"):
        value = int(value)
        for _ in range(abs(steps)):
            if parameter.log:
                value = max(value * 2, 1) if steps > 0 else value // 2
            else:
                value += 1 if steps > 0 else -1
        return int(_within(parameter, value))
    for _ in range(abs(steps)):
        value = _step_log(value, steps > 0) if parameter.log else value + math.copysign(_pace(parameter, value), steps)
    return float(f"{_within(parameter, value):.6g}")


def _within(parameter: Parameter, value: float) -> float:
    low = -math.inf if parameter.minimum is None else parameter.minimum
    high = math.inf if parameter.maximum is None else parameter.maximum
    return min(max(value, low), high)


def _step_log(value: float, up: bool) -> float:
    """1, 2, 5, 10 ... and back."""
    if value <= 0:
        return 1e-6 if up else 0.0
    exponent = math.floor(math.log10(value) + 1e-9)
    stairs = [m * 10.0**e for e in (exponent - 1, exponent, exponent + 1) for m in (1, 2, 5)]
    if up:
        return next(s for s in stairs if s > value * 1.0001)
    return next(s for s in reversed(stairs) if s < value * 0.9999)


def _pace(parameter: Parameter, value: float) -> float:
    if parameter.minimum is not None and parameter.maximum is not None:
        reach = parameter.maximum - parameter.minimum
        if reach <= 1.0:
            return 0.05 if reach > 0.2 else reach / 10
    return 10.0 ** math.floor(math.log10(abs(value)) - 1 + 1e-9) if abs(value) > 1e-12 else 0.1


def count(number: float) -> str:
    """4640 -> "4,640"."""
    return f"{number:,.0f}"


def flops(number: float) -> str:
    """300_000 -> "0.3 MFLOP"."""
    for limit, unit in ((1e12, "TFLOP"), (1e9, "GFLOP"), (1e5, "MFLOP"), (1e3, "kFLOP")):
        if number >= limit:
            return f"{number / (1e6 if unit == 'MFLOP' else limit):.3g} {unit}"
    return f"{number:.0f} FLOP"


def duration(seconds: float) -> str:
    """74 -> "1:14", 14 -> "0:14", 4000 -> "1:06:40"."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
