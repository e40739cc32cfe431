"""The families `clip` and `causal`: published sizes, what may be seen, memory, copies, learning."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldsim import keys as key
from worldsim.metrics.rollouts import make_clips as fresh_clips
from worldsim.metrics.rollouts import reconstruct, truth
from worldsim.models import load_model
from worldsim.models.autoencoder import Autoencoder, load_autoencoder
from worldsim.models.causal import CausalModel
from worldsim.models.clip import ClipModel
from worldsim.models.transformer import VideoTransformer, rotate, rotations
from worldsim.training.data import Batches, make_clips
from worldsim.training.losses import LOSSES, NORMAL, counted
from worldsim.training.recipes import get_recipe
from worldsim.training.trainer import make_model, train

PUBLISHED = {"S": 22.5e6, "B": 89.5e6, "L": 310e6, "XL": 456e6}  # Kang et al., table of model sizes
KEYS = key.fold(np.arange(3, dtype=np.uint64), "test transformers")
SMALL = {"widths": (16, 16), "latent_channels": 4}


class Perfect(torch.nn.Module):
    """An autoencoder without a loss."""

    resolution = 64

    def forward(self, pictures):
        return pictures, None


class Elsewhere(torch.nn.Module):
    """An autoencoder on another device, from which only white pictures come back."""

    resolution = 64

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1, device="meta"))

    def forward(self, pictures):
        return torch.ones((pictures * self.weight).shape), None


def awake(model):
    """Weights that begin at zero hide everything else."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.05)
    return model.eval()


@pytest.fixture(scope="module", params=[ClipModel, CausalModel])
def model(request):
    return awake(request.param(**SMALL))


@pytest.fixture(scope="module")
def transformer():
    return awake(VideoTransformer("tiny", 4, 4, 2, 2))


def some(rows=3, frames=4):
    generator = torch.Generator().manual_seed(3)
    return torch.rand(rows, frames, 3, 64, 64, generator=generator), torch.zeros(rows, frames - 1, 2)


def close(a, b):
    return torch.allclose(a.float(), b.float(), atol=3e-2)  # bfloat16, other batch shapes


@pytest.mark.parametrize("size", PUBLISHED)
def test_sizes_are_those_published(size):
    with torch.device("meta"):
        made = VideoTransformer(size, 9, 4, 2, 2)
    count = sum(p.numel() for p in made.parameters())
    assert count == pytest.approx(PUBLISHED[size], rel=0.03)


def test_rotary_products_depend_on_distance_alone():
    x = torch.randn(1, 1, 1, 64)
    cos, sin = rotations(10, 1, 1, 64, torch.device("cpu"))

    def product(i, j):
        one, other = (rotate(x, (cos[k : k + 1], sin[k : k + 1])) for k in (i, j))
        return (one * other).sum().item()

    assert product(2, 5) == pytest.approx(product(4, 7), rel=1e-4)
    assert abs(product(2, 5) - product(2, 8)) > 1e-3


def test_the_future_is_not_seen(transformer):
    latents, levels, actions = torch.randn(2, 6, 4, 8, 8), torch.rand(2, 6) * 999, torch.randn(2, 6, 2)
    other = latents.clone()
    other[:, 4:] += 1
    seen, _ = transformer(latents, levels, actions, causal=True)
    changed, _ = transformer(other, levels, actions, causal=True)
    assert torch.allclose(seen[:, :4], changed[:, :4], atol=1e-5)
    assert not torch.allclose(seen[:, 4:], changed[:, 4:], atol=1e-3)
    whole, _ = transformer(other, levels, actions)
    assert not torch.allclose(whole[:, :4], transformer(latents, levels, actions)[0][:, :4], atol=1e-3)


def test_memory_stands_for_the_frames_themselves():
    """A frame against memory is what it is at the end of the whole clip; blank places change nothing."""
    causal = awake(CausalModel(**SMALL, window=5))
    latents, actions = torch.randn(2, 6, 4, 8, 8), torch.randn(2, 6, 2)
    level = torch.zeros(2, 6)
    whole, _ = causal(latents, level, actions)
    memory = causal.remember(None, latents[:, :4], actions[:, :4])
    assert memory.filled.tolist() == [[False, True, True, True, True]] * 2
    memory = causal.remember(memory, latents[:, 4:5], actions[:, 4:5])
    last, _ = causal(latents[:, 5:], level[:, 5:], actions[:, 5:], memory)
    assert torch.allclose(last[:, 0], whole[:, 5], atol=1e-4)


class Knowing(torch.nn.Module):
    """A transformer that tells the clean latents of the frames to be made."""

    def __init__(self, clean, given):
        super().__init__()
        self.clean, self.given = clean, given

    def forward(self, both, levels, actions):
        return torch.cat([torch.zeros_like(self.clean[:, : self.given]), self.clean], 1), None


def test_v_is_that_of_the_scheduler_and_sampling_ends_at_what_is_known():
    model = ClipModel(**SMALL, frames=8)
    clean, noise = torch.randn(2, 3, 4, 4, 8, 8, generator=torch.Generator().manual_seed(5)).unbind()
    model.transformer = Knowing(clean, 4)
    given, actions = torch.zeros(3, 4, 4, 8, 8), torch.zeros(3, 8, 2)
    level = torch.tensor([50, 400, 999])
    found = model(model.scheduler.add_noise(clean, noise, level), level.float(), given, actions)
    assert torch.allclose(found, model.scheduler.get_velocity(clean, noise, level), atol=1e-5)
    state = model.init(*some(), KEYS)
    assert torch.allclose(model._sample(state, actions), clean, atol=1e-2)  # under bfloat16


def test_errors_of_latents_count_by_what_they_change_in_a_picture():
    autoencoder = Autoencoder(64, widths=(16,), latent_channels=6).requires_grad_(False)
    autoencoder.begin(truth(fresh_clips("drop", "id", 4, "components"), 64))
    model = ClipModel(widths=(16,), latent_channels=6)
    model.autoencoder = autoencoder
    latents = torch.randn(1, 6, 16, 16, generator=torch.Generator().manual_seed(6))
    shares = []
    for error in torch.eye(6)[:, None, :, None, None].expand(-1, 1, -1, 16, 16):
        changed = (autoencoder.decode(latents + error) - autoencoder.decode(latents)).square().mean()
        shares.append(changed / counted(model, error[None])[0, 0])
    assert torch.stack(shares) == pytest.approx(shares[0].item(), rel=1e-3)


def test_rollouts_copies_and_saved_twins_agree(model, tmp_path):
    frames, past = some()
    actions = torch.randn(3, 7, 2, generator=torch.Generator().manual_seed(0))
    begun = model.init(frames, past, KEYS)
    middle, made = model.step(begun, actions[:, :3])
    assert made.shape == (3, 3, 3, 64, 64) and made.min() >= 0 and made.max() <= 1
    _, rest = model.step(middle, actions[:, 3:])
    index = torch.tensor([2, 0])
    copies = middle.select(index).repeat(2)
    assert close(model.step(copies, actions[index.repeat_interleave(2), 3:])[1][::2], rest[index])
    mixed = middle.where(torch.tensor([True, False, True]), begun)
    assert close(model.step(mixed, actions[:, 3:])[1][[0, 2]], rest[[0, 2]])
    model.save_pretrained(tmp_path)
    twin = load_model(tmp_path)
    assert torch.equal(twin.step(twin.init(frames, past, KEYS), actions[:, :3])[1], made)
    assert not torch.equal(model.step(begun, actions[:, :3] + 1)[1], made)
    with pytest.raises(ValueError, match=r"expected \(3, 4, 3, 64, 64\)"):
        model.init(frames[:, :3], past, KEYS)


def test_frames_asked_for_one_by_one_are_made_in_clips_of_the_trained_length(monkeypatch):
    """The first of them is what a call for all makes, if nothing is done later: then both see the same."""
    model = awake(ClipModel(**SMALL, frames=9, sampling_steps=2))
    lengths = []
    model.transformer.register_forward_pre_hook(lambda module, given: lengths.append(given[0].shape[1]))
    frames, past = some()
    actions = torch.zeros(3, 5, 2)
    actions[:, 0] = 1.0
    begun = state = model.init(frames, past, KEYS)
    whole, made = model.step(begun, actions)
    alone = []
    for action in actions.split(1, 1):
        state, frame = model.step(state, action)
        alone.append(frame)
    assert lengths == [9] * 2 * 6
    assert torch.equal(alone[0], made[:, :1]) and all(frame.shape == alone[0].shape for frame in alone)
    assert state.count.tolist() == whole.count.tolist() == [5, 5, 5]
    assert torch.equal(state.actions, whole.actions) and state.latents.shape == whole.latents.shape


def test_a_clip_longer_than_a_call_is_made_call_by_call():
    model = awake(ClipModel(**SMALL, frames=7, sampling_steps=2))
    frames, past = some()
    state, made = model.step(model.init(frames, past, KEYS), torch.zeros(3, 8, 2))
    assert made.shape[1] == 8 and state.count.tolist() == [8, 8, 8]


@pytest.mark.parametrize(
    "family, forcing",
    [
        ("clip", ""),
        ("causal", "teacher"),
        ("causal", "diffusion"),
        ("causal", "rollout"),
        ("autoencoder", ""),
    ],
)
def test_every_loss_falls_and_leaves_the_autoencoder_alone(family, forcing, tmp_path):
    sizes = {"action_size": 2} if family != "autoencoder" else {}
    sizes |= {"frames": 6} if family == "clip" else {}
    recipe = replace(get_recipe("uniform"), family=family, forcing=forcing, model=sizes)
    recipe = replace(
        recipe, clips=20, steps=24, batch_frames=8, horizons=((0.0, 2),), learning_rate=3e-3, warmup=2
    )
    if family == "autoencoder":
        recipe = replace(recipe, model=SMALL)
    else:
        Autoencoder(**SMALL).save_pretrained(tmp_path / "autoencoder")
        recipe = replace(recipe, autoencoder=str(tmp_path / "autoencoder"))
    losses = []
    last = train(
        recipe, make_clips(recipe), tmp_path / "run", lambda told: losses.append(told.loss), save_every=6
    )
    assert np.mean(losses[-8:]) < np.mean(losses[:8])
    if family != "autoencoder":
        before = load_autoencoder(tmp_path / "autoencoder").state_dict()
        after = load_model(last).autoencoder.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before)


def test_without_an_autoencoder_there_is_nothing_to_train(tmp_path):
    recipe = replace(get_recipe("uniform"), family="clip", clips=4)
    with pytest.raises(ValueError, match="worldsim train autoencoder"):
        train(recipe, make_clips(recipe), tmp_path)


def latent_recipe(family, folder, **settings):
    """A short run of a family on the latents of an autoencoder that is made in `folder`."""
    torch.manual_seed(0)
    Autoencoder(**SMALL).save_pretrained(folder)
    recipe = get_recipe("uniform").of_family(family)
    changes = {"clips": 4, "steps": 2, "batch_frames": 8, "autoencoder": str(folder)}
    return replace(recipe, model=recipe.model | settings, **changes)


def test_latents_are_kept_near_a_normal_distribution():
    """The divergence of N(m, s^2) from N(0, 1) is (m^2 + s^2 - 1 - log s^2) / 2; pictures come back as they
    were."""
    frames, recipe = torch.rand(8, 1, 3, 64, 64), get_recipe("autoencoder")
    drawn = torch.randn(8, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    drawn = (drawn - drawn.mean((0, 2, 3), keepdim=True)) / drawn.std((0, 2, 3), keepdim=True)
    for mean, spread in ((0.0, 1.0), (0.5, 1.0), (0.0, 2.0)):
        made = LOSSES["autoencoder"](
            lambda pictures, m=mean, s=spread: (pictures, m + s * drawn), None, frames, None, recipe, 0
        )
        told = (mean**2 + spread**2 - 1 - np.log(spread**2)) / 2
        assert made.item() == pytest.approx(NORMAL * told, abs=1e-6)


def test_an_autoencoder_begins_with_principal_components():
    """What is lost is the sum of the squared singular values left out (Eckart and Young, 1936)."""
    recipe, kept = replace(get_recipe("uniform"), clips=40), 8
    frames, _ = Batches(make_clips(recipe), recipe, 0, 64, torch.device("cpu")).draw(0, 1, 40)
    made = Autoencoder(latent_channels=kept, widths=(16,)).eval()
    made.begin(frames)
    back, latents = made(frames[:, 0] * 2 - 1)
    variance, mean = torch.var_mean(latents, (0, 2, 3))
    assert mean.abs().max() < 1e-3 and (variance - 1).abs().max() < 1e-3
    cells = frames[:, 0].numpy().reshape(40, 3, 16, 4, 16, 4).transpose(0, 2, 4, 1, 3, 5).reshape(-1, 48) * 2
    singular = np.linalg.svd(cells - cells.mean(0), compute_uv=False)
    lost = (back - (frames[:, 0] * 2 - 1)).square().sum().item()
    assert lost == pytest.approx((singular[kept:] ** 2).sum(), rel=1e-3)


def test_another_autoencoder_in_the_same_folder_is_refused(tmp_path):
    recipe = latent_recipe("causal", tmp_path / "autoencoder")
    clips = make_clips(recipe)
    train(recipe, clips, tmp_path / "run")
    Autoencoder.from_pretrained(tmp_path / "autoencoder").save_pretrained(tmp_path / "autoencoder")
    train(recipe, clips, tmp_path / "run")  # written again, it is the same one
    torch.manual_seed(7)
    Autoencoder(**SMALL).save_pretrained(tmp_path / "autoencoder")
    with pytest.raises(ValueError, match=r"trained on autoencoder '.{16}', the recipe now has"):
        train(recipe, clips, tmp_path / "run")


@pytest.mark.parametrize("family", ["clip", "causal"])
def test_pictures_of_another_size_than_the_autoencoder_s_are_refused(family, tmp_path):
    with pytest.raises(ValueError, match=r"pictures of 128 pixels.* trained on 64"):
        make_model(latent_recipe(family, tmp_path, resolution=128))


def test_a_clip_of_another_length_than_is_trained_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"makes 6 frames at once .* horizons of \[28\]"):
        make_model(latent_recipe("clip", tmp_path, frames=10))


def test_an_unknown_forcing_is_refused():
    recipe = replace(get_recipe("uniform"), family="causal", forcing="gentle", clips=4)
    model = CausalModel(**SMALL)
    frames, actions = Batches(make_clips(recipe), recipe, 4, 64, torch.device("cpu")).draw(0, 2, 2)
    with pytest.raises(ValueError, match="teacher, diffusion or rollout"):
        LOSSES["causal"](model, model, frames, actions, recipe, 0)


def test_an_autoencoder_is_scored_by_what_comes_back_and_is_no_world_model(tmp_path):
    made = Autoencoder(**SMALL).eval()
    made.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="no world model"):
        load_model(tmp_path)
    clips = fresh_clips("uniform", "id", 2, "test transformers")
    assert torch.equal(reconstruct(Perfect(), clips), truth(clips, 64))
    assert reconstruct(made, clips).shape == (2, 32, 3, 64, 64)
    assert (reconstruct(Elsewhere(), clips) == 1).all()
