"""Files of layers as parts of one script: what only a file of its own may hold is left out, clashing names are told."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from engine.errors import GraphError
from engine.graph.source import parse
from engine.graph.spec import CodeFile


def own_code(files: tuple[CodeFile, ...], taken: frozenset[str]) -> list[str]:
    """The source of each file, under its name as a comment.

    Raises:
        GraphError: a file defines a name that the script, or another file, needs for something else.
    """
    owner: dict[str, str] = dict.fromkeys(taken, "")
    for file in files:
        for name, line in _defined(parse(file)):
            other = owner.setdefault(name, file.name)
            if other != file.name:
                whose = f"in {other}" if other else "in the script"
                raise GraphError(f"{file.name}, line {line}", got=f"{name} means something else {whose}",
                                 mend="give it another name")  # fmt: skip
    return [_inlined(file) for file in files]


def futures(file: CodeFile) -> list[str]:
    """What a file imports from __future__, which has to stand first in a script."""
    return [name.name for node in parse(file).body if _is_future(node) for name in node.names]


def _defined(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The names that a file gives to something of its own, with their lines; imports mean the same everywhere."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.Assign):
            yield from (
                (n.id, n.lineno) for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)
            )
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node.lineno


def _inlined(file: CodeFile) -> str:
    lines = file.source.splitlines()
    for node in parse(file).body:
        if _is_future(node) or _is_main(node):
            lines[node.lineno - 1 : node.end_lineno] = [None] * (node.end_lineno - node.lineno + 1)
    kept = "\n".join(line for line in lines if line is not None).strip()
    return f"# {file.name}\n\n{kept}"


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _is_main(node: ast.stmt) -> bool:
    """`if __name__ == "__main__":`, which would run in the script too."""
    return isinstance(node, ast.If) and any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(node.test))
