"""Plots drawn from real events of a run: what they show, how fast, and as files."""

from __future__ import annotations

import csv
import io
import time
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton

from engine.train import events
from gui.plain_words import ShortLabel
from gui.plots import decimate, export
from gui.plots.boundary import BoundaryCard
from gui.plots.confusion import ConfusionCard
from gui.plots.curves import LossCard, MetricCard, gradient_norm_card, learning_rate_card
from gui.plots.histograms import KEPT, HistogramCard
from gui.plots.live_plot import LivePlot
from gui.plots.run_bar import RunBar
from gui.plots.scatter import LineCard, ScatterCard
from gui.run.model import Run
from gui.theme import theme

CONFUSION = np.array([[8, 0, 0], [0, 5, 4], [1, 0, 9]], np.int64)


def started(**more) -> events.RunStarted:
    known = {
        "run": "r", "project": "p", "pid": 1, "device": "cpu", "threads": 1, "seed": 0, "epochs": 10,
        "steps_per_epoch": 100, "train_samples": 100, "validation_samples": 20, "parameters": 10,
        "task": "classification", "metrics": ("accuracy",), "classes": ("cat", "dog", "owl"),
    }  # fmt: skip
    return events.RunStarted(**(known | more))


def steps(count: int, first: int = 1) -> list[events.Step]:
    return [
        events.Step(
            step=number, epoch=1, loss=2 / number, learning_rate=0.1 if number < 60 else 0.01, gradient_norm=1 / number,
            samples_per_second=1.0, progress=0.1, seconds_left=1.0,
        )
        for number in range(first, first + count)
    ]  # fmt: skip


def epoch(number: int, **more) -> events.EpochEnded:
    figures = {"loss": 1 / number, "accuracy": 1 - 0.5 / number}
    return events.EpochEnded(epoch=number, step=100 * number, train=figures, validation=figures, seconds=1.0, **more)


@pytest.fixture
def run(qtbot):
    """A run that has said RunStarted; `say` makes it say more, as if it had been read from its folder."""
    run = Run()
    run.folder = SimpleNamespace()
    run._take(started())

    def say(*said):
        for event in said:
            if isinstance(event, list):
                run._take_steps(list(event))
                run.stepped.emit()
            else:
                run._take(event)

    run.say = say
    return run


def shown(card, qtbot, width=380, height=200):
    qtbot.addWidget(card)
    card.resize(width, height)
    card.show()
    qtbot.waitExposed(card)
    return card


def point_at(view, place: QPointF) -> None:
    """Move the pointer there with a real event."""
    event = QMouseEvent(
        QMouseEvent.Type.MouseMove, place, view.viewport().mapToGlobal(place) if hasattr(view, "viewport") else place,
        Qt.MouseButton.NoButton, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    view.mouseMoveEvent(event)


def test_an_empty_card_says_what_will_stand_there_and_offers_the_first_step(qtbot):
    card = shown(LossCard(Run()), qtbot)
    assert card.is_empty
    button = card.findChild(object, "card-loss-first-step")
    with qtbot.waitSignal(card.first_step_wanted):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_until_the_first_step_the_loss_card_says_that_the_engine_starts(run, qtbot):
    card = shown(LossCard(run), qtbot)
    words, button = card.findChild(QLabel, "card-loss-empty"), card.findChild(QPushButton, "card-loss-first-step")
    assert (card.is_empty, words.text(), button.isVisible()) == (True, "Starting the engine", False)
    run._set_state("failed")
    assert words.text() == "The loss falls here while the network learns."
    assert button.isVisible()
    run._set_state("starting")
    assert (words.text(), button.isVisible()) == ("Starting the engine", False)
    run.say(steps(3))
    qtbot.waitUntil(lambda: not card.is_empty)


def test_the_loss_card_shows_train_and_validation_and_their_values_in_the_title(run, qtbot):
    card = shown(LossCard(run), qtbot)
    run.say(steps(200), epoch(1), epoch(2, best=True))
    qtbot.waitUntil(lambda: card.plot.is_current)
    assert not card.is_empty
    assert "train" in card.value
    assert "0.500" in card.value, "the validation loss of the last epoch"
    drawn = {key: line.top.getData() for key, line in card.plot._lines.items()}
    assert len(drawn["train"][0]) >= 100
    np.testing.assert_allclose(drawn["validation"][1], [1.0, 0.5])
    assert [mark.text for mark in card.plot._marks] == ["best"]


def test_an_edit_is_marked_with_what_changed(run, qtbot):
    card = shown(LossCard(run), qtbot)
    run.say(steps(50), events.Edited(step=40, name="lr", before=0.1, after=0.01))
    qtbot.waitUntil(lambda: bool(card.plot._marks))
    assert [(mark.x, mark.text) for mark in card.plot._marks] == [(40, "edit: rate 0.1 to 0.01")]


def test_the_pointer_reads_the_step_and_the_values(run, qtbot):
    card = shown(LossCard(run), qtbot)
    run.say(steps(200), epoch(1), epoch(2))
    qtbot.waitUntil(lambda: card.plot.is_current)
    point_at(card.plot, card.plot.to_pixel(100, 0.5))
    reading = card.plot.reading_text().splitlines()
    assert reading[0].startswith("step ")
    step = int(reading[0].split()[1])
    assert abs(step - 100) <= 1
    assert float(reading[1].split()[-1]) == pytest.approx(2 / step, rel=0.01)


def test_zooming_holds_the_view_and_a_double_click_shows_everything_again(run, qtbot):
    card = shown(LossCard(run), qtbot)
    run.say(steps(200))
    qtbot.waitUntil(lambda: card.plot.is_current)
    box = card.plot._box
    whole = box.viewRange()[0]
    box.setXRange(10, 20, padding=0)
    box.sigRangeChangedManually.emit(box.state["mouseEnabled"])
    run.say(steps(10, first=201))
    qtbot.wait(150)
    assert box.viewRange()[0] == [10, 20], "what somebody looks at stays"
    QTest.mouseDClick(card.plot.viewport(), Qt.MouseButton.LeftButton, pos=card.plot.area().center().toPoint())
    assert box.viewRange()[0][0] == whole[0]
    assert box.viewRange()[0][1] >= 210


def test_the_logarithmic_scale_shows_powers_of_ten(run, qtbot):
    card = shown(LossCard(run), qtbot)
    run.say(steps(1000))
    qtbot.waitUntil(lambda: card.plot.is_current)
    text, checked, switch = card.menu_entries()[0]
    assert (text, checked) == ("Logarithmic scale", False)
    switch()
    low, high = card.plot._box.viewRange()[1]
    assert low == pytest.approx(np.log10(2 / 1000), abs=0.5)
    axis = card.plot._axes["left"]
    ticks = axis.tickValues(low, high, 120)[0][1]
    assert "0.01" in axis.tickStrings(ticks, 1, 1)


def test_smoothing_calms_the_line_and_keeps_the_raw_values_beneath(qtbot):
    plot = LivePlot("p", "p", "loss", "step")
    qtbot.addWidget(plot)
    plot.resize(400, 200)
    plot.add_line("train", "train", "train", is_raw=True)
    noisy = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    plot.set_line("train", np.arange(5000), noisy)
    plot.set_smoothing("strong")
    line = plot._lines["train"]
    assert np.nanstd(line.top.getData()[1]) < 0.2
    assert np.nanmax(line.under.getData()[1]) == pytest.approx(noisy.max())
    plot.set_smoothing("none")
    assert np.nanmax(line.top.getData()[1]) == pytest.approx(noisy.max())


def test_not_a_number_leaves_a_gap_and_breaks_nothing(qtbot):
    plot = LivePlot("p", "p", "loss", "step")
    qtbot.addWidget(plot)
    plot.add_line("train", "train", "train")
    plot.set_line("train", np.arange(4), np.array([1.0, np.nan, np.inf, 2.0]))
    plot.refresh()
    assert plot._y_range == (1.0, 2.0)


def test_a_million_points_are_drawn_within_a_frame(qtbot):
    plot = LivePlot("p", "p", "loss", "step")
    qtbot.addWidget(plot)
    plot.resize(400, 200)
    plot.add_line("train", "train", "train", is_raw=True)
    x = np.arange(1, 1_000_001)
    y = (1 / np.sqrt(x) + np.random.default_rng(0).random(len(x)) * 0.01).astype(np.float32)
    plot.set_line("train", x, y)
    plot.set_end(1_000_000, False)
    plot.show()
    plot.refresh()
    spent = []
    for _ in range(15):
        began = time.process_time()
        plot.refresh()
        plot.viewport().repaint()
        spent.append(time.process_time() - began)
    median = float(np.median(spent)) * 1e3
    print(f"a million points: {median:.1f} ms of processor a drawing")
    assert median < 33
    assert len(plot._lines["train"].top.getData()[0]) <= 1600


def test_a_plot_draws_at_most_twenty_times_a_second_and_not_while_hidden(run, qtbot):
    card = shown(LossCard(run), qtbot)
    run.say(steps(10))
    qtbot.waitUntil(lambda: card.plot.drawings > 0)
    before, began = card.plot.drawings, time.monotonic()
    while time.monotonic() - began < 0.5:
        run.say(steps(1, first=int(run.history.step[-1]) + 1))
        qtbot.wait(5)
    assert 3 <= card.plot.drawings - before <= 11
    card.hide()
    qtbot.wait(100)
    before = card.plot.drawings
    run.say(steps(50, first=int(run.history.step[-1]) + 1))
    qtbot.wait(200)
    assert card.plot.drawings == before
    card.show()
    qtbot.waitUntil(lambda: card.plot.drawings > before)


def test_rate_and_norm_show_their_last_values(run, qtbot):
    rate, norm = shown(learning_rate_card(run), qtbot), shown(gradient_norm_card(run), qtbot)
    run.say(steps(100))
    qtbot.waitUntil(lambda: bool(rate.value) and bool(norm.value))
    assert rate.value == "0.01"
    assert float(norm.value) == pytest.approx(np.mean(1 / np.arange(81, 101)), rel=0.01)


def test_a_card_that_has_become_narrow_tells_the_figure_of_the_validation_part_alone(run, qtbot):
    card = shown(MetricCard(run), qtbot, width=400)
    run.say(epoch(1), epoch(2))
    qtbot.waitUntil(lambda: "train" in card.value and "validation" in card.value)
    card.resize(240, 200)
    qtbot.waitUntil(lambda: "train" not in card.value and "validation" in card.value)


def test_accuracy_is_shown_in_percent_and_a_regression_shows_r2(run, qtbot):
    card = shown(MetricCard(run), qtbot, width=400)
    run.say(epoch(1), epoch(2))
    qtbot.waitUntil(lambda: "75.0 %" in card.value)
    assert card.accessibleName() == "Accuracy"
    figures = {"loss": 1.0, "r2": 0.4, "mae": 40.0, "rmse": 50.0}
    run.history.epochs.clear()
    run.say(events.EpochEnded(epoch=1, step=10, train=figures, validation=figures, seconds=1.0))
    qtbot.waitUntil(lambda: card.accessibleName() == "R²")
    card.choose("mae")
    assert "40.0" in card.value


def confusion(run, qtbot) -> ConfusionCard:
    card = shown(ConfusionCard(run), qtbot, 300, 260)
    card.set_noun("image", "images")
    run.snapshot.emit(events.Snapshot(step=1, epoch=1, file="", contents=()), {"confusion": CONFUSION})
    qtbot.waitUntil(lambda: bool(card.value))
    return card


def test_the_confusion_matrix_says_true_predicted_and_how_many(run, qtbot):
    card = confusion(run, qtbot)
    assert card.value == "27 images"
    QTest.mouseMove(card.matrix, card.matrix.cell(1, 2).center().toPoint())
    point_at(card.matrix, card.matrix.cell(1, 2).center())
    assert card.matrix.reading_text() == "true dog, predicted owl: 4 images"


def test_scatter_and_line_take_their_points_from_the_snapshot(run, qtbot):
    scatter, line = shown(ScatterCard(run), qtbot), shown(LineCard(run), qtbot)
    true, predicted = np.arange(5, dtype=np.float32), np.arange(5, dtype=np.float32) + 0.5
    points = np.stack([true, predicted, np.zeros(5)], axis=1).astype(np.float32)
    arrays = {"true": true, "predicted": predicted, "line_x": true, "line_y": true, "points": points}
    run.snapshot.emit(events.Snapshot(step=1, epoch=1, file="", contents=()), arrays)
    qtbot.waitUntil(lambda: bool(scatter.value) and bool(line.value))
    assert (scatter.value, line.value) == ("5 samples", "5 points")
    point_at(scatter.view, scatter.view.to_pixel(2.0, 2.5))
    assert scatter.view.reading_text() == "true 2.00\npredicted 2.50"


def boundary(run, qtbot) -> BoundaryCard:
    card = shown(BoundaryCard(run), qtbot)
    card.set_names("x", "y")
    surface = np.zeros((8, 8), np.float32)
    surface[:, 4:] = 2
    arrays = {
        "boundary": surface,
        "extent": np.array([-1, 1, -2, 2], np.float32),
        "points": np.array([[-0.5, 0, 0], [0.5, 0, 2]], np.float32),
    }
    run.snapshot.emit(events.Snapshot(step=1, epoch=1, file="", contents=()), arrays)
    qtbot.waitUntil(lambda: bool(card.value))
    return card


def test_the_boundary_colours_the_plane_by_class_and_names_a_point(run, qtbot):
    card = boundary(run, qtbot)
    picture = card.view._picture()
    assert not np.array_equal(picture[0, 0], picture[0, 7])
    point_at(card.view, card.view.to_pixel(0.5, 0))
    assert card.view.reading_text().startswith("owl\n")


def test_a_step_is_as_long_on_both_axes_of_the_boundary(run, qtbot):
    card = boundary(run, qtbot)
    for size in ((500, 200), (300, 400)):
        card.resize(*size)
        qtbot.wait(20)
        origin, right, up = (card.view.to_pixel(*place) for place in ((0, 0), (1, 0), (0, 1)))
        assert right.x() - origin.x() == pytest.approx(origin.y() - up.y(), rel=0.01)
        (left, east), (bottom, top) = card.view._box.viewRange()
        assert left <= -1 < 1 <= east, "everything is in sight"
        assert bottom <= -2 < 2 <= top


def test_inputs_of_different_units_fill_the_boundary(run, qtbot):
    card = boundary(run, qtbot)
    card.view.set_surface(card.view.surface, np.array([0, 80, 0, 90_000]), np.array([[30, 40_000, 0]]))
    assert card.view._box.viewRange()[0] == pytest.approx([0, 80], abs=4)


def histograms(run, qtbot, count=3) -> HistogramCard:
    card = shown(HistogramCard(run), qtbot)
    for number in range(1, count + 1):
        arrays = {
            "histogram/fc.weight": np.arange(40, dtype=np.int64) + number,
            "range/fc.weight": np.array([-1, number], np.float32),
        }
        run.snapshot.emit(events.Snapshot(step=number, epoch=1, file="", contents=()), arrays)
    return card


def test_histograms_stand_in_the_order_in_which_people_count(run, qtbot):
    card = HistogramCard(run)
    qtbot.addWidget(card)
    names = ("conv10.weight", "conv2.weight", "conv1.weight")
    card.ridges.add(1, {f"{kind}/{name}": np.arange(2.0) for kind in ("range", "histogram") for name in names})
    assert list(card.ridges.parameters) == ["conv1.weight", "conv2.weight", "conv10.weight"]


def test_histograms_keep_the_whole_past_thinned_out(run, qtbot):
    card = histograms(run, qtbot, count=200)
    ridges = card.ridges.parameters["fc.weight"]
    assert len(ridges) <= KEPT
    assert ridges[0].step == 1
    assert ridges[-1].step == 200
    assert card.value == "step 200"


def cards_with_content(run, qtbot):
    loss = shown(LossCard(run), qtbot)
    run.say(steps(120), epoch(1))
    qtbot.waitUntil(lambda: loss.plot.is_current)
    return [loss, confusion(run, qtbot), boundary(run, qtbot), histograms(run, qtbot)]


def test_every_plot_is_written_as_png_svg_and_csv(run, qtbot, tmp_path):
    for card in cards_with_content(run, qtbot):
        paths = {kind: tmp_path / f"{card.name}图.{kind}" for kind in export.FORMATS}
        assert all(card.export(kind, path) for kind, path in paths.items())
        with Image.open(paths["png"]) as image:
            assert image.size == (card.body.width() * export.SCALE, card.body.height() * export.SCALE)
            assert len(image.convert("RGB").getcolors(1 << 24)) > 10, "something is drawn"
        root = ElementTree.parse(paths["svg"]).getroot()
        assert root.tag.endswith("svg")
        drawn = [element.tag.rpartition("}")[2] for element in root.iter()]
        assert drawn.count("text") >= 2, "words stay words"
        assert sum(drawn.count(kind) for kind in ("path", "polyline", "polygon")) >= 3, "lines stay lines"
        rows = list(csv.reader(io.StringIO(paths["csv"].read_text(encoding="utf-8"))))
        assert rows[0] == list(card.columns())
        assert len(rows) - 1 == max(len(values) for values in card.columns().values())


def test_a_csv_holds_every_step_exactly(run, qtbot, tmp_path):
    card = cards_with_content(run, qtbot)[0]
    card.export("csv", tmp_path / "loss.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "loss.csv").read_text())))
    np.testing.assert_array_equal(np.array([row["train"] for row in rows], np.float32), run.history.loss)


def test_an_export_that_fails_says_why(run, qtbot, tmp_path):
    card = cards_with_content(run, qtbot)[0]
    assert not card.export("png", tmp_path / "no folder" / "loss.png")
    assert "loss.png could not be written: no such file or directory." in card.value


def test_another_look_recolours_the_lines(run, qtbot, request):
    card = cards_with_content(run, qtbot)[0]
    mode = theme.mode
    request.addfinalizer(lambda: theme.set_mode(mode))
    colors = set()
    for look in ("light", "dark"):
        theme.set_mode(look)
        colors.add(card.plot._lines["train"].top.opts["pen"].color().name())
        assert card.plot._lines["train"].top.opts["pen"].color() == theme.color("train")
        assert theme.color("train").name() in card.value
    assert len(colors) == 2


def test_another_run_empties_the_cards(run, qtbot):
    cards = cards_with_content(run, qtbot)
    run.followed.emit()
    assert all(card.is_empty for card in cards)


def test_every_button_has_a_name_for_tests_and_for_screen_readers(run, qtbot):
    from PySide6.QtWidgets import QAbstractButton

    for card in cards_with_content(run, qtbot):
        buttons = card.findChildren(QAbstractButton)
        assert buttons
        assert all(button.objectName() and button.accessibleName() for button in buttons)


@pytest.mark.parametrize("length", [1, 5, 999, 1000, 12_345])
def test_blocks_keep_the_lowest_and_the_highest_of_all_samples(length):
    y = np.random.default_rng(length).normal(size=length)
    parts = decimate.blocks(np.arange(length), y, 0, length, 300)
    assert parts.low.min() == y.min()
    assert parts.high.max() == y.max()
    assert len(parts.x) <= 300 or length <= 300
    assert np.all(np.diff(parts.x) > 0)


def test_a_part_of_the_series_is_shown_in_full():
    x = np.arange(100_000)
    parts = decimate.blocks(x, x.astype(float), 500, 600, 300)
    assert parts.x.tolist() == list(range(499, 602))


def test_a_long_word_of_a_run_is_shortened_at_its_end(run, qtbot):
    run.folder = None
    bar = shown(RunBar(run), qtbot, width=760, height=40)
    bar.say("training.schedule, milestones: 5, 3, expected each epoch later than the one before, and so on and on.")
    where = bar.findChild(ShortLabel, "run-where")
    assert where.shown().startswith("training.schedule")
    assert where.shown().endswith("…")
