"""Whose code may run here: a list of hashes in the user's settings, and the user's own folder of layers.

Nothing about trust lies in a project, so no project can bring its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from engine import folders
from engine.errors import ProjectError
from engine.formats.atomic import write_atomic
from engine.formats.project_file import code_files_in
from engine.graph import catalogue, custom
from engine.graph.spec import CodeFile, Graph, Project

LARGEST = 1 << 20


def user_folder() -> Path:
    """Where the user's own layers lie, a Python file each."""
    return folders.layers()


def _list() -> Path:
    return folders.settings() / "trusted-code.json"


def user_files() -> tuple[CodeFile, ...]:
    """The files in the user's own folder.

    Raises:
        ProjectError: one of them cannot be read.
    """
    return code_files_in(user_folder())


def untrusted(files: Iterable[CodeFile]) -> tuple[CodeFile, ...]:
    """Those that nobody has trusted: neither on the list nor, letter by letter, in the user's own folder."""
    files = tuple(files)
    if not files:
        return ()
    known = set(_read()) | {file.digest for file in user_files()}
    return tuple(file for file in files if file.digest not in known and not custom.may_run(file))


def remember(files: Iterable[CodeFile]) -> None:
    """Trust these files from now on, in every project: the very same text only.

    Raises:
        ProjectError: the list cannot be kept.
    """
    known = _read()
    new = [file.digest for file in files if file.digest not in known]
    if not new:
        return
    try:
        _list().parent.mkdir(parents=True, exist_ok=True)
        write_atomic(_list(), msgspec.json.format(msgspec.json.encode([*known, *new])))
    except OSError as error:
        raise ProjectError(str(_list()), got=f"what is trusted could not be kept ({error.strerror})") from None


def _read() -> list[str]:
    path = _list()
    if not path.exists():
        return []
    try:
        return msgspec.json.decode(path.read_bytes()[:LARGEST], type=list[str])
    except (OSError, msgspec.DecodeError) as error:
        raise ProjectError(str(path), got=f"the list of trusted code cannot be read ({error})",
                           mend="remove it, and trust the projects again") from None  # fmt: skip


def know(project: Project) -> None:
    """Put the project's layers into the catalogue, and the user's own where the network asks for more; nothing runs.

    Raises:
        ProjectError: a file in the user's folder is needed and cannot be read.
    """
    custom.know(project.code)
    if any(node.type not in catalogue.entries() for node in project.graph.nodes):
        custom.know(library(project.code, user_files()))


def library(code: tuple[CodeFile, ...], own: tuple[CodeFile, ...]) -> tuple[CodeFile, ...]:
    """The project's files, and of the user's those that it has none of the same name of."""
    names = {file.name.lower() for file in code}
    return (*code, *(file for file in own if file.name.lower() not in names))


def permit(graph: Graph) -> tuple[CodeFile, ...]:
    """Let the trusted code run here that this network needs; the files that are not trusted come back."""
    needed = custom.used(graph)
    strange = untrusted(needed)
    custom.permit(file for file in needed if file not in strange)
    return strange


def take_up(project: Project) -> None:
    """Know the project's layers and let those run that its network needs.

    Raises:
        ProjectError: some of the code is not trusted.
    """
    know(project)
    strange = permit(project.graph)
    if strange:
        raise ProjectError(
            strange[0].name, got="the project brings this code, and nobody here has trusted it yet",
            mend="look at it with `layerloom code PROJECT`, then add --trust, or press Trust in the window",
        )  # fmt: skip


def remember_own(graph: Graph) -> None:
    """Trust for good what this network needs of the user's own folder: a run answers also after its files were edited.

    Raises:
        ProjectError: a file in the user's folder cannot be read, or the list cannot be kept.
    """
    needed = custom.used(graph)
    own = {file.digest for file in user_files()} if needed else ()
    remember(file for file in needed if file.digest in own)


def with_used_code(project: Project) -> Project:
    """The project with the files of all layers that its network uses, so that it can be sent as it is."""
    names = {file.name.lower() for file in project.code}
    missing = tuple(file for file in custom.used(project.graph) if file.name.lower() not in names)
    return msgspec.structs.replace(project, code=(*project.code, *missing)) if missing else project
