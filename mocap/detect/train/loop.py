"""Fine-tuning: a network's weights moved a little, so that its keypoints come to lie on the labels.

Adam (Kingma and Ba, ICLR 2015) with a rate that falls along a half cosine (Loshchilov and Hutter, "SGDR", ICLR
2017), each tensor by a share of its own size (Shazeer and Stern, "Adafactor", ICML 2018, section 8), on the Huber
loss (1964) of the refined and of the direct keypoints. What the labels say nothing of, scores, depths and the
points that place the next crop, is tied to what the network said before ("learning without forgetting": Li and
Hoiem, ECCV 2016), so that the rest of the detector, which was set to it, goes on to fit.
"""

from __future__ import annotations

import hashlib
import math
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calibration.files import atomic_write
from mocap.core.errors import InputError, MissingExtraError, ModelError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.core.types import IntArray
from mocap.detect.blazepose import LANDMARKS
from mocap.detect.runtimes.protocol import Array
from mocap.detect.train.examples import Examples, varied

# Beyond this error a label pulls with constant force: it may be wrong. About twice the usual error, crop px.
HUBER_PX = 4.0
# Weight of the direct keypoints beside the refined ones: they place the window in which those are refined.
DIRECT = 0.5
# Weight of the ties to the network as it was. Scores are compared as logits, depths and next crop in crop px.
TIED_SCORE, TIED_PX = 0.005, 0.001
# A tensor's weights move by a share of their own size, at least of this.
LEAST_SIZE = 1e-3
# Share of the work in which the rate rises: Adam knows nothing of the gradients' sizes at first.
WARMING = 0.1
# What is kept is the mean of the weights over the last steps (Polyak and Juditsky, SIAM J. Control Optim. 1992):
# each step takes it this share of the way to where the weights are.
AVERAGING = 0.05
# Crops at once when nothing is learned.
BATCH = 16


@dataclass(frozen=True)
class TrainSettings:
    """How to learn.

    Attributes
    ----------
    epochs : int
        How often all examples are shown.
    batch : int
        Crops of one step.
    rate : float
        Of learning, at its highest: by this share of their size weights may move in one step.
    share : float
        Of the layers, counted from the outputs, that may change.
    seed : int
        Of all that is drawn by chance.
    """

    epochs: int = 4
    batch: int = 8
    rate: float = 2e-5
    share: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        sound = self.epochs > 0 and self.batch > 0 and self.rate > 0 and 0 < self.share <= 1
        if not sound:
            raise InputError(
                "These settings of learning are not possible.", "Give numbers above 0, shares up to 1."
            )


@dataclass(frozen=True)
class Learned:
    """Outcome of learning.

    Attributes
    ----------
    weights : dict of int to array
        By number of tensor, in the file's order of axes, of the epoch that did best.
    errors_px : tuple of float
        Mean error on the examples that choose, before learning and after each epoch, crop px.
    """

    weights: dict[int, Array]
    errors_px: tuple[float, ...]


def fine_tune(
    path: Path,
    divide_by: float,
    examples: Examples,
    choosing: Examples,
    partner: IntArray,
    settings: TrainSettings,
    checkpoint: Path | None = None,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Learned:
    """Learn from examples; the epoch that does best on others is kept.

    The same examples, settings and versions give the same result, also when it was stopped and went on.

    Parameters
    ----------
    path : Path
        A BlazePose landmark network, .tflite.
    divide_by : float
        The 8-bit values are divided by this.
    examples, choosing : Examples
        To learn from, and to choose by.
    partner : (33,) int
        For each keypoint, the one that it is in a mirror.
    checkpoint : Path, optional
        ``.npz`` that is written after each epoch, and gone on from where it is of the same work.

    Raises
    ------
    MissingExtraError
        If torch is not installed.
    ModelError
        If the network is none that can be taught, or learning does not converge.
    CancelledError
        If the user stops; the checkpoint of the last whole epoch stays.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("Training needs torch.", "torch") from error
    from mocap.detect.train.network import TrainableNetwork

    cancel = cancel or CancelToken()
    if not len(examples) or not len(choosing):
        raise InputError("There is nothing to learn from.", "Give recordings in which the person is seen well.")
    network, parent = TrainableNetwork(path, settings.share), TrainableNetwork(path)
    optimiser, sizes = _optimiser(torch, network)
    key = _key(path, examples, choosing, settings)
    steps = math.ceil(len(examples) / settings.batch)
    state = _read(checkpoint, key)
    if state is None:
        errors = [mean_error(network, choosing, divide_by)]
        best = mean = network.state()
        start = 0
    else:
        errors, best, start = [float(e) for e in state["errors"]], _weights(state, "best"), int(state["epoch"])
        mean = _weights(state, "mean")
        network.restore(_weights(state, "now"))
        _restore_optimiser(torch, network, optimiser, state)
    for epoch in range(start, settings.epochs):
        # A stream of its own for each epoch: one that is gone on with draws the same numbers.
        rng = np.random.default_rng([settings.seed, epoch])
        order = rng.permutation(len(examples))
        for step in range(steps):
            cancel.check()
            progress("train", epoch * steps + step, settings.epochs * steps)
            done = (epoch * steps + step) / (settings.epochs * steps)
            for group, rms in zip(optimiser.param_groups, sizes, strict=True):
                group["lr"] = rms * settings.rate * _pace(done)
            some = order[step * settings.batch : (step + 1) * settings.batch]
            part = varied(examples.pick(some), partner, rng)
            loss = _loss(torch, network, parent, part, divide_by)
            if not bool(torch.isfinite(loss)):
                raise ModelError("Learning does not converge.", "Choose a smaller rate.", path)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            now = network.state()
            mean = {n: v + np.float32(AVERAGING) * (now[n] - v) for n, v in mean.items()}
        network.restore(mean)
        errors.append(mean_error(network, choosing, divide_by))
        network.restore(now)
        if errors[-1] <= min(errors):
            best = mean
        if checkpoint is not None:
            _write(checkpoint, key, epoch + 1, errors, {"best": best, "mean": mean}, network, optimiser)
    progress("train", settings.epochs * steps, settings.epochs * steps)
    network.restore(best)
    return Learned(network.in_file_order(), tuple(errors))


def _optimiser(torch: Any, network: Any) -> tuple[Any, list[float]]:
    """Adam, and the size of the weights of each of its groups, one a tensor."""
    tensors = list(network.parameters.values())
    sizes = [max(LEAST_SIZE, float(tensor.detach().square().mean().sqrt())) for tensor in tensors]
    return torch.optim.Adam([{"params": [tensor]} for tensor in tensors]), sizes


def _pace(done: float) -> float:
    """Share of the highest rate when this share of the work is done: it rises, then falls along a half cosine."""
    if done < WARMING:
        return done / WARMING
    return 0.5 * (1.0 + math.cos(math.pi * (done - WARMING) / (1.0 - WARMING)))


def mean_error(network: Any, examples: Examples, divide_by: float) -> float:
    """Mean distance of the keypoints from their labels, by the labels' weights, crop px."""
    import torch

    total = counted = 0.0
    with torch.inference_mode():
        for start in range(0, len(examples), BATCH):
            part = examples.pick(np.arange(start, min(start + BATCH, len(examples))))
            rows, _, heat = network.answer(part.crops, divide_by)
            found = network.refined(rows, heat, part.crops.shape[1])[:, :LANDMARKS].cpu().numpy() - 0.5
            off = np.linalg.norm(found - part.xy, axis=-1)
            seen = (part.weight > 0) & np.isfinite(off)
            total += float((part.weight * np.where(seen, off, 0.0)).sum())
            counted += float(part.weight[seen].sum())
    if not counted:
        raise InputError("No label lies in these crops.", "Give recordings in which the person is seen well.")
    return total / counted


def _loss(torch: Any, network: Any, parent: Any, part: Examples, divide_by: float) -> Any:
    """Mean Huber loss of refined and direct keypoints, in units of its own bend, and the ties to the parent."""
    size = part.crops.shape[1]
    rows, presence, heat = network.answer(part.crops, divide_by)
    with torch.no_grad():
        before = _tied(torch, *parent.answer(part.crops, divide_by)[:2])
    weight = torch.from_numpy(part.weight).to(rows)
    # The network measures from the crop's corner, half a pixel before its first pixel's centre.
    label = torch.from_numpy(np.nan_to_num(part.xy) + 0.5).to(rows)

    def pull(xy: Any) -> Any:
        # The root's slope has no end at 0.
        off = torch.sqrt(((xy - label) ** 2).sum(dim=-1) + 1e-4) / HUBER_PX
        each = torch.where(off < 1.0, 0.5 * off**2, off - 0.5)
        return (weight * each).sum() / weight.sum().clip(min=1.0)

    taught = pull(network.refined(rows, heat, size)[:, :LANDMARKS]) + DIRECT * pull(rows[:, :LANDMARKS, :2])
    return taught + torch.nn.functional.smooth_l1_loss(_tied(torch, rows, presence), before)


def _tied(torch: Any, rows: Any, presence: Any) -> Any:
    """Scores, depths and the points beyond the landmarks (B, M), each in the units of its tie."""
    scores = TIED_SCORE**0.5 * rows[:, :LANDMARKS, 3:].flatten(1)
    places = TIED_PX**0.5 * torch.cat([rows[:, :LANDMARKS, 2], rows[:, LANDMARKS:, :2].flatten(1)], dim=1)
    return torch.cat([scores, places, presence], dim=1)


def _key(path: Path, examples: Examples, choosing: Examples, settings: TrainSettings) -> str:
    """Hash of all that the result depends on."""
    digest = hashlib.sha256(path.read_bytes())
    digest.update(f"{examples.digest} {choosing.digest} {sorted(asdict(settings).items())}".encode())
    return digest.hexdigest()


def _read(checkpoint: Path | None, key: str) -> dict[str, Array] | None:
    """Read a checkpoint of this very work; None if there is none, or it is of other work or damaged."""
    if checkpoint is None or not checkpoint.is_file():
        return None
    try:
        with np.load(checkpoint, allow_pickle=False) as data:
            return dict(data) if str(data["key"]) == key else None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _write(
    checkpoint: Path,
    key: str,
    epoch: int,
    errors: list[float],
    kept: dict[str, dict[int, Array]],
    network: Any,
    optimiser: Any,
) -> None:
    arrays: dict[str, Any] = {"key": np.array(key), "epoch": np.array(epoch), "errors": np.array(errors)}
    for n, tensor in network.parameters.items():
        moments = optimiser.state[tensor]
        arrays[f"first {n}"] = moments["exp_avg"].cpu().numpy()
        arrays[f"second {n}"] = moments["exp_avg_sq"].cpu().numpy()
        arrays["steps"] = np.array(float(moments["step"]))
    for kind, weights in {**kept, "now": network.state()}.items():
        arrays |= {f"{kind} {n}": v for n, v in weights.items()}
    with atomic_write(checkpoint) as draft, draft.open("wb") as file:
        np.savez(file, **arrays)


def _weights(state: dict[str, Array], kind: str) -> dict[int, Array]:
    return {int(name.split()[1]): v for name, v in state.items() if name.startswith(f"{kind} ")}


def _restore_optimiser(torch: Any, network: Any, optimiser: Any, state: dict[str, Array]) -> None:
    first, second = _weights(state, "first"), _weights(state, "second")
    for n, tensor in network.parameters.items():
        optimiser.state[tensor] = {
            "step": torch.tensor(float(state["steps"])),
            "exp_avg": torch.from_numpy(first[n]).to(tensor),
            "exp_avg_sq": torch.from_numpy(second[n]).to(tensor),
        }
