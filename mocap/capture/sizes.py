"""What size a coded picture has, told from its bytes: a camera may change it while it sends."""

from __future__ import annotations

from typing import Any

import av

# Kinds of the unit that holds a picture's size, by code: the sequence parameter set (H.264, 7.4.1; HEVC, 7.4.2.2).
SETS = {"h264": 7, "hevc": 33}

# Marks of a JPEG that begin a frame and hold its size: all "start of frame" but those of tables (T.81, table B.1).
JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})


class Sizes:
    """Follows the size of one camera's coded pictures.

    Parameters
    ----------
    codec : str
    size_wh : (int, int)
        As the stream told it when it was opened, px.
    """

    def __init__(self, codec: str, size_wh: tuple[int, int]) -> None:
        self._codec, self.size_wh = codec, size_wh
        self._told: bytes | None = None

    def of(self, packet: Any) -> tuple[int, int]:
        """Size of this picture, px; that of the one before, where it does not say."""
        if self._codec == "mjpeg":
            self.size_wh = jpeg_size(bytes(packet)) or self.size_wh
        elif packet.is_keyframe:
            told = parameter_set(bytes(packet), self._codec)
            if told is not None and told != self._told:
                # Only a set that is new is worth decoding a picture for.
                if self._told is not None:
                    self.size_wh = self._decoded(packet) or self.size_wh
                self._told = told
        return self.size_wh

    def _decoded(self, packet: Any) -> tuple[int, int] | None:
        decoder = av.CodecContext.create(self._codec, "r")
        decoder.thread_count = 1
        try:
            frames = [*decoder.decode(av.Packet(bytes(packet))), *decoder.decode(None)]
        except av.error.FFmpegError:
            return None
        return (frames[0].width, frames[0].height) if frames else None


def parameter_set(data: bytes, codec: str) -> bytes | None:
    """Bytes of a picture's sequence parameter set; None where it carries none.

    Units begin after 00 00 01 (Annex B of both standards). Those of mp4 begin with their length instead and carry
    no set.
    """
    kind, at = SETS.get(codec), data.find(b"\0\0\1")
    while kind is not None and at >= 0 and at + 3 < len(data):
        end = data.find(b"\0\0\1", at + 3)
        head = data[at + 3]
        if (head & 0x1F if codec == "h264" else head >> 1 & 0x3F) == kind:
            return data[at + 3 : end if end >= 0 else None].rstrip(b"\0")
        at = end
    return None


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG, px; None where it is damaged."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        if data[at + 1] in JPEG_FRAMES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
