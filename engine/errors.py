"""Errors that say where, what came, what was expected and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Action = Literal[
    "set_parameter",  # node, name, value: set one parameter of the node
    "insert_before",  # node, name: insert a layer of type `name` on the wire into the node, with parameters `value`
    "splice",  # node, name: its input, value: the node behind which it goes, whose wires it takes over
    "insert_after",  # node, name: the same behind the node
    "replace",  # node, name: make it a layer of type `name`, keeping the parameters that both have
    "remove",  # node: take it out and rejoin its wires
    "disconnect",  # node, name: cut the wire into its input `name`, or ("") all wires into it
    "connect",  # node, name, value: lead the output of the node `value`, that called `port`, to the input `name`
    "add_loss",  # name: add a loss of type `name` behind the open output
    "own_weights",  # node: let it have weights of its own, where it used those of another
    "set_training",  # name, value: set one value of the training settings
    "set_data",  # name, value: set one value of the data settings
    "choose_data",  # let the person choose the data again
    "look_at_code",  # name: show the person this file of layers, to mend it or to trust it
]


@dataclass(frozen=True)
class Fix:
    """A mend that the window offers as one click and the command line as a sentence.

    `label` is the sentence on the button ("Insert Flatten before Linear"); the rest says what it does. `port` is the
    input of the node that it is about, or the output of the one to connect, where that is not the first.
    """

    label: str
    action: Action
    node: str = ""
    name: str = ""
    value: Any = None
    port: str = ""


@dataclass(eq=False)
class EngineError(RuntimeError):
    """One fault in one sentence: `where` it is, what `got` there, what was `expected`, and how to mend it.

    >>> str(EngineError("Linear 'fc1'", got="512 features arrive", expected="256", mend="set in_features to 512"))
    "Linear 'fc1': 512 features arrive, expected 256; set in_features to 512."
    """

    where: str
    got: str
    expected: str = ""
    mend: str = ""
    fixes: tuple[Fix, ...] = field(default=(), kw_only=True)

    def __str__(self) -> str:
        text = f"{self.where}: {self.got}" if self.where else self.got
        if self.expected:
            text += f", expected {self.expected}"
        if self.mend:
            text += f"; {self.mend}"
        return text if text.endswith("?") else text + "."

    def __reduce__(self):
        return _rebuild, (type(self), self.where, self.got, self.expected, self.mend, self.fixes)


def _rebuild(cls, where, got, expected, mend, fixes):
    return cls(where, got, expected, mend, fixes=fixes)


class ShapeError(EngineError, ValueError):
    """Shapes that do not go together."""


class RangeError(ShapeError, IndexError):
    """An index, a class or an axis that is not there; as an IndexError it also ends a loop over indices."""


class OptionError(EngineError, ValueError):
    """An option outside what makes sense: a negative learning rate, an unknown mode."""


class TypeMismatch(EngineError, TypeError):
    """A dtype or an argument of another kind than the operation takes."""


class GradientError(EngineError):
    """backward() on something that has no graph, a freed graph or a changed value."""


class MissingMethod(TypeMismatch, NotImplementedError):
    """A subclass without a method that it must have."""


class DeviceError(EngineError):
    """A device that is not there, or tensors on different ones."""


class DataError(EngineError, ValueError):
    """A fault in a data file; `where` names the file and, where there is one, the row."""


class ProjectError(EngineError, ValueError):
    """A fault in a project file; `where` names the file and the path inside it."""


class GraphError(EngineError, ValueError):
    """A network that cannot be built: a cycle, an open input, an unknown layer."""


class TrainingError(EngineError):
    """A run that cannot start or go on."""


class PlanError(EngineError):
    """A replay that is not the step as it is written."""


class CaptureWarning(UserWarning):
    """A captured step runs as it is written, and why."""


def times(shape: tuple[int, ...]) -> str:
    """A shape as errors say it.

    >>> times((2, 3, 4)), times(())
    ('2 x 3 x 4', 'a single number')
    """
    return " x ".join(map(str, shape)) if shape else "a single number"
