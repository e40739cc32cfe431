"""Tables about models: every figure of the rows, and nothing else, stands in its place."""

from benchmarks.learned.tables import gaps, ideas, law_parts, laws, pairs, scaling, throughput


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
    assert table.head == ["Model", "Seeds", "ID", "size", "speed", "Worst / ID"]
    assert table.caption.endswith("; models of fewer than 3 training seeds are not ranked")
    assert [line[0] for line in table.lines] == ["tracker", "mine", "theirs"]
    assert table.lines[1] == [
        "mine",
        "1",
        "0.100 [0.090, 0.110]",
        "0.300 [0.290, 0.310]",
        "0.200 [0.190, 0.210]",
        "3.0",
    ]
    assert table.lines[2] == ["theirs", "", "0.050", "0.400 (all OOD)", "", "8.0"]


def test_floors_of_any_picture_size_stand_before_the_models_and_are_none():
    where = {"scenario": "uniform", "metric": "velocity_error", "level": "id"}
    names = ("autoencoder 256 px", "mine", "tracker", "tracker 256 px", "autoencoder")
    table = laws([row(0.1, **where, model=name) for name in names], "uniform")
    floors = ["tracker", "tracker 256 px", "autoencoder", "autoencoder 256 px"]
    assert [line[0] for line in table.lines] == [*floors, "mine"]
    assert [bool(line[1]) for line in table.lines] == [False] * 4 + [True]


def test_the_worst_is_never_that_of_slow_clips_and_seeds_are_averaged():
    """Slow clips are the worst by far here; of the rest, the fast ones of the level speed."""
    rows = []
    for seed, more in enumerate((0.0, 0.02, 0.01)):
        where = {"scenario": "collision", "metric": "velocity_error", "model": "mine", "seed": seed}
        rows.append(row(0.1 + more, **where, level="id"))
        rows.append(row(0.3 + more, **where, level="size"))
        rows.append(row(0.5 + more, **where, level="speed"))
        rows.append(row(0.65 + more, **where, level="speed", factor="fast"))
        rows.append(row(9.0, **where, level="speed", factor="slow"))
    table = laws(rows, "collision")
    assert table.lines == [
        [
            "mine",
            "3",
            "0.110 (0.100 to 0.120)",
            "0.310 (0.300 to 0.320)",
            "0.510 (0.500 to 0.520)",
            "6.0",
        ]
    ]
    parts = law_parts(rows, "collision")
    assert parts.head == ["Model", "speed, fast", "speed, slow"]
    assert parts.lines == [["mine", "0.660 (0.650 to 0.670)", "9.000 (9.000 to 9.000)"]]
    assert "fast clips" in table.caption and "not ranked" not in table.caption
    one = laws([r for r in rows if r["seed"] == 0], "collision")
    assert one.lines[0][1] == "1" and one.lines[0][4] == "0.500 [0.490, 0.510]"
    assert one.lines[0][5] == "6.5" and "not ranked" in one.caption


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
        rows.append(row(0.6, **where, seed=seed, metric="epochs"))
        rows.append(row(0.4, **where, seed=seed, metric="never_met"))
    rows.append(row(-0.5, scenario="uniform", model="direct", level="id", metric="slope_clips"))
    table = scaling(rows)
    assert table.lines[0] == ["1,000", "300", "0.6", "40.0%", "2", "0.300 (0.200 to 0.400)"]
    assert table.lines[1] == ["log10 of the error for 10 x clips", "", "", "", "", "-0.50 [-0.51, -0.49]"]


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
    rows.append(row(0.5, model="direct", task="Strike", metric="seconds_per_decision"))
    rows.append(row(2.0, model="direct", batch=64, metric="shared_context_speedup"))
    rows.append(row(26_000, model="direct", batch=1024, metric="memory_needed_mib"))
    lines = [["direct", "100", "6400", "needs 25 GiB", "0.5", "2", "–", "–"]]
    assert throughput(rows).lines == lines
    rows[2]["metric"] += "_projected"
    assert throughput(rows).lines[0][4] == "about 0.5"
