from dataclasses import replace

import numpy as np
import pytest

from mocap.core import body
from mocap.core.errors import InputError
from mocap.core.types import FloatArray, Motion, Points3D
from mocap.fit.live import follow, start_live
from tests.factories import make_motion, points_of

RATE_HZ = 60.0
SEEN_FIRST = 60


def noisy(motion: Motion, sigma_m: float) -> Points3D:
    points = points_of(motion)
    exact = tuple(replace(a, sigma=(0.0, 0.0, 0.0)) for a in points.skeleton.attachments)
    return replace(
        points,
        skeleton=replace(points.skeleton, attachments=exact),
        xyz=points.xyz + np.random.default_rng(5).normal(scale=sigma_m, size=points.xyz.shape),
        cov=np.broadcast_to(sigma_m**2 * np.eye(3), points.cov.shape),
    )


def first_frames(points: Points3D, count: int) -> Points3D:
    return replace(
        points,
        xyz=points.xyz[:count],
        cov=points.cov[:count],
        n_views=points.n_views[:count],
        reproj_px=points.reproj_px[:count],
        used=points.used[:count],
    )


def followed(points: Points3D) -> list[Motion]:
    person, state = start_live(first_frames(points, SEEN_FIRST), RATE_HZ)
    motions = []
    for xyz, cov in zip(points.xyz[SEEN_FIRST:, 0], points.cov[SEEN_FIRST:, 0], strict=True):
        state, motion = follow(person, state, xyz, cov, 1.0 / RATE_HZ)
        motions.append(motion)
    return motions


def knees(motion: Motion) -> list[int]:
    return [j for j, joint in enumerate(motion.skeleton.joints) if joint.name.endswith("knee")]


def test_it_follows_and_its_stated_error_is_honest() -> None:
    truth = make_motion(300)
    motions = followed(noisy(truth, 0.01))
    found = np.concatenate([m.rotation for m in motions])
    relative = body.multiply(body.conjugate(truth.rotation[SEEN_FIRST:]), found)[:, 0, knees(truth)]
    error = np.degrees(2 * np.arctan2(np.linalg.norm(relative[..., 1:], axis=-1), np.abs(relative[..., 0])))
    cov = np.concatenate([m.rotation_cov for m in motions])[:, 0, knees(truth)]
    stated = np.degrees(np.sqrt(np.trace(cov, axis1=-2, axis2=-1)))
    assert rms(error) < 2.5  # nothing later is known yet
    assert 0.7 < rms(error) / rms(stated) < 1.3
    off = body.forward(motions[-1]) - body.forward(truth)[-1:]
    assert np.linalg.norm(off, axis=-1).mean() < 0.015


def test_bones_stay_as_they_were() -> None:
    motions = followed(noisy(make_motion(80), 0.005))
    assert all(np.array_equal(m.bone_length, motions[0].bone_length) for m in motions)


def test_what_hides_goes_missing_and_comes_back() -> None:
    truth = make_motion(200)
    points = noisy(truth, 0.003)
    xyz = points.xyz.copy()
    wrist = points.skeleton.index("left_wrist")[0]
    xyz[100:130, 0, wrist] = np.nan
    centres = np.concatenate([body.forward(m) for m in followed(replace(points, xyz=xyz))])[:, 0]
    at = [joint.name for joint in truth.skeleton.joints].index("left_wrist")
    hidden = np.isnan(centres[:, at, 0])
    first = 100 - SEEN_FIRST
    assert not hidden[: first + 10].any()  # for a while it is predicted
    assert hidden[first + 14 : first + 30].all()
    assert not hidden[first + 30 :].any()
    off = np.linalg.norm(centres[:, at] - body.forward(truth)[SEEN_FIRST:, 0, at], axis=-1)
    assert off[first + 35 :].max() < 0.03


def test_nobody_cannot_be_followed() -> None:
    points = first_frames(points_of(make_motion(10)), 10)
    with pytest.raises(InputError, match="never seen"):
        start_live(replace(points, xyz=np.full_like(points.xyz, np.nan)), RATE_HZ)


def rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
