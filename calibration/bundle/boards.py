"""Boards as observations: corners in pictures, one pose of the board per instant.

All corners of one picture depend on the poses of camera and board only through cam_from_board. Their
derivatives are therefore summed up per picture by that one pose (6) and the lens, and only these small
matrices are carried over to the unknowns by the adjoint map. The board's own pose step is a turn about the
board's axes and a shift in the world.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.bundle import rotations
from calibration.bundle.motion import NODES, Moving, board_at, motion_priors
from calibration.bundle.observe import Observed, observe
from calibration.bundle.parameters import CameraState, Layout
from calibration.bundle.robust import Kernel
from calibration.bundle.schur import Hidden, Normal, Step, add_pair, scatter
from calibration.transforms import FloatArray

BOARD = 6
# Corners differentiated in one go: bounds the memory and keeps the arrays in the cache.
CORNERS_AT_ONCE = 8192


@dataclass(frozen=True)
class Pictures:
    """What one camera saw.

    Attributes
    ----------
    instant : (P,) int
        Rising, each once.
    t_s : (P,)
        By the camera's clock.
    xy : (P, K, 2)
        Zero where not seen.
    seen : (P, K) bool
    """

    instant: NDArray[np.intp]
    t_s: FloatArray
    xy: FloatArray
    seen: NDArray[np.bool_]


@dataclass(frozen=True)
class BoardState:
    """Unknowns: cameras, world_from_board of each instant (N, 3, 3), (N, 3), the corners (K, 3), m, and jitter.

    The jitter (P,) of each camera is the error of its pictures' time stamps, s, beside the camera's clock.
    """

    cameras: CameraState
    rotation: FloatArray
    translation: FloatArray
    points: FloatArray
    jitter: tuple[FloatArray, ...]


@dataclass(frozen=True)
class BoardProblem:
    """Corners of a board in several cameras.

    Attributes
    ----------
    layout : Layout
    pictures : tuple of Pictures
        Of each camera.
    times : (N,)
        Of the instants by the reference camera's clock, rising.
    chains : (N,) int
        Runs of instants to interpolate in (``motion.chains_of``).
    moving : bool
        Whether pictures are taken at their own times rather than at the instants.
    clock_origin_s : float
        Where the clocks' rates have no effect.
    shape_basis : (3K, S)
        Orthonormal directions in which the board's corners may move; S = 0 for a board as printed.
    shape_sigma : float
        Prior of each, m.
    printed : (K, 3)
    jitter_sigma_s : float
        Prior of the time stamps' errors; 0 if there are none.
    """

    layout: Layout
    pictures: tuple[Pictures, ...]
    times: FloatArray
    chains: NDArray[np.intp]
    moving: bool
    clock_origin_s: float
    shape_basis: FloatArray
    shape_sigma: float
    printed: FloatArray
    jitter_sigma_s: float

    @property
    def seen(self) -> tuple[NDArray[np.bool_], ...]:
        """Observations of each camera (P, K)."""
        return tuple(pictures.seen for pictures in self.pictures)

    @property
    def local_unknowns(self) -> int:
        """Number of unknowns of the boards' poses, and of the pictures' times.

        The latter are counted whole although a prior holds them: the noise is stated rather too large.
        """
        pictures = sum(len(camera.instant) for camera in self.pictures) if self.jitter_sigma_s > 0 else 0
        return BOARD * len(self.times) + pictures

    def time_of(self, state: BoardState, camera: int) -> FloatArray:
        """When each picture of a camera was taken (P,), by the reference camera's clock."""
        offset, rate = state.cameras.clock[camera]
        t_s = self.pictures[camera].t_s
        return np.asarray(t_s + offset + rate * (t_s - self.clock_origin_s) + state.jitter[camera])

    def _boards(self, state: BoardState, camera: int) -> Moving:
        """Pose of the board in each picture of a camera."""
        pictures = self.pictures[camera]
        if self.moving:
            when = self.time_of(state, camera)
            return board_at(self.times, self.chains, state.rotation, state.translation, when)
        count = len(pictures.instant)
        still = np.zeros((count, 3))
        return Moving(
            pictures.instant[:, None],
            state.rotation[pictures.instant],
            state.translation[pictures.instant],
            np.broadcast_to(np.eye(3), (count, 1, 3, 3)),
            np.ones((count, 1)),
            still,
            still,
        )

    def move(self, state: BoardState, step: Step) -> BoardState | None:
        """Apply a step; None where it leads to no camera."""
        cameras = self.layout.move(state.cameras, step.shared[: self.layout.size])
        if cameras is None:
            return None
        poses = step.local.reshape(-1, BOARD)
        offsets = self.shape_basis @ step.shared[self.layout.size :]
        jitter = state.jitter
        if step.hidden:
            jitter = tuple(now + more for now, more in zip(jitter, step.hidden, strict=True))
        return replace(
            state,
            cameras=cameras,
            rotation=state.rotation @ rotations.exp(poses[:, :3]),
            translation=state.translation + poses[:, 3:],
            points=state.points + offsets.reshape(-1, 3),
            jitter=jitter,
        )

    def residuals(self, state: BoardState, camera: int) -> FloatArray:
        """Predicted minus seen (P, K, 2), px; NaN where not seen or behind the camera."""
        pictures, boards = self.pictures[camera], self._boards(state, camera)
        world = state.points @ np.swapaxes(boards.rotation, 1, 2) + boards.translation[:, None]
        pixels, valid = state.cameras.rig.cameras[camera].project(world)
        return np.where((valid & pictures.seen)[..., None], pixels - pictures.xy, np.nan)

    def linearise(
        self, state: BoardState, kernel: Kernel, use: tuple[NDArray[np.bool_], ...], noise: float
    ) -> Normal:
        """Cost and derivatives over the observations in ``use`` (P, K) of each camera."""
        count, shapes = len(self.times), self.shape_basis.shape[1]
        size, reach = self.layout.size + shapes, NODES if self.moving else 1
        distance, precision = self._prior(state)
        precision = precision * noise**2
        shared, shared_gradient = np.diag(precision), precision * distance
        mixed = np.zeros((count, BOARD, size))
        local = np.zeros((count, reach, BOARD, BOARD))
        local_gradient = np.zeros((count, BOARD))
        cost = 0.5 * float(distance @ shared_gradient)
        if self.moving:
            cost += self._add_motion(state, noise, local, local_gradient)
        hidden = []
        for camera in range(len(self.pictures)):
            boards = self._boards(state, camera)
            seen = self._observe(state, camera, boards, kernel, use[camera])
            chain, rows, by_time = self._chain(state, camera, boards)
            columns = self.layout.cameras[camera].columns
            cost += seen.cost
            # From (cam_from_board, lens) to (camera pose, lens, clock).
            by_camera = seen.matrix @ chain
            back = np.swapaxes(chain, 1, 2)
            # Many small products: one long one would go to BLAS's threads, whose waiting costs more.
            shared[columns, columns] += (back @ by_camera).sum(axis=0)
            shared_gradient[columns] += (back @ seen.vector[..., None]).sum(axis=0)[:, 0]
            if shapes:
                basis = self.shape_basis
                by_shape = seen.by_points @ basis
                block = (back @ by_shape).sum(axis=0)
                shared[columns, self.layout.size :] += block
                shared[self.layout.size :, columns] += block.T
                shared[self.layout.size :, self.layout.size :] += basis.T @ seen.points_matrix() @ basis
                shared_gradient[self.layout.size :] += seen.points_vector.ravel() @ basis
            if self.jitter_sigma_s > 0:
                jitter = state.jitter[camera]
                held = (noise / self.jitter_sigma_s) ** 2
                push = (by_time[:, None] @ seen.matrix)[:, 0]
                cost += 0.5 * held * float(jitter @ jitter)
                own = (push[:, None] @ chain)[:, 0]
                places = np.arange(columns.start, columns.stop)
                if shapes:
                    own = np.concatenate([own, (by_time[:, None] @ by_shape)[:, 0]], axis=1)
                    places = np.concatenate([places, np.arange(self.layout.size, size)])
                hidden.append(
                    Hidden(
                        np.sum(push * by_time, axis=1) + held,
                        np.sum(seen.vector * by_time, axis=1) + held * jitter,
                        places,
                        own,
                        boards.nodes,
                        (push[:, None, None, :BOARD] @ rows)[:, :, 0],
                    )
                )
            for node in range(boards.nodes.shape[1]):
                index = boards.nodes[:, node]
                row = np.swapaxes(rows[:, node], 1, 2)
                mixed[:, :, columns] += scatter(count, index, row @ by_camera[:, :BOARD])
                local_gradient += scatter(count, index, np.einsum("pij,pj->pi", row, seen.vector[:, :BOARD]))
                if shapes:
                    mixed[:, :, self.layout.size :] += scatter(count, index, row @ by_shape[:, :BOARD])
                for other in range(node + 1):
                    block = row @ seen.matrix[:, :BOARD, :BOARD] @ rows[:, other]
                    add_pair(local, index, boards.nodes[:, other], block)
        return Normal(
            cost,
            shared,
            mixed.reshape(BOARD * count, size),
            local,
            shared_gradient,
            local_gradient.ravel(),
            tuple(hidden),
        )

    def _add_motion(self, state: BoardState, noise: float, local: FloatArray, local_gradient: FloatArray) -> float:
        """Add the motion's prior to the local unknowns' derivatives; returns its cost."""
        cost = 0.0
        for prior in motion_priors(self.times, self.chains, state.rotation, state.translation):
            residual, jacobian = noise * prior.residual, noise * prior.jacobian
            cost += 0.5 * float(np.sum(residual**2))
            for node in range(prior.nodes.shape[1]):
                row = np.swapaxes(jacobian[:, node], 1, 2)
                index = prior.nodes[:, node]
                local_gradient += scatter(len(local), index, (row @ residual[..., None])[..., 0])
                for other in range(node + 1):
                    add_pair(local, index, prior.nodes[:, other], row @ jacobian[:, other])
        return cost

    def _prior(self, state: BoardState) -> tuple[FloatArray, FloatArray]:
        """Distance and precision of cameras and shape."""
        distance, precision = self.layout.prior(state.cameras)
        bent = (state.points - self.printed).ravel() @ self.shape_basis
        return np.concatenate([distance, bent]), np.concatenate(
            [precision, np.full(bent.shape, 1.0 / self.shape_sigma**2)]
        )

    def _observe(
        self, state: BoardState, camera: int, boards: Moving, kernel: Kernel, use: NDArray[np.bool_]
    ) -> Observed:
        """Sum up each picture, some pictures at a time."""
        model, pictures = state.cameras.rig.cameras[camera], self.pictures[camera]
        rotation = model.cam_from_world[:3, :3] @ boards.rotation
        translation = boards.translation @ model.cam_from_world[:3, :3].T + model.cam_from_world[:3, 3]
        lens, shapes = self.layout.cameras[camera].lens, self.shape_basis.shape[1] > 0
        step = max(1, CORNERS_AT_ONCE // pictures.seen.shape[1])
        parts = []
        # A camera that saw nothing still gives its empty sums.
        for start in range(0, max(len(rotation), 1), step):
            part = slice(start, start + step)
            turn, shift = rotation[part], translation[part]
            points = state.points @ np.swapaxes(turn, 1, 2) + shift[:, None]
            parts.append(
                observe(
                    model.intrinsics, lens, points, pictures.xy[part], use[part], kernel, turn if shapes else None
                )
            )
        return Observed.join(parts)

    def _chain(self, state: BoardState, camera: int, boards: Moving) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Derivatives of (cam_from_board, lens) by the camera's unknowns, by the nodes and by time.

        (P, 6 + L, F), (P, n, 6, 6) and (P, 6 + L).
        """
        columns = self.layout.cameras[camera]
        pose = state.cameras.rig.cameras[camera].cam_from_world
        count, lens = len(boards.rotation), len(columns.lens)
        turn = pose[:3, :3] @ boards.rotation
        origin = boards.translation @ pose[:3, :3].T + pose[:3, 3]
        adjoint = np.zeros((count, BOARD, BOARD))
        adjoint[:, :3, :3] = turn
        adjoint[:, 3:, :3] = rotations.cross_matrix(origin) @ turn
        adjoint[:, 3:, 3:] = pose[:3, :3]
        rows = np.empty((count, boards.nodes.shape[1], BOARD, BOARD))
        rows[..., :3] = adjoint[:, None, :, :3] @ boards.by_rotation
        rows[..., 3:] = adjoint[:, None, :, 3:] * boards.by_translation[:, :, None, None]
        parts = []
        if columns.pose_is_free:
            parts.append(np.broadcast_to(np.eye(BOARD + lens)[:, :BOARD], (count, BOARD + lens, BOARD)))
        parts.append(np.broadcast_to(np.eye(BOARD + lens)[:, BOARD:], (count, BOARD + lens, lens)))
        by_time = np.zeros((count, BOARD + lens))
        if self.moving:
            twist = np.concatenate([boards.turn_rate, boards.velocity], axis=1)
            by_time[:, :BOARD] = np.einsum("pij,pj->pi", adjoint, twist)
        if columns.clock_is_free:
            by_clock = np.repeat(by_time[..., None], 2, axis=2)
            by_clock[:, :, 1] = by_clock[:, :, 0] * (self.pictures[camera].t_s - self.clock_origin_s)[:, None]
            parts.append(by_clock)
        return np.concatenate(parts, axis=2), rows, by_time
