"""Films with a picture and the camera each is of; a wrong one is put right by choosing another camera."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from mocap.gui.presenters.library.thumbs import Thumbnails
from mocap.gui.views.painting import picture
from mocap.gui.views.parts import Choice, clear_layout, label, named

THUMB = QSize(96, 60)
CHOICE_PX = 140


class FilmList(QWidget):
    """One line a film."""

    given = Signal(object, str)  # Path, camera

    def __init__(self, thumbnails: Thumbnails) -> None:
        super().__init__()
        self._thumbnails = thumbnails
        self._pictures: list[tuple[Path, QLabel]] = []
        self._shown: object = None
        self.choices: dict[Path, Choice] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 6, 0)
        self._layout.setSpacing(8)
        thumbnails.changed.subscribe(self._fill)

    def show_films(self, videos: tuple[tuple[str, Path], ...], cameras: tuple[str, ...], none: str = "") -> None:
        """Show other films, or the same at other cameras."""
        if self._shown == (videos, cameras, none):
            return
        self._shown = (videos, cameras, none)
        clear_layout(self._layout)
        self._pictures, self.choices = [], {}
        if not videos and none:
            self._layout.addWidget(label(none, "faint"))
        for camera, film in videos:
            self._layout.addWidget(self._line(camera, film, cameras))
        self._layout.addStretch(1)
        self._fill()

    def _line(self, camera: str, film: Path, cameras: tuple[str, ...]) -> QWidget:
        shot = QLabel()
        shot.setFixedSize(THUMB)
        shot.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pictures.append((film, shot))
        choice = Choice()
        named(
            choice,
            f"Camera of {film.name}",
            "Choose another camera if this is not it; the two videos change places",
        )
        choice.addItems(list(cameras))
        choice.setCurrentText(camera)
        choice.setMinimumWidth(CHOICE_PX)
        choice.activated.connect(lambda index: self.given.emit(film, cameras[index]))
        self.choices[film] = choice
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(shot)
        row.addWidget(label(film.name, "faint", wrap=True), 1)
        row.addWidget(choice)
        return line

    def _fill(self) -> None:
        for film, shot in self._pictures:
            image = self._thumbnails.get(film)
            trouble = self._thumbnails.troubles.get(film)
            if image is not None:
                full = QPixmap.fromImage(picture(image))
                mode, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
                shot.setPixmap(full.scaled(THUMB, mode, smooth))
            elif trouble is not None:
                shot.setText("unreadable")
                shot.setToolTip(f"{trouble.what} {trouble.remedy}")

    def leave(self) -> None:
        """Pictures that still come are of no use."""
        self._pictures = []
