"""Where the board was seen: kept beside a calibration, so that the room shows it and the floor is chosen by it."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from calibration import CameraRig
from calibration.files import atomic_write
from calibration.footage import Footage, ImageFootage, VideoFootage
from calibration.transforms import apply, invert
from mocap.core.types import FloatArray, IntArray

if TYPE_CHECKING:
    from mocap.pipeline.calibration.calibrate import Calibrated

FOLDER, PATTERN = ".cache", "seen-*.npz"
# A rig is the same one in another world if its cameras stand to each other as they did, within this share of
# their distances: files hold ten digits and more.
SAME_SHAPE = 1e-4


@dataclass(frozen=True)
class Seen:
    """The board of one calibration, at all instants at which its place is known.

    Attributes
    ----------
    cameras : tuple of str
    cam_from_world : (C, 4, 4)
        Of the rig whose world the board's places are in.
    points : (K, 3)
        The board's corners in its own frame, m.
    world_from_board : (T, 4, 4)
        m.
    error_px : (T,)
        Reprojection error, rms of all cameras, px; NaN at instants that the solve was not given.
    xy : (T, C, K, 2)
        Where each corner was seen, px; NaN where not.
    t_s : (T, C)
        By each camera's clock, s; NaN where there is no picture.
    frame_index : (T, C) int
        Picture of each camera; -1 where there is none.
    films : mapping of str to tuple of Path
        A video, or pictures, of each camera.
    centre_sigma_m : (C, 3)
        Standard deviation of each camera's place in the rig, m.
    """

    cameras: tuple[str, ...]
    cam_from_world: FloatArray
    points: FloatArray
    world_from_board: FloatArray
    error_px: FloatArray
    xy: FloatArray
    t_s: FloatArray
    frame_index: IntArray
    films: Mapping[str, tuple[Path, ...]]
    centre_sigma_m: FloatArray

    def corners(self) -> FloatArray:
        """The board's corners at each instant (T, K, 3), m."""
        return apply(self.world_from_board[:, None], self.points)

    def outline(self) -> FloatArray:
        """The four outer corners of the board at each instant, in order around it (T, 4, 3), m."""
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        around = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
        flat = np.concatenate([around, np.full((4, 1), self.points[:, 2].mean())], axis=1)
        return apply(self.world_from_board[:, None], flat)

    def tilt_deg(self, up: FloatArray) -> FloatArray:
        """How far the board was from lying flat at each instant (T,), degrees."""
        cosine = np.abs(self.world_from_board[:, :3, 2] @ up)
        return np.asarray(np.degrees(np.arccos(np.clip(cosine, 0.0, 1.0))))

    def footage(self, camera: str) -> Footage | None:
        """Pictures of a camera; None if they are gone."""
        paths = self.films.get(camera, ())
        if not paths or not all(path.is_file() for path in paths):
            return None
        pictures = len(paths) > 1 or paths[0].suffix.lower() in (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")
        return ImageFootage(paths) if pictures else VideoFootage(paths[0])

    def moved(self, new_from_old: FloatArray, cam_from_world: FloatArray) -> Seen:
        """The same in another world; ``new_from_old`` is a similarity, and lengths are the new ones."""
        scale = float(np.cbrt(np.linalg.det(new_from_old[:3, :3])))
        poses = new_from_old @ self.world_from_board
        poses[:, :3, :3] /= scale
        return replace(
            self,
            cam_from_world=cam_from_world,
            points=scale * self.points,
            world_from_board=poses,
            centre_sigma_m=scale * self.centre_sigma_m,
        )

    def within(self, rig: CameraRig) -> Seen | None:
        """The same in a rig's world; None if it is of another rig than this."""
        if rig.names != self.cameras:
            return None
        ours, theirs = (_centres(poses) for poses in (self.cam_from_world, rig.cam_from_world))
        own, other = (np.linalg.norm(c[:, None] - c[None], axis=-1) for c in (ours, theirs))
        scale = float(other.sum() / own.sum()) if own.sum() > 0 else 1.0
        if not np.allclose(scale * own, other, atol=SAME_SHAPE * float(other.max(initial=0.0))):
            return None
        # Two cameras do not say how they are turned about the line between them: a camera's own turn does.
        new_from_old = np.eye(4)
        turn = np.swapaxes(rig.cam_from_world[:, :3, :3], 1, 2) @ self.cam_from_world[:, :3, :3]
        if not np.allclose(turn, turn[0], atol=SAME_SHAPE):
            return None
        new_from_old[:3, :3] = scale * turn[0]
        new_from_old[:3, 3] = theirs.mean(axis=0) - new_from_old[:3, :3] @ ours.mean(axis=0)
        return self.moved(new_from_old, rig.cam_from_world)


def _centres(cam_from_world: FloatArray) -> FloatArray:
    return invert(cam_from_world)[:, :3, 3]


def seen_of(done: Calibrated, films: Mapping[str, Footage]) -> Seen:
    """What a calibration saw, in the world of its rig."""
    from mocap.pipeline.calibration.world import all_poses

    solved = done.solved
    poses = all_poses(solved.result, solved.sightings, solved.heldout)
    error = np.full(len(poses), np.nan)
    squared = np.where(solved.result.inlier, np.sum(solved.result.residual_px**2, axis=-1), np.nan)
    known = np.isfinite(squared).any(axis=(1, 2))
    used = np.full(len(squared), np.nan)
    used[known] = np.sqrt(np.nanmean(squared[known], axis=(1, 2)))
    error[~solved.heldout] = used
    sightings = solved.sightings
    seen = Seen(
        sightings.cameras,
        solved.result.rig.cam_from_world,
        solved.result.points,
        poses,
        error,
        sightings.xy,
        sightings.t_s,
        sightings.frame_index,
        {name: _paths(film) for name, film in films.items() if name in sightings.cameras},
        solved.result.covariance.aligned_centre_sigma(solved.result.rig),
    )
    there = np.isfinite(poses).all(axis=(1, 2))
    seen = replace(
        seen,
        world_from_board=poses[there],
        error_px=error[there],
        xy=sightings.xy[there],
        t_s=sightings.t_s[there],
        frame_index=sightings.frame_index[there],
    )
    placed = seen.within(done.rig)
    assert placed is not None
    return placed


def _paths(film: Footage) -> tuple[Path, ...]:
    if isinstance(film, ImageFootage):
        return tuple(path.resolve() for path in film.paths)
    return (film.path.resolve(),) if isinstance(film, VideoFootage) else ()


def keep_seen(seen: Seen, folder: Path) -> Path:
    """Write it beside the calibrations of a folder."""
    arrays = {name: value for name, value in vars(seen).items() if isinstance(value, np.ndarray)}
    arrays["xy"] = seen.xy.astype(np.float32)
    films = {name: [str(path) for path in paths] for name, paths in seen.films.items()}
    words = json.dumps({"cameras": seen.cameras, "films": films})
    digest = hashlib.blake2b(seen.cam_from_world.tobytes(), digest_size=8).hexdigest()
    path = folder / FOLDER / PATTERN.replace("*", digest)
    with atomic_write(path) as draft:
        np.savez_compressed(draft, words=np.array(words), **arrays)  # type: ignore[arg-type]  # all are arrays
    return path


def load_seen(rig: CameraRig, folder: Path) -> Seen | None:
    """What was seen for this rig, in whatever world it was put since; None if nothing is kept."""
    if not (folder / FOLDER).is_dir():
        return None
    files = sorted((folder / FOLDER).glob(PATTERN), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files:
        if (seen := _load(path)) is not None and (placed := seen.within(rig)) is not None:
            return placed
    return None


def _load(path: Path) -> Seen | None:
    """One file; None if it is damaged, for it can be made again."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
            words = json.loads(str(kept["words"]))
            films = {name: tuple(map(Path, paths)) for name, paths in words["films"].items()}
            arrays = {name: kept[name] for name in kept.files if name != "words"}
            arrays["xy"] = arrays["xy"].astype(np.float64)
            return Seen(cameras=tuple(words["cameras"]), films=films, **arrays)
    except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile):
        return None
