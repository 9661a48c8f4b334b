"""The projects of the start page: sound, laid out, and fed with the data they name."""

from __future__ import annotations

from pathlib import Path

import pytest

import engine.data
from engine.errors import ProjectError
from engine.formats import project_file
from engine.graph import spec, templates

ROOT = Path(__file__).parents[2]
NAMES = templates.names()


def test_there_are_the_five_projects():
    assert set(NAMES) == {"linear-regression", "breast-cancer", "spirals", "digits-cnn", "digits-mlp"}


def test_an_unknown_template_names_those_there_are():
    with pytest.raises(ProjectError, match=r"'mnist'.*digits-cnn"):
        templates.create("mnist")


@pytest.mark.parametrize("name", NAMES)
def test_the_fields_are_those_that_the_data_have(name):
    project = templates.create(name)
    opened = engine.data.open(project.data)
    assert opened.fields == project.data.fields
    assert len(opened) == project.data.samples


@pytest.mark.parametrize("name", NAMES)
def test_nodes_stand_in_rows_of_like_length_and_none_upon_another(name):
    places = [(node.x, node.y) for node in templates.create(name).graph.nodes]
    lengths = [[y for _, y in places].count(row * 180.0) for row in range(1 + len(places) // 6)]
    lengths = [length for length in lengths if length]
    assert max(lengths) <= 6
    assert max(lengths) - min(lengths) <= 1
    assert places == [(n * 160.0, row * 180.0) for row, length in enumerate(lengths) for n in range(length)]


@pytest.mark.parametrize("name", NAMES)
def test_a_template_survives_saving(name, tmp_path):
    project = templates.create(name)
    project_file.write(tmp_path / "a.loom", project)
    assert project_file.read(tmp_path / "a.loom").project == project
    assert spec.decode(spec.encode(project)) == project
