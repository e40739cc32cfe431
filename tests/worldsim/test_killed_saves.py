"""A process that is killed while it saves leaves a checkpoint that loads."""

import os
import subprocess
import sys

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from worldsim.models.direct import DirectModel
from worldsim.training import checkpoint
from worldsim.training.recipes import get_recipe

folder, kills, began = Path(sys.argv[1]), 24, time.monotonic()
model = DirectModel(widths=(16, 16), blocks=(1, 1))
optimizer = torch.optim.AdamW(model.parameters())
sum(p.sum() for p in model.parameters()).backward()
optimizer.step()
state = checkpoint.State(get_recipe("uniform"), "data", checkpoint.copy_of(model))

def save():
    state.step += 1
    checkpoint.judge(folder, checkpoint.save(folder, model, optimizer, state), 1 / state.step)

save()
spent = [-time.monotonic()]
save()
spent = time.monotonic() + spent[0]
left = 0
for kill in range(kills):
    if not (child := os.fork()):
        while True:
            save()
    time.sleep(spent * (1 + 2 * kill / kills))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    left += any(folder.glob(".step-*"))
    before, found = state.step, checkpoint.latest(folder)
    checkpoint.load(found, model, optimizer, state)
    assert state.step == checkpoint.steps_of(found) >= before
    checkpoint.load(checkpoint.best(folder)[0], model, optimizer, state)
    state.step = checkpoint.steps_of(found)
assert left, "some were killed while they wrote"
for _ in range(2):  # whoever was killed before it judged left the best one behind
    save()
print(state.step, *sorted(p.name for p in folder.iterdir()))
"""


def test_any_moment_of_saving_may_be_the_last(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    steps, *left = done.stdout.split()
    assert left == sorted(["best", "latest", f"step-{int(steps) - 1}", f"step-{steps}"])
