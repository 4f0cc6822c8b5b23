"""From the camera's clock to the computer's monotonic one."""

from __future__ import annotations

from dataclasses import dataclass

from mocap.capture.source import Stamp

# While a stream settles it hands over what it had in store; then delays are what the line makes of them.
SETTLE_NS = 1_000_000_000

# Clocks of cameras go wrong by less than this: quartz is good for 20 to 100 parts in a million.
DRIFT = 1e-4

# Once settled the offset gives way by this share of the time that passes: no time step is bent by more.
SLEW = 0.05

# A picture cannot arrive before it was taken, and no reordering of pictures spans so long: more is a jump.
JUMP_NS = 500_000_000

# A driver's stamp is older than the arrival by transfer and decoding; beyond this it is on another clock.
DRIVER_DELAY_NS = 1_000_000_000


@dataclass
class CameraClock:
    """Tells the time of each picture of one camera on the computer's monotonic clock.

    A stamp on the camera's clock is brought over by the smallest delay seen: transport can only add to it, so the
    earliest arrivals show the offset best, and it may grow by no more than clocks drift (the minimum filter of
    network time protocols: Mills, RFC 5905, section 10). A jump of the camera's clock begins a new offset at the
    time that has passed by ours.

    Attributes
    ----------
    stamp : Stamp
    jumps : int
        How often the camera's clock jumped.
    """

    stamp: Stamp
    jumps: int = 0
    _offset_ns: float | None = None
    _began_ns: int = 0
    _last: tuple[int, int] = (0, 0)
    _away: bool = False

    def time_ns(self, camera_ns: int | None, arrival_ns: int) -> int:
        """Time of a picture, ns, from its stamp and its arrival."""
        if self.stamp is Stamp.FILE and camera_ns is not None:
            return camera_ns
        if self.stamp is Stamp.ARRIVAL or camera_ns is None:
            return arrival_ns
        if self.stamp is Stamp.DRIVER:
            if 0 <= arrival_ns - camera_ns <= DRIVER_DELAY_NS:
                return camera_ns
            self.jumps += 1
            return arrival_ns
        return self._of_stream(camera_ns, arrival_ns)

    def come_back(self) -> None:
        """Note that the camera was away: its clock may begin anew, which is no jump."""
        self._away = True

    def _of_stream(self, camera_ns: int, arrival_ns: int) -> int:
        offset = arrival_ns - camera_ns
        if self._away and self._offset_ns is not None and abs(offset - self._offset_ns) > JUMP_NS:
            self._offset_ns = None
        self._away = False
        if self._offset_ns is None:
            self._offset_ns, self._began_ns = offset, arrival_ns
        else:
            last_camera, last_arrival = self._last
            step, passed = camera_ns - last_camera, arrival_ns - last_arrival
            settling = arrival_ns - self._began_ns < SETTLE_NS
            early = self._offset_ns - offset
            if step < -JUMP_NS or (not settling and early > JUMP_NS):
                self.jumps += 1
                self._offset_ns = last_camera + self._offset_ns + passed - camera_ns
            elif early > 0:
                self._offset_ns -= early if settling else min(early, SLEW * max(step, 0))
            else:
                self._offset_ns += min(-early, DRIFT * max(step, 0))
        self._last = (camera_ns, arrival_ns)
        return round(camera_ns + self._offset_ns)
