"""Adding cameras, and the settings of one."""

from __future__ import annotations

import math
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QMenu,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from mocap.capture.source import CONTROLS
from mocap.gui.presenters.capture.cameras import CONTROL_NAMES, RATES_HZ, SIZES, TURNS, no_settings
from mocap.gui.presenters.capture.capturing import Capturing
from mocap.gui.views.parts import Choice, TroubleCard, button, label, named, number_box
from mocap.pipeline.recording.record import STUDIO

WIDTH_PX, BEGIN_PX = 460, 600
LARGEST_CONTROL = 100_000
FILMS = "Videos (*.mp4 *.mov *.avi *.mkv *.m4v *.webm)"


def fill_menu(menu: QMenu, capturing: Capturing, parent: QWidget) -> None:
    """Offer what can be added: what was found, and what can be named."""
    menu.clear()
    offered = capturing.cameras.offered
    for camera in offered:
        words = f"{camera.name}  ({camera.address})"
        if camera.trouble is not None:
            words += f" – {camera.trouble.what}"
        menu.addAction(words, lambda address=camera.address: capturing.cameras.add(address))
    if not offered:
        nothing = QAction("No other USB camera was found", menu)
        nothing.setEnabled(False)
        menu.addAction(nothing)
    menu.addAction("Look again", capturing.cameras.search)
    menu.addSeparator()
    menu.addAction("Network camera or phone …", lambda: ask_address(capturing, parent))
    menu.addAction("Video files …", lambda: ask_films(capturing, parent))
    menu.addAction("Folder of videos or pictures …", lambda: ask_folder(capturing, parent))
    menu.addAction("Synthetic studio (four cameras)", lambda: capturing.cameras.add(STUDIO))


def ask_address(capturing: Capturing, parent: QWidget) -> None:
    """Ask for the address of a network camera."""
    text, given = QInputDialog.getText(
        parent, "Network camera", "Address of its video, as its app or manual says (rtsp://, http://, srt:// …)"
    )
    if given and text.strip():
        capturing.cameras.add(text.strip())


def ask_films(capturing: Capturing, parent: QWidget) -> None:
    """Ask for videos that stand in for cameras."""
    paths, _ = QFileDialog.getOpenFileNames(parent, "Videos that stand in for cameras", "", FILMS)
    if paths:
        capturing.cameras.add(*paths)


def ask_folder(capturing: Capturing, parent: QWidget) -> None:
    """Ask for a folder of videos or pictures."""
    if chosen := QFileDialog.getExistingDirectory(parent, "Folder of videos or pictures"):
        capturing.cameras.add(chosen)


class Begin(QFrame):
    """What is shown while there is no camera: what was found, and what else can be added."""

    def __init__(self, capturing: Capturing) -> None:
        super().__init__()
        self.setObjectName("card")
        self._capturing = capturing
        self._found = QVBoxLayout()
        self._shown: object = None
        self._words = label("", "faint", wrap=True)
        network, films, studio = (
            button("Network camera or phone …"), button("Video files …"), button("Try the synthetic studio"),
        )  # fmt: skip
        again = button("Look again", "Look for USB cameras again")
        again.clicked.connect(capturing.cameras.search)
        network.clicked.connect(lambda: ask_address(capturing, self))
        films.clicked.connect(lambda: ask_films(capturing, self))
        studio.clicked.connect(lambda: capturing.cameras.add(STUDIO))
        self.studio = studio
        inner = QVBoxLayout()
        inner.setSpacing(10)
        inner.addWidget(label("Which cameras?", "title"))
        inner.addWidget(self._words)
        inner.addLayout(self._found)
        inner.addWidget(again, 0, Qt.AlignmentFlag.AlignLeft)
        inner.addSpacing(8)
        inner.addWidget(label("OTHERS", "section"))
        others = QHBoxLayout()
        for one in (network, films):
            others.addWidget(one)
        others.addStretch(1)
        inner.addLayout(others)
        inner.addWidget(studio, 0, Qt.AlignmentFlag.AlignLeft)  # beside the jobs there is no room for three
        column = QWidget()
        column.setMaximumWidth(BEGIN_PX)
        column.setLayout(inner)
        layout = QVBoxLayout(self)
        layout.addStretch(2)
        layout.addWidget(column, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)

    def show_found(self) -> None:
        """Show what was found."""
        offered = self._capturing.cameras.offered
        state = (offered, self._capturing.cameras.working, self._capturing.cameras.found.warnings)
        if state == self._shown:
            return
        self._shown = state
        words = (
            "Looking for cameras …" if self._capturing.cameras.working else "No USB camera was found. Plug one in."
        )
        if offered:
            words = "These were found. Add each that is to record."
        self._words.setText("\n".join((words, *self._capturing.cameras.found.warnings)))
        while (item := self._found.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        for camera in offered:
            add = button(f"Add   {camera.name}   ({camera.address})", f"Add camera {camera.name}", primary=True)
            add.clicked.connect(lambda _=False, address=camera.address: self._capturing.cameras.add(address))
            self._found.addWidget(add, 0, Qt.AlignmentFlag.AlignLeft)
            if camera.trouble is not None:
                self._found.addWidget(label(f"{camera.trouble.what} {camera.trouble.remedy}", "care", wrap=True))


class CameraDialog(QDialog):
    """The settings of one camera; what is changed is taken over at once by Apply or OK."""

    def __init__(self, parent: QWidget | None, capturing: Capturing, slot: int) -> None:
        super().__init__(parent)
        self._capturing, self._slot = capturing, slot
        entry = capturing.cameras.entry(slot)
        self.setWindowTitle(f"Camera {entry.name}")
        self.setMinimumWidth(WIDTH_PX)
        self.name = QLineEdit(entry.name)
        named(self.name, "Name of the camera")
        self.turn = Choice()
        named(self.turn, "Turned by")
        self.turn.addItems(["as it comes", "90° to the right", "180°", "90° to the left"])
        self.turn.setCurrentIndex(TURNS.index(entry.rotation_deg))
        self.size, self.rate = Choice(), Choice()
        named(self.size, "Resolution")
        named(self.rate, "Rate")
        self.size.addItems(["as the camera chooses", *(f"{w} × {h}" for w, h in SIZES)])
        self.rate.addItems(["as the camera chooses", *(f"{rate:g} pictures a second" for rate in RATES_HZ)])
        self.size.setCurrentIndex(SIZES.index(entry.size_wh) + 1 if entry.size_wh in SIZES else 0)
        self.rate.setCurrentIndex(RATES_HZ.index(entry.rate_hz) + 1 if entry.rate_hz in RATES_HZ else 0)
        self.controls: dict[str, tuple[QCheckBox, QSpinBox]] = {}
        self.trouble, self._why = TroubleCard(), label("", "notice", wrap=True)
        self._lay_out()

    def _lay_out(self) -> None:
        entry = self._capturing.cameras.entry(self._slot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 22, 24, 20)
        layout.setSpacing(10)
        layout.addWidget(label(f"Camera {entry.name}", "title"))
        layout.addWidget(label(self._sent(), "faint", wrap=True))
        form = QGridLayout()
        form.setHorizontalSpacing(14)
        form.setVerticalSpacing(8)
        form.setColumnStretch(1, 1)
        rows: tuple[tuple[str, QWidget], ...] = (
            ("Name", self.name), ("Turned", self.turn), ("Resolution", self.size), ("Rate", self.rate),
        )  # fmt: skip
        for number, (name, field) in enumerate(rows):
            form.addWidget(label(name, "faint"), number, 0)
            form.addWidget(field, number, 1)
        for number, name in enumerate(CONTROLS, start=len(rows)):
            self._add_control(form, number, name)
        layout.addLayout(form)
        why = no_settings(entry)
        self._why.setText(why or "What is not fixed, the camera chooses by itself.")
        for part in (self.size, self.rate, *(widget for pair in self.controls.values() for widget in pair)):
            part.setEnabled(part.isEnabled() and not why)
            if why:
                part.setToolTip(why)
        layout.addWidget(self._why)
        layout.addWidget(self.trouble)
        layout.addSpacing(6)
        remove, cancel = button("Remove camera"), button("Cancel")
        self.ok = button("OK", "Take over the settings", primary=True)
        apply = button("Apply", "Take over the settings and stay")
        remove.clicked.connect(self._remove)
        cancel.clicked.connect(self.reject)
        apply.clicked.connect(self.apply)
        self.ok.clicked.connect(self._finish)
        self.ok.setDefault(True)
        end = QHBoxLayout()
        end.addWidget(remove)
        end.addStretch(1)
        for one in (cancel, apply, self.ok):
            end.addWidget(one)
        layout.addLayout(end)

    def _sent(self) -> str:
        entry, now = self._capturing.cameras.entry(self._slot), self._capturing.now(self._slot)
        size = f"  ·  sends {now.size_wh[0]} × {now.size_wh[1]}" if now is not None and now.size_wh else ""
        rate = f" at {now.rate_hz:.1f} a second" if now is not None and math.isfinite(now.rate_hz) else ""
        return f"{entry.address}{size}{rate}"

    def _add_control(self, form: QGridLayout, row: int, name: str) -> None:
        """A box to fix a setting, and its value."""
        entry, now = self._capturing.cameras.entry(self._slot), self._capturing.now(self._slot)
        fixed = dict(entry.controls)
        tick = QCheckBox("fix at")
        value = number_box(CONTROL_NAMES[name], -LARGEST_CONTROL, LARGEST_CONTROL)
        named(tick, f"Fix {CONTROL_NAMES[name]}")
        tick.setChecked(name in fixed)
        value.setValue(round(fixed.get(name, 0.0)))
        value.setEnabled(name in fixed)
        tick.toggled.connect(value.setEnabled)
        side = QHBoxLayout()
        side.setSpacing(12)
        side.addWidget(tick)
        side.addWidget(value, 1)
        form.addWidget(label(CONTROL_NAMES[name], "faint"), row, 0)
        form.addLayout(side, row, 1)
        self.controls[name] = (tick, value)
        held = now.held.get(name) if now is not None else None
        if held is not None and math.isnan(held) and name in fixed:
            refused = label("This camera's driver does not let it be set.", "care", wrap=True)
            side.addWidget(refused, 2)

    def apply(self) -> bool:
        """Take over what was set; False if it cannot be."""
        size, rate = self.size.currentIndex(), self.rate.currentIndex()
        controls = tuple(
            (name, float(value.value())) for name, (tick, value) in self.controls.items() if tick.isChecked()
        )
        entry = self._capturing.cameras.entry(self._slot)
        wanted = replace(
            entry,
            name=self.name.text().strip(),
            rotation_deg=TURNS[self.turn.currentIndex()],
            size_wh=SIZES[size - 1] if size else None,
            rate_hz=RATES_HZ[rate - 1] if rate else None,
            controls=controls,
        )
        trouble = self._capturing.change(wanted) if wanted != entry else None
        self.trouble.show_trouble(trouble)
        return trouble is None

    def _finish(self) -> None:
        if self.apply():
            self.accept()

    def _remove(self) -> None:
        self._capturing.remove(self._slot)
        self.reject()
