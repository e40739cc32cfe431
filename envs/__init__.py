"""Tasks and Gymnasium environments. Importing this registers `worldsim/<Task>-v0`; torch is not imported."""

import gymnasium

for _name in ("Strike", "Bank", "Intercept", "Catch", "Drop", "Bounce", "Push", "Place"):
    gymnasium.register(
        id=f"worldsim/{_name}-v0",
        entry_point="envs.single:WorldEnv",
        vector_entry_point="envs.vector:WorldVectorEnv",
        kwargs={"task": _name},
    )
