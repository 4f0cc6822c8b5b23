"""All keys in one place: what binds them also makes the cheat sheet."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from mocap.gui.views.parts import button, label

# Keys, what they do (a word of ``MainWindow.act``), and how the sheet says it; pages have keys of their own.
WINDOW_KEYS = (
    ("Ctrl+J", "jobs", "Show or hide the jobs"),
    ("Ctrl+N", "new", "New run"),
    ("Ctrl+E", "export", "Export"),
    ("Ctrl+F", "search", "Search the library"),
    ("F5", "refresh", "Read the library again"),
    ("Ctrl+T", "theme", "Dark or light"),
    ("Ctrl+0", "layout", "Panes as they were"),
    ("F1", "keys", "This sheet"),
)


Keys = tuple[tuple[str, str, str], ...]


class KeysDialog(QDialog):
    """The cheat sheet."""

    def __init__(self, parent: QWidget | None, pages: tuple[tuple[str, Keys], ...]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(26, 22, 26, 20)
        layout.setSpacing(14)
        layout.addWidget(label("Keyboard shortcuts", "title"))
        columns = QHBoxLayout()
        columns.setSpacing(44)
        for title, keys in (("Everywhere", WINDOW_KEYS), *(page for page in pages if page[1])):
            grid = QGridLayout()
            grid.setHorizontalSpacing(18)
            grid.setVerticalSpacing(6)
            grid.addWidget(label(title.upper(), "section"), 0, 0, 1, 2)
            for row, (key, _, words) in enumerate(keys, start=1):
                grid.addWidget(label(key, "notice"), row, 0)
                grid.addWidget(label(words), row, 1)
            grid.setRowStretch(len(keys) + 1, 1)
            columns.addLayout(grid)
        layout.addLayout(columns)
        close = button("Close")
        close.clicked.connect(self.reject)
        end = QHBoxLayout()
        end.addStretch(1)
        end.addWidget(close)
        layout.addLayout(end)
