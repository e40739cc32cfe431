"""One untrained model, timed: rollouts, memory, shared context and a planner's decisions."""

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.results_io import Row

if TYPE_CHECKING:
    import torch

SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {  #: family and settings by the name in rows
    "convolutional": ("convolutional", {}),
    "direct": ("direct", {}),
    "motion": ("motion", {}),
    "clip tiny": ("clip", {"size": "tiny"}),
    "causal tiny": ("causal", {"size": "tiny"}),
    "clip S": ("clip", {"size": "S"}),
    "causal S": ("causal", {"size": "S"}),
    "inertia": ("physics", {"engine": "inertia"}),
    "retrieval": ("retrieval", {}),
}
NULLS = ("inertia", "retrieval")  #: made for the bodies of one scenario: they play no task
SCENARIO, CLIPS = "collision", 16  #: whose pictures are the context, over and over
REMEMBERED = 1_000  #: clips in the memory of `retrieval`
FEW = (8, 32)  #: rows from whose memory that of more is told; fewer drown in what loading took
MIB = 2**20


class Subject:
    """An untrained model and pictures to begin from."""

    def __init__(self, name: str) -> None:
        import torch

        from benchmarks.learned.laws.models import make_memory
        from worldsim.metrics.rollouts import make_clips, truth
        from worldsim.models import device_of, family

        self.kind, settings = SETTINGS[name]
        if self.kind == "retrieval":
            model: Any = make_memory(SCENARIO, REMEMBERED)
        else:
            model = family(self.kind)(**settings)
        self.model = model.eval()
        if torch.cuda.is_available():
            self.model = self.model.cuda()
        self.device = device_of(self.model)
        self.each = getattr(model, "frames_per_call", 1)
        self.pictures = truth(make_clips(SCENARIO, "id", CLIPS, "throughput"), model.resolution)

    def begin(self, rows: int) -> Any:
        """A state of so many rows."""
        import numpy as np
        import torch

        k = self.model.context_frames
        context = self.pictures[torch.arange(rows) % CLIPS, :k].to(self.device)
        past = torch.zeros(rows, k - 1, self.model.action_size, device=self.device)
        return self.model.init(context, past, np.arange(rows, dtype=np.uint64))

    def roll(self, rows: int, seconds: float, frames: int) -> tuple[float, int]:
        """Mean seconds of a call for so many frames of a rollout, and how many calls there were."""
        import torch

        actions = torch.zeros(rows, frames, self.model.action_size, device=self.device)
        state = self.begin(rows)

        def step() -> None:
            nonlocal state
            state, _ = self.model.step(state, actions)

        return timed(step, seconds, self.device)

    def at_batch(self, batch: int, seconds: float) -> Iterator[Row]:
        """Rows at one batch size, or what it would need where that is more memory than there is."""
        need, room = self.needed(batch), memory_there(self.device)
        if need > room:
            yield {"metric": "memory_needed_mib", "value": need / MIB, "n": 1}
            yield {"metric": "memory_there_mib", "value": room / MIB, "n": 1}
            return
        each, calls = self.roll(batch, seconds, self.each)
        yield {"metric": "frames_per_s", "value": batch * self.each / each, "n": calls}
        yield {"metric": "peak_memory_mib", "value": peak(self.device) / MIB, "n": 1}
        if batch > 1:
            alone, calls = timed(lambda: self.begin(batch), seconds, self.device)
            shared, _ = timed(lambda: self.begin(1).repeat(batch), seconds, self.device)
            yield {"metric": "shared_context_speedup", "value": alone / shared, "n": calls}
        if self.kind == "causal":
            anew, calls = timed(self.without_memory(batch), seconds, self.device)
            yield {"metric": "memory_speedup", "value": anew / each, "n": calls}

    def needed(self, batch: int) -> float:
        """Bytes at the peak of a rollout of so many rows, told from a few rows; 0 where they are few."""
        few, more = FEW
        if batch <= more:
            return 0.0
        self.roll(few, 0.0, self.each)
        before = peak(self.device)
        self.roll(more, 0.0, self.each)
        after = peak(self.device)
        return after + (batch - more) * (after - before) / (more - few)

    def without_memory(self, batch: int) -> "Callable[[], torch.Tensor]":
        """A function that makes one frame [B, 3, H, W] as `CausalModel.step` does, but works keys and values
        of the past out anew from latents that are kept."""
        import torch

        from worldsim.models.noise import TIMESTEPS, keyed_noise

        model, window = self.model, self.model.window
        assert model.config.sampling_steps == 1, "one denoising step is what is timed"
        past = self.pictures[torch.arange(batch) % CLIPS, :window].to(self.device)
        latents = model.autoencoder.encode_clips(past)
        number = torch.arange(batch, device=self.device)
        noise = keyed_noise(model.bank, number, torch.zeros_like(number))[:, None]
        levels = torch.zeros(batch, window + 1, device=self.device)
        levels[:, -1] = TIMESTEPS - 1
        actions = torch.zeros(batch, window + 1, model.action_size, device=self.device)

        def frame() -> "torch.Tensor":
            with torch.autocast(self.device.type, dtype=torch.bfloat16):
                clean, _ = model(torch.cat([latents, noise], 1), levels, actions)
                picture = model.autoencoder.decode(clean[:, -1].float())
            return ((picture + 1) / 2).clamp(0, 1)

        return frame

    def decisions(self, tasks: Sequence[str], longest: float) -> Iterator[Row]:
        """Seconds of the first decision of an episode of each task, context and tracker included, and how
        many frames were imagined for it; projected from one frame where that is longer than `longest`."""
        from agents.planners import config_for
        from envs.tasks import make_task

        for name in tasks:
            task = make_task(name)
            config = config_for("cem", task)
            widest = max(config.candidates)
            frames = sum(config.candidates) * min(config.horizon, task.frames)
            each, _ = self.roll(widest, 0.0, 1)
            value, metric = frames * each / widest, "seconds_per_decision_projected"
            if value <= longest:
                (value, frames), metric = self.decide(task), "seconds_per_decision"
            yield {"task": name, "metric": metric, "value": value, "n": 1}
            yield {"task": name, "metric": "frames_per_decision", "value": frames, "n": 1}

    def decide(self, task: Any) -> tuple[float, int]:
        """Seconds and imagined frames of one decision of CEM."""
        import numpy as np

        from agents.planners import make_planner
        from envs.rollouts import Rollouts
        from worldsim.engines import make_engine
        from worldsim.worlds import ImaginedWorld, SimulatedWorld

        key = np.zeros(1, dtype=np.uint64)
        world = SimulatedWorld(make_engine("reference"), self.model.resolution, task.template)
        episode = Rollouts(task, world, 1)
        episode.begin(np.arange(1), [task.sample("id", 0)], key)
        planner = make_planner("cem", task, ImaginedWorld(self.model, "learned", task.template))
        planner.reset([0], key)
        seen = episode.observe()
        began = time.perf_counter()
        planner.act(seen)  # its actions are NumPy's: a GPU has done its work
        return time.perf_counter() - began, int(planner.frames_imagined[0])


def timed(task: Callable[[], Any], seconds: float, device: "torch.device") -> tuple[float, int]:
    """Mean seconds of a task, and how often it ran."""
    import torch

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    task()
    wait()
    began, calls = time.perf_counter(), 0
    while calls == 0 or time.perf_counter() - began < seconds:
        task()
        wait()
        calls += 1
    return (time.perf_counter() - began) / calls, calls


def peak(device: "torch.device") -> int:
    """Most memory of the process so far, on a GPU of its tensors, bytes."""
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memory_there(device: "torch.device") -> int:
    """Bytes that the process has or could have."""
    import psutil
    import torch

    from worldsim.training.memory_fit import free_memory

    held = torch.cuda.memory_reserved() if device.type == "cuda" else psutil.Process().memory_info().rss
    return free_memory(device) + held
