"""Operations of training against counts by hand, and against a step that is made."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from worldsim.models import family
from worldsim.models.autoencoder import Autoencoder
from worldsim.models.direct import DirectModel
from worldsim.training.cost import row_flops, training_flops
from worldsim.training.losses import LOSSES
from worldsim.training.recipes import get_recipe


def test_a_picture_through_an_autoencoder_by_hand():
    """Every convolution and linear layer: two operations for each weight and place of its output, and twice
    as many for their gradients."""
    model, by_hand = Autoencoder(widths=(8,), latent_channels=4, detail=4), []

    def count(layer, inputs, output):
        by_hand.append(2 * output.numel() * layer.weight[0].numel())

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    counted = row_flops(model, get_recipe("autoencoder"), 1)
    assert len(by_hand) > 10 and counted == 3 * sum(by_hand)


@pytest.mark.parametrize("name", ["clip", "causal"])
@pytest.mark.parametrize("size", ["tiny", "S"])
def test_a_frozen_encoder_has_no_gradient(name, size):
    """The loss of one row is computed and differentiated, attention as plain products; only the first layers'
    gradients, of weights alone, are less than the rule of thumb says."""
    recipe = get_recipe("uniform").of_family(name)
    horizon = recipe.horizons[0][1]
    model = family(name)(size=size)
    seen, done = torch.ones(1, 4 + horizon, 3, 64, 64), torch.zeros(1, 3 + horizon, 2)
    first, inputs = [], (model.transformer.enter, model.transformer.action)
    for layer in inputs:
        layer.register_forward_hook(lambda layer, _, out: first.append(2 * layer.in_features * out.numel()))
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        LOSSES[name](model, model, seen, done, recipe, 0).backward()
    expected = counter.get_total_flops() + sum(first)
    assert row_flops(model, recipe, horizon) == pytest.approx(expected, rel=0.001)


def test_frames_rows_and_parts_count():
    recipe = get_recipe("uniform").of_family("direct")
    recipe = replace(recipe, steps=4, batch_frames=64, horizons=((0.0, 1), (0.5, 4)))
    model = DirectModel(widths=(8, 8), blocks=(1, 1))
    one = row_flops(model, recipe, 1)
    assert row_flops(model, recipe, 4) == 4 * one
    whole = training_flops(model, recipe, 4)
    assert whole == pytest.approx(4 * 64 * one)  # as many frames at either horizon
    assert training_flops(model, replace(recipe, accumulate=2), 2) == pytest.approx(whole)
