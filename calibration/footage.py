"""Pictures of one camera for calibration, from wherever they come."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationError

Image = NDArray[np.uint8]

HASH_BLOCK = 1 << 20


class Footage(Protocol):
    """The pictures of one camera."""

    @property
    def size_wh(self) -> tuple[int, int]:
        """Size of the pictures, px."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the pictures do."""
        ...

    def read(self, wanted: NDArray[np.int64]) -> Iterator[tuple[int, Image]]:
        """Yield the pictures of these ascending numbers with their numbers, one at a time.

        The thread that takes them is the one that decodes them. A picture that is missing is left out.
        """
        ...


@dataclass(frozen=True)
class VideoFootage:
    """A video file, decoded by OpenCV from its start; pictures not wanted are decoded but not converted."""

    path: Path

    @cached_property
    def size_wh(self) -> tuple[int, int]:
        """Size of the first picture, px, turned as the file says."""
        capture = self._open()
        try:
            good, image = capture.read()
        finally:
            capture.release()
        if not good:
            raise CalibrationError("No picture of the video can be decoded.", "Convert it to mp4.", self.path)
        return int(image.shape[1]), int(image.shape[0])

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the file."""
        return file_hash([self.path])

    @cached_property
    def n_frames(self) -> int:
        """Number of frames by the container's word."""
        capture = self._open()
        try:
            return int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        finally:
            capture.release()

    def read(self, wanted: NDArray[np.int64]) -> Iterator[tuple[int, Image]]:
        """Yield the wanted pictures; a video that ends early yields those it has."""
        capture = self._open()
        try:
            at = 0
            for index in wanted.tolist():
                while at < index and capture.grab():
                    at += 1
                if at != index:
                    return
                good, image = capture.read()
                if not good:
                    return
                at += 1
                yield index, image
        finally:
            capture.release()

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self.path))
        if not capture.isOpened():
            raise CalibrationError("The video cannot be opened.", "Check the path; convert it to mp4.", self.path)
        return capture


@dataclass(frozen=True)
class ImageFootage:
    """A list of image files, numbered from 0."""

    paths: tuple[Path, ...]

    @cached_property
    def size_wh(self) -> tuple[int, int]:
        """Size of the first picture, px."""
        if not self.paths:
            raise CalibrationError("There are no pictures.", "Give at least one.")
        image = self._load(self.paths[0])
        return int(image.shape[1]), int(image.shape[0])

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all files."""
        return file_hash(self.paths)

    @property
    def n_frames(self) -> int:
        """Number of pictures."""
        return len(self.paths)

    def read(self, wanted: NDArray[np.int64]) -> Iterator[tuple[int, Image]]:
        """Yield the wanted pictures.

        Raises
        ------
        CalibrationError
            If a picture cannot be read or has another size than the first.
        """
        for index in wanted.tolist():
            if not 0 <= index < len(self.paths):
                continue
            image = self._load(self.paths[index])
            size = (image.shape[1], image.shape[0])
            if size != self.size_wh:
                raise CalibrationError(
                    f"The picture has {size[0]}x{size[1]} px, the first one {self.size_wh[0]}x{self.size_wh[1]}.",
                    "Keep pictures of one camera and one setting in a folder.",
                    self.paths[index],
                )
            yield index, image

    @staticmethod
    def _load(path: Path) -> Image:
        try:
            data = np.fromfile(path, dtype=np.uint8)  # cv2.imread cannot open every path on Windows
        except OSError as error:
            raise CalibrationError(f"The picture cannot be read: {error.strerror}.", "Check it.", path) from error
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        if image is None:
            raise CalibrationError("This is not a picture that can be read.", "Use JPEG, PNG or TIFF.", path)
        return np.asarray(image, dtype=np.uint8)


def file_hash(paths: Sequence[Path]) -> str:
    """Hash of the content of files."""
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        try:
            with path.open("rb") as stream:
                while block := stream.read(HASH_BLOCK):
                    digest.update(block)
        except OSError as error:
            raise CalibrationError(f"The file cannot be read: {error.strerror}.", "Check it.", path) from error
        digest.update(b"|")
    return digest.hexdigest()
