"""People in the scene: who they are, where they stand, where their skin is at any instant."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray
from mocap.studio.body import Body, Phenotype, load_body, skin
from mocap.studio.clothes import OUTFITS, Dressed, dress
from mocap.studio.motions import MOTIONS
from mocap.studio.posing import keypoints, pose, stand_on_floor, walked
from mocap.studio.settings import StudioSettings

# In the order in which people enter the scene.
PHENOTYPES = (
    Phenotype(gender=0.1, height=0.4, muscle=0.6),
    Phenotype(gender=0.95, height=0.35, weight=0.45),
    Phenotype(gender=0.0, height=0.6, weight=0.65, muscle=0.5),
    Phenotype(gender=0.8, height=0.5, muscle=0.7, weight=0.6),
)

# Distance of several people from the middle of the room, m.
RING_M = 0.75


@dataclass(frozen=True)
class Person:
    """One person: ``place`` (2,) on the floor, m, and the name of the motion."""

    body: Body
    dressed: Dressed
    place: FloatArray
    motion: str

    def bones(self, t_s: FloatArray) -> FloatArray:
        """Bones at instants (T,) s: (T, B, 4, 4), posed_from_rest, the shoes on the floor."""
        motion = MOTIONS[self.motion]
        posture = motion(t_s)
        posture = replace(posture, path_xy=posture.path_xy + self.place + walked(self.body, motion, t_s))
        placed = pose(self.body, posture)
        shod = self.body.share("foot", "toe") > 0.5
        feet = replace(self.body, weights=self.body.weights[shod], weight_bones=self.body.weight_bones[shod])
        soles = self.dressed.vertices[shod]
        lowest = np.array([skin(feet, soles, bones)[:, 2].min() for bones in placed])
        return stand_on_floor(placed, lowest)

    def surface(self, bones: FloatArray) -> FloatArray:
        """Clothed skin (V, 3), m, for the bones (B, 4, 4) of one instant."""
        return skin(self.body, self.dressed.vertices, bones)


def cast(settings: StudioSettings) -> tuple[Person, ...]:
    """Choose, dress and place the people."""
    people = []
    for index in range(settings.persons):
        body = load_body(PHENOTYPES[index])
        angle = 2.0 * np.pi * index / settings.persons
        ring = RING_M if settings.persons > 1 else 0.0
        place = ring * np.array([np.cos(angle), np.sin(angle)])
        motion = settings.motions[index % len(settings.motions)]
        people.append(Person(body, dress(body, OUTFITS[index]), place, motion))
    return tuple(people)


def true_keypoints(people: tuple[Person, ...], t_s: FloatArray, skeleton: Skeleton) -> FloatArray:
    """Where the keypoints really are (T, N, K, 3), m."""
    return np.stack([keypoints(one.body, one.bones(t_s), skeleton) for one in people], axis=1)
