"""The dashboard and its Try it card with a document, a run and a process that answers."""

from __future__ import annotations

import itertools
import sys
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QPoint, Qt
from PySide6.QtGui import QFontMetricsF
from PySide6.QtTest import QTest

from engine.graph import templates
from engine.graph.spec import DataSpec, FieldSpec, Graph, Node, Project
from gui import turns
from gui.document.document import Document
from gui.plain_words import ShortLabel
from gui.playground.answer import LARGE, SMALL, figure_size
from gui.playground.row import Number, RowForm
from gui.playground.strokes import to_pixels
from gui.plots.dashboard import Dashboard
from gui.plots.figures import figure
from gui.plots.run_bar import words
from gui.plots.which import wanted
from gui.reading.style import ImageStyle, style_of
from gui.run import process
from gui.run.folder import Summary
from gui.run.model import Run
from gui.theme import theme

FAKE = Path(__file__).with_name("fake_engine.py")
THREE = [(0.35, 0.25), (0.5, 0.17), (0.62, 0.25), (0.6, 0.38), (0.47, 0.47), (0.62, 0.55), (0.65, 0.7), (0.5, 0.82),
         (0.33, 0.74)]  # fmt: skip


@pytest.fixture
def fake_engine(monkeypatch):
    monkeypatch.setattr(process, "engine_command", lambda arguments: [sys.executable, str(FAKE), *arguments])
    return monkeypatch


@pytest.fixture
def make(qtbot):
    """A dashboard for a template, all its cards made."""
    made = []

    def make(template: str, size=(1158, 248)) -> Dashboard:
        document, run = Document(), Run()
        document.new(templates.create(template))
        dashboard = Dashboard(document, run)
        qtbot.addWidget(dashboard)
        dashboard.resize(*size)
        dashboard.build()
        dashboard.show()
        qtbot.waitExposed(dashboard)
        made.append((run, dashboard))
        trying = dashboard.cards["try"]
        qtbot.waitUntil(lambda: trying.samples is not None, timeout=20_000)
        return dashboard

    yield make
    for run, _ in made:
        if run.is_training:
            run.stop()
        run.close()
    qtbot.waitUntil(lambda: process.reap() or not process._started, timeout=15_000)


def draw(pad, points) -> None:
    field = pad.field()
    places = [QPoint(int(field.left() + x * field.width()), int(field.top() + y * field.height())) for x, y in points]
    QTest.mousePress(pad, Qt.MouseButton.LeftButton, pos=places[0])
    for place in places[1:]:
        QTest.mouseMove(pad, place)
    QTest.mouseRelease(pad, Qt.MouseButton.LeftButton, pos=places[-1])


@pytest.mark.parametrize(
    ("template", "first"),
    [
        ("digits-cnn", ("loss", "metric", "confusion", "try")),
        ("breast-cancer", ("loss", "metric", "confusion", "try")),
        ("spirals", ("loss", "metric", "boundary", "try", "confusion")),
        ("linear-regression", ("loss", "metric", "line", "try", "scatter")),
    ],
)
def test_the_cards_fit_the_task_and_the_data(template, first):
    assert wanted(templates.create(template)).cards[: len(first)] == first


def plane(loss: str) -> Project:
    """Two numbers in, one out, judged by that loss."""
    features = FieldSpec("features", "vector", (2,), "input", columns=("x", "y"))
    fields = (features, FieldSpec("z", "number", (), "target"))
    nodes = (Node("input", "Input"), Node("loss", loss))
    return Project(data=DataSpec("z.csv", reader="csv", fields=fields), graph=Graph(nodes))


def test_two_inputs_have_a_boundary_only_where_classes_are_told_apart():
    assert wanted(plane("BCEWithLogitsLoss")).cards[2:5] == ("boundary", "try", "confusion")
    assert wanted(plane("MSELoss")).cards[2:5] == ("scatter", "try", "weights")


def test_another_loss_brings_the_cards_of_its_task(make):
    dashboard = make("spirals")
    assert dashboard.cards["boundary"].isVisibleTo(dashboard)
    dashboard.document.set_loss("MSELoss")
    assert not dashboard.cards["boundary"].isVisibleTo(dashboard)
    assert dashboard.cards["scatter"].isVisibleTo(dashboard)
    assert dashboard.cards["metric"].accessibleName() == "R²"
    dashboard.document.undo_stack.undo()
    assert dashboard.cards["boundary"].isVisibleTo(dashboard)


@pytest.mark.parametrize(
    ("template", "picture"),
    [
        ("digits-cnn", "confusion"),
        ("breast-cancer", "confusion"),
        ("spirals", "boundary"),
        ("linear-regression", "line"),
    ],
)
def test_the_cards_up_to_try_it_stand_in_one_row_as_wide_as_the_window(make, template, picture):
    dashboard = make(template)
    row = [dashboard.cards[name] for name in ("loss", "metric", picture, "try")]
    assert {card.y() for card in row} == {0}
    assert all(one.geometry().right() < other.x() for one, other in itertools.pairwise(row))
    assert row[-1].geometry().right() + 1 == dashboard.rows.viewport().width()
    assert dashboard.cards["weights"].y() > row[0].height()
    others = set(dashboard.cards) - set(wanted(dashboard.document.project).cards)
    assert not any(dashboard.cards[name].isVisible() for name in others)


def test_a_run_fills_the_cards_and_the_bar(make, fake_engine, tmp_path, qtbot):
    fake_engine.setenv("FAKE_STEPS", "50")
    dashboard = make("digits-cnn")
    dashboard.set_runs(tmp_path / "runs")
    dashboard.run.start(dashboard.document.project, tmp_path, tmp_path / "runs")
    qtbot.waitUntil(lambda: dashboard.run.state == "finished", timeout=15_000)
    filled = [dashboard.cards[name] for name in ("loss", "metric", "confusion", "weights")]
    qtbot.waitUntil(lambda: not any(card.is_empty for card in filled), timeout=5000)
    button = dashboard.bar.buttons
    qtbot.waitUntil(lambda: list(button) == [dashboard.run.folder] or bool(dashboard.bar.buttons), timeout=3000)
    qtbot.waitUntil(lambda: "finished" in next(iter(dashboard.bar.buttons.values())).text(), timeout=3000)
    assert "accuracy" in next(iter(dashboard.bar.buttons.values())).text()


def test_a_click_on_an_older_run_shows_it(make, fake_engine, tmp_path, qtbot):
    fake_engine.setenv("FAKE_STEPS", "20")
    dashboard, folders = make("digits-cnn"), []
    dashboard.set_runs(tmp_path / "runs")
    for _ in range(2):
        dashboard.run.start(dashboard.document.project, tmp_path, tmp_path / "runs")
        qtbot.waitUntil(lambda: dashboard.run.state == "finished", timeout=15_000)
        folders.append(dashboard.run.folder)
    dashboard.bar.refresh()
    with qtbot.waitSignal(dashboard.run.loaded, timeout=5000):
        QTest.mouseClick(dashboard.bar.buttons[folders[0]], Qt.MouseButton.LeftButton)
    assert dashboard.run.folder == folders[0]
    assert not dashboard.cards["loss"].is_empty


def test_a_run_found_before_the_cards_were_made_is_shown_by_them(fake_engine, tmp_path, qtbot):
    fake_engine.setenv("FAKE_STEPS", "30")
    document, run = Document(), Run()
    document.new(templates.create("digits-cnn"))
    run.start(document.project, tmp_path, tmp_path / "runs")
    qtbot.waitUntil(lambda: run.state == "finished", timeout=15_000)
    dashboard = Dashboard(document, run)
    qtbot.addWidget(dashboard)
    dashboard.resize(1158, 248)
    dashboard.show()
    with qtbot.waitSignal(dashboard.was_built, timeout=20_000):
        pass
    assert not dashboard.cards["loss"].is_empty
    qtbot.waitUntil(lambda: bool(dashboard.cards["confusion"].value), timeout=3000)
    run.close()
    qtbot.waitUntil(lambda: process.reap() or not process._started, timeout=10_000)


def test_a_dashboard_that_went_away_makes_no_more_cards(qtbot):
    dashboard = Dashboard(Document(), Run())
    qtbot.addWidget(dashboard)
    dashboard._clock.start(0)
    qtbot.waitUntil(lambda: bool(dashboard.cards), timeout=20_000)
    dashboard.close_down()
    made = list(dashboard.cards)
    qtbot.wait(300)
    assert list(dashboard.cards) == made


@pytest.mark.parametrize("value", [3.0, -1234.5678, 1.2345e-38, 123456789012345.0])
@pytest.mark.parametrize("width", [60, 100, 180])
def test_a_value_s_figures_are_as_large_as_fit(qapp, value, width):
    font, text = theme.mono_numbers(14, bold=True), figure(value)

    def takes(size: int) -> float:
        font.setPixelSize(size)
        return QFontMetricsF(font).horizontalAdvance(text)

    size = figure_size(text, font, width)
    assert SMALL <= size <= LARGE
    assert size == SMALL or takes(size) <= width
    assert size == LARGE or takes(size + 1) > width


def test_a_drawing_is_answered_while_the_network_trains_and_again_as_it_learns(make, fake_engine, tmp_path, qtbot):
    fake_engine.setenv("FAKE_STEPS", "400")
    dashboard = make("digits-cnn")
    trying = dashboard.cards["try"]
    dashboard.run.start(dashboard.document.project, tmp_path, tmp_path / "runs")
    qtbot.waitUntil(lambda: dashboard.run.state == "running", timeout=10_000)
    draw(trying.pad, THREE)
    qtbot.waitUntil(lambda: trying.answer.text() == "a 70 %, b 20 %, c 10 %", timeout=5000)
    first = trying.value
    qtbot.waitUntil(lambda: trying.value != first, timeout=5000)
    QTest.mouseClick(trying.eraser, Qt.MouseButton.LeftButton)
    assert trying.pad.is_blank
    assert trying.answer.text() == "Draw a sample. The network answers while it trains."


def test_questions_come_at_most_ten_times_a_second(make, fake_engine, tmp_path, qtbot):
    fake_engine.setenv("FAKE_STEPS", "1000")
    dashboard = make("digits-cnn")
    trying, asked = dashboard.cards["try"], []
    dashboard.run.start(dashboard.document.project, tmp_path, tmp_path / "runs")
    qtbot.waitUntil(lambda: dashboard.run.state == "running", timeout=10_000)
    predict = dashboard.run.predict
    dashboard.run.predict = lambda inputs: asked.append(inputs) or predict(inputs)
    began = time.monotonic()
    while time.monotonic() - began < 1.5:
        draw(trying.pad, THREE[:2])
        qtbot.wait(10)
    assert 2 <= len(asked) <= 10 * (time.monotonic() - began) + 2


def test_what_was_asked_is_asked_again_after_the_end_and_after_a_single_step(make, fake_engine, tmp_path, qtbot):
    fake_engine.setenv("FAKE_STEPS", "300")
    dashboard = make("breast-cancer")
    trying, run = dashboard.cards["try"], dashboard.run
    run.start(dashboard.document.project, tmp_path, tmp_path / "runs")
    qtbot.waitUntil(lambda: run.state == "running" and trying.value != "", timeout=10_000)
    run.pause()
    qtbot.waitUntil(lambda: run.state == "paused", timeout=5000)
    qtbot.waitUntil(lambda: trying.value == f"step {run.last_step.step}", timeout=5000)
    for _ in range(2):
        before = run.last_step.step
        run.step()
        qtbot.waitUntil(lambda before=before: run.last_step.step == before + 1, timeout=5000)
        qtbot.waitUntil(lambda before=before: trying.value == f"step {before + 1}", timeout=5000)
    asked, predict = [], run.predict
    run.predict = lambda inputs: asked.append(run.state) or predict(inputs)
    run.go_on()
    qtbot.waitUntil(lambda: run.state == "finished", timeout=15_000)
    qtbot.waitUntil(lambda: asked[-1:] == ["finished"], timeout=5000)
    qtbot.waitUntil(lambda: not trying._question, timeout=10_000)
    assert trying.answer.text().startswith("a 70 %")


def test_another_project_or_run_does_not_keep_the_answer(make, fake_engine, tmp_path, qtbot):
    fake_engine.setenv("FAKE_STEPS", "4000")
    dashboard = make("breast-cancer")
    trying, run = dashboard.cards["try"], dashboard.run
    run.start(dashboard.document.project, tmp_path, tmp_path / "runs")
    qtbot.waitUntil(lambda: trying.answer.text().startswith("a 70 %"), timeout=10_000)
    run.stop()
    qtbot.waitUntil(lambda: run.state == "finished", timeout=10_000)
    run.follow(None)
    assert (trying.value, trying.answer.ranked) == ("", [])
    qtbot.waitUntil(lambda: trying.answer.text().startswith("Train the network"), timeout=3000)
    trying.answer.ranked = [("a", 0.7)]
    trying.set_value("step 12")
    dashboard.document.new(templates.create("breast-cancer"))
    assert (trying.value, trying.answer.ranked) == ("", [])
    qtbot.wait(50)
    trying.set_value("step 12")
    dashboard.document.set_data(templates.create("digits-cnn").data)
    qtbot.waitUntil(lambda: trying.value == "", timeout=3000)


def test_a_run_that_starts_is_named_by_its_time_as_the_others():
    today = datetime.now().strftime("%Y-%m-%d")
    folder = Path(f"{today} 19-29-05 2")
    assert words(Summary(folder, folder.name, "starting")) == "19:29:05 · starting"
    folder = Path("2020-11-03 19-29-05")
    assert words(Summary(folder, folder.name, "starting")) == "03 Nov 19:29 · starting"
    assert words(Summary(Path("mine"), "mine", "failed")) == "mine · failed"


def test_a_long_form_is_laid_out_in_turns_of_the_window(qtbot, monkeypatch):
    """By a clock on which each row takes a millisecond: with fonts loaded, all of it is done within a real slice."""
    milliseconds = itertools.count()
    monkeypatch.setattr(turns, "perf_counter", lambda: next(milliseconds) / 1000)
    form = RowForm()
    qtbot.addWidget(form)
    form.resize(300, 200)
    form.show()
    qtbot.waitExposed(form)
    columns = tuple(f"the_mean_of_a_column_with_a_long_name {index}" for index in range(30))
    form.set_fields((FieldSpec("features", "vector", (30,), "input", columns=columns),))
    made = []
    while len(made) < 500 and form._building.is_busy:
        made.append(len(form.findChildren(Number)))
        QCoreApplication.processEvents()
    assert len(form.findChildren(Number)) == 30
    turn = round(1000 * turns.SLICE)
    assert sorted(set(made) - {0, 30}) == list(range(turn, 30, turn))
    name = form.findChild(ShortLabel)
    assert name.shown().endswith("…")
    assert columns[0] in name.toolTip()
    assert name.buddy() is form.findChild(Number, f"try-features-{columns[0]}")


def test_without_a_run_the_card_says_to_train_first(make, qtbot):
    trying = make("digits-cnn").cards["try"]
    draw(trying.pad, THREE)
    assert trying.answer.text() == "Train the network: it answers from its first step on."


def test_a_project_that_is_opened_again_still_invites_to_draw(make):
    dashboard = make("digits-cnn")
    dashboard.document.new(dashboard.document.project)
    assert dashboard.cards["try"].answer.text() == "Draw a sample. The network answers while it trains."


def test_a_random_sample_of_the_validation_part_says_what_it_really_is(make):
    trying = make("digits-cnn").cards["try"]
    QTest.mouseClick(trying.dice, Qt.MouseButton.LeftButton)
    assert trying.pad.pixels().shape == (1, 8, 8)
    assert trying.answer.truth in [str(digit) for digit in range(10)]


def test_a_table_begins_with_the_medians_of_its_columns(make, qtbot):
    dashboard = make("breast-cancer")
    trying = dashboard.cards["try"]
    field = dashboard.document.project.data.fields[0]
    values = trying.inputs()[field.name]
    assert len(values) == 30
    assert values[0] == pytest.approx(float(trying.samples.start[field.name][0]), rel=1e-3)
    number = trying.row.findChild(object, f"try-{field.name}-{field.columns[0]}")
    number.setFocus()
    number.selectAll()
    with qtbot.waitSignal(trying.row.changed):
        QTest.keyClicks(number, "17.5")
    assert trying.inputs()[field.name][0] == 17.5
    number.selectAll()
    QTest.keyClicks(number, "x")
    assert number.property("invalid") is True
    assert trying.inputs()[field.name][0] == 17.5


def test_marks_of_a_category_are_one_choice(qtbot):
    form = RowForm()
    qtbot.addWidget(form)
    form.set_fields((FieldSpec("features", "vector", (3,), "input", columns=("age", "sex=f", "sex=m")),))
    form.fill({"features": np.array([40.0, 0.0, 1.0])})
    assert form.inputs() == {"features": [40.0, 0.0, 1.0]}
    form._choices["features", "sex"].setCurrentText("f")
    assert form.inputs() == {"features": [40.0, 1.0, 0.0]}


def test_a_drawing_fills_the_image_as_the_digits_do():
    style = ImageStyle(0.0, 16.0, height=1.0, width=0.75, ink=19.0)
    small = [[(0.4 + 0.1 * x, 0.4 + 0.1 * y) for x, y in THREE]]
    pixels, larger = to_pixels(small, (8, 8), style), to_pixels([THREE], (8, 8), style)
    np.testing.assert_allclose(pixels, larger, atol=0.6)  # size and place on the pad do not matter
    assert pixels.shape == (8, 8)
    assert pixels.max() <= 16
    assert pixels.max(axis=1).min() > 1, "every row has ink"
    assert pixels[:, 0].max() < 4, "the margins are empty"
    assert pixels.sum() / 16 == pytest.approx(19, rel=0.15)
    columns = pixels.sum(axis=0)
    assert 2.8 < (columns * np.arange(8)).sum() / columns.sum() < 4.6


def test_dark_ink_on_white_paper_is_drawn_dark_on_white():
    images = np.full((4, 1, 12, 12), 255.0)
    images[:, :, 2:10, 5:7] = 0
    style = style_of(images, 255)
    assert (style.background, style.foreground) == (255.0, 0.0)
    pixels = to_pixels([[(0.5, 0.1), (0.5, 0.9)]], (12, 12), style)
    assert pixels[0, 0] == 255
    assert pixels.min() < 60
