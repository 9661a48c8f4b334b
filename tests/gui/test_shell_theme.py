"""The look: contrast, the system's colour scheme, icons, settings."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QFontInfo, QImage, QPalette
from PySide6.QtWidgets import QApplication

from engine.describe import CATEGORIES
from engine.graph import catalogue
from gui import icons, settings
from gui.theme import ICONS, TOKENS, contrast, theme


@pytest.fixture(autouse=True)
def system_look(qapp):
    yield
    theme.set_mode("system")


@pytest.mark.parametrize("ground", ["background", "panel", "raised"])
@pytest.mark.parametrize("text", ["text", "secondary", "faint", "accent", "good", "warn", "bad"])
@pytest.mark.parametrize("look", list(TOKENS))
def test_text_stands_out_from_its_ground(look, text, ground):
    assert contrast(QColor(TOKENS[look][text]), QColor(TOKENS[look][ground])) >= 4.5


@pytest.mark.parametrize("look", list(TOKENS))
def test_the_accent_button_can_be_read(look):
    for ground in ("accent", "accent_hover"):
        assert contrast(QColor(TOKENS[look]["on_accent"]), QColor(TOKENS[look][ground])) >= 4.5


@pytest.mark.parametrize("look", list(TOKENS))
def test_every_look_has_the_same_tokens(look):
    assert TOKENS[look].keys() == TOKENS["dark"].keys()


def test_another_look_reaches_palette_and_listeners(qapp, qtbot):
    theme.install(qapp, "dark")
    assert theme.is_dark
    with qtbot.waitSignal(theme.changed):
        theme.set_mode("light")
    assert not theme.is_dark
    assert QApplication.palette().color(QPalette.ColorRole.Window) == theme.color("panel")


def test_the_look_follows_the_system_while_it_runs(qapp, monkeypatch):
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QGuiApplication

    theme.install(qapp, "system")
    scheme = {"now": Qt.ColorScheme.Light}

    class Hints:
        @staticmethod
        def colorScheme():
            return scheme["now"]

    monkeypatch.setattr(QGuiApplication, "styleHints", staticmethod(lambda: Hints))
    theme._follow_system()
    assert not theme.is_dark
    scheme["now"] = Qt.ColorScheme.Dark
    theme._follow_system()
    assert theme.is_dark
    theme.set_mode("light")
    theme._follow_system()
    assert not theme.is_dark, "a look that was chosen stays"


def test_the_font_is_a_real_one(qapp):
    assert QFontInfo(theme.font()).family()
    assert QFontInfo(theme.font()).pixelSize() == 12
    assert theme.font(14, bold=True).weight() > theme.font(14).weight()


def test_every_family_that_the_catalogue_uses_has_an_icon_of_its_own(qapp):
    used = {entry.category for entry in catalogue.entries().values() if entry.kind in ("layer", "loss")}
    assert used <= set(CATEGORIES)
    for category in used:
        assert (ICONS / f"family-{category.lower()}.svg").is_file()
        assert _ink(icons.family_icon(category)) > 10


@pytest.mark.parametrize("path", sorted(ICONS.glob("*.svg")), ids=lambda path: path.stem)
def test_every_drawing_draws_something(qapp, path):
    assert _ink(icons.icon(path.stem, "text")) > 5


def test_an_icon_takes_the_colour_of_the_look(qapp):
    icon = icons.icon("stop")
    theme.set_mode("dark")
    dark = icon.pixmap(QSize(16, 16)).toImage().pixelColor(8, 8)
    theme.set_mode("light")
    light = icon.pixmap(QSize(16, 16)).toImage().pixelColor(8, 8)
    assert dark.lightness() > 150 > 100 > light.lightness()


def test_settings_are_kept_and_one_of_another_type_counts_as_never_set():
    settings.look.set("dark")
    assert settings.look.get() == "dark"
    settings.store().setValue(settings.look.key, ["dark", "light"])
    assert settings.look.get() == "system"


def test_a_number_is_a_number_again_after_a_restart():
    settings.inspector_tab.set(2)
    assert settings.inspector_tab.get() == 2


def _ink(icon) -> int:
    image = icon.pixmap(QSize(24, 24)).toImage().convertToFormat(QImage.Format.Format_ARGB32)
    return sum(image.pixelColor(x, y).alpha() > 60 for x in range(image.width()) for y in range(image.height()))
