"""The projects of the start page: sound, laid out, fed with the data they name, and tuned so that they learn."""

from __future__ import annotations

import json
import subprocess
import sys
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
def test_nodes_stand_in_rows_and_none_upon_another(name):
    places = [(node.x, node.y) for node in templates.create(name).graph.nodes]
    assert len(set(places)) == len(places)
    assert places == [((n % 5) * 160.0, (n // 5) * 180.0) for n in range(len(places))]


@pytest.mark.parametrize("name", NAMES)
def test_a_template_survives_saving(name, tmp_path):
    project = templates.create(name)
    project_file.write(tmp_path / "a.loom", project)
    assert project_file.read(tmp_path / "a.loom").project == project
    assert spec.decode(spec.encode(project)) == project


@pytest.mark.parametrize(
    ("name", "metric", "wanted", "limit"),
    [("digits-cnn", "accuracy", 0.95, 30.0), ("digits-mlp", "accuracy", 0.90, 15.0),
     ("breast-cancer", "accuracy", 0.95, 15.0), ("spirals", "accuracy", 0.95, 30.0),
     ("linear-regression", "r2", 0.15, 15.0)],
)  # fmt: skip
def test_a_template_learns_what_it_promises_in_the_time_it_promises(name, metric, wanted, limit, tmp_path):
    project_file.write(tmp_path / "p.loom", templates.create(name))
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "engine", "train", str(tmp_path / "p.loom"), "--out", str(tmp_path / "run"), "--json"],
        cwd=ROOT, text=True, capture_output=True, timeout=200,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["final"]["validation"][metric] >= wanted, figures
    assert seconds < 2 * limit, figures  # of both cores, so that other work on the machine does not count
