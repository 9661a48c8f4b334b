"""Scripts run with the plain step and with the captured one."""

import pytest

import engine
from engine.errors import CaptureWarning


def numbers(*values):
    return engine.tensor([float(v) for v in values])


def found(value):
    """What can be compared: lists of numbers in place of tensors."""
    if isinstance(value, engine.Tensor):
        return value.detach().tolist()
    if isinstance(value, list | tuple):
        return [found(part) for part in value]
    return value


def same(script):
    """Run a script with the plain step and with the captured one, and hold one against the other.

    Args:
        script: (capture) -> what it has found; `capture` leaves the step as it is the first time.
    """
    engine.manual_seed(3)
    expected = found(script(lambda step: step))
    engine.manual_seed(3)
    got = found(script(engine.capture))
    flat = lambda tree: [n for part in tree for n in flat(part)] if isinstance(tree, list) else [tree]  # noqa: E731
    assert len(flat(got)) == len(flat(expected))
    assert flat(got) == pytest.approx(flat(expected), rel=1e-5, nan_ok=True)


def said(match):
    return pytest.warns(CaptureWarning, match=match)
