"""Layers of one's own, read off the text of a Python file: name, ports, form and help, without running a line of it."""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

from engine.graph.catalogue import MISSING, CodeFault, Entry, Parameter, ParameterKind, entries, read_docstring
from engine.graph.spec import CodeFile

CATEGORY = "Custom"
_SKIPPED = ("self", "device", "dtype")
_SCALARS: dict[str, ParameterKind] = {"bool": "bool", "int": "int", "float": "float", "str": "text"}
_SEQUENCES = ("tuple", "list", "Tuple", "List", "Sequence")

Read = tuple[tuple[Entry, ...], tuple[CodeFault, ...]]
"""The layers of a file, and what is wrong with it."""


class _Fault(Exception):
    """What a form cannot be made of; the line is the node's."""

    def __init__(self, node: ast.AST, message: str):
        super().__init__(message)
        self.line = getattr(node, "lineno", 1)


@lru_cache(maxsize=512)
def read(file: CodeFile) -> Read:
    """The layers that a file holds: its public classes that derive from Module.

    >>> swish = CodeFile("swish.py", "class Swish(nn.Module):\\n  def forward(self, x): return x * x.sigmoid()")
    >>> [entry.title for entry in read(swish)[0]]
    ['Swish']
    """
    try:
        tree = parse(file)
    except CodeError as error:
        return (), (CodeFault(file.name, error.line, str(error), _names_of_classes(file.source)),)
    found, faults = [], []
    for cls in _layers(tree):
        try:
            found.append(_entry(file, cls))
        except _Fault as fault:
            faults.append(CodeFault(file.name, fault.line, str(fault), (cls.name,)))
    if not found and not faults:
        text = "there is no class here that derives from nn.Module, so it holds no layer"
        faults.append(CodeFault(file.name, 1, text))
    return tuple(found), tuple(faults)


def read_all(files: tuple[CodeFile, ...]) -> Read:
    """The layers of several files; of two classes of one name the first file's counts, the other is a fault."""
    found: dict[str, Entry] = {}
    faults: list[CodeFault] = []
    for file in files:
        layers, wrong = read(file)
        faults += wrong
        for entry in layers:
            other = found.get(entry.type)
            if other is not None:
                text = f"the class {entry.type} is also in {other.code.name}; give one of the two another name"
                faults.append(CodeFault(file.name, entry.line, text))
            elif entry.type in _own():
                text = f"{entry.type} is a layer that Layerloom has already; give the class another name"
                faults.append(CodeFault(file.name, entry.line, text))
            else:
                found[entry.type] = entry
    return tuple(found.values()), tuple(faults)


def _own() -> set[str]:
    return {type for type, entry in entries().items() if entry.code is None}


class CodeError(Exception):
    """A file that is no Python, with the line."""

    def __init__(self, line: int, message: str):
        super().__init__(message)
        self.line = line


def parse(file: CodeFile) -> ast.Module:
    """The file as a syntax tree.

    Raises:
        CodeError: it is no Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes: whoever runs it is warned
            return ast.parse(file.source, file.name)
    except SyntaxError as error:
        raise CodeError(error.lineno or 1, f"it is no Python ({error.msg})") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise CodeError(1, f"it is no Python ({error})") from None


def _names_of_classes(source: str) -> tuple[str, ...]:
    """The classes of a file that cannot be parsed, so that their nodes can say why they do not work."""
    return tuple(re.findall(r"^class\s+([A-Za-z]\w*)", source, re.MULTILINE))


def _layers(tree: ast.Module) -> Iterator[ast.ClassDef]:
    """Public classes that derive from Module, by way of others in the file too."""
    modules = {"Module"}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(_last_name(base) in modules for base in node.bases):
            modules.add(node.name)
            if not node.name.startswith("_"):
                yield node


def _last_name(node: ast.AST) -> str:
    """`nn.Module` -> "Module"."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _entry(file: CodeFile, cls: ast.ClassDef) -> Entry:
    init, forward = _method(cls, "__init__"), _method(cls, "forward")
    if forward is None:
        raise _Fault(cls, f"{cls.name} has no forward")
    inputs = tuple(name for name, _, default in _arguments(forward) if default is None)
    if not inputs:
        raise _Fault(forward, f"the forward of {cls.name} takes no input; write forward(self, x)")
    doc = inspect.cleandoc(ast.get_docstring(cls) or "")
    summary, formula, shape, helps = read_docstring(doc)
    arguments = [] if init is None else list(_arguments(init))
    parameters = [_parameter(*argument, helps.get(argument[0], "")) for argument in arguments]
    returns = forward.returns
    gives_tuple = isinstance(returns, ast.Subscript) and _last_name(returns.value) in ("tuple", "Tuple")
    synonyms = (file.name.removesuffix(".py"), "custom", "own")
    return Entry(
        cls.name, cls.name, "layer", CATEGORY, synonyms, summary, formula, shape,
        tuple(p for p in parameters if p is not None), inputs, ("out",), None, gives_tuple=gives_tuple, code=file,
        line=cls.lineno,
    )  # fmt: skip


def _method(cls: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    found = [node for node in cls.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return found[-1] if found else None


def _arguments(function: ast.FunctionDef) -> Iterator[tuple[str, ast.arg, ast.expr | None]]:
    """(name, argument, default) of all but self, device and dtype."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + list(given.defaults)
    for argument, default in [*zip(positional, defaults), *zip(given.kwonlyargs, given.kw_defaults)]:
        if argument.arg not in _SKIPPED:
            yield argument.arg, argument, default


# --- one argument ---------------------------------------------------------------------------------------------------


def _parameter(name: str, argument: ast.arg, default: ast.expr | None, help: str) -> Parameter | None:
    """The argument as a form shows it; None for one with a default that no form can show."""
    hint, notes = _annotation(argument)
    value = MISSING if default is None else _literal(default)
    kind, optional, choices = _kind(hint, value)
    if "Choice" in notes:
        kind, choices = "choice", tuple(notes["Choice"].get("values", ()))
    if kind is None or value is ...:
        if default is not None:
            return None
        what = f"of type {ast.unparse(hint)}" if hint is not None else "without a type"
        raise _Fault(
            argument, f"a form cannot show {name!r} {what}; write {name}: int, float, bool or str, or give it a default"
        )
    limits, inferred = notes.get("Range", {}), notes.get("Inferred", {}).get("axis")
    start = notes["Start"].get("value") if "Start" in notes else None if inferred is not None else value
    found = Parameter(
        name, kind, value, start, help, limits.get("minimum"), limits.get("maximum"), bool(limits.get("log")),
        choices, inferred, optional,
    )  # fmt: skip
    if start is MISSING:
        found = _with_start(found)
    if value is not MISSING and (wrong := found.check(value)):
        raise _Fault(argument, f"the default of {name!r} does not suit its type: {wrong}")
    return found


def _with_start(parameter: Parameter) -> Parameter:
    """What a new node begins with where the signature says nothing: the least that the parameter takes."""
    least = parameter.minimum
    starts = {
        "int": int(least) if least is not None else 1, "float": float(least) if least is not None else 1.0,
        "bool": False, "text": "", "choice": parameter.choices[0] if parameter.choices else "", "pair": 1, "ints": 1,
        "floats": 1.0,
    }  # fmt: skip
    return replace(parameter, start=starts[parameter.kind])


_NOTES = {
    "Range": ("minimum", "maximum", "log"),
    "Inferred": ("axis",),
    "Start": ("value",),
    "Choice": ("values",),
}
"""The notes of `engine.describe` that a form understands, with the names of their arguments."""


def _annotation(argument: ast.arg) -> tuple[ast.expr | None, dict[str, dict[str, Any]]]:
    """The type, and the notes about it: Annotated[int, Range(1, 8)] -> int, {"Range": {"minimum": 1, "maximum": 8}}."""
    hint = _unquoted(argument.annotation)
    if not (isinstance(hint, ast.Subscript) and _last_name(hint.value) == "Annotated"):
        return hint, {}
    parts = hint.slice.elts if isinstance(hint.slice, ast.Tuple) else [hint.slice]
    notes = {}
    for part in parts[1:]:
        if isinstance(part, ast.Call) and _last_name(part.func) in _NOTES:
            name = _last_name(part.func)
            notes[name] = dict(zip(_NOTES[name], map(_literal, part.args)))
            notes[name] |= {word.arg: _literal(word.value) for word in part.keywords if word.arg}
            if ... in notes[name].values():
                raise _Fault(
                    argument, f"{ast.unparse(part)} is read without running the file; write plain values in it"
                )
    return _unquoted(parts[0]), notes


def _unquoted(hint: ast.expr | None) -> ast.expr | None:
    """A type that is written as a text."""
    if isinstance(hint, ast.Constant) and isinstance(hint.value, str):
        try:
            return ast.parse(hint.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return hint
    return hint


def _literal(node: ast.expr) -> Any:
    """The value of a literal; ... for anything that would have to be computed."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return ...
    value = tuple(value) if isinstance(value, list) else value
    plain = value if isinstance(value, tuple) else (value,)
    return value if all(v is None or isinstance(v, bool | int | float | str) for v in plain) else ...


def _kind(hint: ast.expr | None, default: Any) -> tuple[ParameterKind | None, bool, tuple[Any, ...]]:
    """(kind, whether None is a value, choices); kind None where no form can show it."""
    if hint is None:
        return _kind_of_value(default), False, ()
    parts = list(_parts(hint))
    optional = any(isinstance(part, ast.Constant) and part.value is None for part in parts)
    for part in parts:
        if isinstance(part, ast.Subscript) and _last_name(part.value) == "Literal":
            values = part.slice.elts if isinstance(part.slice, ast.Tuple) else [part.slice]
            return "choice", optional, tuple(map(_literal, values))
    for part in parts:
        if isinstance(part, ast.Subscript) and _last_name(part.value) in _SEQUENCES:
            inside = [_last_name(p) for p in (part.slice.elts if isinstance(part.slice, ast.Tuple) else [part.slice])]
            kind = "floats" if "float" in inside else "pair" if inside == ["int", "int"] else "ints"
            return (kind if {"int", "float"} & set(inside) else None), optional, ()
    names = {_last_name(part) for part in parts}
    scalar = next((kind for name, kind in _SCALARS.items() if name in names), None)
    if scalar == "int" and "float" in names:
        scalar = "float"
    return scalar, optional, ()


def _parts(hint: ast.expr) -> Iterator[ast.expr]:
    """The alternatives of int | None, Optional[int] and Union[int, float]."""
    if isinstance(hint, ast.BinOp) and isinstance(hint.op, ast.BitOr):
        yield from _parts(hint.left)
        yield from _parts(hint.right)
    elif isinstance(hint, ast.Subscript) and _last_name(hint.value) in ("Optional", "Union"):
        inside = hint.slice.elts if isinstance(hint.slice, ast.Tuple) else [hint.slice]
        for part in inside:
            yield from _parts(part)
        if _last_name(hint.value) == "Optional":
            yield ast.Constant(None)
    else:
        yield hint


def _kind_of_value(value: Any) -> ParameterKind | None:
    """The kind of an argument that has a default and no type."""
    if isinstance(value, tuple) and value:
        return "floats" if any(isinstance(v, float) for v in value) else "ints"
    for type, kind in ((bool, "bool"), (int, "int"), (float, "float"), (str, "text")):
        if value is not ... and isinstance(value, type):
            return kind
    return None
