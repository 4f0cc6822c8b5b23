"""What a live stream is, and how one is named: ``vmc:HOST:PORT``, ``lsl:NAME``, ``ws:HOST:PORT``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from mocap.core.errors import InputError
from mocap.core.live import LiveFrame
from mocap.core.skeleton import Skeleton


class Sink(Protocol):
    """Somewhere that live frames go. Sending never waits for whoever receives."""

    @property
    def address(self) -> str:
        """Where it sends, in words that name it again."""
        ...

    def send(self, frame: LiveFrame) -> None:
        """Send one frame.

        Raises
        ------
        OSError
            If the line is broken.
        """
        ...

    def close(self) -> None:
        """Let go of the line; closing it twice does no harm."""
        ...


MakeSink = Callable[[str, Skeleton, tuple[str, ...]], Sink]


def _vmc(where: str, skeleton: Skeleton, angles: tuple[str, ...]) -> Sink:
    from mocap.stream.vmc import DEFAULT_PORT, VmcSink

    return VmcSink(*host_and_port(where, DEFAULT_PORT))


def _lsl(where: str, skeleton: Skeleton, angles: tuple[str, ...]) -> Sink:
    from mocap.stream.lsl import LslSink

    return LslSink(where or "openmocap", skeleton, angles)


def _websocket(where: str, skeleton: Skeleton, angles: tuple[str, ...]) -> Sink:
    from mocap.stream.websocket import DEFAULT_PORT, WebSocketSink

    return WebSocketSink(*host_and_port(where, DEFAULT_PORT))


KINDS: Mapping[str, MakeSink] = MappingProxyType({"vmc": _vmc, "lsl": _lsl, "ws": _websocket})


def open_sink(address: str, skeleton: Skeleton, angles: tuple[str, ...]) -> Sink:
    """Open a stream by its address.

    Parameters
    ----------
    address : str
        A kind of ``KINDS``, then where: ``vmc``, ``vmc:192.168.1.20:39539``, ``lsl:lab1``, ``ws:127.0.0.1:8765``.
    skeleton : Skeleton
        Whose keypoints are sent.
    angles : tuple of str
        Names of the joint angles that are sent.

    Raises
    ------
    InputError
        If the address names no stream, or the port is taken.
    MissingExtraError
        If the library for it is not installed.
    """
    kind, _, where = address.partition(":")
    if kind not in KINDS:
        raise InputError(
            f"'{address}' is no stream.", "Name one as vmc:HOST:PORT, lsl:NAME or ws:HOST:PORT; all after the "
            "first word may be left out."
        )  # fmt: skip
    return KINDS[kind](where, skeleton, angles)


def host_and_port(where: str, default_port: int) -> tuple[str, int]:
    """Read ``HOST:PORT``; this computer and the usual port where they are left out.

    Raises
    ------
    InputError
        If the port is no number from 0 to 65535.
    """
    host, _, port = where.rpartition(":") if ":" in where else (where, "", str(default_port))
    if not port.isdecimal() or int(port) > 65535:
        raise InputError(f"'{port}' is no port.", "Write HOST:PORT with a port up to 65535.")
    return host or "127.0.0.1", int(port)
