"""MOT: joint angles over time for OpenSim (its Storage format, inDegrees=yes)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from calibration.files import atomic_write
from mocap.core.types import Take
from mocap.export.written import Written

# OpenSim 4.6 has two readers: TimeSeriesTable takes the word nan and a blank alike; Storage stops at the word, but
# at a blank it takes the next number for the missing one, and every angle after it is wrong.
MISSING = "nan"


class MotExporter:
    """Degrees, one column an angle with our own names; a missing value is ``nan``, never zero."""

    title = "MOT, joint angles for OpenSim"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.mot``."""
        path = folder / f"{stem}.mot"
        degrees = np.degrees(take.angles.value[:, person])
        head = [
            path.stem,
            "version=1",
            f"nRows={degrees.shape[0]}",
            f"nColumns={degrees.shape[1] + 1}",
            "inDegrees=yes",
            "",
            "Clinical joint angles as measured; they are not the coordinates of an OpenSim model.",
            "endheader",
            "\t".join(["time", *take.angles.names]),
        ]
        with atomic_write(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(head) + "\n")
            for t, row in zip(take.t_s.tolist(), degrees.tolist(), strict=True):
                cells = [f"{v:.6f}" if v == v else MISSING for v in row]  # NaN != NaN
                file.write("\t".join([f"{t:.7f}", *cells]) + "\n")
        return Written(
            (path,),
            ("The uncertainty of the angles.", "Points, joint rotations and bone lengths: see the TRC file."),
        )
