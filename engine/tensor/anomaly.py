"""Looking for the op whose gradient is no number, and for the line that called it."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

_ENGINE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class _Watch:
    """Whether ops note who called them, and whether a walk back looks for NaN; as PyTorch's, for all threads."""

    on = False
    check_nan = True


watch = _Watch()


def calling_line() -> str:
    """The line outside of the engine that is running now, as file:number."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_ENGINE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Look for anomalies from now on, or no longer.

    Args:
        enabled: whether ops note the line that called them, for what is said where their backward goes wrong.
        check_nan: whether backward ends with an error where a gradient is no number.

    >>> import engine
    >>> engine.set_anomaly_enabled(True)
    >>> engine.is_anomaly_enabled(), engine.is_anomaly_check_nan_enabled()
    (True, True)
    >>> engine.set_anomaly_enabled(False)
    """
    watch.on, watch.check_nan = bool(enabled), bool(check_nan)


def is_anomaly_enabled() -> bool:
    """Whether anomalies are looked for.

    >>> import engine
    >>> engine.is_anomaly_enabled()
    False
    """
    return watch.on


def is_anomaly_check_nan_enabled() -> bool:
    """Whether backward ends with an error where a gradient is no number, once anomalies are looked for.

    >>> import engine
    >>> engine.is_anomaly_check_nan_enabled()
    True
    """
    return watch.check_nan


class set_detect_anomaly:
    """Look for anomalies from now on or no longer or, in a `with`, only within it.

    Args:
        mode: whether to look for them.
        check_nan: whether backward ends with an error where a gradient is no number.

    Raises:
        GradientError: in backward, where a gradient is no number: with the op and the line that called it.

    >>> import engine
    >>> x = engine.tensor([0.0, 4.0], requires_grad=True)
    >>> with engine.autograd.set_detect_anomaly(True):
    ...     y = (x.sqrt() * 0.0).sum()
    ...     try:
    ...         y.backward()
    ...     except RuntimeError as error:
    ...         print(str(error).partition(",")[0], "is not a number" in str(error))
    backward through Sqrt True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = watch.on, watch.check_nan
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        set_anomaly_enabled(*self.before)


class detect_anomaly:
    """Within it, ops note the line that called them, and backward ends with an error where a gradient is no number.

    It costs time; for looking for a fault only, which it says by a warning, as PyTorch does.

    Args:
        check_nan: whether gradients are looked at; otherwise only other errors of backward name the line.

    Raises:
        GradientError: in backward, where a gradient is no number: with the op and the line that called it.

    >>> import warnings
    >>> import engine
    >>> warnings.simplefilter("ignore")
    >>> x = engine.tensor([-1.0], requires_grad=True)
    >>> with engine.autograd.detect_anomaly():
    ...     x.log().sum().backward()
    >>> x.grad
    tensor([-1.])
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        warnings.warn("anomalies are looked for, which takes time: for finding a fault only", stacklevel=2)

    def __enter__(self) -> None:
        self.before = watch.on, watch.check_nan
        set_anomaly_enabled(True, self.check_nan)

    def __exit__(self, *exception: object) -> None:
        set_anomaly_enabled(*self.before)
