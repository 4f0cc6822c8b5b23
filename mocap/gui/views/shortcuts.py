"""All keys in one place: what binds them also makes the cheat sheet."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from mocap.gui.views.parts import button, label, named

# Keys, what they do (a word of ``MainWindow.act``), and how the sheet says it; pages have keys of their own.
WINDOW_KEYS = (
    ("Ctrl+J", "jobs", "Show or hide the jobs"),
    ("Ctrl+N", "new", "Process a recording"),
    ("Ctrl+E", "export", "Export"),
    ("Ctrl+F", "search", "Search the library"),
    ("F5", "refresh", "Read the library again"),
    ("Ctrl+T", "theme", "Dark or light"),
    ("Ctrl+0", "layout", "Panes as they were"),
    ("F1", "keys", "This sheet"),
)


Keys = tuple[tuple[str, str, str], ...]
Section = tuple[str, Keys]
COLUMNS = 3
# The largest that stays within the smallest window of the app, px.
SIZE_PX = (1120, 720)
# Lines that a heading and the room before it take.
HEAD_LINES = 2


class KeysDialog(QDialog):
    """The cheat sheet."""

    def __init__(self, parent: QWidget | None, pages: tuple[Section, ...]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.resize(*SIZE_PX)
        inside = QWidget()
        columns = QHBoxLayout(inside)
        columns.setContentsMargins(0, 0, 12, 0)
        columns.setSpacing(36)
        for sections in in_columns((("Everywhere", WINDOW_KEYS), *(page for page in pages if page[1]))):
            grid = QGridLayout()
            grid.setHorizontalSpacing(14)
            grid.setVerticalSpacing(6)
            row = 0
            for title, keys in sections:
                grid.setRowMinimumHeight(row, 14 if row else 0)
                grid.addWidget(label(title.upper(), "section"), row + 1, 0, 1, 2)
                for key, _, words in keys:
                    row += 1
                    grid.addWidget(label(key, "notice"), row + 1, 0)
                    grid.addWidget(label(words), row + 1, 1)
                row += HEAD_LINES
            grid.setRowStretch(row, 1)
            grid.setColumnStretch(1, 1)
            columns.addLayout(grid, 1)
        area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inside)
        named(area, "All shortcuts")
        close = button("Close")
        close.clicked.connect(self.reject)
        end = QHBoxLayout()
        end.addStretch(1)
        end.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(26, 22, 14, 20)
        layout.setSpacing(14)
        layout.addWidget(label("Keyboard shortcuts", "title"))
        layout.addWidget(area, 1)
        layout.addLayout(end)


def in_columns(sections: tuple[Section, ...]) -> list[list[Section]]:
    """Share sections out over columns that are about as long as each other, the longest first."""
    columns: list[list[Section]] = [[] for _ in range(COLUMNS)]
    for section in sorted(sections, key=lambda one: -len(one[1])):
        shortest = min(columns, key=lambda column: sum(len(keys) + HEAD_LINES for _, keys in column))
        shortest.append(section)
    return columns
