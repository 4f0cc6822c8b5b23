"""Live capture: from the newest pictures of all cameras to a body, angles and streams, while somebody moves."""

from mocap.capture.events import CameraState
from mocap.pipeline.live.events import (
    FeedbackEvent,
    LiveEvent,
    LiveNote,
    LiveState,
    LiveStatus,
    StageTimes,
)
from mocap.pipeline.live.feedback import CountTarget, RangeTarget, parse_target
from mocap.pipeline.live.recording import LiveRecording
from mocap.pipeline.live.session import LiveSession, LiveSetup
from mocap.pipeline.live.source import CapturedSource, LiveSource
from mocap.pipeline.live.watched import WatchedSource

__all__ = [
    "CameraState",
    "CapturedSource",
    "CountTarget",
    "FeedbackEvent",
    "LiveEvent",
    "LiveNote",
    "LiveRecording",
    "LiveSession",
    "LiveSetup",
    "LiveSource",
    "LiveState",
    "LiveStatus",
    "RangeTarget",
    "StageTimes",
    "WatchedSource",
    "parse_target",
]
