"""The policies whose ranks the bridge compares: fixed here, before any of them is run in a learned model.

Skill is graded by knobs (see `agents.graded`), by what planners imagine in, and by how long learners were
trained. The knobs were chosen on development starts in the reference engine so that most policies prepared
outside of the model lie in the middle band, real success .2 to .8, where ranks can be told (`DEVELOPMENT`).
No more than five come from one training run, though each length is trained on its own.
"""

PRESSURES = (1, 2, 3, 8)  #: iterations of CEM that trace exploitation
LENGTHS = {"Strike": (50_000, 150_000, 400_000), "Catch": (30_000, 100_000, 300_000)}  #: frames of PPO

ITERATED = tuple(f"cem,iterations={n}@{world}" for n in PRESSURES for world in ("box2d", "learned"))
COMMON = ("noop", "random", "reactive", "cem@box2d", "cem@learned", "cem@inertia")


def _trained(task: str) -> tuple[str, ...]:
    return tuple(f"ppo,frames={n}@{world}" for n in LENGTHS[task] for world in ("box2d", "learned"))


GRADED: dict[str, tuple[str, ...]] = {
    "Strike": (
        "reactive,gain=0.7",
        "cem,noise=0.05@box2d",
        "cem,noise=0.1@box2d",
        "cem,noise=0.15@box2d",
        "cem,gain=0.8@box2d",
        "cem,frames=600@box2d",
        "cem,frames=900@box2d",
        "shooting,frames=900@box2d",
        "shooting,frames=1800@box2d",
        "mppi,iterations=1@box2d",
        "icem,iterations=1@box2d",
        "cem@perturbed:velocity_bias:0.5:box2d",
        "cem@perturbed:restitution:0.5:box2d",
        "cem@perturbed:mass_ratio:1:box2d",
        "cem@perturbed:momentum_leak:0.3:box2d",
        "cem@perturbed:action_gain:0.2:box2d",
        "cem,noise=0.1@learned",
        "cem,frames=600@learned",
        "shooting,frames=1800@learned",
    ),
    "Catch": (
        "reactive,noise=0.2",
        "reactive,noise=0.5",
        "cem,noise=0.6@box2d",
        "cem,noise=0.8@box2d",
        "cem,noise=1@box2d",
        "cem,gain=0.7@box2d",
        "cem,gain=0.75@box2d",
        "cem,gain=0.8@box2d",
        "cem,horizon=6@box2d",
        "cem,horizon=8@box2d",
        "shooting,frames=900@box2d",
        "cem@frozen",
        "cem@perturbed:velocity_bias:1:box2d",
        "cem@perturbed:velocity_bias:2:box2d",
        "cem@perturbed:gravity:1:box2d",
        "cem,noise=0.8@learned",
        "cem,horizon=8@learned",
        "shooting,frames=900@learned",
    ),
}
POLICY_SET = {task: (*COMMON, *GRADED[task], *ITERATED, *_trained(task)) for task in GRADED}
