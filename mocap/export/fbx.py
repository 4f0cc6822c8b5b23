"""FBX: by way of Blender, in a process of its own; nobody else writes the format freely."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from calibration.files import atomic_write
from mocap.core.errors import ExportError
from mocap.core.types import Take
from mocap.export.bvh import BvhExporter
from mocap.export.written import Written

# The program `blender`, or a Python that has the package bpy.
VARIABLE = "MOCAP_BLENDER"
# Starting takes Blender some seconds; ten minutes are for hour-long takes on slow machines.
LIMIT_S = 600
DONE = "openmocap: written"

SCRIPT = """
import sys, bpy
source, target, rate, frames = sys.argv[sys.argv.index("--") + 1 :]
bpy.ops.wm.read_factory_settings(use_empty=True)
render = bpy.context.scene.render
# A scene counts whole frames a second over a base: 59.94 is 60 over 1.001.
render.fps = max(1, round(float(rate)))
render.fps_base = render.fps / float(rate)
bpy.ops.import_anim.bvh(filepath=source, global_scale=0.01, frame_start=1, use_fps_scale=False)
scene = bpy.context.scene
scene.frame_start, scene.frame_end = 1, int(frames)
bpy.ops.export_scene.fbx(filepath=target, object_types={"ARMATURE"}, add_leaf_bones=False, bake_anim=True,
                         bake_anim_use_all_actions=False, bake_anim_use_nla_strips=False,
                         bake_anim_simplify_factor=0.0)
print("openmocap: written")
"""


class FbxExporter:
    """An armature with the fitted bones and the motion, metres, the names of the joints ours."""

    title = "FBX, a skeleton in motion (needs Blender)"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.fbx``; nothing where there was no body at any time."""
        program = find_blender()
        with tempfile.TemporaryDirectory() as scratch:
            made = BvhExporter().write(take, person, Path(scratch), "take")
            if not made.files:
                return made
            path = folder / f"{stem}.fbx"
            with atomic_write(path) as draft:
                draft.touch()
                written = Path(scratch) / "take.fbx"
                given = (made.files[0], written, repr(float(take.rate_hz)), len(take.t_s))
                _run(program, [str(word) for word in given], written)
                shutil.copyfile(written, draft)
        return replace(made, files=(path,))


def find_blender() -> list[str]:
    """Find the command that runs Blender on a script that follows it.

    Raises
    ------
    ExportError
        If there is no Blender.
    """
    named = os.environ.get(VARIABLE)
    program = named or shutil.which("blender")
    if program is None or shutil.which(program) is None:
        raise ExportError(
            "FBX files are written by Blender, which was not found."
            if named is None
            else f"{VARIABLE} names '{named}', which is no program.",
            f"Install Blender, or set {VARIABLE} to its program, or to a Python with the package bpy; "
            "or choose glb, bvh or usd.",
        )
    if "python" in Path(program).name.lower():
        return [program, "-c", SCRIPT]
    return [program, "--background", "--factory-startup", "--python-expr", SCRIPT]


def _run(program: list[str], arguments: list[str], written: Path) -> None:
    """Run Blender and believe it only when the file is there."""
    try:
        done = subprocess.run(
            [*program, "--", *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportError(f"Blender could not be run: {error}.", "Check that it starts, or choose glb.") from error
    if done.returncode != 0 or DONE not in done.stdout or not written.is_file():
        last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise ExportError(f"Blender failed: {last}", "Check that Blender 4 or newer starts, or choose glb.")
