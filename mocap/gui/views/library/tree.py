"""Sessions and trials as a tree for Qt, and how its cells are drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QIcon, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from mocap.core.types import ImageArray
from mocap.gui.presenters.library.entries import NAME, STATE, STEPS, TAGS, Step
from mocap.gui.presenters.library.library import COLUMNS, Entry, Library, SessionEntry, TrialEntry
from mocap.gui.views.painting import picture
from mocap.gui.views.theme import DARK, Theme

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()

THUMB_W, THUMB_H = 64, 40
ROW_PX = 50
SMALL_PX = 12
DOT_PX = 5.0
STEP_PX = 17.0
# A word always stands beside the dot: colour alone tells nobody anything.
STATE_COLOURS = {
    "Ready to review": "good",
    "Unfinished run": "care",
    "Not calibrated": "care",
    "Videos gone": "poor",
    "Unreadable": "poor",
}


class LibraryModel(QAbstractItemModel):
    """Sessions at the top, their trials below."""

    def __init__(self, library: Library, thumbnail: Callable[[Path], ImageArray | None]) -> None:
        super().__init__()
        self._library, self._thumbnail = library, thumbnail
        self.sessions: tuple[SessionEntry, ...] = ()
        self.theme = DARK
        self._pixmaps: dict[Path, QIcon] = {}
        self._empty: QIcon | None = None

    def reload(self) -> None:
        """Show what the library now has."""
        self.beginResetModel()
        self.sessions = self._library.sessions
        self.endResetModel()

    def repaint_pictures(self) -> None:
        """Pictures have come."""
        for row, session in enumerate(self.sessions):
            if session.trials:
                above = self.index(row, NAME)
                first, last = self.index(0, NAME, above), self.index(len(session.trials) - 1, NAME, above)
                self.dataChanged.emit(first, last, [Qt.ItemDataRole.DecorationRole])

    def entry(self, index: Index) -> Entry | None:
        """What a row shows."""
        if not index.isValid():
            return None
        above = index.internalId()
        return self.sessions[index.row()] if above == 0 else self.sessions[above - 1].trials[index.row()]

    def find(self, folder: Path) -> QModelIndex:
        """Row of a session or a trial by its folder."""
        for row, session in enumerate(self.sessions):
            if session.folder == folder:
                return self.index(row, NAME)
            for below, trial in enumerate(session.trials):
                if trial.folder == folder:
                    return self.index(below, NAME, self.index(row, NAME))
        return QModelIndex()

    def index(self, row: int, column: int, parent: Index = ROOT) -> QModelIndex:
        """Place of a cell."""
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else 0)

    def parent(self, index: Index = ROOT) -> QModelIndex:
        """The session above a trial."""
        above = index.internalId() if index.isValid() else 0
        return self.createIndex(above - 1, NAME, 0) if above else QModelIndex()

    def rowCount(self, parent: Index = ROOT) -> int:
        """Sessions, or the trials of one."""
        if not parent.isValid():
            return len(self.sessions)
        return len(self.sessions[parent.row()].trials) if parent.internalId() == 0 and parent.column() == 0 else 0

    def columnCount(self, parent: Index = ROOT) -> int:
        """Columns."""
        return len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, picture and colour of a cell."""
        entry = self.entry(index)
        if entry is None:
            return None
        text, column = entry.cells[index.column()], index.column()
        session = isinstance(entry, SessionEntry)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return _steps_in_words(entry) if column == STEPS else text
        if role == Qt.ItemDataRole.DisplayRole:
            if column in (STEPS, TAGS) or (session and column == NAME):
                return ""
            return f"●  {text}" if column == STATE and not session else text
        if role == Qt.ItemDataRole.ToolTipRole and isinstance(entry, SessionEntry) and column == NAME:
            return f"{entry.name}\n{entry.told.participant}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return _steps_in_words(entry).replace("; ", "\n") if column == STEPS else text
        if role == Qt.ItemDataRole.DecorationRole and column == NAME and not session:
            return self._picture(entry)  # type: ignore[arg-type]
        if role == Qt.ItemDataRole.ForegroundRole:
            if column == STATE and not session:
                return QColor(getattr(self.theme, STATE_COLOURS.get(text, "faint")))
            return QColor(self.theme.text if column == NAME else self.theme.faint)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Names of the columns."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.ToolTipRole and COLUMNS[section] == "Error":
            return "How far the body in 3D, seen back through the cameras, lies beside what they saw (median)"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order as the user clicked."""
        self._library.sort(column, order == Qt.SortOrder.DescendingOrder)

    def _picture(self, trial: TrialEntry) -> QIcon:
        """The trial's thumbnail with round corners, an empty frame until it is there."""
        film = trial.videos[0][1] if trial.videos else None
        image = self._thumbnail(film) if film is not None else None
        if film is None or image is None:
            if self._empty is None:
                self._empty = _rounded(None)
            return self._empty
        if film not in self._pixmaps:
            self._pixmaps[film] = _rounded(image)
        return self._pixmaps[film]


def _rounded(image: ImageArray | None) -> QIcon:
    """A picture of the size of a thumbnail; grey where there is none."""
    density = 2
    made = QPixmap(THUMB_W * density, THUMB_H * density)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
    path = QPainterPath()
    path.addRoundedRect(QRectF(made.rect()), 5 * density, 5 * density)
    painter.setClipPath(path)
    if image is None:
        painter.fillRect(made.rect(), QColor(128, 136, 148, 60))
    else:
        painter.drawImage(made.rect(), picture(image))
    painter.end()
    made.setDevicePixelRatio(density)
    both = QIcon(made)
    both.addPixmap(made, QIcon.Mode.Selected)  # otherwise a chosen picture is tinted
    return both


def _steps_in_words(entry: Entry) -> str:
    return "; ".join(step.words for step in entry.steps) if isinstance(entry, TrialEntry) else ""


class CellDelegate(QStyledItemDelegate):
    """Draws tags as labels and steps as marks: a disc is done, a ring is open, a cross needs a look."""

    def __init__(self, model: LibraryModel) -> None:
        super().__init__()
        self._model, self.theme = model, DARK

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """All rows are as high as a thumbnail needs; columns have widths of their own."""
        return QSize(0, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw a cell."""
        # The row's own ground shows what is chosen; a frame around one cell beside it would say something else.
        option.state &= ~QStyle.StateFlag.State_HasFocus
        super().paint(painter, option, index)
        entry = self._model.entry(index)
        session = isinstance(entry, SessionEntry)
        if entry is None or (index.column() not in (TAGS, STEPS) and not (session and index.column() == NAME)):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(option.rect)
        area = QRectF(option.rect)
        if index.column() == TAGS:
            draw_tags(painter, area, entry.tags, self.theme)
        elif isinstance(entry, SessionEntry) and index.column() == NAME:
            draw_session(painter, area, entry, self.theme)
        elif isinstance(entry, TrialEntry):
            draw_steps(painter, area, entry.steps, self.theme)
        painter.restore()


def draw_session(painter: QPainter, area: QRectF, session: SessionEntry, theme: Theme) -> None:
    """The name of a session, and below it whose it is."""
    font = QFont(painter.font())
    small = QFont(font)
    font.setWeight(QFont.Weight.DemiBold)
    small.setPixelSize(SMALL_PX)
    half = area.height() / 2
    for text, how, colour, top in (
        (session.name, font, theme.text, area.top() + 4),
        (session.told.participant, small, theme.faint, area.top() + half - 3),
    ):
        painter.setFont(how)
        painter.setPen(QColor(colour))
        box = QRectF(area.left() + 6, top, area.width() - 10, half)
        shown = QFontMetricsF(how).elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)


def draw_tags(painter: QPainter, area: QRectF, tags: tuple[str, ...], theme: Theme) -> None:
    """Tags as small labels side by side; what has no room is counted."""
    metrics = QFontMetricsF(painter.font())
    x, height = area.left() + 6, metrics.height() + 4
    for number, tag in enumerate(tags):
        width = metrics.horizontalAdvance(tag) + 14
        if x + width > area.right() and number > 0:
            painter.setPen(QColor(theme.faint))
            painter.drawText(QPointF(x, area.center().y() + metrics.ascent() / 2 - 1), f"+{len(tags) - number}")
            return
        box = QRectF(x, area.center().y() - height / 2, min(width, area.right() - x - 2), height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.raised))
        painter.drawRoundedRect(box, height / 2, height / 2)
        painter.setPen(QColor(theme.text))
        shown = metrics.elidedText(tag, Qt.TextElideMode.ElideRight, box.width() - 12)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, shown)
        x += box.width() + 5


def draw_steps(painter: QPainter, area: QRectF, steps: tuple[Step, ...], theme: Theme) -> None:
    """Steps as marks in a row, joined by a line."""
    y, first = area.center().y(), area.left() + 12
    painter.setPen(QPen(QColor(theme.line), 1.5))
    painter.drawLine(QPointF(first, y), QPointF(first + STEP_PX * (len(steps) - 1), y))
    for number, step in enumerate(steps):
        centre = QPointF(first + STEP_PX * number, y)
        colour = QColor({"done": theme.good, "open": theme.faint, "trouble": theme.poor}[step.state])
        if step.state == "trouble":
            painter.setBrush(QColor(theme.panel))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(centre, DOT_PX + 2, DOT_PX + 2)
            painter.setPen(QPen(colour, 2.2))
            reach = QPointF(DOT_PX - 1, DOT_PX - 1)
            across = QPointF(DOT_PX - 1, 1 - DOT_PX)
            painter.drawLine(centre - reach, centre + reach)
            painter.drawLine(centre - across, centre + across)
            continue
        painter.setPen(QPen(colour, 1.6))
        painter.setBrush(colour if step.state == "done" else QColor(theme.panel))
        painter.drawEllipse(centre, DOT_PX - 0.8, DOT_PX - 0.8)
