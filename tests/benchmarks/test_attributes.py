"""Attributes read from true pictures are those of the scenes."""

import numpy as np
import pytest
import torch

from benchmarks.learned.attributes import LOST, read
from worldsim.metrics.rollouts import make_clips, truth
from worldsim.scenarios.pairs import BOX, PAIRED


@pytest.mark.parametrize("resolution", [32, 64])
def test_attributes_of_true_pictures(resolution):
    for paired in PAIRED:
        for level in paired.levels:
            clips = make_clips(paired.name, level, 20, "attributes")
            bodies = [scene.bodies[0] for scene in clips.scenes]
            radius = np.array([b.radius / (BOX if b.shape == "box" else 1) for b in bodies])
            found = read(truth(clips, resolution))
            assert found["color"].tolist() == [b.color == "blue" for b in bodies]
            assert found["shape"].tolist() == [b.shape == "box" for b in bodies]
            assert found["size"].tolist() == (radius > 1.125).tolist()
            assert found["velocity"].tolist() == [abs(b.velocity[0]) > 2.35 for b in bodies]
            pair = [found[name] for name in paired.pair]
            assert (pair[0] == pair[1]).all() == (level == "id")


def test_an_empty_picture_has_none():
    assert all((value == LOST).all() for value in read(torch.ones(2, 8, 3, 32, 32)).values())
