"""Tables about models: every figure of the rows, and nothing else, stands in its place."""

from benchmarks.model_tables import gaps, ideas, laws, pairs, scaling, throughput


def row(value, **columns):
    return {**columns, "value": value, "low": value - 0.01, "high": value + 0.01, "n": 7}


def test_laws_stand_by_level_with_the_ratio_of_the_worst():
    rows = [
        row(value, scenario="uniform", metric="velocity_error", model=model, level=level)
        for model, values in (("mine", (0.1, 0.3, 0.2)), ("tracker", (0.002, 0.002, 0.003)))
        for level, value in zip(("id", "size", "speed"), values)
    ]
    published = {
        "scenario": "uniform",
        "metric": "velocity_error",
        "model": "theirs",
        "low": None,
        "high": None,
    }
    rows += [{**published, "level": "id", "value": 0.05, "n": None}]
    rows += [{**published, "level": "ood", "value": 0.4, "n": None}]
    table = laws(rows, "uniform")
    assert table.head == ["Model", "ID", "size", "speed", "Worst / ID"]
    assert [line[0] for line in table.lines] == ["tracker", "mine", "theirs"]
    assert table.lines[1] == [
        "mine",
        "0.100 [0.090, 0.110]",
        "0.300 [0.290, 0.310]",
        "0.200 [0.190, 0.210]",
        "3.0",
    ]
    assert table.lines[2] == ["theirs", "0.050", "0.400 (all OOD)", "", "8.0"]


def test_ideas_name_the_worst_level():
    where = {"scenario": "uniform", "model": "motion"}
    rows = [row(v, **where, metric="velocity_error", level=lv) for lv, v in (("id", 0.1), ("size", 0.25))]
    rows.append(row(12.0, **where, metric="training_minutes"))
    assert ideas(rows).lines[0][3:] == ["0.100 [0.090, 0.110]", "0.250 [0.240, 0.260] (size)", "2.5", "12"]


def test_scaling_is_the_mean_over_seeds():
    where = {"scenario": "uniform", "model": "direct", "size": "16", "clips": 300}
    rows = []
    for seed, value in enumerate((0.2, 0.4)):
        rows.append(row(value, **where, seed=seed, level="id", metric="velocity_error"))
        rows.append(row(1000, **where, seed=seed, metric="parameters"))
        rows.append(row(5.0, **where, seed=seed, metric="epochs"))
    rows.append(row(-0.5, scenario="uniform", model="direct", level="id", metric="slope_clips"))
    table = scaling(rows)
    assert table.lines[0] == ["1,000", "300", "5.0", "2", "0.300 (0.200 to 0.400)"]
    assert table.lines[1] == ["log10 of the error for 10 x clips", "", "", "", "-0.50 [-0.51, -0.49]"]


def test_memory_has_two_tables():
    where = {"scenario": "uniform_gap", "level": "gap", "model": "direct"}
    rows = [row(0.5, **where, metric=m) for m in ("nearer_to_memory", "velocity_error")]
    swapped = {"scenario": "pair_color_shape", "level": "swapped", "model": "direct"}
    kept = zip(("both", "color", "shape", "neither"), (5 / 7, 1 / 7, 1 / 7, 0))
    rows += [row(value, **swapped, metric=f"kept_{what}") for what, value in kept]
    assert gaps(rows).lines == [["uniform_gap", "gap", "direct", *["0.500 [0.490, 0.510]"] * 2, "–"]]
    assert pairs(rows).lines == [["direct", "color, shape", "5", "1", "1", "0"]]


def test_throughput_shows_every_batch():
    rows = [row(100.0 * b, model="direct", batch=b, metric="frames_per_s") for b in (1, 64)]
    rows.append(row(0.5, model="direct", batch=64, task="Strike", metric="seconds_per_decision"))
    assert throughput(rows).lines == [["direct", "100", "6400", "0.5", "–", "–", "–"]]
