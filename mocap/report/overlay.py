"""Overlay videos: what was detected and what came out, drawn onto what was filmed.

One H.264 film per camera, one picture per common instant, so that the films of all cameras run in step.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError

from calibration import CameraRig
from calibration.files import atomic_write
from mocap.capture import images_at
from mocap.core.errors import ExportError, VideoError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.core.types import FloatArray, Frame, ImageArray, Points3D, SyncTable, Tracks2D
from mocap.report.drawing import ViewMarks, draw_caption, draw_legend, draw_view

FrameSource = Callable[[], Iterator[Frame]]

# Full HD and larger is more than a reader needs to judge the fit, and takes four times as long to encode.
LONG_SIDE_PX = 1280
ENCODER = "libx264"
# Constant quality: at 23 (the encoder's default) keypoint outlines are still crisp.
CONSTANT_RATE_FACTOR = "23"
# More gain little at this size and would take the machine from the stages that run beside.
ENCODER_THREADS = 2
# A picture that can be decoded alone every this many: players seek quickly, files grow by a few percent.
KEYFRAME_INTERVAL = 30
# Frame rates are stored as fractions; 1001 keeps 29.97 = 30000/1001 exact.
RATE_DENOMINATOR = 1001
# Rate of a film with a single instant, where no rate is known.
SINGLE_PICTURE_RATE = Fraction(1)
# Width of the sheet in the report: sharp on a page of 1100 px, about 200 kB as JPEG.
SHEET_WIDTH_PX = 1600
# Grey of the picture where a camera took none.
NO_PICTURE_GREY = 40


def write_overlays(
    folder: Path,
    frames: Mapping[str, FrameSource],
    tracks: Tracks2D,
    points: Points3D,
    rig: CameraRig,
    sync: SyncTable,
    *,
    long_side_px: int = LONG_SIDE_PX,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> dict[str, Path]:
    """Write one overlay film per camera and return their paths by camera name.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    frames : mapping
        For each camera of ``sync``, a function that opens its frames in order.
    tracks, points, rig
        With the cameras of ``sync`` in that order; the rig for the size of the frames.
    long_side_px : int
        Larger pictures are scaled down to this.

    Raises
    ------
    ExportError
        If this installation cannot encode H.264.
    CancelledError
        If stopped; films that are finished stay, the one being written is removed.
    """
    cancel = cancel or CancelToken()
    check_encoder()
    total = sync.frame_index.size
    paths: dict[str, Path] = {}
    for c, (name, file) in enumerate(zip(sync.cameras, film_names(sync.cameras), strict=True)):
        paths[name] = folder / file
        pictures = overlay_pictures(frames[name], c, tracks, points, rig, sync, long_side_px)
        counted = _counted(pictures, c * sync.t_s.shape[0], total, progress, cancel)
        with atomic_write(paths[name]) as draft:
            try:
                encode_film(draft, counted, _rate(sync))
            except FFmpegError as error:
                raise ExportError(
                    f"The overlay film could not be written: {error.strerror}.",
                    "Check that the disk has space, or switch the overlays off.",
                    paths[name],
                ) from error
    return paths


def film_names(cameras: tuple[str, ...]) -> tuple[str, ...]:
    """File names for cameras: letters, digits, dash and dot are kept; names that then clash get a number."""
    names: list[str] = []
    for index, camera in enumerate(cameras):
        name = re.sub(r"[^\w.-]+", "_", camera).strip("._") or "camera"
        names.append(f"{name}.mp4" if f"{name}.mp4" not in names else f"{name}_{index + 1}.mp4")
    return tuple(names)


def overlay_pictures(
    source: FrameSource,
    camera: int,
    tracks: Tracks2D,
    points: Points3D,
    rig: CameraRig,
    sync: SyncTable,
    long_side_px: int = LONG_SIDE_PX,
) -> Iterator[ImageArray]:
    """Draw the pictures of one camera, one for each common instant; grey where the camera took none.

    Only one frame is held at a time. All pictures have the same, even, size.
    """
    wanted = sync.frame_index[:, camera]
    reprojected, _ = rig.cameras[camera].project(points.xyz)
    size_wh: tuple[int, int] | None = None
    for instant, image in enumerate(images_at(source(), wanted)):
        given_wh = rig.cameras[camera].intrinsics.size_wh if image is None else (image.shape[1], image.shape[0])
        # The first picture sets the size: an encoder cannot change it on the way.
        size_wh = size_wh or even_size(given_wh, long_side_px)
        if image is None:
            picture: ImageArray = np.full((size_wh[1], size_wh[0], 3), NO_PICTURE_GREY, np.uint8)
            number = "no picture"
        else:
            picture = _scaled(image, size_wh)
            number = f"frame {wanted[instant]}"
        scale = np.array(size_wh) / np.array(given_wh)
        marks = ViewMarks(
            detected=_scaled_points(tracks.xy[instant, camera], scale),
            used=points.used[instant, camera],
            reprojected=_scaled_points(reprojected[instant], scale),
        )
        time = f"{instant + 1}/{len(wanted)}   {sync.t_s[instant]:.3f} s"
        draw_caption(picture, (sync.cameras[camera], f"{number}   {time}"))
        draw_legend(picture)
        # Last, so that no text hides what the picture is for.
        draw_view(picture, marks, tracks.skeleton)
        yield picture


def even_size(size_wh: tuple[int, int], long_side_px: int) -> tuple[int, int]:
    """Scale a size down to ``long_side_px``; even, as H.264 with half-resolution colour demands."""
    scale = min(1.0, long_side_px / max(size_wh))
    width, height = (max(2, 2 * round(side * scale / 2)) for side in size_wh)
    return width, height


def contact_sheet(overlays: Mapping[str, Path], instant: int, width_px: int = SHEET_WIDTH_PX) -> ImageArray:
    """Put the pictures of all overlay films at one instant together, for one glance at the fit.

    Upright pictures stand in one row, wide ones in a square of rows and columns.

    Parameters
    ----------
    overlays : mapping
        Overlay films by camera name, as ``write_overlays`` returns them.
    instant : int
        Index of the common instant.
    width_px : int
        Width of the sheet; a few pixels less if it does not divide by the columns.

    Returns
    -------
    (H, W, 3) uint8 BGR
    """
    pictures = [_picture_of_film(path, instant) for path in overlays.values()]
    upright = float(np.median([p.shape[0] / p.shape[1] for p in pictures]))
    columns = len(pictures) if upright > 1.0 else math.ceil(math.sqrt(len(pictures)))
    cell_wh = (width_px // columns, round(width_px // columns * upright))
    sheet = np.full(
        (-(-len(pictures) // columns) * cell_wh[1], columns * cell_wh[0], 3), NO_PICTURE_GREY, np.uint8
    )
    for place, picture in enumerate(pictures):
        # A camera of another shape is made to fit into its cell, never stretched.
        scale = min(cell_wh[0] / picture.shape[1], cell_wh[1] / picture.shape[0])
        size_wh = (max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale)))
        top, left = place // columns * cell_wh[1], place % columns * cell_wh[0]
        sheet[top : top + size_wh[1], left : left + size_wh[0]] = cv2.resize(
            picture, size_wh, interpolation=cv2.INTER_AREA
        )
    return sheet


def clearest_instant(points: Points3D) -> int:
    """The instant nearest to the middle among those with the most keypoints in 3D: what a picture shows best."""
    core = np.isfinite(points.xyz[:, :, points.skeleton.core_index]).all(axis=-1).sum(axis=(1, 2))
    best = np.flatnonzero(core == core.max())
    return int(best[np.argmin(np.abs(best - core.shape[0] // 2))])


def check_encoder() -> None:
    """Raise ExportError unless the installed FFmpeg libraries encode H.264."""
    if ENCODER not in av.codecs_available:
        raise ExportError(
            f"The installed PyAV has no H.264 encoder ({ENCODER}).",
            "Install the wheel from PyPI (pip install --force-reinstall av), or switch the overlays off.",
        )


def _rate(sync: SyncTable) -> Fraction:
    """Frame rate of the films."""
    if sync.t_s.shape[0] < 2:
        return SINGLE_PICTURE_RATE
    return Fraction(sync.rate_hz).limit_denominator(RATE_DENOMINATOR)


def _scaled(image: ImageArray, size_wh: tuple[int, int]) -> ImageArray:
    """A copy of the image at another size."""
    if (image.shape[1], image.shape[0]) == size_wh:
        return image.copy()
    # Bilinear sees two source pixels a side, so down to a half it skips none and is three times as fast.
    way = cv2.INTER_LINEAR if 2 * size_wh[0] >= image.shape[1] else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, size_wh, interpolation=way), dtype=np.uint8)


def _scaled_points(xy: FloatArray, scale: FloatArray) -> FloatArray:
    """Map pixels to the scaled picture; pixel centres are at integers in both."""
    return np.asarray((xy + 0.5) * scale - 0.5)


def _counted(
    pictures: Iterator[ImageArray], before: int, total: int, progress: Progress, cancel: CancelToken
) -> Iterator[ImageArray]:
    """Pass pictures on, telling how many are done and stopping when asked."""
    for count, picture in enumerate(pictures, start=before + 1):
        cancel.check()
        yield picture
        progress("overlay", count, total)


def encode_film(path: Path, pictures: Iterator[ImageArray], rate: Fraction) -> None:
    """Encode pictures as H.264 that any browser plays: 8 bit 4:2:0, index at the front."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = None
        for picture in pictures:
            if stream is None:
                stream = container.add_stream(
                    ENCODER, rate=rate, options={"preset": "veryfast", "crf": CONSTANT_RATE_FACTOR}
                )
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.gop_size = KEYFRAME_INTERVAL
                stream.codec_context.thread_count = ENCODER_THREADS
            planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        if stream is not None:
            container.mux(stream.encode(None))


def _picture_of_film(path: Path, instant: int) -> ImageArray:
    """Decode one picture of an overlay film, from the key frame before it."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            wanted = Fraction(instant) / stream.average_rate
            container.seek(int(wanted / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                # Half a frame of slack, as time stamps are rounded to the film's clock.
                if frame.time + 0.5 / float(stream.average_rate) > wanted:
                    return np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
    except FFmpegError as error:
        raise VideoError(f"The overlay film cannot be read: {error.strerror}.", "Make it again.", path) from error
    raise VideoError(f"The overlay film ends before instant {instant}.", "Make it again.", path)
