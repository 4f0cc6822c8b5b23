"""The rig as the cameras really send: their names, and the sizes of their pictures."""

from __future__ import annotations

from dataclasses import replace

from calibration import CalibrationError, Camera, CameraRig
from mocap.capture.match import match_names


def chosen_rig(rig: CameraRig, names: tuple[str, ...]) -> CameraRig:
    """Calibrated cameras of these sources, in their order and with their names.

    Raises
    ------
    CalibrationError
        If a source has no camera.
    """
    by_source = match_names(rig.names, names)
    found = rig.select(tuple(by_source[name] for name in names))
    return replace(found, cameras=tuple(replace(c, name=n) for c, n in zip(found.cameras, names, strict=True)))


class Views:
    """The rig at the sizes of the pictures that come; these may change at any time.

    Parameters
    ----------
    rig : CameraRig
        As calibrated, for the cameras there are.
    """

    def __init__(self, rig: CameraRig) -> None:
        self._calibrated = {camera.name: camera for camera in rig.cameras}
        self.rig = rig
        self.refused: dict[str, tuple[int, int]] = {}
        self._sizes = {camera.name: camera.intrinsics.size_wh for camera in rig.cameras}

    def fits(self, camera: str, size_wh: tuple[int, int]) -> bool:
        """Whether the rig is for pictures of this size already."""
        return self._sizes[camera] == size_wh and camera not in self.refused

    def change(self, camera: str, size_wh: tuple[int, int]) -> str | None:
        """Make the rig one for pictures of this size; returns a sentence for the user, None if nothing changes.

        A camera whose pictures have another shape than they were calibrated at is refused until that changes.
        """
        if self.refused.get(camera) == size_wh:
            return None
        known = self._calibrated[camera]
        (w0, h0), (w1, h1) = known.intrinsics.size_wh, size_wh
        try:
            intrinsics = known.intrinsics.for_size(size_wh)
        except CalibrationError:
            self.refused[camera] = size_wh
            return (
                f"The camera '{camera}' sends {w1}x{h1} px, but was calibrated at {w0}x{h0} px, another shape; it "
                "is left out. Set it to the size of the calibration, or calibrate at this size."
            )
        self.refused.pop(camera, None)
        self._sizes[camera] = size_wh
        self._put(replace(known, intrinsics=intrinsics))
        if (w0, h0) == (w1, h1):
            return f"The camera '{camera}' sends {w1}x{h1} px again."
        return f"The camera '{camera}' sends {w1}x{h1} px and was calibrated at {w0}x{h0} px; it was scaled."

    def _put(self, camera: Camera) -> None:
        cameras = tuple(camera if c.name == camera.name else c for c in self.rig.cameras)
        self.rig = replace(self.rig, cameras=cameras)
