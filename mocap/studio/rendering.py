"""Renders a whole session: calibration sequence, trial, truth; all or nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tomli_w

from calibration.camera import CameraRig
from calibration.files import explain_write_error
from calibration.formats import save_rig
from mocap.core.errors import InputError, MissingExtraError
from mocap.core.progress import CancelToken, Progress
from mocap.core.types import FloatArray, ImageArray
from mocap.presets import load_skeleton
from mocap.session.manifest import SessionManifest, write_manifest
from mocap.studio.board import StudioBoard, board_poses, draw_board
from mocap.studio.encode import write_video
from mocap.studio.people import Person, cast, true_keypoints
from mocap.studio.rig import make_rig
from mocap.studio.scene import Backdrop, average, sample_rays, trace_room
from mocap.studio.settings import StudioSettings
from mocap.studio.sound import SOUND_M_S, clap_wave, microphone
from mocap.studio.truth import Truth, angles_from_points, save_truth

SKELETON = "blazepose33"

# Cameras differ in exposure and white balance by a few percent.
GAIN_SPREAD = 0.04

# What the streams of random numbers are for; each draw depends on the seed, its purpose and the camera.
DRAW_GAIN, DRAW_NOISE, DRAW_DROPS, DRAW_CLAP, DRAW_SOUND, DRAW_BOARD_NOISE, DRAW_EXPOSURE = range(10, 17)

# A lamp that somebody switches on and off again: how long, s, and by how much it lights the room up.
FLASH_S = 0.4
FLASH_GAIN = 0.25
# Share of a frame's period that a camera gathers light in.
EXPOSURE_SHARE = (0.2, 0.9)
# Automatic exposure drifts up and down in so many seconds.
SWING_S = (3.0, 8.0)


@dataclass(frozen=True)
class _Job:
    """What every part of the rendering needs."""

    settings: StudioSettings
    rig: CameraRig
    people: tuple[Person, ...]
    progress: Progress
    cancel: CancelToken


def render(settings: StudioSettings, out: Path, progress: Progress, cancel: CancelToken) -> Path:
    """Render a session folder with calibration videos, one trial and its truth.

    Parameters
    ----------
    out : Path
        A folder that does not exist yet, or is empty.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    MissingExtraError
        If numba or anny is not installed.
    InputError
        If ``out`` holds something already.
    StorageError
        If the disk is full or does not let us write.
    CancelledError
        If the user stopped it; nothing is left then.
    """
    _need_numba()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("There is something here already.", "Choose another folder, or remove this one.", out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    except OSError as error:
        raise explain_write_error(error, out) from error
    try:
        progress("dress", 0, 1)
        job = _Job(settings, make_rig(settings), cast(settings), progress, cancel)
        progress("dress", 1, 1)
        cancel.check()
        manifest = SessionManifest(
            id=f"studio-{settings.trial}", participant="made up", consent="not needed: the people are not real"
        )
        write_manifest(draft / "session.toml", manifest)
        save_rig(job.rig, draft / "calibration" / "rig.toml", "anipose")
        for number, camera in enumerate(job.rig.cameras):
            room = trace_room(camera)
            if settings.charuco_seconds > 0:
                _film_board(job, number, room, draft / "calibration" / "videos")
            _film_trial(job, number, room, draft / "trials" / settings.trial / "raw")
        if settings.charuco_seconds > 0:
            _note_board(settings, draft / "calibration")
        _note_truth(job, draft / "trials" / settings.trial)
        # mkdtemp makes a folder that only its owner may read.
        draft.chmod(0o755)
        if out.exists():
            out.rmdir()
        draft.replace(out)
    except OSError as error:
        raise explain_write_error(error, out) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return out


def _need_numba() -> None:
    """Explain a missing rasteriser before any work is done."""
    try:
        import numba  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Rendering test films needs numba.", "studio") from error


def _board_motion(settings: StudioSettings) -> tuple[FloatArray, FloatArray]:
    """Instants (T,), s, and true poses (T, 4, 4), world_from_board, of the calibration sequence."""
    count = max(round(settings.charuco_seconds * settings.charuco_fps), 1)
    t_s = np.arange(count) / settings.charuco_fps
    return t_s, board_poses(StudioBoard(), t_s, settings.charuco_seconds, settings.cameras)


def _note_board(settings: StudioSettings, folder: Path) -> None:
    """Note the board and its true poses."""
    board, (t_s, poses) = StudioBoard(), _board_motion(settings)
    table = {
        "kind": "charuco",
        "squares": list(board.squares),
        "square_m": board.square_m,
        "marker_m": board.marker_m,
        "dictionary": board.dictionary,
    }
    (folder / "board.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    np.savez_compressed(folder / "truth.npz", t_s=t_s, world_from_board=poses)


def _film_board(job: _Job, number: int, room: Backdrop, folder: Path) -> None:
    """Film the calibration sequence with one camera."""
    settings = job.settings
    folder.mkdir(exist_ok=True)
    path = folder / f"{job.rig.names[number]}.mp4"
    frames = _board_frames(job, number, room)
    write_video(path, frames, settings.size_wh, settings.charuco_fps, settings.crf)


def _board_frames(job: _Job, number: int, room: Backdrop) -> Iterator[tuple[float, ImageArray]]:
    """Time stamps, s, and pictures of the board by one camera."""
    from mocap.studio.drawing import develop

    settings, camera, board = job.settings, job.rig.cameras[number], StudioBoard()
    t_s, poses = _board_motion(settings)
    if settings.charuco_own_clocks:
        shown = (t_s - settings.offset_of(number)) / settings.rate_of(number)
        poses = board_poses(board, shown, settings.charuco_seconds, settings.cameras)
    rays, empty = sample_rays(camera, 1)[..., :2], average(room.colour)
    gain, rng = _gain(settings, number), np.random.default_rng([settings.seed, DRAW_BOARD_NOISE, number])
    for index, (stamp, pose) in enumerate(zip(t_s, poses, strict=True)):
        job.cancel.check()
        picture = draw_board(empty, camera, rays, board, pose) * gain
        yield float(stamp), develop(picture, settings.noise_sigma, rng)
        job.progress("calibration film", number * len(t_s) + index + 1, len(t_s) * settings.cameras)


def _note_truth(job: _Job, folder: Path) -> None:
    """Note what the people really did."""
    settings, skeleton = job.settings, load_skeleton(SKELETON)
    t_s = np.arange(settings.frames) / settings.fps
    xyz = true_keypoints(job.people, t_s, skeleton)
    offsets = np.array([settings.offset_of(number) for number in range(settings.cameras)])
    names = tuple(angle.name for angle in skeleton.angles)
    angles = angles_from_points(skeleton, xyz)
    poses = job.rig.cam_from_world
    truth = Truth(skeleton, t_s, xyz, names, angles, settings.clap_s, job.rig.names, offsets, poses)
    save_truth(folder / "truth.npz", truth)


def _film_trial(job: _Job, number: int, room: Backdrop, folder: Path) -> None:
    """Film the people with one camera, and record its microphone."""
    settings, camera = job.settings, job.rig.cameras[number]
    folder.mkdir(parents=True, exist_ok=True)
    distance = float(np.linalg.norm(camera.centre - _clap_place(job.people, settings.clap_s)))
    arrival = settings.rate_of(number) * (settings.clap_s + distance / SOUND_M_S) + settings.offset_of(number)
    clap = clap_wave(np.random.default_rng([settings.seed, DRAW_CLAP]))
    seed = [settings.seed, DRAW_SOUND, number]
    sound = microphone(settings.frames / settings.fps, arrival, distance, clap, seed)
    path = folder / f"{camera.name}.mp4"
    write_video(path, _trial_frames(job, number, room), settings.size_wh, settings.fps, settings.crf, sound)


def _trial_frames(job: _Job, number: int, room: Backdrop) -> Iterator[tuple[float, ImageArray]]:
    """Time stamps, s on the camera's clock, and pictures of one camera."""
    from mocap.studio.drawing import develop, draw, light_people, set_stage

    settings = job.settings
    stage = set_stage(job.rig.cameras[number], room, _gain(settings, number))
    stamps = np.arange(settings.frames) / settings.fps
    shown = (stamps - settings.offset_of(number)) / settings.rate_of(number)
    bones = [person.bones(shown) for person in job.people]
    rng = np.random.default_rng([settings.seed, DRAW_NOISE, number])
    kept, light = _kept(settings, number), _light(settings, number, stamps)
    for index in range(settings.frames):
        job.cancel.check()
        if kept[index]:
            skins = tuple(p.surface(b[index]) for p, b in zip(job.people, bones, strict=True))
            picture = draw(stage, job.people, light_people(job.people, skins)) * light[index]
            yield float(stamps[index]), develop(picture, settings.noise_sigma, rng)
        job.progress("film", number * settings.frames + index + 1, settings.frames * settings.cameras)


def _kept(settings: StudioSettings, number: int) -> np.ndarray:
    """Which frames (F,) reach the file; the first always does, since players start there."""
    rng = np.random.default_rng([settings.seed, DRAW_DROPS, number])
    kept = rng.random(settings.frames) >= settings.dropped_share
    kept[0] = True
    return np.asarray(kept)


def _gain(settings: StudioSettings, number: int) -> FloatArray:
    """Exposure and white balance (3,) of a camera."""
    rng = np.random.default_rng([settings.seed, DRAW_GAIN, number])
    return np.asarray((1.0 + rng.uniform(-GAIN_SPREAD, GAIN_SPREAD)) * (1.0 + rng.uniform(-0.02, 0.02, 3)))


def _light(settings: StudioSettings, number: int, stamps: FloatArray) -> FloatArray:
    """Light (F,) that a camera gathers in each frame, 1 for the room's: flashes, and its automatic exposure.

    Light is gathered evenly over a part of the frame's period about its time, which differs from camera to camera.
    """
    rng = np.random.default_rng([settings.seed, DRAW_EXPOSURE, number])
    gathers = rng.uniform(*EXPOSURE_SHARE) / settings.fps
    phase, period = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(*SWING_S)
    light = np.ones(stamps.shape[0])
    for at in settings.flashes_s:
        on = settings.rate_of(number) * at + settings.offset_of(number)
        begin, end = stamps - 0.5 * gathers, stamps + 0.5 * gathers
        lit = np.minimum(end, on + FLASH_S) - np.maximum(begin, on)
        light += FLASH_GAIN * np.clip(lit / gathers, 0.0, 1.0)
    return np.asarray(light * (1.0 + settings.exposure_swing * np.sin(2.0 * np.pi * stamps / period + phase)))


def _clap_place(people: tuple[Person, ...], clap_s: float) -> FloatArray:
    """Where the first person's hands are when they clap (3,), m: between the wrists."""
    skeleton = load_skeleton(SKELETON)
    xyz = true_keypoints(people[:1], np.array([clap_s]), skeleton)[0, 0]
    return np.asarray(xyz[skeleton.index("left_wrist", "right_wrist")].mean(axis=0))
