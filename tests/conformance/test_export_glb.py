"""GLB read back with plain glTF arithmetic: nodes, animation, skin."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest

from mocap.core.body import forward, to_matrix
from mocap.core.types import FloatArray
from mocap.export import export
from mocap.export.written import y_up
from tests.factories import make_take

FRAMES = 30
SHAPES = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def numbers(document: pygltflib.GLTF2, accessor: int) -> np.ndarray:
    """Values of an accessor (n, width)."""
    entry = document.accessors[accessor]
    view = document.bufferViews[entry.bufferView]
    kind = {5126: "<f4", 5123: "<u2", 5125: "<u4"}[entry.componentType]
    raw = document.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    return np.frombuffer(raw, kind).reshape(entry.count, SHAPES[entry.type])


def played(document: pygltflib.GLTF2) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Times (T,), places (T, J, 3) and turns (T, J, 3, 3) of all joints in the world, as a viewer finds them."""
    (animation,) = document.animations
    joints = document.skins[0].joints
    times = numbers(document, animation.samplers[0].input)[:, 0].astype(float)
    place = np.zeros((len(times), len(joints), 3))
    turn = np.tile(np.eye(3), (len(times), len(joints), 1, 1))
    local = np.array([document.nodes[j].translation for j in joints], dtype=float)[None].repeat(len(times), 0)
    spin = turn.copy()
    for channel in animation.channels:
        values = numbers(document, animation.samplers[channel.sampler].output).astype(float)
        if channel.target.path == "translation":
            local[:, channel.target.node] = values
        else:
            assert (np.sum(values[1:] * values[:-1], axis=1) > 0).all()  # no jump to the other hemisphere
            spin[:, channel.target.node] = to_matrix(values[:, [3, 0, 1, 2]])
    parent = {child: j for j in joints for child in document.nodes[j].children or ()}
    for j in joints:  # parents come first
        if j in parent:
            place[:, j] = place[:, parent[j]] + np.einsum("tij,tj->ti", turn[:, parent[j]], local[:, j])
            turn[:, j] = turn[:, parent[j]] @ spin[:, j]
        else:
            place[:, j], turn[:, j] = local[:, j], spin[:, j]
    return times, place, turn


def test_every_joint_is_where_ours_is_and_at_the_right_time(tmp_path: Path) -> None:
    take = make_take(FRAMES, rate_hz=59.94, start_s=2.0)
    result = export(take, ("glb",), tmp_path)["glb"]
    document = pygltflib.GLTF2.load(str(result.files[0]))
    times, place, _ = played(document)
    np.testing.assert_allclose(times, np.arange(FRAMES) / 59.94, atol=1e-6)
    np.testing.assert_allclose(place, y_up(forward(take.motion)[:, 0]), atol=1e-5)
    assert [document.nodes[j].name for j in document.skins[0].joints] == [
        j.name for j in take.motion.skeleton.joints
    ]
    assert any("2.0" in sentence for sentence in result.dropped)


def test_the_skin_follows_its_bones(tmp_path: Path) -> None:
    take = make_take(FRAMES)
    document = pygltflib.GLTF2.load(str(export(take, ("glb",), tmp_path)["glb"].files[0]))
    _, place, turn = played(document)
    attributes = document.meshes[0].primitives[0].attributes
    vertex, joint = numbers(document, attributes.POSITION), numbers(document, attributes.JOINTS_0)[:, 0]
    bind = numbers(document, document.skins[0].inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
    local = np.einsum("vij,vj->vi", bind[joint], np.column_stack([vertex, np.ones(len(vertex))]))[:, :3]
    moved = place[:, joint] + np.einsum("tvij,vj->tvi", turn[:, joint], local)
    # Each wedge begins at its joint and ends at the next: the first and last corner of six.
    names = [j.name for j in take.motion.skeleton.joints]
    knee, ankle = names.index("left_knee"), names.index("left_ankle")
    first = int(np.flatnonzero(joint == knee)[0])
    np.testing.assert_allclose(moved[:, first], place[:, knee], atol=1e-5)
    np.testing.assert_allclose(moved[:, first + 5], place[:, ankle], atol=1e-5)
    faces = numbers(document, document.meshes[0].primitives[0].indices).reshape(-1, 3)
    corner = vertex[faces]
    outward = np.einsum("fi,fi->f", np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]),
                        corner.mean(axis=1) - vertex.reshape(-1, 6, 3).mean(axis=1).repeat(8, 0))  # fmt: skip
    assert (outward > 0).all()


def test_gaps_are_held_and_said_and_nobody_is_nothing(tmp_path: Path) -> None:
    take = make_take(FRAMES, gap=("left_elbow", slice(10, 15)))
    result = export(take, ("glb",), tmp_path)["glb"]
    assert any("left_shoulder" in s and "11-15" in s for s in result.dropped)
    _, place, _ = played(pygltflib.GLTF2.load(str(result.files[0])))
    assert np.isfinite(place).all()
    nobody = replace(take.motion, rotation=np.full_like(take.motion.rotation, np.nan))
    assert export(replace(take, motion=nobody), ("glb",), tmp_path / "b")["glb"].files == ()


VALIDATE = """
const fs = require("fs"), validator = require("gltf-validator");
const bytes = new Uint8Array(fs.readFileSync(process.argv[1]));
validator.validateBytes(bytes).then(report => console.log(JSON.stringify(report)));
"""


def test_khronos_validator_finds_nothing(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or subprocess.run([node, "-e", 'require("gltf-validator")'], capture_output=True).returncode:
        pytest.skip("needs node with the package gltf-validator (NODE_PATH)")
    (path,) = export(make_take(FRAMES), ("glb",), tmp_path)["glb"].files
    report = json.loads(subprocess.run([node, "-e", VALIDATE, path], capture_output=True, check=True).stdout)
    assert report["issues"]["messages"] == []
