"""Streams, received by programs that are not ours: python-osc's server, pylsl's inlet, websockets' client."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pylsl
import pytest
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import ThreadingOSCUDPServer
from scipy.spatial.transform import Rotation
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from mocap.core.body import forward
from mocap.core.errors import InputError, MissingExtraError
from mocap.core.live import LiveFrame, LivePerson
from mocap.core.types import JointAngles, Motion
from mocap.stream import open_sink
from mocap.stream.sink import host_and_port
from mocap.stream.vmc import BONES, unity_vector
from tests.factories import make_motion, points_of

ANGLES = ("left_knee_flexion", "right_knee_flexion")
MOTION = make_motion(40)
POINTS = points_of(MOTION)
SKELETON = POINTS.skeleton
# What each of Unity's bones hangs on.
PARENTS = {
    "Spine": "Hips", "Chest": "Spine", "Neck": "Chest", "Head": "Neck",
    **{f"{side}{bone}": parent.replace("*", side) for side in ("Left", "Right") for bone, parent in (
        ("UpperLeg", "Hips"), ("LowerLeg", "*UpperLeg"), ("Foot", "*LowerLeg"),
        ("UpperArm", "Chest"), ("LowerArm", "*UpperArm"), ("Hand", "*LowerArm"))},
}  # fmt: skip


def at(motion: Motion, t: int) -> Motion:
    cut = slice(t, t + 1)
    return replace(
        motion,
        root_xyz=motion.root_xyz[cut],
        rotation=motion.rotation[cut],
        rotation_cov=motion.rotation_cov[cut],
        centre_cov=motion.centre_cov[cut],
    )


def frame(t: int, number: int = 0, body: bool = True, age_s: float = 0.0) -> LiveFrame:
    """A frame of two people: the subject, whose left wrist is missing, and somebody else."""
    xyz = POINTS.xyz[t, 0].copy()
    xyz[SKELETON.index("left_wrist")] = np.nan
    value = np.radians([[[35.0 + t, np.nan]]])
    angles = JointAngles(ANGLES, value, 0.0 * value)
    sigma = np.full(len(SKELETON.keypoints), 0.01)
    subject = LivePerson(7, xyz, sigma, at(MOTION, t) if body else None, angles)
    other = LivePerson(8, xyz + 1.0, sigma, None, JointAngles(ANGLES, value * np.nan, value * np.nan))
    t_ns = time.monotonic_ns() - round(1e9 * age_s)
    return LiveFrame(
        number,
        t_ns,
        SKELETON,
        ("a", "b"),
        (True, False),
        (subject, other),
        7,
        {"wait": 0.01},
        {"body": 0.002},
        0.05,
    )


@pytest.fixture
def osc() -> Iterator[tuple[int, list[tuple[str, tuple[object, ...]]]]]:
    """An OSC server and what it received."""
    got: list[tuple[str, tuple[object, ...]]] = []
    dispatcher = Dispatcher()
    dispatcher.set_default_handler(lambda path, *values: got.append((path, values)))
    with ThreadingOSCUDPServer(("127.0.0.1", 0), dispatcher) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_address[1], got
        server.shutdown()
        thread.join()


def wait_for(done: object, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.01)
    assert done()  # type: ignore[operator]


def test_vmc_puts_the_bones_where_they_are(osc: tuple[int, list[tuple[str, tuple[object, ...]]]]) -> None:
    port, got = osc
    sink = open_sink(f"vmc:127.0.0.1:{port}", SKELETON, ANGLES)
    sink.send(frame(17))
    names = [joint.name for joint in MOTION.skeleton.joints]
    wait_for(lambda: sum(path == "/VMC/Ext/Bone/Pos" for path, _ in got) == len(BONES))
    assert ("/VMC/Ext/OK", (1,)) in got
    told = {str(v[0]): np.array(v[1:], dtype=float) for path, v in got if path == "/VMC/Ext/Bone/Pos"}
    # Unity puts bone upon bone: place and turn of each are relative to its parent.
    place, turn = {"Hips": told["Hips"][:3]}, {"Hips": Rotation.from_quat(told["Hips"][3:])}
    for bone, parent in PARENTS.items():
        place[bone] = place[parent] + turn[parent].apply(told[bone][:3])
        turn[bone] = turn[parent] * Rotation.from_quat(told[bone][3:])
    centres = unity_vector(forward(MOTION)[17, 0])
    for joint, bone in BONES.items():
        np.testing.assert_allclose(place[bone], centres[names.index(joint)], atol=1e-5)
    sink.close()


def test_vmc_turns_as_unity_does(osc: tuple[int, list[tuple[str, tuple[object, ...]]]]) -> None:
    """Somebody in the T-pose who looks our -y way lifts the left arm: in Unity about z, clockwise from behind."""
    port, got = osc
    still = at(MOTION, 0)
    rotation = np.zeros_like(still.rotation)
    rotation[..., 0] = 1.0
    arm = [joint.name for joint in still.skeleton.joints].index("left_shoulder")
    # A turn by a quarter about our y axis (backwards) takes x (left) to -z (down): lifting is the other way.
    rotation[0, 0, arm] = [np.cos(-np.pi / 4), 0.0, np.sin(-np.pi / 4), 0.0]
    one = frame(0)
    subject = replace(one.people[0], motion=replace(still, rotation=rotation))
    sink = open_sink(f"vmc:127.0.0.1:{port}", SKELETON, ANGLES)
    sink.send(replace(one, people=(subject,)))
    wait_for(lambda: any(v[0] == "LeftUpperArm" for _, v in got))
    value = next(v for _, v in got if v[0] == "LeftUpperArm")
    x, y, z, w = (float(n) for n in value[4:])  # type: ignore[arg-type]
    # In left-handed axes the left arm points to -x; a turn about +z takes x to y, so -x to -y: up is the minus.
    np.testing.assert_allclose((x, y, z, w), (0.0, 0.0, -np.sqrt(0.5), np.sqrt(0.5)), atol=1e-6)
    hand = Rotation.from_quat([x, y, z, w]).apply([-1.0, 0.0, 0.0])
    np.testing.assert_allclose(hand, [0.0, 1.0, 0.0], atol=1e-6)
    sink.close()


def test_vmc_says_when_there_is_no_body(osc: tuple[int, list[tuple[str, tuple[object, ...]]]]) -> None:
    port, got = osc
    sink = open_sink(f"vmc:127.0.0.1:{port}", SKELETON, ANGLES)
    sink.send(frame(0, body=False))
    wait_for(lambda: any(path == "/VMC/Ext/T" for path, _ in got))
    assert ("/VMC/Ext/OK", (0,)) in got
    assert not any(path == "/VMC/Ext/Bone/Pos" for path, _ in got)
    sink.close()
    sink.close()


def test_lsl_sends_angles_and_points_with_their_time() -> None:
    name = f"test{time.monotonic_ns()}"
    sink = open_sink(f"lsl:{name}", SKELETON, ANGLES)
    inlets = {}
    for part in ("angles", "points"):
        found = pylsl.resolve_byprop("name", f"{name}.{part}", minimum=1, timeout=10.0)
        assert found
        inlets[part] = pylsl.StreamInlet(found[0])
        inlets[part].open_stream(timeout=10.0)
    info = inlets["angles"].info(timeout=10.0)
    channel = info.desc().child("channels").child("channel")
    assert (channel.child_value("label"), channel.child_value("unit")) == ("left_knee_flexion", "degrees")
    sent = frame(5, age_s=0.2)
    before = pylsl.local_clock()
    sink.send(sent)
    angles, stamp = inlets["angles"].pull_sample(timeout=10.0)
    points, _ = inlets["points"].pull_sample(timeout=10.0)
    assert angles[0] == pytest.approx(40.0, abs=1e-4)
    assert np.isnan(angles[1])
    np.testing.assert_allclose(np.reshape(points, (-1, 3)), sent.people[0].xyz, atol=1e-5)
    # The time is that of the pictures, not that of sending.
    assert 0.15 < before - stamp < 0.25
    sink.close()


def test_websocket_sends_the_newest_as_json() -> None:
    sink = open_sink("ws:127.0.0.1:0", SKELETON, ANGLES)
    port = sink.address.rsplit(":", 1)[1]
    with connect(f"ws://127.0.0.1:{port}") as client:
        time.sleep(0.1)  # until the server has noticed
        sink.send(frame(3, number=11))
        told = json.loads(client.recv(timeout=5.0))
        assert (told["type"], told["number"], told["subject"]) == ("frame", 11, 7)
        assert told["cameras"] == {"a": True, "b": False}
        one, other = told["people"]
        assert one["angles"] == {"left_knee_flexion": 38.0, "right_knee_flexion": None}
        assert one["points"]["left_wrist"] is None
        np.testing.assert_allclose(one["points"]["nose"], POINTS.xyz[3, 0, SKELETON.index("nose")[0]], atol=1e-4)
        assert set(one["rotations"]) == {joint.name for joint in SKELETON.joints}
        assert "rotations" not in other
        # Whoever reads slowly gets what is new, and nobody waits for them.
        start = time.monotonic()
        for number in range(12, 3000):
            sink.send(frame(3, number=number))
        assert time.monotonic() - start < 10.0
        seen = [11]
        while seen[-1] < 2999:
            seen.append(json.loads(client.recv(timeout=5.0))["number"])
        assert seen == sorted(set(seen))
        sink.close()
    sink.close()


def test_websocket_lets_no_foreign_page_listen() -> None:
    sink = open_sink("ws:127.0.0.1:0", SKELETON, ANGLES)
    url = f"ws://127.0.0.1:{sink.address.rsplit(':', 1)[1]}"
    with pytest.raises(InvalidStatus, match="403"):
        connect(url, origin="https://elsewhere.example")  # type: ignore[arg-type]
    with connect(url, origin="http://localhost:3000"):  # type: ignore[arg-type]
        pass
    with pytest.raises(InputError, match="another port"):
        open_sink(f"ws:127.0.0.1:{url.rsplit(':', 1)[1]}", SKELETON, ANGLES)
    sink.close()


@pytest.mark.parametrize(
    ("address", "module"), [("vmc", "pythonosc"), ("lsl", "pylsl"), ("ws", "websockets.sync.server")]
)
def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, address: str, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError) as caught:
        open_sink(address, SKELETON, ANGLES)
    assert "openmocap[live]" in caught.value.remedy


def test_addresses() -> None:
    assert host_and_port("", 99) == ("127.0.0.1", 99)
    assert host_and_port("10.0.0.2", 99) == ("10.0.0.2", 99)
    assert host_and_port("10.0.0.2:7", 99) == ("10.0.0.2", 7)
    assert host_and_port(":7", 99) == ("127.0.0.1", 7)
    for wrong in ("host:x", "host:70000"):
        with pytest.raises(InputError, match="no port"):
            host_and_port(wrong, 99)
    with pytest.raises(InputError, match="no stream"):
        open_sink("smoke:signals", SKELETON, ANGLES)
    with pytest.raises(InputError, match="no host"):
        open_sink("vmc:host.invalid:1", SKELETON, ANGLES)
