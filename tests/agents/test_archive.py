"""Archives of Stable-Baselines3: read, checked against the task's spaces, and played."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, PPO, SAC, TD3

from agents.archive import ArchivePolicy
from agents.contracts import check_policy
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workshop import Workshop
from envs.sb3 import WorldVecEnv
from envs.tasks import make_task
from worldsim.contracts import failure

STRIKE, CATCH = make_task("Strike"), make_task("Catch")
SMALL = {"policy_kwargs": {"net_arch": [8]}, "device": "cpu", "seed": 0}
OFF = {"buffer_size": 10}


def saved(folder: Path, algorithm, policy="MlpPolicy", observation="tracked", **more) -> str:
    env = WorldVecEnv(2, task=CATCH, world="analytic", observation=observation)
    model = algorithm(policy, env, **deepcopy({**SMALL, **more}))
    model.save(folder / "mine.zip")
    return str(folder / "mine.zip")


@pytest.mark.parametrize(("algorithm", "more"), [(PPO, {}), (A2C, {}), (SAC, OFF), (TD3, OFF)])
def test_archives_keep_the_contract_of_a_policy(tmp_path, algorithm, more):
    path = saved(tmp_path, algorithm, **more)
    policy = ArchivePolicy(path, CATCH)
    assert policy.name == algorithm.__name__.lower()
    assert failure(check_policy(lambda: policy, CATCH)) is None


def test_an_archive_that_looks_at_frames(tmp_path):
    torch.set_num_threads(1)
    path = saved(tmp_path, PPO, "CnnPolicy", "frames", policy_kwargs={}, n_steps=2)
    policy = ArchivePolicy(path, CATCH)
    assert policy.kind == "frames" and failure(check_policy(lambda: policy, CATCH)) is None


def test_wrong_spaces_are_refused_with_both_printed(tmp_path):
    path = saved(tmp_path, PPO)
    with pytest.raises(ValueError, match=r"\(36,\), float32.*Strike has Box.*\(45,\), float32") as refused:
        ArchivePolicy(path, STRIKE)
    assert "mine.zip" in str(refused.value)

    class Faster(type(CATCH)):
        def bounds(self, level):
            return np.array([-2.0]), np.array([2.0])

    with pytest.raises(ValueError, match=r"Box\(-1.2, 1.2.*Catch has Box\(-2.0, 2.0"):
        ArchivePolicy(path, Faster())


def test_files_that_are_no_archives_are_named(tmp_path):
    (tmp_path / "no.zip").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"no.zip is no archive of Stable-Baselines3"):
        ArchivePolicy(tmp_path / "no.zip", CATCH)


def test_the_bridge_names_an_archive_by_its_file(tmp_path):
    spec, workshop = Spec.parse(f"{saved(tmp_path, A2C)}@learned"), Workshop()
    policy = workshop.policy(spec, CATCH, "id", "box2d")
    assert (policy.name, policy.prepared_in) == ("a2c", "learned")
    assert workshop.policy_hash(spec, CATCH)
