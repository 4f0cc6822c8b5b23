"""Sources of pictures: cameras and video files."""

from mocap.capture.find import find_videos
from mocap.capture.instants import images_at
from mocap.capture.match import fit_rig, match_names
from mocap.capture.video import FrameReader, VideoInfo, probe, read_frames

__all__ = [
    "FrameReader",
    "VideoInfo",
    "find_videos",
    "fit_rig",
    "images_at",
    "match_names",
    "probe",
    "read_frames",
]
