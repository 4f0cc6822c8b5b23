"""What this machine can do: its presets, networks and runtimes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mocap.gui.presenters.process.newrun import Preset
from mocap.gui.presenters.process.settings import Draft, SettingField, fields_of
from mocap.gui.presenters.words import Trouble, trouble_of


@dataclass(frozen=True)
class Machine:
    """What this machine can do, and the settings there are; looked up in a thread.

    Attributes
    ----------
    networks : tuple of (name, words)
    runtimes : dict of name to words
        What is wrong with a runtime that cannot be used; missing where nothing is.
    drafts : dict of preset to Draft
    """

    fields: tuple[SettingField, ...]
    networks: tuple[tuple[str, str], ...]
    mirror_networks: frozenset[str]
    runtimes: Mapping[str, str]
    drafts: Mapping[str, Draft]
    unread: Mapping[str, Trouble]


def look_at_machine(known: Sequence[Preset]) -> Machine:
    """Read all presets, and see which networks and runtimes there are."""
    from mocap.detect.runtimes import KINDS
    from mocap.detect.runtimes.choose import installed
    from mocap.detect.weights import status
    from mocap.pipeline.settings import PipelineSettings, load_settings

    drafts, unread = {}, {}
    for preset in known:
        try:
            drafts[preset.name] = Draft(load_settings(preset.name), {})
        except Exception as error:  # one that is wrong must not hide the others
            unread[preset.name] = trouble_of(error)
    found = [model for model in status() if model.card.task in ("landmarks", "people")]
    networks = tuple((model.card.name, _network_words(model.card, model.state)) for model in found)
    lacking: dict[str, str] = {kind: "not installed" for kind in KINDS if installed(kind) is None}
    if "torch" not in lacking and shutil.which("nvidia-smi") is None:
        lacking["torch"] = "no graphics card found"
    mirrored = frozenset(model.card.name for model in found if model.card.decoder is None)
    return Machine(fields_of(PipelineSettings), networks, mirrored, lacking, drafts, unread)


def _network_words(card: Any, state: str) -> str:
    """A network in words: its name, its points, whether it is here."""
    size = "" if card.size_bytes is None else f", {card.size_bytes / 1e6:.0f} MB"
    here = "here" if state == "ready" else f"to be fetched{size}"
    return f"{card.name.replace('_', ' ')}  ·  {card.keypoints} points  ·  {here}"
