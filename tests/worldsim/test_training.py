"""Training: what a resumed run, a NaN and a changed recipe come to."""

import shutil
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from worldsim.training import memory_fit
from worldsim.training.checkpoint import alone_in, best
from worldsim.training.data import Batches, make_clips
from worldsim.training.losses import denoising
from worldsim.training.recipes import Recipe, get_recipe
from worldsim.training.trainer import NotFinite, Run, train

SMALL = {"widths": (16, 16), "blocks": (1, 1)}


def tiny(**changes):
    recipe = get_recipe("table").of_family("convolutional")
    base = dict(clips=20, steps=4, batch_frames=4, horizons=((0.0, 1), (0.5, 2)), warmup=2)
    return replace(recipe, model={**recipe.model, **SMALL}, **{**base, **changes})


@pytest.fixture(scope="module")
def clips():
    return make_clips(tiny())


def weights(folder):
    return load_file(folder / "diffusion_pytorch_model.safetensors")


def test_a_resumed_run_ends_as_an_uninterrupted_one(clips, tmp_path):
    torch.use_deterministic_algorithms(True)
    try:
        whole = train(tiny(), clips, tmp_path / "whole", save_every=2)

        class Killed(Exception):
            pass

        def stop(progress):
            if progress.step == 3:
                raise Killed

        with pytest.raises(Killed):
            train(tiny(), clips, tmp_path / "parts", stop, save_every=2)
        parts = train(tiny(), clips, tmp_path / "parts", save_every=2)
    finally:
        torch.use_deterministic_algorithms(False)
    a, b = weights(whole), weights(parts)
    assert whole.name == parts.name == "step-4"
    assert all(torch.equal(a[n], b[n]) for n in a)
    assert any((a[n] != weights(tmp_path / "whole" / "step-2")[n]).any() for n in a)


def test_another_recipe_is_refused_by_field(clips, tmp_path):
    train(tiny(steps=2), clips, tmp_path, save_every=2)
    with pytest.raises(ValueError, match=r"learning_rate=0\.001"):
        train(tiny(steps=2, learning_rate=0.1), clips, tmp_path)


def test_other_data_is_refused(clips, tmp_path):
    train(tiny(steps=2), clips, tmp_path, save_every=2)
    with pytest.raises(ValueError, match="trained on data"):
        train(tiny(steps=2), replace(clips, actions=-clips.actions), tmp_path)


def test_training_begins_with_pretrained_weights_and_goes_on_without_them(clips, tmp_path):
    first = train(tiny(seed=1), clips, tmp_path / "first", save_every=4)
    still = dict(pretrained=str(first), steps=2, learning_rate=0.0)
    begun = train(tiny(**still), clips, tmp_path / "still", save_every=2)
    before, after = weights(first), weights(begun)
    assert all(torch.allclose(before[n], after[n], atol=1e-6) for n in before)
    moved = tiny(**still | {"learning_rate": 1e-3})
    run = Run(moved, clips, tmp_path / "moved")
    run.update()
    run.keep()
    run.close()
    shutil.rmtree(tmp_path / "first")
    ended = train(moved, clips, tmp_path / "moved", save_every=2)
    assert any((before[n] != value).any() for n, value in weights(ended).items())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pretrained": "drop"}, "family='convolutional', the pretrained one in drop 'motion'"),
        ({"pretrained": "nowhere"}, "cannot begin with pretrained weights: no checkpoint 'nowhere'"),
    ],
)
def test_weights_that_do_not_fit_are_refused(clips, tmp_path, change, said):
    with pytest.raises(ValueError, match=said):
        train(tiny(**change), clips, tmp_path)


def test_pretrained_weights_of_another_width_are_refused(clips, tmp_path):
    first = train(tiny(steps=1), clips, tmp_path / "first", save_every=1)
    other = tiny(pretrained=str(first))
    with pytest.raises(ValueError, match=r"has widths=\[16, 32\], the pretrained one in .* \[16, 16\]"):
        train(replace(other, model=other.model | {"widths": (16, 32)}), clips, tmp_path / "second")


def test_the_best_checkpoint_is_kept(clips, tmp_path):
    errors = iter([0.5, 0.2, 0.4, 0.3])
    train(tiny(), clips, tmp_path, validate=lambda _: {"velocity_error": next(errors)}, save_every=1)
    assert best(tmp_path) == (tmp_path / "step-2", 0.2)
    assert sorted(p.name for p in tmp_path.glob("step-*")) == ["step-2", "step-3", "step-4"]


def test_checkpoints_at_milestones_are_kept(clips, tmp_path):
    recipe = tiny(steps=5)
    errors = iter([0.3, 0.2, 0.5, 0.5, 0.4])
    train(
        recipe,
        clips,
        tmp_path,
        validate=lambda _: {"velocity_error": next(errors)},
        save_every=1,
        milestones=(1,),
    )
    assert sorted(p.name for p in tmp_path.glob("step-*")) == ["step-1", "step-2", "step-4", "step-5"]


def test_accumulated_batches_are_one_larger_batch(clips, tmp_path):
    """Two parts a step see the draws of two steps; the loss told is their mean."""
    told: dict[int, list[float]] = {1: [], 2: []}
    for parts in told:
        recipe = tiny(accumulate=parts, learning_rate=0.0, steps=2 // parts, horizons=((0.0, 1),))
        train(recipe, clips, tmp_path / str(parts), lambda p, parts=parts: told[parts].append(p.loss))
    assert told[2][0] == pytest.approx(np.mean(told[1]), rel=1e-3)


def test_compiled_blocks_learn_what_the_others_learn(clips, tmp_path, monkeypatch):
    """Traced forward and backward; the traces are run as they are, for which no C++ compiler is needed."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    recipe = replace(tiny(steps=2), family="motion")
    recipe = replace(recipe, model={**recipe.model, "look_widths": (8, 8), "look_blocks": (0, 1)})
    runs = [Run(recipe, clips, tmp_path / str(compiled), compiled=compiled) for compiled in (False, True)]
    losses = [[run.update()[0] for _ in range(2)] for run in runs]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    traced = [[m for m in run.bare.modules() if m._compiled_call_impl is not None] for run in runs]
    assert len(traced[0]) == 0 and len(traced[1]) == 4
    for run in runs:
        run.close()


def test_a_loss_that_is_no_number_keeps_the_last_good_state(clips, tmp_path):
    recipe = tiny(learning_rate=1e30)
    with pytest.raises(NotFinite, match="step-1"):
        train(recipe, clips, tmp_path, save_every=1)
    kept = (tmp_path / "latest").read_text()
    assert kept == "step-1" and all(torch.isfinite(w).all() for w in weights(tmp_path / kept).values())


@pytest.mark.parametrize("number", [np.inf, np.nan])
def test_a_gradient_that_is_no_number_keeps_the_last_good_state(clips, tmp_path, monkeypatch, number):
    """The loss itself is fine, and the step would have been saved."""
    backward = Run._backward

    def broken(run, *rest):
        loss = backward(run, *rest)
        if run.step == 2:
            next(run.bare.parameters()).grad.view(-1)[0] = number
        return loss

    monkeypatch.setattr(Run, "_backward", broken)
    with pytest.raises(NotFinite, match=r"norm (inf|nan) at step 2; the last good state is .*step-2"):
        train(tiny(), clips, tmp_path, save_every=1)
    monkeypatch.undo()
    assert train(tiny(), clips, tmp_path, save_every=1).name == "step-4"
    assert all(torch.isfinite(w).all() for w in weights(tmp_path / "step-4").values())


def test_a_checkpoint_is_scored_on_the_device_of_its_run(clips, tmp_path):
    seen = []

    def score(model):
        seen.extend(p.device for p in model.parameters())
        return {"velocity_error": 1.0}

    run = Run(tiny(), clips, tmp_path, score)
    run.update()
    run.accelerator = SimpleNamespace(device=torch.device("meta"))  # as different from the CPU as a GPU is
    run.keep()
    run.close()
    assert {device.type for device in seen} == {"meta"}


def test_what_does_not_fit_is_told_before_the_first_step(clips, tmp_path, monkeypatch):
    """The measure itself: with four times the rows, a step keeps four times as much."""
    run = Run(tiny(batch_frames=8), clips, tmp_path / "few")
    more = Run(tiny(batch_frames=32), clips, tmp_path / "many")
    fixed = (memory_fit.HELD - 1) * sum(p.nbytes for p in run.bare.parameters())
    assert memory_fit.needed(more) - fixed == pytest.approx(4 * (memory_fit.needed(run) - fixed), rel=0.2)
    monkeypatch.setattr(memory_fit, "free_memory", lambda device: 2**20)
    with pytest.raises(ValueError, match=r"GiB too little; lower --batch-frames \(4\)"):
        train(tiny(), clips, tmp_path / "run")
    assert not list((tmp_path / "run").glob("step-*"))


def test_the_horizon_that_needs_most_decides_whether_a_run_fits(clips, tmp_path):
    """Five rows of one frame need more than one row of three frames does."""
    run = Run(tiny(batch_frames=5), clips, tmp_path)
    need = {}
    for horizons in ((1,), (3,), (3, 1), (1, 3)):
        run.recipe = replace(run.recipe, horizons=tuple((i / 2, h) for i, h in enumerate(horizons)))
        need[horizons] = memory_fit.needed(run)
    run.close()
    assert need[1,] > need[3,] and need[3, 1] == need[1, 3] == need[1,]


def test_one_folder_holds_one_run_at_a_time(clips, tmp_path):
    with alone_in(tmp_path), pytest.raises(ValueError, match="another process trains in"):
        train(tiny(), clips, tmp_path)
    train(tiny(steps=1), clips, tmp_path)


def test_a_perfect_prediction_costs_nothing(clips):
    """The loss lines targets up with frames: a model that answers with the next true frame has none."""
    recipe = tiny(context_noise=0.0)
    batches = Batches(clips, recipe, 4, 64, torch.device("cpu"))
    frames, actions = batches.draw(0, 2, 4)

    class Oracle:
        context_frames = 4
        asked = 0

        class scheduler:
            @staticmethod
            def add_noise(x, noise, level):
                return x

        def __call__(self, noisy, level, context, actions):
            self.asked += 1
            return frames[:, 3 + self.asked] * 2 - 1

    oracle = Oracle()
    assert denoising(oracle, oracle, frames, actions, recipe, 0).item() < 1e-7
    oracle.asked = -1  # one frame late
    assert denoising(oracle, oracle, frames, actions, recipe, 0).item() > 1e-3


def test_a_recipe_of_another_family_has_the_schedule_of_that_family():
    table, uniform = get_recipe("table"), get_recipe("uniform")
    direct = uniform.of_family("direct")
    assert direct.horizons == Recipe("", "", ()).horizons and direct.mixture == uniform.mixture
    actions = {name: table.model[name] for name in ("action_size", "action_scale", "controls")}
    assert table.model["steer"] and table.of_family("direct").model == actions  # `direct` does not steer
    assert uniform.model["falls"] is False and not {"falls", "steer"} & direct.model.keys()
    parabola = get_recipe("parabola")
    direct = parabola.of_family("direct")
    assert parabola.error and not direct.error and parabola.guess and not direct.guess
    plain = replace(
        parabola, model=direct.model, guess=0.0
    )  # of its model actions are all that is taken over
    assert direct.of_family("motion").settings() == plain.settings()


def test_another_family_does_not_begin_with_the_weights_of_the_recipes_own():
    recipe = get_recipe("table_passing")
    assert recipe.of_family("motion").pretrained and not recipe.of_family("direct").pretrained


def test_an_unknown_recipe_lists_what_exists():
    with pytest.raises(ValueError, match="table, table_passing, drop"):
        get_recipe("kitchen")
