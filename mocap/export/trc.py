"""TRC: marker positions for OpenSim (format 4 as its TRCFileAdapter reads it)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from calibration.files import atomic_write
from mocap.core.types import Take
from mocap.export.written import Written, y_up

MM_PER_M = 1000.0
BLANK = "\t\t"
# OpenSim drops an empty cell at the end of a line and then misses a column; a space it reads as blank.
BLANK_AT_END = "\t\t "


class TrcExporter:
    """Millimetres, Y up (see ``y_up``); a missing marker is blank, never zero."""

    title = "TRC, marker positions for OpenSim"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.trc``."""
        path = folder / f"{stem}.trc"
        names = take.points.skeleton.keypoints
        frames = take.t_s.shape[0]
        xyz = MM_PER_M * y_up(take.points.xyz[:, person])
        rate = f"{take.rate_hz:.6f}"
        head = [
            f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
            "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
            f"{rate}\t{rate}\t{frames}\t{len(names)}\tmm\t{rate}\t1\t{frames}",
            "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
            "\t\t" + "\t".join(f"X{n}\tY{n}\tZ{n}" for n in range(1, len(names) + 1)),
            "",
        ]
        seen = np.asarray(np.isfinite(xyz).all(axis=-1))
        with atomic_write(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(head) + "\n")
            for frame, (t, row, known) in enumerate(zip(take.t_s, xyz, seen, strict=True), start=1):
                cells = [
                    f"{p[0]:.4f}\t{p[1]:.4f}\t{p[2]:.4f}" if ok else BLANK
                    for p, ok in zip(row, known, strict=True)
                ]
                if not known[-1]:
                    cells[-1] = BLANK_AT_END
                file.write(f"{frame}\t{t:.7f}\t" + "\t".join(cells) + "\n")
        return Written(
            (path,),
            (
                "The uncertainty of the points, and which of them were measured and which filled in.",
                "Joint angles, joint rotations and bone lengths.",
            ),
        )
