"""When keypoints agree and when somebody counts as a person; all in metres, seconds and shares of a body."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AssociationSettings:
    """What association may be told.

    Attributes
    ----------
    min_score : float
        Keypoints with a lower score take no part, and are not passed on as part of anybody.
    min_keypoints : int
        Core keypoints that two bodies must have in common to be compared.
    reach_m : float
        A keypoint further from a ray than this says nothing for their belonging together: half a trunk, more than
        a poor calibration does and less than the width of two people side by side.
    min_agreement : float
        Mean agreement of the common keypoints, 0 to 1, from which a view shows a person.
    keypoint_gate_m : float
        A detected keypoint that misses the person's by more is not that person's: about two forearm widths.
    hidden_s : float
        A person is remembered this long while nobody sees them.
    min_support_s : float
        Somebody whom two views show together for less is not reported; a recording shorter than twice this needs
        half of its length.
    min_support_of_two_s : float
        The same for somebody whom mostly only two of more cameras show: chance makes such bodies for a while.
    """

    min_score: float = 0.3
    min_keypoints: int = 4
    reach_m: float = 0.3
    min_agreement: float = 0.4
    keypoint_gate_m: float = 0.2
    hidden_s: float = 5.0
    min_support_s: float = 0.4
    min_support_of_two_s: float = 1.0
