"""Colours and style of the app: dark and light, with data colours that any colour vision tells apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from string import Template

from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

from mocap.gui.scene.content import SceneColours

# From the palette of Okabe and Ito (Color Universal Design, 2008).
SKY, ORANGE, GREEN, YELLOW = (86, 180, 233), (230, 159, 0), (0, 158, 115), (240, 228, 66)
BLUE, VERMILLION = (0, 114, 178), (213, 94, 0)


@dataclass(frozen=True)
class Theme:
    """Colours by what they are for, as #rrggbb.

    ``sides`` are left, right, middle; ``good``, ``care``, ``poor`` always go with a word.
    """

    name: str
    window: str
    panel: str
    raised: str
    hover: str
    line: str
    text: str
    faint: str
    accent: str
    on_accent: str
    good: str
    care: str
    poor: str
    sides: tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]

    @property
    def scene(self) -> SceneColours:
        """The same for the room in 3D."""
        return SceneColours(rgb(self.window), rgb(self.line), rgb(self.faint), rgb(self.text), self.sides)


DARK = Theme(
    "dark", "#14171c", "#1b1f26", "#242932", "#2d333e", "#343b47", "#e8ebf0", "#98a2b3", "#56b4e9", "#0b1016",
    "#2cc295", "#f0b429", "#ff7a45", (SKY, ORANGE, (214, 219, 227)),
)  # fmt: skip
LIGHT = Theme(
    "light", "#f4f6f9", "#ffffff", "#eef1f5", "#e2e7ee", "#d3dae3", "#171b21", "#5b6675", "#0072b2", "#ffffff",
    "#007a58", "#8a5a00", "#b84700", (BLUE, (190, 110, 0), (80, 88, 99)),
)  # fmt: skip
THEMES = {theme.name: theme for theme in (DARK, LIGHT)}

FONTS = ("Inter", "Segoe UI", "SF Pro Text", "Helvetica Neue", "Noto Sans", "DejaVu Sans")

# A style sheet takes pictures from files only.
MARKS = Path(__file__).with_name("marks")

SHEET = Template("""
* { outline: 0; }
QWidget { color: $text; font-size: 13px; }
QMainWindow, QDialog, #page { background: $window; }
QMainWindow::separator { background: $window; width: 6px; height: 6px; }
QMainWindow::separator:hover { background: $accent; }
#rail { background: $panel; border-right: 1px solid $line; }
#rail QToolButton { border: 0; border-radius: 8px; padding: 8px 4px; color: $faint; font-size: 11px; }
#rail QToolButton:hover { background: $hover; color: $text; }
#rail QToolButton:checked { background: $raised; color: $text; }
#rail QToolButton:focus { border: 1px solid $accent; }
#panel, QDockWidget > QWidget { background: $panel; }
#card { background: $panel; border: 1px solid $line; border-radius: 10px; }
#title { font-size: 22px; font-weight: 600; }
#heading { font-size: 15px; font-weight: 600; }
#faint { color: $faint; }
#section { color: $faint; font-size: 11px; font-weight: 600; letter-spacing: 1px; }
#notice { background: $raised; color: $faint; border-radius: 6px; padding: 4px 8px; font-size: 11px; }
#trouble { background: $raised; border-left: 3px solid $poor; border-radius: 6px; padding: 10px 12px; }
#good { color: $good; } #care { color: $care; } #poor { color: $poor; }
QLabel#number { font-size: 13px; font-weight: 600; }
QPushButton { background: $raised; border: 1px solid $line; border-radius: 7px; padding: 7px 14px; }
QPushButton:hover { background: $hover; }
QPushButton:focus { border: 1px solid $accent; }
QPushButton:disabled { color: $faint; background: $panel; }
QPushButton#primary { background: $accent; color: $on_accent; border: 1px solid $accent; font-weight: 600; }
QPushButton#primary:focus { border: 2px solid $text; padding: 6px 13px; }
QPushButton#primary:disabled { background: $raised; color: $faint; border: 1px solid $line; }
QPushButton#menu { text-align: left; padding: 6px 9px; }
QPushButton#segment { border-radius: 0; padding: 7px 12px; color: $faint; background: $panel; }
QPushButton#segment:checked { color: $text; background: $hover; border-bottom: 2px solid $accent; }
QPushButton#segment:focus { border: 1px solid $accent; }
QToolButton { background: transparent; border: 1px solid transparent; border-radius: 6px; padding: 5px; }
QToolButton#menu { background: $raised; border: 1px solid $line; border-radius: 7px; padding: 6px 14px; }
QToolButton#menu::menu-indicator { image: none; }
QToolButton:hover, QToolButton#menu:hover { background: $hover; }
QToolButton#menu:focus { border: 1px solid $accent; }
QToolButton:checked { background: $raised; border: 1px solid $accent; }
QToolButton:focus { border: 1px solid $accent; }
QLineEdit, QComboBox, QPlainTextEdit, QSpinBox, QDoubleSpinBox {
    background: $raised; border: 1px solid $line; border-radius: 7px; padding: 6px 9px;
    selection-background-color: $accent; selection-color: $on_accent;
}
QLineEdit:focus, QComboBox:focus, QPlainTextEdit:focus, QDoubleSpinBox:focus { border: 1px solid $accent; }
QAbstractSpinBox QLineEdit { border: 0; padding: 0 0 0 8px; background: transparent; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { border: 0; background: transparent; width: 20px; }
QAbstractSpinBox::up-arrow, QAbstractSpinBox::down-arrow { image: none; }
QLineEdit:disabled, QComboBox:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QCheckBox:disabled {
    color: $faint; }
QLineEdit:disabled, QComboBox:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled { background: $panel; }
QComboBox::drop-down { border: 0; width: 24px; }
QComboBox::down-arrow { image: none; }
QComboBox QAbstractItemView { background: $panel; border: 1px solid $line; selection-background-color: $hover;
    selection-color: $text; padding: 4px; }
QTableView, QListWidget, QTreeView { background: $panel; border: 1px solid $line; border-radius: 10px;
    selection-background-color: $hover; selection-color: $text; gridline-color: transparent; }
QTableView::item { padding: 0 6px; border-bottom: 1px solid $raised; }
QTableView::item:selected { background: $hover; }
QTreeView::item { padding: 0 6px; }
QTreeView::item:selected { background: $hover; color: $text; }
QListWidget::item { padding: 6px 8px; border-radius: 6px; }
QListWidget::item:selected { background: $hover; color: $text; }
QHeaderView { background: $panel; border: 0; border-radius: 10px; }
QHeaderView::section { background: $panel; color: $faint; border: 0; border-bottom: 1px solid $line;
    padding: 9px 8px; font-weight: 600; font-size: 12px; }
QTableCornerButton::section { background: $panel; border: 0; }
QProgressBar { background: $raised; border: 0; border-radius: 3px; max-height: 6px; min-height: 6px; }
QProgressBar::chunk { background: $accent; border-radius: 3px; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 2px; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 2px; }
QScrollBar::handle { background: $line; border-radius: 4px; min-height: 24px; min-width: 24px; }
QScrollBar::handle:hover { background: $faint; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QScrollArea { background: transparent; border: 0; }
QScrollArea > QWidget, QScrollArea > QWidget > QWidget { background: transparent; }
QScrollArea > QWidget > QWidget#panel { background: $panel; }
QDockWidget { color: $faint; font-weight: 600; font-size: 12px; titlebar-close-icon: none; }
QDockWidget::title { background: $panel; padding: 8px 12px; border-bottom: 1px solid $line; }
QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: 5px 8px; }
QMenu { background: $panel; border: 1px solid $line; padding: 4px; }
QMenu::item { padding: 6px 22px; border-radius: 5px; }
QMenu::item:selected { background: $hover; }
QMenu::item:disabled { color: $faint; background: transparent; }
QCheckBox, QRadioButton { spacing: 8px; }
QRadioButton::indicator { width: 14px; height: 14px; border: 1px solid $faint; border-radius: 8px;
    background: $raised; }
QRadioButton::indicator:checked { border: 1px solid $accent; background: qradialgradient(cx: 0.5, cy: 0.5,
    radius: 0.5, fx: 0.5, fy: 0.5, stop: 0 $accent, stop: 0.55 $accent, stop: 0.65 $raised, stop: 1 $raised); }
QRadioButton::indicator:focus { border: 2px solid $accent; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid $faint; border-radius: 4px;
    background: $raised; }
QCheckBox::indicator:hover { border: 1px solid $text; }
QCheckBox::indicator:checked { border: 1px solid $accent; background: $accent; image: url("$tick"); }
QCheckBox::indicator:focus { border: 2px solid $accent; }
QCheckBox::indicator:checked:focus { border: 1px solid $text; }
QCheckBox::indicator:disabled { border: 1px solid $line; background: $panel; }
QCheckBox::indicator:checked:disabled { background: $faint; }
QRadioButton::indicator:disabled { border: 1px solid $line; }
QStatusBar { background: $panel; color: $faint; border-top: 1px solid $line; }
QSplitter::handle { background: $window; }
""")


def rgb(colour: str) -> tuple[int, int, int]:
    """Numbers of #rrggbb."""
    made = QColor(colour)
    return made.red(), made.green(), made.blue()


def apply_theme(app: QApplication, theme: Theme) -> None:
    """Dress the whole app."""
    known = set(QFontDatabase.families())
    family = next((name for name in FONTS if name in known), app.font().family())
    font = QFont(family)
    font.setPixelSize(13)
    app.setStyle("Fusion")
    app.setFont(font)
    palette = QPalette()
    for role, colour in (
        (QPalette.ColorRole.Window, theme.window),
        (QPalette.ColorRole.Base, theme.panel),
        (QPalette.ColorRole.AlternateBase, theme.raised),
        (QPalette.ColorRole.Text, theme.text),
        (QPalette.ColorRole.WindowText, theme.text),
        (QPalette.ColorRole.Button, theme.raised),
        (QPalette.ColorRole.ButtonText, theme.text),
        (QPalette.ColorRole.Highlight, theme.accent),
        (QPalette.ColorRole.HighlightedText, theme.on_accent),
        (QPalette.ColorRole.PlaceholderText, theme.faint),
        (QPalette.ColorRole.ToolTipBase, theme.raised),
        (QPalette.ColorRole.ToolTipText, theme.text),
    ):
        palette.setColor(role, QColor(colour))
    app.setPalette(palette)
    words = {name: value for name, value in vars(theme).items() if isinstance(value, str)}
    app.setStyleSheet(SHEET.substitute(words, tick=(MARKS / f"tick-{theme.name}.svg").as_posix()))
