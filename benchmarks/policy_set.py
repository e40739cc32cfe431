"""The policies whose ranks the bridge compares: fixed here, before any of them is run in a learned model.

Skill is graded by knobs (see `agents.graded`), by what planners imagine in, and by how long learners were
trained. The knobs were chosen on development starts 0 to 39 in the reference engine, so that at least twelve
policies prepared outside of the model lie in the middle band, real success .2 to .8, where ranks can be told.
The comments say what each solved there. No more than five come from one training run, though each length is
trained on its own.
"""

PRESSURES = (1, 2, 3, 8)  #: iterations of CEM that trace exploitation
LENGTHS = {"Strike": (50_000, 150_000, 400_000), "Catch": (30_000, 100_000, 300_000)}  #: frames of PPO

ITERATED = tuple(f"cem,iterations={n}@{world}" for n in PRESSURES for world in ("box2d", "learned"))
COMMON = ("noop", "random", "reactive", "cem@box2d", "cem@learned", "cem@inertia")


def _trained(task: str) -> tuple[str, ...]:
    return tuple(f"ppo,frames={n}@{world}" for n in LENGTHS[task] for world in ("box2d", "learned"))


GRADED: dict[str, tuple[str, ...]] = {
    "Strike": (
        "reactive,gain=0.7",  # .18
        "cem,noise=0.05@box2d",  # .75
        "cem,noise=0.1@box2d",  # .45
        "cem,noise=0.15@box2d",  # .33
        "cem,gain=0.8@box2d",  # .38
        "cem,frames=600@box2d",  # .43
        "cem,frames=900@box2d",  # .75
        "shooting,frames=900@box2d",  # .35
        "shooting,frames=1800@box2d",  # .75
        "mppi,iterations=1@box2d",  # .40
        "icem,iterations=1@box2d",  # .63
        "cem@perturbed:velocity_bias:0.5:box2d",  # .50
        "cem@perturbed:restitution:0.5:box2d",  # .48
        "cem@perturbed:mass_ratio:1:box2d",  # .65
        "cem@perturbed:momentum_leak:0.3:box2d",  # .33
        "cem@perturbed:action_gain:0.2:box2d",  # .53
        "cem,noise=0.1@learned",
        "cem,frames=600@learned",
        "shooting,frames=1800@learned",
    ),
    "Catch": (
        "reactive,noise=0.2",  # .38
        "reactive,noise=0.5",  # .25
        "cem,noise=0.6@box2d",  # .63
        "cem,noise=0.8@box2d",  # .35
        "cem,noise=1@box2d",  # .28
        "cem,gain=0.7@box2d",  # .40
        "cem,gain=0.75@box2d",  # .63
        "cem,gain=0.8@box2d",  # .73
        "cem,horizon=6@box2d",  # .28
        "cem,horizon=8@box2d",  # .48
        "shooting,frames=900@box2d",  # .90
        "cem@frozen",  # .05
        "cem@perturbed:velocity_bias:1:box2d",  # .63
        "cem@perturbed:velocity_bias:2:box2d",  # .33
        "cem@perturbed:gravity:2:box2d",  # .68
        "cem,noise=0.8@learned",
        "cem,horizon=8@learned",
        "shooting,frames=900@learned",
    ),
}
POLICY_SET = {task: (*COMMON, *GRADED[task], *ITERATED, *_trained(task)) for task in GRADED}


def primary(task: str) -> tuple[str, ...]:
    """What gap, planning gap and exploitation are told of: CEM, and the PPO that was trained longest, each
    prepared in the model and in Box2D."""
    longest = max(LENGTHS[task])
    return tuple(
        f"{name}@{world}" for name in ("cem", f"ppo,frames={longest}") for world in ("box2d", "learned")
    )
