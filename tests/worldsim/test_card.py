"""The model card and what is shipped with it."""

from dataclasses import replace

from safetensors.torch import load_file

from worldsim.models.convolutional import ConvolutionalModel
from worldsim.training.card import ship, write_card
from worldsim.training.data import make_clips
from worldsim.training.recipes import get_recipe


def test_a_shipped_model_is_its_weights_config_and_card(tmp_path):
    recipe = replace(get_recipe("drop"), clips=12)
    row = {
        "scenario": "drop",
        "level": "id",
        "metric": "velocity_error",
        "value": 0.1,
        "low": 0,
        "high": 1,
        "n": 5,
    }
    other = row | {"metric": "position_error", "low": None, "high": None}
    clips = make_clips(recipe)
    card = write_card("thrown", recipe, clips, 7, 1_500_000, "3 minutes", "A remark.", [row, other])
    assert card.startswith("# worldsim world model `thrown`") and "It began with" not in card
    later = write_card("thrown", replace(recipe, pretrained="drop"), clips, 7, 10, "", "", [row])
    assert "It began with the weights of `drop`." in later
    assert "| drop | id | velocity_error | 0.100 | 0.000–1.000 | 5 |" in card and "position_error" not in card
    assert "to a clip's end,\nat frame: drop 48." in card
    assert "A remark." in card and "rejected" in card and "| radius, m | share |" in card
    shares = [float(line.split("|")[2].strip(" %")) for line in card.splitlines() if line.startswith("| 0.")]
    assert shares, "the histograms have rows"
    model = ConvolutionalModel(widths=(16, 16), blocks=(1, 1))
    model.save_pretrained(tmp_path / "run")
    (tmp_path / "run" / "training.json").write_text("{}")
    for _ in range(2):  # a second time replaces the first
        ship(tmp_path / "run", tmp_path / "weights", card)
    names = {p.name for p in (tmp_path / "weights").iterdir()}
    assert names == {"config.json", "diffusion_pytorch_model.safetensors", "training.json", "README.md"}
    assert (
        load_file(tmp_path / "weights" / "diffusion_pytorch_model.safetensors").keys()
        == model.state_dict().keys()
    )
