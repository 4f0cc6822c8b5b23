"""One small picture a trial, made in a thread and kept per user; the key is the file, its size and its date."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import platformdirs

from calibration.files import atomic_write
from mocap.core.errors import ExplainedError, VideoError
from mocap.core.types import ImageArray
from mocap.gui.presenters.changes import Changes
from mocap.gui.presenters.words import Trouble, trouble_of
from mocap.session import key_of

# Twice what is shown, for dense screens, px.
WIDTH, HEIGHT = 160, 100
# Where in a film there most likely is somebody to be seen.
PLACE = 0.4
QUALITY = 85


def cache_dir() -> Path:
    """Where the pictures are kept."""
    return Path(platformdirs.user_cache_dir("openmocap")) / "thumbnails"


def poster(path: Path) -> ImageArray:
    """A picture (HEIGHT, WIDTH, 3), BGR, out of a film: the key picture before ``PLACE``, cut to the shape.

    Raises
    ------
    VideoError
        If the film cannot be read.
    """
    import av

    from mocap.capture.files import upright

    try:
        with av.open(str(path)) as film:
            stream = film.streams.video[0]
            if stream.duration is not None:
                film.seek((stream.start_time or 0) + int(PLACE * stream.duration), stream=stream)
            image = next((upright(frame) for frame in film.decode(stream)), None)
    except (av.FFmpegError, IndexError, OSError) as error:
        raise VideoError(
            f"This video cannot be read: {error}.", "Copy it again from the camera, or leave it out.", path
        ) from error
    if image is None:
        raise VideoError("This video has no pictures.", "Copy it again from the camera, or leave it out.", path)
    return _cut(image)


def _cut(image: ImageArray) -> ImageArray:
    """Scale to the shape; of an upright film the middle is kept, a little above where people are."""
    import cv2

    height, width = image.shape[:2]
    scale = max(WIDTH / width, HEIGHT / height)
    size = (max(WIDTH, round(width * scale)), max(HEIGHT, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    left, top = (size[0] - WIDTH) // 2, (size[1] - HEIGHT) // 3
    cut: ImageArray = small[top : top + HEIGHT, left : left + WIDTH]
    return cut


def kept_poster(path: Path, folder: Path) -> ImageArray:
    """The poster of a film from the cache, made where it is not there."""
    import cv2
    import numpy as np

    stat = path.stat()
    file = folder / f"{key_of(str(path), stat.st_size, stat.st_mtime_ns, WIDTH, HEIGHT)}.jpg"
    if file.is_file():
        known: ImageArray | None = cv2.imdecode(np.fromfile(file, dtype=np.uint8), cv2.IMREAD_COLOR)
        if known is not None and known.shape == (HEIGHT, WIDTH, 3):
            return known
    image = np.ascontiguousarray(poster(path))
    _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    try:
        with atomic_write(file) as draft:
            coded.tofile(draft)
    except ExplainedError:  # a full disk keeps nobody from looking; it is made again the next time
        return image
    return image


class Thumbnails:
    """Pictures by film; asked for as they come into view, there a little later."""

    def __init__(self, folder: Path | None = None, make: Callable[[Path, Path], ImageArray] = kept_poster) -> None:
        self.changed = Changes()
        self._folder, self._make = folder or cache_dir(), make
        self._pool: ThreadPoolExecutor | None = None
        self._wanted: dict[Path, Future[ImageArray]] = {}
        self._there: dict[Path, ImageArray | None] = {}
        self.troubles: dict[Path, Trouble] = {}

    def get(self, path: Path) -> ImageArray | None:
        """The picture if it is there; otherwise it is ordered, once."""
        if path not in self._there and path not in self._wanted:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, thread_name_prefix="thumbnails")
            self._wanted[path] = self._pool.submit(self._make, path, self._folder)
        return self._there.get(path)

    def tick(self) -> None:
        """Take in what was made."""
        made = [path for path, future in self._wanted.items() if future.done()]
        for path in made:
            try:
                self._there[path] = self._wanted.pop(path).result()
            except Exception as error:  # shown beside the film, in words
                self._there[path], self.troubles[path] = None, trouble_of(error)
        if made:
            self.changed.emit()

    def forget_troubles(self) -> None:
        """Look again at films that could not be read: they may have been mended."""
        for path in self.troubles:
            self._there.pop(path, None)
        self.troubles.clear()

    def close(self) -> None:
        """Let the thread go."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
