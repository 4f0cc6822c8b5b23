"""The settings of a run as a form: fields with titles, units and bounds, read off the settings themselves."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import annotated_types

from mocap.gui.presenters.words import Trouble, title, trouble_of

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

    from mocap.pipeline.settings import PipelineSettings

FieldPath = tuple[str, str]
Kind = Literal["yes", "whole", "number", "choice", "many", "words", "word"]
AUTO = "auto"

# How groups and fields are called: title, unit, what it does. A field that is not here is shown by its own name.
GROUPS = {
    "detect": "Finding people",
    "associate": "People",
    "triangulate": "From views to 3D",
    "fit": "Body and filter",
    "kinematics": "Angles and measures",
    "output": "Files",
}
WORDS: dict[FieldPath, tuple[str, str, str]] = {
    ("detect", "landmarks"): ("Network", "", "The first of these that can be had finds the points of the body."),
    ("detect", "finder"): ("Finder of people", "", "Network that looks for people in the whole picture."),
    ("detect", "parts"): ("Hands and face", "", "Points of hands and face as well; takes longer."),
    ("detect", "max_people"): ("Most people in view", "", "More people take longer."),
    ("detect", "search_interval"): ("Look for new people every", "pictures", ""),
    ("detect", "longest_pace"): ("Look at a person at least every", "pictures", "1 looks at every picture."),
    ("detect", "tolerance_sigma"): (
        "Passing over may cost",
        "σ",
        "How far a foreseen point may be off, in standard deviations; more is faster.",
    ),
    ("detect", "flip"): ("Look at mirror images too", "", "More accurate, half as fast."),
    ("detect", "look_again"): ("Look again where views disagree", "", "Where a view lost somebody."),
    ("detect", "runtime"): ("Compute with", "", "The result is the same to thousandths of a pixel."),
    ("associate", "people"): ("People", "", "One person, or everybody in view."),
    ("associate", "subject"): ("Which one", "", "Where several people are in view."),
    ("triangulate", "min_score"): ("Least confidence of a view", "", "A view that is less sure does not count."),
    ("triangulate", "gate"): ("Leave a view out from", "σ", "How far it may be off the others."),
    ("triangulate", "min_angle_deg"): ("Least angle between views", "°", ""),
    ("triangulate", "max_sigma_m"): ("Leave a point out from", "m", "Uncertainty of a point in 3D."),
    ("fit", "max_gap_s"): ("Fill gaps up to", "s", ""),
    ("fit", "cutoff_hz"): ("Filter from", "Hz", "Quicker motion is taken off; automatic looks at what is left."),
    ("fit", "order"): ("Order of the filter", "", ""),
    ("fit", "filter"): ("Filter of the points", "", "The body smooths by itself."),
    ("fit", "spikes_s"): ("Take spikes off within", "s", "0 leaves them in."),
    ("fit", "contact"): ("Hold standing feet to the ground", "", ""),
    ("kinematics", "sex"): (
        "Sex of the subject",
        "",
        "For the centre of mass; where it is not set here, as the session says.",
    ),
    ("kinematics", "mass_table"): ("Table of masses", "", ""),
    ("kinematics", "tasks"): ("What was done", "", "Walking is always looked for."),
    ("kinematics", "repetitions"): (
        "Count repetitions of",
        "",
        "How often a joint bends and straightens, how far and how fast.",
    ),
    ("kinematics", "prominence_deg"): ("A repetition is from", "°", "Smaller bends are not counted."),
    ("output", "formats"): ("Files", "", "Others can be exported at any time."),
    ("output", "overlays"): ("Overlay videos", "", "The videos with the skeleton drawn in."),
}
CHOICES = {
    "subject": "One subject", "all": "Everybody", "longest": "In view longest", "biggest": "Biggest in view",
    "unknown": "Not known", "de_leva": "De Leva 1996", "dempster": "Dempster 1955",
    "sit_to_stand": "Sit to stand", "litert": "Processor (LiteRT)", "openvino": "Processor (OpenVINO)",
    "onnxruntime": "Processor (ONNX Runtime)", "torch": "Graphics card or processor (PyTorch)",
    AUTO: "Automatic", "butterworth": "Butterworth", "savitzky_golay": "Savitzky and Golay",
    "gcv_spline": "Spline, cross-validated", "one_euro": "One euro", "kalman": "Kalman", "none": "None",
}  # fmt: skip
# Shown at once; everything else is folded.
ESSENTIAL: tuple[FieldPath, ...] = (
    ("associate", "people"), ("associate", "subject"), ("kinematics", "sex"), ("kinematics", "tasks"),
    ("kinematics", "repetitions"), ("output", "formats"), ("output", "overlays"), ("detect", "landmarks"),
    ("detect", "runtime"),
)  # fmt: skip
# Angles that trainers and clinics count by; others can be named in a preset of one's own.
COUNTED = {
    f"{side}_{angle}": f"{title(angle)}, {side}"
    for angle in ("knee_flexion", "hip_flexion", "elbow_flexion", "shoulder_flexion", "shoulder_abduction")
    for side in ("left", "right")
}
# Cannot be set in a form: a click needs a picture.
LEFT_OUT: tuple[FieldPath, ...] = (("associate", "click"),)
LEFT_OUT_CHOICES = ("clicked",)
# Who is looked for where everybody counts; as `with_people` has it.
PEOPLE: FieldPath = ("associate", "people")
MOST_PEOPLE: FieldPath = ("detect", "max_people")


@dataclass(frozen=True)
class SettingField:
    """A line of the form.

    Attributes
    ----------
    kind : str
        ``yes`` or no, a ``whole`` or any ``number``, one ``choice``, ``many`` choices, ``words`` with commas, or a
        ``word``.
    least, most : float or None
        Bounds; ``open_least`` where the least itself is not allowed.
    auto : bool
        A number that may also be left to the software.
    """

    path: FieldPath
    title: str
    unit: str
    hint: str
    kind: Kind
    choices: tuple[tuple[str, str], ...] = ()
    least: float | None = None
    most: float | None = None
    open_least: bool = False
    step: int = 1
    auto: bool = False

    @property
    def essential(self) -> bool:
        """Whether it is shown at once."""
        return self.path in ESSENTIAL


def fields_of(model: type[BaseModel]) -> tuple[SettingField, ...]:
    """All fields of the settings, group by group, as the settings define them."""
    found = []
    for group, info in model.model_fields.items():
        inner = info.annotation
        if not hasattr(inner, "model_fields"):
            continue
        assert inner is not None
        for name, field in inner.model_fields.items():
            if (group, name) not in LEFT_OUT:
                found.append(_field((group, name), field))
    return tuple(found)


def _field(path: FieldPath, info: FieldInfo) -> SettingField:
    kind, choices, auto, more = _shape(info.annotation)
    name, unit, hint = WORDS.get(path, (title(path[1]), "", ""))
    made = SettingField(path, name, unit, hint, kind, choices, auto=auto)
    # A bound within a union stands in a field of its own.
    inner = [part for rule in more for part in getattr(rule, "metadata", (rule,))]
    for rule in (*info.metadata, *inner):
        for part in rule if isinstance(rule, annotated_types.GroupedMetadata) else (rule,):
            if isinstance(part, annotated_types.Ge):
                made = replace(made, least=float(part.ge))  # type: ignore[arg-type]
            elif isinstance(part, annotated_types.Gt):
                made = replace(made, least=float(part.gt), open_least=True)  # type: ignore[arg-type]
            elif isinstance(part, annotated_types.Le):
                made = replace(made, most=float(part.le))  # type: ignore[arg-type]
            elif isinstance(part, annotated_types.Lt):
                made = replace(made, most=float(part.lt))  # type: ignore[arg-type]
            elif isinstance(part, annotated_types.MultipleOf):
                made = replace(made, step=int(part.multiple_of))  # type: ignore[call-overload]
    return made


def _shape(hint: Any) -> tuple[Kind, tuple[tuple[str, str], ...], bool, tuple[Any, ...]]:
    """Kind, choices, whether it may be automatic, and rules of an annotation."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is bool:
        return "yes", (), False, ()
    if hint in (int, float):
        return ("whole" if hint is int else "number"), (), False, ()
    if origin is Literal:
        return "choice", _choices(inner), False, ()
    if origin in (Union, types.UnionType):
        literals = [word for one in inner if get_origin(one) is Literal for word in get_args(one)]
        number = next((one for one in inner if get_origin(one) is not Literal), None)
        if number is None:
            return "choice", _choices(tuple(literals)), False, ()
        base, *rules = get_args(number) if get_origin(number) is not None else (number,)
        if base in (int, float):
            return ("whole" if base is int else "number"), (), AUTO in literals, tuple(rules)
    if origin is tuple:
        return ("many", _choices(get_args(inner[0])), False, ()) if get_origin(inner[0]) is Literal else (
            "words", (), False, (),
        )  # fmt: skip
    return "word", (), False, ()


def _choices(words: tuple[Any, ...]) -> tuple[tuple[str, str], ...]:
    shown = [str(word) for word in words if word not in LEFT_OUT_CHOICES]
    # What is left to the software stands first.
    shown.sort(key=lambda word: word != AUTO)
    return tuple((word, CHOICES.get(word, title(word))) for word in shown)


@dataclass(frozen=True)
class Draft:
    """Settings that are being changed: those of a preset, and what differs.

    Attributes
    ----------
    changes : dict of path to value
        As JSON has values.
    """

    base: PipelineSettings
    changes: Mapping[FieldPath, Any]

    @cached_property
    def _plain(self) -> dict[str, Any]:
        return self.base.model_dump(mode="json")

    def value(self, path: FieldPath) -> Any:
        """The value of a field."""
        return self.changes[path] if path in self.changes else self._plain[path[0]][path[1]]

    def changed(self, path: FieldPath) -> bool:
        """Whether a field differs from the preset."""
        return path in self.changes

    def put(self, path: FieldPath, value: Any) -> Draft:
        """Change a field; back to the preset's value is no change."""
        plain = list(value) if isinstance(value, tuple) else value
        changes = {known: old for known, old in self.changes.items() if known != path}
        if plain != self._plain[path[0]][path[1]]:
            changes[path] = plain
        made = replace(self, changes=changes)
        return made._for_everybody() if path == PEOPLE else made

    def _for_everybody(self) -> Draft:
        """Look for as many people as there may be where everybody counts."""
        from mocap.pipeline.settings import CROWD

        if self.value(PEOPLE) == "all":
            return self.put(MOST_PEOPLE, max(CROWD, self._plain["detect"]["max_people"]))
        return self.reset(MOST_PEOPLE)

    def reset(self, path: FieldPath | None = None) -> Draft:
        """Take a field, or all of them, back to the preset."""
        left = {} if path is None else {known: old for known, old in self.changes.items() if known != path}
        return replace(self, changes=left)

    def settings(self) -> PipelineSettings:
        """The settings as they now are.

        Raises
        ------
        InputError
            If a value is not allowed, naming the field.
        """
        from pydantic import ValidationError

        from mocap.core.errors import InputError
        from mocap.export import exporter_of
        from mocap.pipeline.settings import PipelineSettings

        plain = {name: dict(part) if isinstance(part, dict) else part for name, part in self._plain.items()}
        for (group, name), value in self.changes.items():
            plain[group][name] = value
        try:
            made = PipelineSettings.model_validate(plain)
        except ValidationError as error:
            first = error.errors()[0]
            path = tuple(str(part) for part in first["loc"])[:2]
            name = WORDS.get((path[0], path[-1]), (title(path[-1]), "", ""))[0]
            raise InputError(f"“{name}” cannot be that: {first['msg']}.", "Choose another value.") from error
        for form in made.output.formats:
            exporter_of(form)
        return made

    @property
    def trouble(self) -> Trouble | None:
        """What is wrong with the settings, in words."""
        try:
            self.settings()
        except Exception as error:  # shown to the user in words
            return trouble_of(error)
        return None


def own_presets_dir() -> Path:
    """Folder of the user's own presets."""
    from platformdirs import user_config_dir

    return Path(user_config_dir("openmocap")) / "pipelines"


def save_preset(name: str, settings: PipelineSettings, folder: Path | None = None) -> Path:
    """Keep settings as a preset of one's own; returns its file.

    Raises
    ------
    InputError
        If the name is none for a file.
    StorageError
        If the disk refuses.
    """
    import tomli_w

    from calibration.files import atomic_write
    from mocap.core.errors import InputError

    stem = name.strip()
    if not stem or any(letter in stem for letter in '/\\:*?"<>|') or stem.startswith("."):
        raise InputError(f"'{name}' cannot be the name of a preset.", "Use letters, digits and spaces.")
    path = (folder or own_presets_dir()) / f"{stem}.toml"
    plain = settings.model_copy(update={"description": f"Your own: {stem}"}).model_dump(
        mode="json", exclude_none=True
    )
    with atomic_write(path) as draft:
        draft.write_text(tomli_w.dumps(plain), encoding="utf-8")
    return path
