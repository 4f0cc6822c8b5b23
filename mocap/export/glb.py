"""GLB: a skinned skeleton in motion for web viewers and game engines (glTF 2.0, Khronos Group)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pygltflib as gltf
from numpy.typing import NDArray

from calibration.files import atomic_write
from mocap.core.body import rest_directions
from mocap.core.types import Take
from mocap.export.bones import figure, rest_places
from mocap.export.posed import NO_BODY, Posed, continuous, posed
from mocap.export.written import Written, late_start, y_up

# Matt grey-blue, so that light shows the shape.
COLOUR = [0.35, 0.55, 0.8, 1.0]


class GlbExporter:
    """Metres, Y up, one node a joint, quaternions without jumps; time 0 is the first frame."""

    title = "GLB, a skinned skeleton in motion"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.glb``; nothing where there was no body at any time."""
        body = posed(take.motion, person)
        if body is None:
            return Written((), (NO_BODY,))
        path = folder / f"{stem}.glb"
        document = _document(take, body, take.people[person])
        with atomic_write(path) as draft, draft.open("wb") as file:
            file.write(b"".join(document.save_to_bytes()))
        dropped = (
            *body.held,
            "Keypoints that are no joints of the body, joint angles, and every uncertainty.",
            *late_start(take),
        )
        return Written((path,), dropped)


class _Buffer:
    """The binary part of a file, filled array by array."""

    def __init__(self) -> None:
        self.data = b""
        self.views: list[gltf.BufferView] = []
        self.accessors: list[gltf.Accessor] = []

    def add(self, array: NDArray[np.generic], kind: str, target: int | None = None, bounds: bool = False) -> int:
        """Append an array (n, ...) of ``kind``; returns the number of its accessor."""
        component = {"f4": gltf.FLOAT, "u2": gltf.UNSIGNED_SHORT, "u4": gltf.UNSIGNED_INT}[array.dtype.str[1:]]
        raw = np.ascontiguousarray(array).tobytes()
        self.views.append(gltf.BufferView(buffer=0, byteOffset=len(self.data), byteLength=len(raw), target=target))
        self.data += raw + b"\0" * (-len(raw) % 4)
        accessor = gltf.Accessor(
            bufferView=len(self.views) - 1, componentType=component, count=len(array), type=kind
        )
        if bounds:
            flat = array.reshape(len(array), -1)
            accessor.min, accessor.max = flat.min(axis=0).tolist(), flat.max(axis=0).tolist()
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _document(take: Take, body: Posed, name: str) -> gltf.GLTF2:
    """Put nodes, skin, mesh and animation together."""
    skeleton, buffer = take.motion.skeleton, _Buffer()
    joints = len(skeleton.joints)
    root = skeleton.parents.index(-1)
    nodes = [
        gltf.Node(
            name=joint.name,
            translation=(body.root[0] if j == root else body.offset[j]).astype(float).tolist(),
            children=[c for c, p in enumerate(skeleton.parents) if p == j],
        )
        for j, joint in enumerate(skeleton.joints)
    ]
    shape = figure(skeleton, body.offset, y_up(rest_directions(skeleton)))
    bind = np.tile(np.eye(4, dtype="<f4"), (joints, 1, 1))
    bind[:, :3, 3] = -rest_places(skeleton, body.offset)
    # glTF stores matrices column by column.
    inverse_bind = buffer.add(np.swapaxes(bind, 1, 2).reshape(joints, 16), gltf.MAT4)
    corners = np.zeros((len(shape.vertex), 4), dtype="<u2")
    corners[:, 0] = shape.joint
    weights = np.zeros((len(shape.vertex), 4), dtype="<f4")
    weights[:, 0] = 1.0
    primitive = gltf.Primitive(
        attributes=gltf.Attributes(
            POSITION=buffer.add(shape.vertex.astype("<f4"), gltf.VEC3, gltf.ARRAY_BUFFER, bounds=True),
            JOINTS_0=buffer.add(corners, gltf.VEC4, gltf.ARRAY_BUFFER),
            WEIGHTS_0=buffer.add(weights, gltf.VEC4, gltf.ARRAY_BUFFER),
        ),
        indices=buffer.add(shape.triangle.astype("<u4").ravel(), gltf.SCALAR, gltf.ELEMENT_ARRAY_BUFFER),
        material=0,
    )
    nodes.append(gltf.Node(name=name, mesh=0, skin=0))
    animation = _animation(take, body, buffer, root)
    document = gltf.GLTF2(
        asset=gltf.Asset(version="2.0", generator="openmocap"),
        scene=0,
        scenes=[gltf.Scene(nodes=[root, joints])],
        nodes=nodes,
        skins=[gltf.Skin(inverseBindMatrices=inverse_bind, joints=list(range(joints)), skeleton=root)],
        meshes=[gltf.Mesh(name=name, primitives=[primitive])],
        materials=[
            gltf.Material(
                pbrMetallicRoughness=gltf.PbrMetallicRoughness(
                    baseColorFactor=COLOUR, metallicFactor=0.0, roughnessFactor=0.9
                )
            )
        ],
        animations=[animation],
        accessors=buffer.accessors,
        bufferViews=buffer.views,
        buffers=[gltf.Buffer(byteLength=len(buffer.data))],
    )
    document.set_binary_blob(buffer.data)
    return document


def _animation(take: Take, body: Posed, buffer: _Buffer, root: int) -> gltf.Animation:
    """Rotations of all joints and the way of the root, all at the take's own instants."""
    times = buffer.add((take.t_s - take.t_s[0]).astype("<f4"), gltf.SCALAR, bounds=True)
    way = buffer.add(body.root.astype("<f4"), gltf.VEC3)
    samplers = [gltf.AnimationSampler(input=times, output=way, interpolation=gltf.ANIM_LINEAR)]
    channels = [
        gltf.AnimationChannel(sampler=0, target=gltf.AnimationChannelTarget(node=root, path="translation"))
    ]
    # glTF has x, y, z, w.
    turns = np.roll(continuous(body.rotation), -1, axis=-1).astype("<f4")
    for joint in range(turns.shape[1]):
        output = buffer.add(turns[:, joint], gltf.VEC4)
        samplers.append(gltf.AnimationSampler(input=times, output=output, interpolation=gltf.ANIM_LINEAR))
        target = gltf.AnimationChannelTarget(node=joint, path="rotation")
        channels.append(gltf.AnimationChannel(sampler=len(samplers) - 1, target=target))
    return gltf.Animation(name=take.name, samplers=samplers, channels=channels)
