"""Everybody as JSON over WebSocket, for programs and pages of one's own."""

from __future__ import annotations

import json
import math
import re
import threading
from typing import Any

import numpy as np

from mocap.core.errors import InputError, MissingExtraError
from mocap.core.live import LiveFrame, LivePerson
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray

DEFAULT_PORT = 8765
# Programs send no origin; pages may listen only if they come from this computer: movements of a person are theirs.
OUR_ORIGINS = [None, re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")]
# Digits that are sent: tenths of a millimetre, and of a thousandth of a turn.
DIGITS = 4


def as_json(frame: LiveFrame) -> str:
    """One frame as a JSON object; what is not known is null.

    Metres, world with z up; degrees; quaternions w, x, y, z of each joint's segment relative to its parent's,
    zero turn in the T-pose.
    """
    people = [_person(one, frame.skeleton) for one in frame.people]
    told = {
        "type": "frame",
        "number": frame.number,
        "t_ns": frame.t_ns,
        "latency_ms": round(1e3 * frame.latency_s, 1),
        "cameras": dict(zip(frame.cameras, frame.seen, strict=True)),
        "subject": frame.subject,
        "people": people,
    }
    return json.dumps(told, allow_nan=False, separators=(",", ":"))


def _person(one: LivePerson, skeleton: Skeleton) -> dict[str, Any]:
    degrees = np.degrees(one.angles.value[0, 0])
    told: dict[str, Any] = {
        "number": one.number,
        "points": {name: _row(row) for name, row in zip(skeleton.keypoints, one.xyz, strict=True)},
        "sigma": dict(zip(skeleton.keypoints, _numbers(one.sigma), strict=True)),
        "angles": dict(zip(one.angles.names, _numbers(degrees), strict=True)),
    }
    if one.motion is not None:
        names = [joint.name for joint in one.motion.skeleton.joints]
        told["root"] = _row(one.motion.root_xyz[0, 0])
        told["rotations"] = {n: _row(q) for n, q in zip(names, one.motion.rotation[0, 0], strict=True)}
    return told


def _numbers(values: FloatArray) -> list[float | None]:
    return [round(v, DIGITS) if math.isfinite(v) else None for v in values.tolist()]


def _row(values: FloatArray) -> list[float | None] | None:
    """Several numbers that are known together or not at all."""
    return _numbers(values) if np.isfinite(values).all() else None


class WebSocketSink:
    """Serves the newest frame to whoever connects; one who reads slowly misses frames, and holds nobody up.

    Parameters
    ----------
    host : str
        Address to listen at; other computers can connect only if it is not this computer's own 127.0.0.1.
    port : int
        0 takes a free one; ``address`` tells which.

    Raises
    ------
    MissingExtraError
        If websockets is not installed.
    InputError
        If the port is taken.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = DEFAULT_PORT) -> None:
        try:
            from websockets.exceptions import ConnectionClosed
            from websockets.sync.server import serve
        except ImportError as error:
            raise MissingExtraError("Serving WebSockets needs websockets.", "live") from error
        self._gone = ConnectionClosed
        self._changed = threading.Condition()
        self._newest: tuple[int, LiveFrame | None] = (0, None)
        self._open, self._listeners = True, 0
        try:
            self._server = serve(self._serve, host, port, origins=OUR_ORIGINS, compression=None)
        except OSError as error:
            raise InputError(
                f"Nobody can be served at {host}:{port}: {error.strerror}.", "Give another port: ws:HOST:PORT."
            ) from error
        self.address = f"ws:{host}:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="websocket", daemon=True)
        self._thread.start()

    def send(self, frame: LiveFrame) -> None:
        """Put the frame where the connections find it; see ``Sink``."""
        with self._changed:
            self._newest = (self._newest[0] + 1, frame)
            self._changed.notify_all()

    def _serve(self, connection: Any) -> None:
        """Send to one listener until they leave."""
        sent = 0
        with self._changed:
            sent = self._newest[0]
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: not self._open or self._newest[0] > sent)  # noqa: B023
                    if not self._open:
                        return
                    sent, frame = self._newest
                assert frame is not None
                connection.send(as_json(frame))
        except self._gone:
            return

    def close(self) -> None:
        """Send everybody off and close the port."""
        with self._changed:
            if not self._open:
                return
            self._open = False
            self._changed.notify_all()
        self._server.shutdown()
        self._thread.join()
