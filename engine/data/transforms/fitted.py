"""What is learned from data once, used from then on, and kept as plain JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec
from msgspec import Struct

from engine.errors import DataError
from engine.wording import format_size, plain_words

MAX_BYTES = 256 << 20
_kinds: dict[str, type[Fitted]] = {}


class Fitted:
    """A tokeniser, scaler, encoder: `fit` it on the training part alone, then call it on anything.

    A class says in `State`, a struct of plain values, what it learned, and keeps one in `learned`.

    >>> from engine.data.transforms import CharTokenizer
    >>> tokenizer = CharTokenizer().fit(["abba"])
    >>> Fitted.from_state(tokenizer.state()).encode("ab") == tokenizer.encode("ab")
    True
    """

    State: ClassVar[type[Struct]]
    _learned: Any = None

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if hasattr(cls, "State") and not cls.__name__.startswith("_"):
            _kinds[cls.__name__] = cls

    @property
    def learned(self) -> Any:
        """What was learned.

        Raises:
            DataError: nothing yet.
        """
        if self._learned is None:
            raise DataError(type(self).__name__, got="it is used before it has seen data", mend="call fit() first")
        return self._learned

    @learned.setter
    def learned(self, state: Any) -> None:
        self._learned = state

    def state(self) -> dict[str, Any]:
        """What was learned, as plain JSON: a run or a script may keep it beside the weights."""
        return {"type": type(self).__name__, **msgspec.to_builtins(self.learned)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The one whose `state()` that was; of a subclass, too.

        Raises:
            DataError: it is no such state.
        """
        import engine.data.transforms.table
        import engine.data.transforms.text  # noqa: F401  (both register what they hold)

        kind = _kinds.get(str(state.get("type"))) if isinstance(state, dict) else None
        if kind is None or not issubclass(kind, cls):
            known = ", ".join(name for name, each in _kinds.items() if issubclass(each, cls))
            raise DataError(cls.__name__, got="the state is of another type", expected=f"one of {known}")
        try:
            learned = msgspec.convert({key: value for key, value in state.items() if key != "type"}, kind.State)
        except msgspec.ValidationError as error:
            place, words = plain_words(str(error))
            raise DataError(kind.__name__, got=f"at {place}: {words}" if place else words) from None
        made = kind()
        made._take(learned)
        return made

    def _take(self, state: Any) -> None:
        """Be the one of that state."""
        self.learned = state

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `state()` as JSON; what stood at `path` stays whole if that fails."""
        path = Path(path)
        beside = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            beside.write_bytes(msgspec.json.format(msgspec.json.encode(self.state()), indent=1))
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """What `save` wrote.

        Raises:
            DataError: the file is missing, too large, no JSON or no such state.
        """
        path = Path(path)
        try:
            size = path.stat().st_size
            if size > MAX_BYTES:
                raise DataError(
                    str(path), got=f"it has {format_size(size)}", expected=f"at most {format_size(MAX_BYTES)}"
                )
            state = msgspec.json.decode(path.read_bytes())
        except OSError as error:
            raise DataError(str(path), got=f"it cannot be read ({error.strerror})") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DataError(
                str(path), got=f"it is not readable as JSON ({error})", expected="what save() wrote"
            ) from None
        return cls.from_state(state)
