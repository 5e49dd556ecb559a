"""Vessel trees: widths and positions."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseg.synthetic.noise import random_generator
from edgeseg.synthetic.scene import compose_scene
from edgeseg.synthetic.vessel_tree import VesselTree, grow_vessels

SEEDS = range(6)


@pytest.fixture(scope="module")
def trees() -> list[VesselTree]:
    """Veins and arteries of each seed."""
    trees: list[VesselTree] = []
    for seed in SEEDS:
        scene = compose_scene(random_generator(seed, "scene"))
        trees += grow_vessels(scene, random_generator(seed, "tree"))
    return trees


def test_vessel_tree_radius_never_increases_towards_tips(trees: list[VesselTree]) -> None:
    for tree in trees:
        inner = tree.parents >= 0
        assert (tree.radii[inner] <= tree.radii[tree.parents[inner]] * (1 + 1e-9)).all()
        assert tree.radii.max() > 4 * tree.radii.min()


def test_vessel_tree_radii_follow_murrays_law(trees: list[VesselTree]) -> None:
    for tree in trees:
        inner = tree.parents >= 0
        children = np.zeros(len(tree.radii))
        np.add.at(children, tree.parents[inner], tree.radii[inner] ** 3)
        branching = np.bincount(tree.parents[inner], minlength=len(tree.radii)) == 2
        # The maximum of twelve trees is 0.149 with OpenCV 5 and 0.166 with OpenCV 4.13.
        assert np.allclose(np.cbrt(children[branching]), tree.radii[branching], rtol=0.2)


def test_vessel_tree_veins_are_wider_than_arteries(trees: list[VesselTree]) -> None:
    for veins, arteries in zip(trees[::2], trees[1::2], strict=True):
        assert veins.radii.max() > 1.2 * arteries.radii.max()


def test_vessel_tree_does_not_cross_fovea(trees: list[VesselTree]) -> None:
    for seed in SEEDS:
        scene = compose_scene(random_generator(seed, "scene"))
        for tree in trees[2 * seed : 2 * seed + 2]:
            assert np.linalg.norm(tree.points - scene.macula, axis=1).min() > 0.04
