"""What a model card says about a network: what it eats, how its answer is read, how far it can be trusted."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Triple = tuple[float, float, float]
# An output by its name; by its position where the file keeps no names (TorchScript).
OutputName = str | Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """A table that knows all its fields and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSpec(Strict):
    """What the network eats.

    Attributes
    ----------
    size_px : int
        Side of the square crop, the long side of a whole picture, or the width where there is a height, px.
    height_px : int, optional
        Height of the crop or picture where it is not square, px.
    multiple_of : int
        Width and height must be multiples of this, px.
    divide_by : float
        The 8-bit values are divided by this.
    mean, std : (float, float, float)
        Then taken off, and divided by, in the order of ``channels``.
    channels, layout, dtype
        Order of colours and of axes, and type, of the tensor.
    padding : float
        A crop's sides over those of the box around the person.
    placing : str
        Whether a whole picture of another shape lies in the middle or in the top left corner of the input.
    fill : int
        Value of the input beyond the picture, 0 to 255.
    """

    size_px: Annotated[int, Field(gt=0, le=4096)]
    height_px: Annotated[int, Field(gt=0, le=4096)] | None = None
    multiple_of: Annotated[int, Field(gt=0, le=4096)] = 1
    divide_by: Positive = 1.0
    mean: Triple = (0.0, 0.0, 0.0)
    std: tuple[Positive, Positive, Positive] = (1.0, 1.0, 1.0)
    channels: Literal["rgb", "bgr", "gray"] = "rgb"
    layout: Literal["nhwc", "nchw"] = "nhwc"
    dtype: Literal["float32", "float16", "uint8", "int32"] = "float32"
    padding: Annotated[float, Field(ge=1.0, le=4.0)] = 1.25
    placing: Literal["middle", "corner"] = "middle"
    fill: Annotated[int, Field(ge=0, le=255)] = 0

    @property
    def wh(self) -> tuple[int, int]:
        """Width and height of a crop, px."""
        return self.size_px, self.size_px if self.height_px is None else self.height_px


class DecoderSpec(Strict):
    """How an answer is read.

    Attributes
    ----------
    outputs : dict
        Which output plays which role; `roles` names those that must be there, `more_roles` those that may.
    """

    roles: ClassVar[frozenset[str]] = frozenset()
    more_roles: ClassVar[frozenset[str]] = frozenset()
    tasks: ClassVar[frozenset[str]] = frozenset({"landmarks"})

    outputs: dict[str, OutputName]

    @model_validator(mode="after")
    def _roles_are_known(self) -> DecoderSpec:
        have = set(self.outputs)
        if missing := self.roles - have:
            raise ValueError(f"the role(s) {', '.join(sorted(missing))} need an output")
        if unknown := have - self.roles - self.more_roles:
            known = ", ".join(sorted(self.roles | self.more_roles))
            raise ValueError(f"unknown role(s) {', '.join(sorted(unknown))}; this decoder knows {known}")
        return self


class SimccSpec(DecoderSpec):
    """Curves along x and y: RTMPose, RTMW, DWPose."""

    roles = frozenset({"x", "y"})
    kind: Literal["simcc"]
    bins_per_px: Positive = 2.0


class HeatmapSpec(DecoderSpec):
    """Hills on a grid: ViTPose, HRNet, DeepLabCut, SLEAP; see `mocap.detect.decoders.heatmap`."""

    roles = frozenset({"heatmap"})
    more_roles = frozenset({"offsets"})
    kind: Literal["heatmap"]
    grid: Literal["index", "aligned", "half", "centre"]
    refine: Literal["dark", "integral", "offset", "none"]
    layout: Literal["nchw", "nhwc"] = "nchw"
    activation: Literal["none", "sigmoid"] = "none"
    blur_cells: Positive = 2.0
    offset_px: Positive = 1.0

    @model_validator(mode="after")
    def _offsets_have_an_output(self) -> HeatmapSpec:
        if (self.refine == "offset") != ("offsets" in self.outputs):
            raise ValueError("refine = 'offset' and an output for the role 'offsets' belong together")
        return self


class PointsSpec(DecoderSpec):
    """Landmarks given outright: MediaPipe's hand and face."""

    roles = frozenset({"points", "presence"})
    tasks = frozenset({"landmarks", "hand", "face"})
    kind: Literal["points"]
    origin: Literal["index", "corner"] = "corner"
    presence: Literal["none", "sigmoid"] = "none"


class PeaksSpec(DecoderSpec):
    """Keypoints whose peaks the network has found itself: sleap-nn's exports of one animal or of a crop."""

    roles = frozenset({"keypoints", "scores"})
    kind: Literal["peaks"]
    origin: Literal["index", "corner"] = "index"


class MoveNetSingleSpec(DecoderSpec):
    """MoveNet Lightning and Thunder."""

    roles = frozenset({"keypoints"})
    kind: Literal["movenet_single"]


class _Many(DecoderSpec):
    """Several candidates a picture.

    Attributes
    ----------
    min_score : float
        Lowest score of a person.
    most_overlap : float
        Share of their union that the boxes of two people may have in common.
    class_index : int
        The class of people.
    origin : str
        Whether places count from the first pixel's centre or from the picture's edge.
    """

    tasks = frozenset({"person_finder"})
    min_score: Share = 0.3
    most_overlap: Share = 0.65
    class_index: Annotated[int, Field(ge=0)] = 0
    origin: Literal["index", "corner"] = "index"


class BoxesSpec(_Many):
    """Boxes after suppression: RTMDet, and YOLOX as MMDeploy exports it."""

    roles = frozenset({"boxes"})
    more_roles = frozenset({"labels"})
    kind: Literal["boxes"]


class YoloxSpec(_Many):
    """Boxes of YOLOX's own exports."""

    roles = frozenset({"boxes"})
    kind: Literal["yolox"]


class YoloSpec(_Many):
    """Boxes of Ultralytics' detection exports."""

    roles = frozenset({"boxes"})
    kind: Literal["yolo"]


class CentroidsSpec(_Many):
    """Tops of a map of middles: SLEAP's centroid model; ``box_px`` is the side of its crops, input px."""

    roles = frozenset({"heatmap"})
    kind: Literal["centroids"]
    box_px: Positive
    grid: Literal["index", "aligned", "half", "centre"] = "index"
    layout: Literal["nchw", "nhwc"] = "nchw"


class MiddlesSpec(_Many):
    """Middles as places: sleap-nn's exports of a centroid model; ``box_px`` is the side of its crops, input px."""

    roles = frozenset({"middles", "scores"})
    kind: Literal["middles"]
    box_px: Positive


class InstancesSpec(_Many):
    """Keypoints of everybody as places: sleap-nn's exports of a top-down pair."""

    roles = frozenset({"keypoints", "scores", "bodies"})
    tasks = frozenset({"people", "person_finder"})
    kind: Literal["instances"]


class YoloPoseSpec(_Many):
    """Ultralytics' pose exports, ``raw`` or with the suppression inside."""

    roles = frozenset({"people"})
    tasks = frozenset({"people", "person_finder"})
    kind: Literal["yolo_pose"]
    layout: Literal["raw", "suppressed"] = "raw"


class RtmoSpec(_Many):
    """RTMO as MMDeploy exports it."""

    roles = frozenset({"boxes", "keypoints"})
    tasks = frozenset({"people", "person_finder"})
    kind: Literal["rtmo"]


class MoveNetMultiSpec(_Many):
    """MoveNet MultiPose."""

    roles = frozenset({"people"})
    tasks = frozenset({"people", "person_finder"})
    kind: Literal["movenet_multi"]


Decoder = Annotated[
    SimccSpec
    | HeatmapSpec
    | PointsSpec
    | PeaksSpec
    | MoveNetSingleSpec
    | BoxesSpec
    | YoloxSpec
    | YoloSpec
    | CentroidsSpec
    | MiddlesSpec
    | InstancesSpec
    | YoloPoseSpec
    | RtmoSpec
    | MoveNetMultiSpec,
    Field(discriminator="kind"),
]


class Uncertainty(Strict):
    """How far the network's keypoints lie from the truth.

    Where an answer shows how sure it is, the standard deviation is ``floor_px`` where the hill is as narrow as
    it was trained to be, and grows with the width beyond. Where it gives places only, it is ``share`` of the
    person's size over the score.

    Attributes
    ----------
    floor_px : float
        Standard deviation of a keypoint that is seen well, input px. The default is what BlazePose shows on
        films of known truth; measure and write your own.
    trained_px : float
        Standard deviation of the Gaussians that the network was trained to draw, input px.
    share : float
        Of the root of the area of the person's box. On films of known truth MoveNet MultiPose shows 0.0125;
        the default is more careful with networks that were not measured.
    person_score : float
        Median score of the core keypoints from which a crop holds a person.
    keypoint_px : tuple of float
        Of BlazePose, in the place of ``floor_px``: of each keypoint where the network is sure of it, input px.
    unseen_px, unseen_power : float
        How it grows as the score falls: see `mocap.detect.uncertainty`.
    """

    floor_px: Positive = 2.0
    keypoint_px: tuple[Positive, ...] = ()
    unseen_px: Positive = 2.0
    unseen_power: Positive = 0.33
    trained_px: Annotated[float, Field(ge=0.0)] = 0.0
    share: Positive = 0.02
    person_score: Share = 0.3


class Parent(Strict):
    """What a network was taught from.

    Attributes
    ----------
    name, version, sha256 : str
        Of the network that it was before.
    data : tuple of str
        SHA-256 of the examples that it learned from, that chose, and that proved it.
    labels : str
        ``views`` where other views gave them, ``corrections`` where people did.
    crops, epochs, seed, rate, share
        How it learned: see `mocap.detect.train.loop.TrainSettings`.
    held_out_view : str, optional
        A camera that it did not see while it learned.
    before_px, after_px : float
        Mean distance from the labels of the proof, before and after, input px.
    surely : float
        The error fell by at least this share, with 95 % confidence.
    """

    name: str
    version: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    data: tuple[str, ...]
    labels: Literal["views", "corrections"]
    crops: int
    epochs: int
    seed: int
    rate: float
    share: float
    held_out_view: str | None = None
    before_px: float
    after_px: float
    surely: float


class OwnSkeleton(Strict):
    """Keypoints of a lab's own, where none of ``configs/skeletons`` fits."""

    keypoints: Annotated[tuple[str, ...], Field(min_length=1)]
    bones: tuple[tuple[str, str], ...] = ()
    mirror: tuple[tuple[str, str], ...] = ()
    core: tuple[str, ...] = ()
