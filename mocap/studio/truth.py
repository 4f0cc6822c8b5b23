"""What the studio knows about its own film."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mocap.core.errors import InputError
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray
from mocap.presets import load_skeleton


@dataclass(frozen=True)
class Truth:
    """The true motion of a trial, on the common clock.

    Attributes
    ----------
    skeleton : Skeleton
    t_s : (T,)
        Instants, s.
    xyz : (T, N, K, 3)
        Keypoints, m; NaN where the body cannot give one.
    angle_names : tuple of str
    angles : (T, N, A)
        Joint angles from the true joint centres, rad.
    clap_s : float
        When the hands clap, s.
    cameras : tuple of str
    offset_s : (C,)
        Clock of each camera minus the common clock, s.
    cam_from_world : (C, 4, 4) or None
        Where the cameras stood, lengths in m; None in films of older versions, which did not say.
    """

    skeleton: Skeleton
    t_s: FloatArray
    xyz: FloatArray
    angle_names: tuple[str, ...]
    angles: FloatArray
    clap_s: float
    cameras: tuple[str, ...]
    offset_s: FloatArray
    cam_from_world: FloatArray | None = None

    def __post_init__(self) -> None:
        count, people, points = self.xyz.shape[:3]
        fits = (
            self.t_s.shape == (count,)
            and points == len(self.skeleton.keypoints)
            and self.angles.shape == (count, people, len(self.angle_names))
            and self.offset_s.shape == (len(self.cameras),)
            and (self.cam_from_world is None or self.cam_from_world.shape == (len(self.cameras), 4, 4))
        )
        if not fits:
            raise ValueError("Truth: the shapes do not fit together")


def angles_from_points(skeleton: Skeleton, xyz: FloatArray) -> FloatArray:
    """Angles (T, N, A), rad, that the skeleton defines, from keypoints (T, N, K, 3)."""
    values = []
    for angle in skeleton.angles:
        a, b, c = (xyz[..., skeleton.keypoints.index(name), :] for name in angle.points)
        u, v = a - b, c - b
        # atan2 of cross and dot is exact near 0 and 180 degrees, where arccos is not.
        inner = np.arctan2(np.linalg.norm(np.cross(u, v), axis=-1), (u * v).sum(axis=-1))
        values.append(angle.offset_rad + angle.sign * inner)
    return np.stack(values, axis=-1)


def save_truth(path: Path, truth: Truth) -> None:
    """Write the truth of a trial."""
    cameras: dict[str, Any] = {} if truth.cam_from_world is None else {"cam_from_world": truth.cam_from_world}
    np.savez_compressed(
        path,
        skeleton=truth.skeleton.name,
        t_s=truth.t_s,
        xyz=truth.xyz,
        angle_names=np.array(truth.angle_names),
        angles=truth.angles,
        clap_s=truth.clap_s,
        cameras=np.array(truth.cameras),
        offset_s=truth.offset_s,
        **cameras,
    )


def load_truth(path: Path) -> Truth:
    """Read the truth of a trial.

    Raises
    ------
    InputError
        If the file is missing or is not a truth file.
    """
    try:
        with np.load(path) as data:
            return Truth(
                skeleton=load_skeleton(str(data["skeleton"])),
                t_s=data["t_s"],
                xyz=data["xyz"],
                angle_names=tuple(str(name) for name in data["angle_names"]),
                angles=data["angles"],
                clap_s=float(data["clap_s"]),
                cameras=tuple(str(name) for name in data["cameras"]),
                offset_s=data["offset_s"],
                cam_from_world=data.get("cam_from_world"),
            )
    except FileNotFoundError as error:
        raise InputError("There is no such truth file.", "Only films of the studio have one.", path) from error
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"This is not a truth file: {error}.", "Render the film again.", path) from error
