"""Operations of training against counts by hand."""

from dataclasses import replace

import pytest
from torch import nn

from worldsim.models.autoencoder import Autoencoder
from worldsim.models.direct import DirectModel
from worldsim.training.cost import row_flops, training_flops
from worldsim.training.recipes import get_recipe


def test_a_picture_through_an_autoencoder_by_hand():
    """Every convolution and linear layer: two operations for each weight and place of its output."""
    model, by_hand = Autoencoder(widths=(8,), latent_channels=4, detail=4), []

    def count(layer, inputs, output):
        by_hand.append(2 * output.numel() * layer.weight[0].numel())

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    counted = row_flops(model, get_recipe("autoencoder"), 1)
    assert len(by_hand) > 10 and counted == sum(by_hand)


def test_frames_rows_and_parts_count():
    recipe = get_recipe("uniform").of_family("direct")
    recipe = replace(recipe, steps=4, batch_frames=64, horizons=((0.0, 1), (0.5, 4)))
    model = DirectModel(widths=(8, 8), blocks=(1, 1))
    one = row_flops(model, recipe, 1)
    assert row_flops(model, recipe, 4) == 4 * one
    whole = training_flops(model, recipe, 4)
    assert whole == pytest.approx(3 * 4 * 64 * one)  # as many frames at either horizon
    assert training_flops(model, replace(recipe, accumulate=2), 2) == pytest.approx(whole)
