"""A target of any size is learned: the network sees it scaled, everybody else in its own units."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file

import engine
from engine import data
from engine.formats import checkpoint, project_file
from engine.graph import catalogue
from engine.graph.script import to_script
from engine.graph.spec import DataSpec, Project, TrainingSpec
from engine.train.run import train
from engine.train.run_folder import RunFolder
from engine.train.task import Predictor, Task
from gui.first_network import first_network
from tests.engine.projects import environment, here, last_object

ROWS = 400


def houses(folder: Path, unit: float = 1.0) -> Path:
    """Prices of about 200,000, from area, rooms, age and distance, with some noise."""
    rng = np.random.default_rng(0)
    area, distance = rng.uniform(40, 250, ROWS), rng.uniform(0, 30, ROWS)
    rooms, age = rng.integers(1, 8, ROWS), rng.integers(0, 100, ROWS)
    price = 100_000 + 1500 * area * (1 + np.exp(-distance / 10)) + 15_000 * rooms - 800 * age
    price = (price + rng.normal(0, 15_000, ROWS)) * unit
    path = folder / "houses.csv"
    rows = [f"{a:.1f},{r},{g},{d:.1f},{p:.6g}" for a, r, g, d, p in zip(area, rooms, age, distance, price)]
    path.write_text("\n".join(["area,rooms,age,distance,price", *rows]))
    return path


def first_project(path: Path) -> Project:
    """What stands on the canvas after that file was dropped, with the settings that every new project has."""
    found = data.describe(DataSpec(source=str(path), reader="csv"), None)
    return Project(name="Houses", data=found, graph=first_network(found))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The project of prices and the folder of its run."""
    folder = tmp_path_factory.mktemp("houses")
    project = first_project(houses(folder))
    with RunFolder(folder / "houses.runs" / "run") as run:
        result = train(project, run)
    project_file.write(folder / "houses.loom", project)
    return project, folder, result.ended


@pytest.mark.parametrize("unit", [1e-9, 1.0, 5.0])
def test_the_first_network_learns_a_target_of_any_size_within_the_default_epochs(tmp_path, unit):
    project = first_project(houses(tmp_path, unit))
    assert project.training == TrainingSpec()
    with RunFolder(tmp_path / "run") as run:
        ended = train(project, run).ended
    assert ended.validation["r2"] > 0.8


def test_without_scaling_it_would_not(trained, tmp_path):
    """The reason for it: prices are so far away that the network never gets there."""
    project, _, _ = trained
    nodes = tuple(
        msgspec.structs.replace(node, params={"target": "price"}) if node.type == "MSELoss" else node
        for node in project.graph.nodes
    )
    plain = msgspec.structs.replace(project, graph=msgspec.structs.replace(project.graph, nodes=nodes))
    with RunFolder(tmp_path / "run") as run:
        assert train(plain, run).ended.validation["r2"] < 0


def test_figures_and_plots_are_in_the_target_s_own_units(trained):
    project, folder, ended = trained
    prices = data.open(project.data, None).column(project.data.fields[-1], np.arange(ROWS))
    assert 10_000 < ended.validation["mae"] < prices.std()
    assert ended.validation["loss"] < 1
    run = folder / "houses.runs" / "run"
    arrays = load_file(sorted((run / "snapshots").iterdir())[-1])
    assert np.isin(arrays["true"], prices.astype(np.float32)).all()
    assert np.corrcoef(arrays["true"], arrays["predicted"])[0, 1] > 0.9
    assert abs(arrays["predicted"].mean() - arrays["true"].mean()) < 0.2 * prices.std()


def test_a_line_is_drawn_in_the_target_s_own_units(tmp_path):
    path = tmp_path / "line.csv"
    path.write_text("x,price\n" + "".join(f"{x},{200_000 + 1000 * x}\n" for x in range(300)))
    with RunFolder(tmp_path / "run") as run:
        train(first_project(path), run)
    arrays = load_file(sorted((tmp_path / "run" / "snapshots").iterdir())[-1])
    assert arrays["points"][:, 1].min() >= 200_000
    np.testing.assert_allclose(arrays["line_y"], 200_000 + 1000 * arrays["line_x"], atol=60_000)


def test_evaluate_and_predict_answer_in_the_target_s_own_units(trained, capsys):
    _, folder, ended = trained
    evaluated = last_object(here(capsys, "evaluate", folder / "houses.loom", "--json"))
    assert evaluated["validation"]["mae"] == pytest.approx(ended.best["mae"], rel=1e-5)
    asked = folder / "asked.csv"
    asked.write_text("area,rooms,age,distance\n60,2,90,25\n220,7,5,1\n")
    said = last_object(here(capsys, "predict", folder / "houses.loom", "--input", asked, "--json"))
    small, large = (answer["value"] for answer in said["predictions"])
    assert 50_000 < small < 350_000
    assert 650_000 < large < 1_000_000


def test_the_scaling_goes_with_the_weights_into_the_project_and_needs_no_data(trained, capsys, tmp_path):
    project, folder, _ = trained
    exported = tmp_path / "w.safetensors"
    here(capsys, "export", folder / "houses.loom", "--format", "weights", "--output", exported)
    model, preparation = checkpoint.split_weights(exported.read_bytes())
    train_part = Task(project).train
    prices = data.open(project.data, None).column(project.data.fields[-1], train_part)
    assert preparation["price/offset"] == pytest.approx(prices.mean(), rel=1e-5)
    assert preparation["price/scale"] == pytest.approx(prices.std(), rel=1e-4)
    (folder / "houses.csv").rename(folder / "hidden.csv")
    try:
        predictor = Predictor(project)
        predictor.load_weights(model)
        predictor.load_preparation(preparation)
        answer = predictor.predict({"area": 150, "rooms": 4, "age": 20, "distance": 5})
    finally:
        (folder / "hidden.csv").rename(folder / "houses.csv")
    assert 300_000 < answer.value < 800_000


def test_the_script_learns_bit_for_bit_the_same_and_prints_the_error_in_own_units(trained, tmp_path):
    project, folder, ended = trained
    (tmp_path / "network.py").write_text(to_script(project), encoding="utf-8")
    done = subprocess.run([sys.executable, "network.py"], cwd=tmp_path, env=environment(), capture_output=True,
                          text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    by_script = load_file(tmp_path / "weights.safetensors")
    by_trainer = checkpoint.read(folder / "houses.runs" / "run" / "checkpoints" / "last.safetensors").model
    for key, values in by_script.items():
        np.testing.assert_array_equal(values, by_trainer[key])
    errors = [float(score) for score in re.findall(r"score ([\d.]+)", done.stdout)]
    assert errors[-1] == pytest.approx(ended.validation["mae"], rel=1e-4)


def test_a_network_trained_without_scaling_still_answers_as_it_learned(trained):
    """Weights bring their own scaling along, whatever the project says by now."""
    project, _, _ = trained
    predictor = Predictor(project)
    predictor.load_preparation({})
    assert not predictor.learns_scaled
    output = predictor.model(engine.zeros(3, 4))
    np.testing.assert_array_equal(predictor.decided(output), output.detach().numpy())


@pytest.mark.parametrize(("loss", "has_it"), [("MSELoss", True), ("L1Loss", True), ("CrossEntropyLoss", False),
                                              ("BCEWithLogitsLoss", False)])  # fmt: skip
def test_only_a_loss_of_values_offers_to_scale_its_target(loss, has_it):
    assert ("scale_target" in {parameter.name for parameter in catalogue.entry(loss).parameters}) is has_it
