"""Figures of the bundle adjustment, against its peers and against the truth.

    python benchmarks/bundle.py [peers] [truth] [clocks] [jitter] [large] [robust] [--seeds 40] [--no-aniposelib]

``peers`` solves the same made-up observations with aniposelib's ``CameraGroup.bundle_adjust``, with scipy's
``least_squares`` given our derivatives, and with ours; all free what aniposelib can: pose, one focal length
and k1.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares
from scipy.sparse import coo_array, csr_array

from calibration.bundle import (
    LOCKED_LENS,
    BundleResult,
    BundleSettings,
    LensPrior,
    adjust,
    adjust_with_times,
    refine_from_points,
)
from calibration.bundle.lens import lens_vector
from calibration.bundle.observe import differentiate
from calibration.bundle.parameters import CameraState, make_layout
from calibration.bundle.refine import _triangulate
from calibration.bundle.robust import Kernel
from calibration.bundle.rotations import right_jacobian
from calibration.bundle.synthetic import Scene, disturb, record, ring
from calibration.camera import CameraRig

FOCAL_AND_K1 = LensPrior(np.inf, 0.0, 0.0, (np.inf, 0.0, 0.0, 0.0), 0.0, 0.0)
# Cameras and points; every camera sees every point: 5,280, 13,152 and 22,440 observations.
SIZES = ((4, 1320), (6, 2192), (8, 2805))
PEER_NOISE_PX = 0.4


@dataclass(frozen=True)
class PointScene:
    """Points (N, 3) in the middle of a ring, their pixels (N, C, 1, 2), and a first guess of the rig."""

    xy: np.ndarray
    guess: CameraRig


def point_scene(cameras: int, points: int, seed: int = 0) -> PointScene:
    """Scatter points in a cube of 1.6 m; lenses without what aniposelib cannot hold."""
    rng = np.random.default_rng(seed)
    plain = []
    for camera in ring(Scene(cameras=cameras)).cameras:
        dist = np.array([-0.15, 0.0, 0.0, 0.0, 0.0])
        K = camera.intrinsics.K.copy()
        plain.append(replace(camera, intrinsics=replace(camera.intrinsics, K=K, dist=dist)))
    rig = CameraRig(tuple(plain))
    where = rng.uniform(-0.8, 0.8, (points, 1, 3)) + np.array([0.0, 0.0, 1.2])
    pixels, _ = rig.project(where)
    xy = np.moveaxis(pixels, 0, 1) + rng.normal(0.0, PEER_NOISE_PX, (points, cameras, 1, 2))
    nothing = record(Scene(cameras=cameras, instants=2))
    guess, _ = disturb(replace(nothing, rig=rig), seed + 1)
    # The principal points stay as they are: no solver here may move them.
    cameras_ = [
        replace(g, intrinsics=replace(g.intrinsics, K=_recentred(g.intrinsics.K, c.intrinsics.K)))
        for g, c in zip(guess.cameras, rig.cameras, strict=True)
    ]
    return PointScene(xy, CameraRig(tuple(cameras_)))


def _recentred(K: np.ndarray, like: np.ndarray) -> np.ndarray:
    K = K.copy()
    K[:2, 2] = like[:2, 2]
    return K


def rms_of(rig: CameraRig, xy: np.ndarray) -> float:
    """Root mean square of a coordinate's residual with the best points that these cameras allow, px."""
    settings = BundleSettings(lens=LOCKED_LENS, fixed_poses=frozenset(rig.names), gate=1e6, loss="squared")
    residual = refine_from_points(xy, rig, settings).residual_px
    return float(np.sqrt(np.nanmean(residual**2)))


def ours(scene: PointScene) -> CameraRig:
    """Solve with ours."""
    return refine_from_points(scene.xy, scene.guess, BundleSettings(lens=FOCAL_AND_K1)).rig


def scipy_trf(scene: PointScene) -> CameraRig:
    """Solve with scipy's trust region and our analytic, sparse Jacobian, from the same start."""
    settings = BundleSettings(lens=FOCAL_AND_K1)
    state = CameraState(scene.guess, np.zeros((len(scene.guess.cameras), 2)))
    layout = make_layout(state, settings, 0)
    sigma = np.ones(scene.xy.shape[:3])
    start, _ = _triangulate(scene.guess, scene.xy, sigma)
    count, cameras = len(start), len(scene.guess.cameras)
    use = np.ones((count, 1), dtype=bool)

    def evaluate(x: np.ndarray) -> tuple[np.ndarray, csr_array]:
        moved = layout.move(state, x[: layout.size])
        assert moved is not None
        points = x[layout.size :].reshape(-1, 3)
        residuals, parts = [], []
        for index, camera in enumerate(moved.rig.cameras):
            pose, columns = camera.cam_from_world, layout.cameras[index]
            seen = differentiate(
                camera.intrinsics,
                columns.lens,
                (points @ pose[:3, :3].T + pose[:3, 3])[:, None],
                scene.xy[:, index],
                use,
                Kernel("squared", 1.0),
                np.broadcast_to(pose[:3, :3], (count, 3, 3)),
            )
            rows = 2 * count * index + np.arange(2 * count).reshape(2, count)
            local = np.where(
                columns.local < 6, columns.local, 6 + np.searchsorted(columns.lens, columns.local - 6)
            )
            # A pose step acts from the left of the pose as it is now, x from that of the start.
            by_camera = _from_start(seen.by_camera[local, :, :, 0], columns.pose_is_free, x[columns.columns])
            places = np.arange(columns.columns.start, columns.columns.stop)
            parts.append((by_camera, rows[None], places[:, None, None]))
            point_places = layout.size + 3 * np.arange(count) + np.arange(3)[:, None]
            assert seen.by_point is not None
            parts.append((seen.by_point[..., 0], rows[None], point_places[:, None]))
            residuals.append(seen.residual[..., 0].ravel())
        full = [np.broadcast_arrays(*part) for part in parts]
        values, rows_, places_ = (np.concatenate([part[i].ravel() for part in full]) for i in range(3))
        shape = (2 * count * cameras, len(x))
        return np.concatenate(residuals), coo_array((values, (rows_, places_)), shape=shape).tocsr()

    found = least_squares(
        lambda x: evaluate(x)[0],
        np.concatenate([np.zeros(layout.size), start.ravel()]),
        jac=lambda x: evaluate(x)[1],
        method="trf",
        x_scale="jac",
        tr_solver="lsmr",
        ftol=1e-8,
    )
    moved = layout.move(state, found.x[: layout.size])
    assert moved is not None
    return moved.rig


def _from_start(by_camera: np.ndarray, pose_is_free: bool, x: np.ndarray) -> np.ndarray:
    """Derivatives by the step from the start, given those by a step from here: w acts through its Jacobian."""
    if not pose_is_free:
        return by_camera
    left = right_jacobian(-x[:3])
    turned = by_camera.copy()
    # pose = exp(w) R0, t = exp(w)-free: t0' = exp(w) t0 + t. A change dw turns everything by J dw, but not t.
    turned[:3] = np.einsum("iap,ij->jap", by_camera[:3] - _lever(by_camera[3:6], x[3:6]), left)
    return turned


def _lever(by_shift: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """What turning ``shift`` along would add: by_shift . (w x shift)."""
    return np.stack(
        [
            by_shift[2] * shift[1] - by_shift[1] * shift[2],
            by_shift[0] * shift[2] - by_shift[2] * shift[0],
            by_shift[1] * shift[0] - by_shift[0] * shift[1],
        ]
    )


def aniposelib_solve(scene: PointScene) -> CameraRig:
    """Solve with aniposelib's own bundle adjustment, its settings as they come, except silent."""
    import cv2
    from aniposelib.cameras import Camera as TheirCamera
    from aniposelib.cameras import CameraGroup

    theirs = []
    for camera in scene.guess.cameras:
        rvec, _ = cv2.Rodrigues(camera.cam_from_world[:3, :3])
        theirs.append(
            TheirCamera(
                camera.intrinsics.K,
                camera.intrinsics.dist,
                camera.intrinsics.size_wh,
                rvec.ravel(),
                camera.cam_from_world[:3, 3],
                camera.name,
            )
        )
    group = CameraGroup(theirs)
    group.bundle_adjust(np.ascontiguousarray(scene.xy[:, :, 0].transpose(1, 0, 2)), verbose=False)
    cameras = []
    for camera, solved in zip(scene.guess.cameras, group.cameras, strict=True):
        pose = np.asarray(solved.get_extrinsics_mat(), dtype=np.float64)
        lens = replace(
            camera.intrinsics, K=np.asarray(solved.get_camera_matrix()), dist=np.asarray(solved.get_distortions())
        )
        cameras.append(replace(camera, cam_from_world=pose, intrinsics=lens))
    return CameraRig(tuple(cameras))


def peers(with_aniposelib: bool, repeat: int) -> None:
    """Time all solvers on the same observations, in turns; ratios are medians of those of each turn."""
    solvers: dict[str, Callable[[PointScene], CameraRig]] = {"ours": ours, "scipy trf": scipy_trf}
    if with_aniposelib:
        solvers["aniposelib"] = aniposelib_solve
    for solver in solvers.values():
        solver(point_scene(3, 50))  # what is compiled or loaded at the first call is not counted
    for cameras, points in SIZES:
        scene = point_scene(cameras, points)
        print(f"{cameras} cameras, {cameras * points} observations at {PEER_NOISE_PX} px")
        seconds = np.zeros((len(solvers), repeat, 2))
        rms = []
        for turn in range(repeat):
            for index, solver in enumerate(solvers.values()):
                begun = time.perf_counter(), time.process_time()
                rig = solver(scene)
                seconds[index, turn] = time.perf_counter() - begun[0], time.process_time() - begun[1]
                if turn == 0:
                    rms.append(rms_of(rig, scene.xy))
        for index, name in enumerate(solvers):
            wall, processor = np.median(seconds[index], axis=0)
            times = np.median(seconds[index] / seconds[0], axis=0)
            print(
                f"  {name:12s} {wall:7.2f} s wall (x{times[0]:5.1f})  "
                f"{processor:7.2f} s processor (x{times[1]:5.1f})  rms {rms[index]:.5f} px",
                flush=True,
            )


# A calibration as people do it: the board waved in the middle, and held near each camera for its lens.
USUAL = Scene(instants=150, square_m=0.1, closeups=25, noise_px=0.2)


def truth(seeds: int) -> None:
    """Errors against the truth, and how often the stated sigmas cover it."""
    focal, position, scores = [], [], []
    for seed in range(seeds):
        recording = record(USUAL, seed)
        result = adjust(recording.sightings, *disturb(recording, seed + 1000))
        found, true = result.rig.cameras, recording.rig.cameras
        focal += [f.intrinsics.focal_px / t.intrinsics.focal_px - 1 for f, t in zip(found, true, strict=True)]
        away = aligned(np.array([f.centre for f in found]), np.array([t.centre for t in true]))
        position += np.linalg.norm(away, axis=1).tolist()
        sigma = result.covariance.aligned_centre_sigma(result.rig)
        scores += (away / sigma).ravel().tolist()
        for f, t, s in zip(found, true, result.sigmas, strict=True):
            error = lens_vector(f.intrinsics) - lens_vector(t.intrinsics)
            scores += (error / np.array(list(s.lens.values()))).tolist()
    z = np.abs(scores)
    print(f"truth, {seeds} recordings of {USUAL.cameras} cameras at {USUAL.noise_px} px, ring of 4 m")
    print(
        f"  focal error: median {100 * np.median(np.abs(focal)):.4f} %, worst {100 * np.max(np.abs(focal)):.4f} %"
    )
    print(f"  position error: median {1e3 * np.median(position):.2f} mm, worst {1e3 * np.max(position):.2f} mm")
    print(f"  within 1 sigma {100 * np.mean(z < 1):.1f} % (68.3), within 2 {100 * np.mean(z < 1.96):.1f} % (95.0)")


def aligned(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Errors of positions (C, 3) after the best rigid motion (Kabsch 1976)."""
    a, b = found - found.mean(axis=0), true - true.mean(axis=0)
    u, _, vt = np.linalg.svd(a.T @ b)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return np.asarray(a @ (u @ flip @ vt) - b)


def clocks(seeds: int) -> None:
    """Offsets of up to 3 frames and rates of up to 100 ppm, at 30 frames/s over 60 s."""
    offset_error, rate_error, scores, seconds = [], [], [], []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        offset = np.concatenate([[0.0], rng.uniform(-0.1, 0.1, 3)])
        rate = np.concatenate([[0.0], rng.uniform(-1e-4, 1e-4, 3)])
        scene = Scene(instants=1800, clock_offset_s=tuple(offset), clock_rate=tuple(rate))
        recording = record(scene, seed)
        guess = disturb(recording, seed + 1000)
        begun = time.perf_counter()
        result = adjust(recording.sightings, *guess, BundleSettings(clocks="estimated"))
        seconds.append(time.perf_counter() - begun)
        offset_error += (np.abs(result.clock_offset_s - offset)[1:] * scene.fps).tolist()
        rate_error += (np.abs(result.clock_rate - rate)[1:] * 1e6).tolist()
        sigma = np.array([[s.clock_offset_s, s.clock_rate] for s in result.sigmas])[1:]
        error = np.stack([result.clock_offset_s - offset, result.clock_rate - rate], axis=1)[1:]
        scores += np.abs(error / sigma).ravel().tolist()
    print(f"clocks, {seeds} recordings of 60 s, {np.median(seconds):.1f} s each")
    print(
        f"  offset error: worst {np.max(offset_error):.4f} frames; rate error: worst {np.max(rate_error):.2f} ppm"
    )
    within = [100 * np.mean(np.array(scores) < width) for width in (1.0, 1.96)]
    print(f"  within 1 sigma {within[0]:.0f} %, within 2 {within[1]:.0f} %")


def jitter(seeds: int) -> None:
    """Stamps of single pictures that are off by 8 ms: with and without an unknown for each."""
    scene = replace(USUAL, fps=15.0, closeups=0, jitter_s=0.008)
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        recording = record(scene, seed)
        guess = disturb(recording, seed + 1000)
        timed = adjust_with_times(recording.sightings, *guess)
        plain = adjust(recording.sightings, *guess, BundleSettings(clocks="estimated"))
        for name, result in (("with", timed.result), ("without", plain)):
            cameras = recording.rig.cameras
            away = aligned(np.array([c.centre for c in result.rig.cameras]), np.array([c.centre for c in cameras]))
            sigma = result.covariance.aligned_centre_sigma(result.rig)
            found.setdefault(name, []).append(float(np.sqrt(np.mean(np.sum(away**2, axis=1)))))
            found.setdefault(f"{name}, in sigmas", []).append(float(np.sqrt(np.mean((away / sigma) ** 2))))
            found.setdefault(f"{name}, noise px", []).append(result.noise_px)
        for tried in timed.tried:
            name = f"hidden corners, {tried.clocks}, jitter {1e3 * tried.jitter_sigma_s:.0f} ms, px"
            found.setdefault(name, []).append(tried.hidden_px)
    print(
        f"jitter of {1e3 * scene.jitter_s:.0f} ms, {seeds} recordings: position errors, m, and the like (medians)"
    )
    for name, values in found.items():
        print(f"  {name}: {np.median(values):.4f}")


def large() -> None:
    """16 cameras and 2,000 instants: time and memory."""
    scene = Scene(cameras=16, instants=2000, corners=(7, 5), square_m=0.07)
    recording = record(scene, 0)
    guess = disturb(recording, 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter(), time.process_time()
    result = adjust(recording.sightings, *guess)
    seconds, processor = time.perf_counter() - begun[0], time.process_time() - begun[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen = int(recording.sightings.seen.sum())
    print(f"large: {seen} observations, {seconds:.1f} s, {result.iterations} iterations, {result.reason},")
    print(
        f"  {processor:.1f} s of processor time, noise {result.noise_px:.4f} px, "
        f"peak {peak / 2**20:.2f} GiB (before: {before / 2**20:.2f})"
    )
    begun = time.perf_counter(), time.process_time()
    timed = adjust_with_times(recording.sightings, *guess)
    seconds, processor = time.perf_counter() - begun[0], time.process_time() - begun[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"  with the choice of the pictures' times: {seconds:.1f} s, {processor:.1f} s of processor time, "
        f"clocks estimated: {bool(timed.result.clock_offset_s.any())}, peak {peak / 2**20:.2f} GiB"
    )


def robust(seeds: int) -> None:
    """10 % gross outliers, and shuffled instants: how far the answer moves, in stated sigmas."""
    moved, shuffled, kept = [], [], []
    for seed in range(seeds):
        clean = record(USUAL, seed)
        dirty = record(replace(USUAL, outlier_share=0.1), seed)
        guess = disturb(clean, seed + 1000)
        base, other = adjust(clean.sightings, *guess), adjust(dirty.sightings, *guess)
        order = np.random.default_rng(seed).permutation(len(clean.world_from_board))
        mixed = adjust(clean.sightings.at(order), guess[0], guess[1][order])
        moved.append(_moved(base, other))
        shuffled.append(_moved(base, mixed))
        kept.append(other.kept_share)
    print(f"robust, {seeds} recordings: 10 % outliers move a lens parameter by at most {max(moved):.2f} sigma")
    print(f"  (kept {100 * np.mean(kept):.1f} %), shuffling by {max(shuffled):.1e} sigma")


def _moved(base: BundleResult, other: BundleResult) -> float:
    steps = [
        np.abs(lens_vector(a.intrinsics) - lens_vector(b.intrinsics)) / np.array(list(s.lens.values()))
        for a, b, s in zip(base.rig.cameras, other.rig.cameras, base.sigmas, strict=True)
    ]
    return float(np.max(steps))


def main() -> None:
    """Run the parts that are asked for; all if none is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("parts", nargs="*", help="peers, truth, clocks, jitter, large, robust")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--no-aniposelib", action="store_true")
    given = parser.parse_args()
    parts = {
        "peers": lambda: peers(not given.no_aniposelib, given.repeat),
        "truth": lambda: truth(given.seeds),
        "clocks": lambda: clocks(max(1, given.seeds // 4)),
        "jitter": lambda: jitter(max(1, given.seeds // 4)),
        "large": large,
        "robust": lambda: robust(max(1, given.seeds // 4)),
    }
    for name in given.parts or parts:
        parts[name]()


if __name__ == "__main__":
    main()
