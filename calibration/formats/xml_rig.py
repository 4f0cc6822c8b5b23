"""What the XML formats of Qualisys, Vicon and OptiTrack have in common: numbers in attributes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from calibration.errors import CalibrationError
from calibration.formats.protocol import Source
from calibration.formats.values import numbers
from calibration.transforms import FloatArray

# ElementTree refuses decoded text that still declares an encoding.
XML_DECLARATION = re.compile(r"^\s*<\?xml.*?\?>", re.DOTALL)

# The root element stands within the first characters, after comments at most.
HEAD_CHARACTERS = 2000

# From camera axes with y up and z backwards, as QTM and Motive have them, to OpenCV's.
CV_FROM_Y_UP = np.diag([1.0, -1.0, -1.0])


def begins_with(source: Source, element: str) -> bool:
    """Whether this is XML with such an element near its beginning."""
    head = (source.text_if_any or "").lstrip()[:HEAD_CHARACTERS]
    return head.startswith("<") and re.search(rf"<{element}[\s>/]", head) is not None


def parse(source: Source, program: str) -> ET.Element:
    """Parse XML, or raise CalibrationError with the place where it breaks."""
    try:
        return ET.fromstring(XML_DECLARATION.sub("", source.text))
    except ET.ParseError as error:
        raise CalibrationError(
            f"The calibration file is not valid XML: {error}.", f"Export it from {program} again.", source.path
        ) from error


def attributes(path: Path, camera: str, element: ET.Element, *keys: str) -> FloatArray:
    """Return attributes of one number each as (len(keys),)."""
    values = [attribute(path, camera, element, key, 1) for key in keys]
    return np.concatenate(values)


def attribute(path: Path, camera: str, element: ET.Element, key: str, count: int | None) -> FloatArray:
    """Return one attribute of ``count`` numbers between blanks as (count,)."""
    text = element.get(key)
    return numbers(path, camera, key, None if text is None else text.split(), (count,))


def parts(path: Path, camera: str, element: ET.Element, *tags: str) -> list[ET.Element]:
    """Return the children of these names, or raise CalibrationError naming those that are missing."""
    found = [element.find(tag) for tag in tags]
    if missing := [tag for tag, part in zip(tags, found, strict=True) if part is None]:
        raise CalibrationError(
            f"Camera '{camera}' lacks {', '.join(missing)}.", "Calibrate, and export the calibration again.", path
        )
    return [part for part in found if part is not None]
