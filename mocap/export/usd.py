"""USD: a skeleton in motion for film pipelines (UsdSkel, OpenUSD), with a package that comes as an extra."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from calibration.files import atomic_write
from mocap.core.body import rest_directions
from mocap.core.errors import MissingExtraError
from mocap.core.skeleton import Skeleton
from mocap.core.types import Take
from mocap.export.bones import figure, rest_places
from mocap.export.posed import NO_BODY, Posed, continuous, posed
from mocap.export.written import Written, late_start, uneven_times, y_up


class UsdExporter:
    """Metres, Y up, a UsdSkel skeleton with a skinned figure; time codes are frames at the stage's rate."""

    title = "USD, a skinned skeleton in motion"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.usdc``; nothing where there was no body at any time."""
        try:
            from pxr import Usd
        except ImportError as error:
            raise MissingExtraError("USD files need the package usd-core.", "usd") from error
        body = posed(take.motion, person)
        if body is None:
            return Written((), (NO_BODY,))
        path = folder / f"{stem}.usdc"
        with atomic_write(path) as draft:
            # The library goes by the suffix, which the draft has not got.
            inner = draft.with_name(f"{draft.name}.usdc")
            stage = Usd.Stage.CreateNew(str(inner))
            _fill(stage, take, body, take.people[person])
            stage.Save()
            inner.replace(draft)
        dropped = (
            *body.held,
            "Keypoints that are no joints of the body, joint angles, and every uncertainty.",
            *uneven_times(take),
            *late_start(take),
        )
        return Written((path,), dropped)


def joint_paths(skeleton: Skeleton) -> list[str]:
    """Each joint's way from the root, as UsdSkel names joints."""
    paths: list[str] = []
    for joint, parent in zip(skeleton.joints, skeleton.parents, strict=True):
        paths.append(joint.name if parent < 0 else f"{paths[parent]}/{joint.name}")
    return paths


def _fill(stage: Any, take: Take, body: Posed, person: str) -> None:
    """Put skeleton, figure and animation on a stage."""
    from pxr import Gf, Usd, UsdGeom, UsdSkel, Vt

    skeleton = take.motion.skeleton
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(take.rate_hz)
    stage.SetFramesPerSecond(take.rate_hz)
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(take.t_s.shape[0] - 1)
    place = "/" + (re.sub(r"\W", "_", person) or "person")
    if not place[1].isalpha():
        place = "/_" + place[1:]
    root = UsdSkel.Root.Define(stage, place)
    stage.SetDefaultPrim(root.GetPrim())
    bones = UsdSkel.Skeleton.Define(stage, f"{place}/skeleton")
    bones.CreateJointsAttr(joint_paths(skeleton))
    local, world = np.tile(np.eye(4), (2, len(skeleton.joints), 1, 1))
    # USD multiplies rows from the left: the translation stands in the last row.
    local[:, 3, :3], world[:, 3, :3] = body.offset, rest_places(skeleton, body.offset)
    bones.CreateRestTransformsAttr(Vt.Matrix4dArray([Gf.Matrix4d(*m.ravel().tolist()) for m in local]))
    bones.CreateBindTransformsAttr(Vt.Matrix4dArray([Gf.Matrix4d(*m.ravel().tolist()) for m in world]))

    animation = UsdSkel.Animation.Define(stage, f"{place}/skeleton/animation")
    animation.CreateJointsAttr(joint_paths(skeleton))
    turns, moves, scales = (
        animation.CreateRotationsAttr(),
        animation.CreateTranslationsAttr(),
        animation.CreateScalesAttr(),
    )
    scales.Set(Vt.Vec3hArray(len(skeleton.joints), Gf.Vec3h(1)))
    rotation = continuous(body.rotation)
    root_joint = skeleton.parents.index(-1)
    for frame in range(rotation.shape[0]):
        offset = body.offset.copy()
        offset[root_joint] = body.root[frame]
        time = Usd.TimeCode(frame)
        turns.Set(Vt.QuatfArray([Gf.Quatf(*q) for q in rotation[frame].tolist()]), time)
        moves.Set(Vt.Vec3fArray([Gf.Vec3f(*v) for v in offset.tolist()]), time)
    UsdSkel.BindingAPI.Apply(bones.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])

    shape = figure(skeleton, body.offset, y_up(rest_directions(skeleton)))
    mesh = UsdGeom.Mesh.Define(stage, f"{place}/figure")
    mesh.CreatePointsAttr(Vt.Vec3fArray([Gf.Vec3f(*v) for v in shape.vertex.tolist()]))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray([3] * len(shape.triangle)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray(shape.triangle.ravel().tolist()))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([bones.GetPath()])
    binding.CreateJointIndicesPrimvar(False, 1).Set(Vt.IntArray(shape.joint.tolist()))
    binding.CreateJointWeightsPrimvar(False, 1).Set(Vt.FloatArray([1.0] * len(shape.joint)))
    binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1))
