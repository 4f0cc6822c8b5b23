"""The body of the test films: taken once from the ``anny`` package, then posed in plain numpy.

anny (Brégier et al. 2025, Apache-2.0, assets CC0) needs torch and seconds to start, so its rest shape is
exported to a small file in the user's cache. Posing is linear blend skinning (Magnenat-Thalmann et al.
1988) with rotations given about the bone heads in world axes: x to the body's left, y backwards, z up.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_dir

from calibration.files import atomic_write
from calibration.transforms import apply
from mocap.core.errors import MissingExtraError
from mocap.core.types import FloatArray

IndexArray = NDArray[np.int32]

# Raise when the export changes, so that files written by an older version are made again.
EXPORT_VERSION = 4

# Side of the lips mask kept from the 2048 px original; lips are 3 px wide in the films.
MASK_SIDE = 512


@dataclass(frozen=True)
class Phenotype:
    """Shape of a body in anny's words; each from 0 to 1.

    Attributes
    ----------
    gender : float
        0 male, 1 female.
    age : float
        1/3 child, 2/3 young adult, 1 old.
    muscle, weight, height, proportions : float
        0.5 is average.
    """

    gender: float = 0.5
    age: float = 0.66
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.5
    proportions: float = 0.5


@dataclass(frozen=True)
class Body:
    """A body at rest.

    Attributes
    ----------
    vertices : (V, 3)
        Rest positions, m.
    faces, face_uv : (F, 3) int
        Corners of the triangles in ``vertices`` and in ``uv``.
    uv : (U, 2)
        Texture coordinates, 0 to 1, v upwards.
    bone_names : tuple of str
    parents : (B,) int
        Index of each bone's parent, -1 for the root; parents come before children.
    heads : (B, 3)
        Rest positions of the joints, m.
    weight_bones : (V, S) int
    weights : (V, S)
        Bones that move a vertex and how much; rows sum to 1.
    lips : (M, M)
        Share of lips in the texture, 0 to 1, first row at the top.
    """

    vertices: FloatArray
    faces: IndexArray
    face_uv: IndexArray
    uv: FloatArray
    bone_names: tuple[str, ...]
    parents: IndexArray
    heads: FloatArray
    weight_bones: IndexArray
    weights: FloatArray
    lips: FloatArray

    def bone(self, name: str) -> int:
        """Index of a bone by name."""
        return self.bone_names.index(name)

    def head(self, name: str) -> FloatArray:
        """Rest position of a bone's joint (3,), m."""
        return np.asarray(self.heads[self.bone(name)])

    def share(self, *prefixes: str) -> FloatArray:
        """How much each vertex hangs on the bones whose names start so (V,), 0 to 1."""
        chosen = np.array([name.startswith(prefixes) for name in self.bone_names])
        return np.asarray((self.weights * chosen[self.weight_bones]).sum(axis=1))


def bone_transforms(body: Body, rotation: FloatArray, root_xyz: FloatArray) -> FloatArray:
    """Place the bones.

    Parameters
    ----------
    rotation : (T, B, 3, 3)
        World rotation of each bone relative to its rest.
    root_xyz : (T, 3)
        Position of the root joint, m.

    Returns
    -------
    (T, B, 4, 4)
        posed_from_rest.
    """
    placed = np.zeros((*rotation.shape[:2], 4, 4))
    placed[..., :3, :3] = rotation
    placed[..., 3, 3] = 1.0
    joints = np.empty((*rotation.shape[:2], 3))
    for bone, parent in enumerate(body.parents):
        if parent < 0:
            joints[:, bone] = root_xyz
        else:
            joints[:, bone] = apply(placed[:, parent], body.heads[bone])
        placed[:, bone, :3, 3] = joints[:, bone] - rotation[:, bone] @ body.heads[bone]
    return placed


def skin(body: Body, vertices: FloatArray, placed: FloatArray) -> FloatArray:
    """Move rest vertices (V, 3) with the bones (B, 4, 4) of one instant: (V, 3), m."""
    blended = np.einsum("vs,vsij->vij", body.weights, placed[body.weight_bones][..., :3, :])
    return np.asarray(np.einsum("vij,vj->vi", blended[..., :3], vertices) + blended[..., 3])


def cache_path(phenotype: Phenotype) -> Path:
    """Where the exported body of a phenotype lies."""
    key = hashlib.sha256(f"{EXPORT_VERSION} {sorted(asdict(phenotype).items())}".encode()).hexdigest()[:16]
    return Path(user_cache_dir("openmocap")) / "studio" / f"body-{key}.npz"


def load_body(phenotype: Phenotype) -> Body:
    """Load a body from the cache; export it from anny the first time.

    Raises
    ------
    MissingExtraError
        If the body is not cached and anny is not installed.
    """
    path = cache_path(phenotype)
    if not path.is_file():
        _export(phenotype, path)
    with np.load(path) as data:
        return Body(
            vertices=data["vertices"].astype(np.float64),
            faces=data["faces"],
            face_uv=data["face_uv"],
            uv=data["uv"].astype(np.float64),
            bone_names=tuple(str(name) for name in data["bone_names"]),
            parents=data["parents"],
            heads=data["heads"],
            weight_bones=data["weight_bones"],
            weights=data["weights"].astype(np.float64),
            lips=data["lips"].astype(np.float64) / 255.0,
        )


def _export(phenotype: Phenotype, path: Path) -> None:
    """Write the body of a phenotype, all or nothing."""
    import cv2

    # What anny builds on greets on the standard output, which belongs to whoever called us.
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            import anny
            import torch
        except ImportError as error:
            raise MissingExtraError(f"The test films need the package '{error.name}'.", "studio") from error
        model = anny.Anny()
        with torch.no_grad():
            shape = model(phenotype_kwargs=asdict(phenotype))
    textures = Path(anny.__file__).parent / "data" / "mpfb2" / "textures"
    mask = cv2.imread(str(textures / "mpfb_lips.jpg"), cv2.IMREAD_GRAYSCALE)
    with atomic_write(path) as draft:
        np.savez_compressed(
            draft,
            vertices=shape["rest_vertices"][0].numpy().astype(np.float32),
            faces=model.faces.numpy().astype(np.int32),
            face_uv=model.face_texture_coordinate_indices.numpy().astype(np.int32),
            uv=model.texture_coordinates.numpy().astype(np.float32),
            bone_names=np.array(model.bone_labels),
            parents=np.array(model.bone_parents, dtype=np.int32),
            heads=shape["rest_bone_heads"][0].numpy(),
            weight_bones=model.vertex_bone_indices.numpy().astype(np.int32),
            weights=model.vertex_bone_weights.numpy(),
            lips=cv2.resize(mask, (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_AREA),
        )
