"""Where one looks: zoom, pan, fit, and the dotted ground."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from math import ceil, floor

from PySide6.QtCore import QEasingCurve, QPoint, QPointF, QRect, QRectF, Qt, QTimer, QVariantAnimation, Signal
from PySide6.QtGui import QPainter, QPolygonF, QResizeEvent, QShowEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QGraphicsView, QWidget

from gui.canvas import geometry
from gui.canvas.node_item import PLAIN_BELOW, NodeItem
from gui.canvas.scene import CanvasScene
from gui.document.document import Document
from gui.document.selection import Selection
from gui.theme import theme

ALT, CTRL, SHIFT = (
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
)
SMALLEST, LARGEST = 0.1, 3.0
LEGIBLE = 0.8
"""The zoom down to which a network is better read in one row than in two."""
MARGIN = 40
"""Room around what is shown as a whole."""
DOTS = 16
"""Points of the grid that are drawn in one go, to a side."""
MANY = 40
"""With more nodes than these on the screen, zooming draws them plainly until it rests."""
REST_MS = 140


@cache
def _dots() -> QPolygonF:
    """A square piece of the grid."""
    steps = [step * geometry.GRID for step in range(DOTS)]
    return QPolygonF([QPointF(x, y) for x in steps for y in steps])


class Navigation(QGraphicsView):
    """The scene of a document's network, and the part of it that is on the screen."""

    moved = Signal()
    """Another part of the scene is on the screen, or another zoom."""

    def __init__(self, document: Document, selection: Selection, parent: QWidget | None = None):
        super().__init__(parent)
        self.document, self.selection = document, selection
        self.canvas = CanvasScene(document, selection, self)
        self.setScene(self.canvas)
        self._set_up_view()
        self._needs_fit = True
        self._keeps_whole = False
        """Whether the whole network was fitted and nobody has looked elsewhere since: then a new size fits it anew."""
        self._rest = QTimer(self, interval=REST_MS, singleShot=True)
        self._rest.timeout.connect(self.canvas.refine)
        theme.changed.connect(self.viewport().update)
        self._extent = QRectF()
        """What the nodes covered before the edit under way."""
        self._shifted: set[str] = set()
        self._gliding: QVariantAnimation | None = None
        self._follow = QTimer(self, interval=0, singleShot=True)
        self._follow.timeout.connect(self._follow_network)
        document.node_added.connect(lambda id: self._will_follow([id]))
        document.nodes_moved.connect(self._will_follow)
        document.node_removed.connect(lambda id: self._will_follow(()))
        document.was_reset.connect(lambda: self._will_follow(()))
        self.canvas.populated.connect(lambda: self._will_follow(()))

    def _set_up_view(self) -> None:
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.SmartViewportUpdate)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontSavePainterState)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)

    @property
    def zoom(self) -> float:
        """Pixels on the screen for one of the scene."""
        return self.transform().m11()

    @property
    def port_reach(self) -> float:
        """How far from a port the mouse still means it: 12 pixels on the screen, or of the scene when near."""
        return geometry.TARGET / 2 / min(1.0, self.zoom)

    @property
    def wire_reach(self) -> float:
        """How far from a wire the mouse still means it: 7 pixels on the screen."""
        return 7 / min(1.0, self.zoom)

    def visible_rect(self) -> QRectF:
        """The part of the scene on the screen."""
        return self.mapToScene(self.viewport().rect()).boundingRect()

    def zoom_at(self, place: QPoint, factor: float) -> None:
        """Zoom so that what is under `place` of the viewport stays there."""
        self.stop_gliding()
        point = self.mapToScene(place)
        self._set_zoom(min(LARGEST, max(SMALLEST, self.zoom * factor)))
        self.pan_by(place - self.mapFromScene(point))

    def _set_zoom(self, zoom: float) -> None:
        self._keeps_whole = False
        self.resetTransform()
        self.scale(zoom, zoom)
        self.setRenderHint(QPainter.RenderHint.Antialiasing, zoom >= PLAIN_BELOW)
        self.canvas.set_far(zoom < PLAIN_BELOW)
        shown = self.canvas.items(self.visible_rect(), Qt.ItemSelectionMode.IntersectsItemBoundingRect)
        nodes = [item.id for item in shown if isinstance(item, NodeItem)]
        if len(nodes) > MANY and zoom >= PLAIN_BELOW:
            self.canvas.coarsen(nodes)
            self._rest.start()

    def zoom_in(self) -> None:
        """Nearer."""
        self.zoom_at(self.viewport().rect().center(), 1.25)

    def zoom_out(self) -> None:
        """Farther."""
        self.zoom_at(self.viewport().rect().center(), 0.8)

    def zoom_reset(self) -> None:
        """One pixel for one."""
        self.zoom_at(self.viewport().rect().center(), 1 / self.zoom)

    def pan_by(self, delta: QPoint) -> None:
        """Shift the paper by pixels of the screen."""
        self._keeps_whole = False
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        across.setValue(across.value() - delta.x())
        down.setValue(down.value() - delta.y())
        self.moved.emit()

    def look_at(self, x: float, y: float) -> None:
        """Bring a place of the scene to the middle."""
        self._keeps_whole = False
        self.centerOn(x, y)
        self.moved.emit()

    def fit_all(self) -> None:
        """Show the whole network."""
        self.show_rect(self.canvas.bounds())
        self._keeps_whole = True

    def fit_selection(self) -> None:
        """Show the selected nodes, or all where none is."""
        self.canvas.finish()
        self.show_rect(self.canvas.bounds(self.selection.ids or None))

    def fit_all_later(self) -> None:
        """Show where the whole network will stand when its nodes have glided there."""
        self.show_rect(self.final_bounds())
        self._keeps_whole = True

    def final_bounds(self) -> QRectF:
        """What the nodes cover where the document says that they stand."""
        nodes = self.document.nodes
        shown = [(nodes[id], item.width, item.height) for id, item in self.canvas.node_items.items() if id in nodes]
        if not shown:
            return QRectF()
        left, top = min(node.x for node, _, _ in shown), min(node.y for node, _, _ in shown)
        right, bottom = max(node.x + width for node, width, _ in shown), max(node.y + high for node, _, high in shown)
        return QRectF(left, top, right - left, bottom - top)

    # What an edit moves

    def _will_follow(self, ids: Iterable[str]) -> None:
        self._shifted.update(ids)
        self._follow.start()

    def _follow_network(self) -> None:
        """Where all was on the screen and an edit pushed nodes off it, go along; not with what is moved by hand."""
        shifted, self._shifted = self._shifted, set()
        before, self._extent = self._extent, self.final_bounds()
        if self._needs_fit or before.isEmpty() or shifted <= set(self.selection.ids):
            return
        if self._shows(before):
            self.glide_to(self._extent)

    def reveal(self, ids: Iterable[str]) -> None:
        """Bring new nodes on the screen, with all others where these are on it."""
        self.canvas.finish()
        whole = self.final_bounds()
        self.glide_to(whole if self._shows(self._extent) else self.canvas.bounds(ids))

    def _shows(self, rect: QRectF) -> bool:
        return self._gliding is not None or self.visible_rect().contains(rect)

    def glide_to(self, rect: QRectF) -> None:
        """Go no farther than it takes to have a part of the scene on the screen, with some room around it."""
        self.stop_gliding()
        if rect.isEmpty() or self.visible_rect().contains(rect) or not self.isVisible():
            return
        room = QRectF(self._room())
        zoom = max(SMALLEST, min(self.zoom, room.width() / rect.width(), room.height() / rect.height()))
        width, height = room.width() / zoom, room.height() / zoom
        start, now = self.zoom, self._middle()
        x = min(max(now.x(), rect.right() - width / 2), rect.left() + width / 2)
        y = min(max(now.y(), rect.bottom() - height / 2), rect.top() + height / 2)

        def show(share: float) -> None:
            self._set_zoom(start * (zoom / start) ** share)
            wanted = QPointF(now.x() + share * (x - now.x()), now.y() + share * (y - now.y()))
            self.pan_by(self._room().center() - self.mapFromScene(wanted))

        duration = theme.duration(160)
        if not duration:
            show(1.0)
            return
        self._gliding = QVariantAnimation(self, startValue=0.0, endValue=1.0, duration=duration)
        self._gliding.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._gliding.valueChanged.connect(show)
        self._gliding.finished.connect(self.stop_gliding)
        self._gliding.start()

    def stop_gliding(self) -> None:
        """Stay where the view is now."""
        gliding, self._gliding = self._gliding, None
        if gliding is not None:
            gliding.stop()
            gliding.deleteLater()

    def _room(self) -> QRect:
        """The part of the viewport where nothing covers the network."""
        return self.viewport().rect().adjusted(MARGIN, MARGIN, -MARGIN, -max(MARGIN, self.foot))

    def _middle(self) -> QPointF:
        return self.mapToScene(self._room().center())

    @property
    def foot(self) -> int:
        """The height of what covers the lower rim."""
        return 0

    def show_rect(self, rect: QRectF) -> None:
        """Show a part of the scene in the free room, no nearer than one to one."""
        self._needs_fit = False
        self.stop_gliding()
        room = self._room()
        zoom = 1.0
        if not rect.isEmpty() and room.isValid():
            zoom = min(1.0, room.width() / rect.width(), room.height() / rect.height())
        self._set_zoom(max(SMALLEST, zoom))
        self.centerOn(rect.center())
        self.pan_by(room.center() - self.mapFromScene(rect.center()))

    def drawBackground(self, painter: QPainter, rect: QRectF) -> None:
        painter.fillRect(rect, theme.color("background"))
        if self.zoom < PLAIN_BELOW:
            return
        painter.setPen(theme.color("line"))
        side = DOTS * geometry.GRID
        for x in range(floor(rect.left() / side), ceil(rect.right() / side)):
            for y in range(floor(rect.top() / side), ceil(rect.bottom() / side)):
                painter.drawPoints(_dots().translated(x * side, y * side))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._needs_fit |= self._keeps_whole
        self._fit_once()
        self.moved.emit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit_once()

    def _fit_once(self) -> None:
        if self._needs_fit and self.isVisible():
            self.fit_all_later() if self.canvas.is_populated else self._fit_when_populated()

    def _fit_when_populated(self) -> None:
        self.canvas.populated.connect(self._fit_once, Qt.ConnectionType.SingleShotConnection)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.stop_gliding()
        is_trackpad = event.phase() != Qt.ScrollPhase.NoScrollPhase and not event.pixelDelta().isNull()
        if is_trackpad and not event.modifiers() & CTRL:
            self.pan_by(event.pixelDelta())
        elif event.modifiers() & SHIFT:
            self.pan_by(QPoint(event.angleDelta().y() or event.angleDelta().x(), 0))
        else:
            self.zoom_at(event.position().toPoint(), 1.0015 ** event.angleDelta().y())
        event.accept()
