"""Keeps an eye on the view of one camera: decodes what needs it, and says what changed."""

from __future__ import annotations

from typing import Any

import av
import cv2
import numpy as np

from mocap.capture.source import Picture
from mocap.capture.watch import SENTENCES, View, looked, small_grey
from mocap.core.types import ImageArray


class Observer:
    """Looks at one camera's newest picture whenever it is asked.

    Of coded pictures only those that need no other are decoded: a camera's whole stream would take a good part
    of a processor.

    Parameters
    ----------
    name : str
        The camera's.
    """

    def __init__(self, name: str) -> None:
        self._name, self._view = name, View()
        self._seen: Picture | None = None
        self._decoder: tuple[Any, Any] = (None, None)
        self.sharpness = self.brightness = float("nan")
        self.problems: tuple[str, ...] = ()

    def look(self, picture: Picture | None) -> tuple[str, ...]:
        """Look at a picture, if it is a new one, and return what became wrong or right, in sentences."""
        if picture is None or picture is self._seen:
            return ()
        self._seen = picture
        image = picture.image if picture.image is not None else self._decoded(picture)
        if image is None:
            return ()
        before = self._view.told
        self._view, look = looked(self._view, small_grey(image))
        self.sharpness, self.brightness = look.sharpness, look.brightness
        self.problems = tuple(SENTENCES[name].format(name=self._name) for name in look.problems)
        new = [SENTENCES[name].format(name=self._name) for name in look.problems if name not in before]
        gone = sorted(before - set(look.problems))
        return (*new, *(f"No longer: {SENTENCES[name].format(name=self._name)}" for name in gone))

    def _decoded(self, picture: Picture) -> ImageArray | None:
        """Decode a picture that needs no other; None where that fails, as the next will come."""
        coded = picture.coded
        if coded is None or not coded.is_key:
            return None
        if coded.codec == "mjpeg":
            # A quarter of the size in each direction is decoded many times as fast, and large enough to look at.
            return cv2.imdecode(np.frombuffer(bytes(coded.packet), np.uint8), cv2.IMREAD_REDUCED_COLOR_2)
        template, decoder = self._decoder
        if decoder is None or template is not coded.template:
            decoder = av.CodecContext.create(coded.codec, "r")
            decoder.thread_count = 1
            decoder.extradata = coded.template.codec_context.extradata
            self._decoder = (coded.template, decoder)
        try:
            packet = av.Packet(bytes(coded.packet))
            frames = [*decoder.decode(packet), *decoder.decode(None)]
            decoder.flush_buffers()
        except av.error.FFmpegError:
            self._decoder = (None, None)
            return None
        return frames[-1].to_ndarray(format="bgr24") if frames else None
