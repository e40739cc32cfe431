import base64
import csv
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from benchmarks import results_io
from benchmarks.bridging.advice import advise
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.summary import paired, summarise
from benchmarks.reports import bridge_tables, figures, publish, report, tables, videos
from benchmarks.reports import sections as report_sections


def episodes(successes, promised=None, **columns):
    """One record per start."""
    base = EpisodeRecord("Strike", "id", 0, "box2d", "cem", "learned", False, 0.5, 28, imagined_frames=100)
    promised = [None] * len(successes) if promised is None else promised
    return [
        replace(base, start_id=i, success=bool(s), imagined_success=p, **columns)
        for i, (s, p) in enumerate(zip(successes, promised))
    ]


MODEL = "table"


def rows_of(*groups):
    """As `measured` names them: with the model where it has a part."""
    rows = summarise([record for group in groups for record in group])
    return [
        row | {"model": MODEL} if "learned" in (row.get("world"), row.get("prepared_in")) else row
        for row in rows
    ]


def one(rows, **columns):
    (row,) = results_io.select(rows, **columns)
    return row


def test_summary_counts_by_hand():
    model = episodes([1, 1, 0, 0], promised=[True, True, True, False])
    fair = episodes([1, 1, 1, 0], prepared_in="box2d")
    rows = rows_of(model, fair)
    results_io.check(rows)
    assert one(rows, metric="success", prepared_in="learned")["value"] == 0.5
    assert one(rows, metric="imagined_success", prepared_in="learned")["value"] == 0.75
    phantom = one(rows, metric="phantom", prepared_in="learned")
    assert (phantom["value"], phantom["n"]) == (pytest.approx(1 / 3), 3)
    assert one(rows, metric="success_ratio_to_box2d")["value"] == pytest.approx(2 / 3)
    assert one(rows, metric="success_difference_to_box2d")["value"] == pytest.approx(-0.25)


def test_ratios_use_only_starts_that_both_played():
    model, fair = episodes([1, 0, 1]), episodes([0, 1], prepared_in="box2d")
    assert paired(model, list(reversed(fair))) == ([True, False], [False, True])


def test_infinite_ends_become_null():
    rows = rows_of(episodes([1] * 8), episodes([1] + [0] * 7, prepared_in="box2d"))
    ratio = one(rows, metric="success_ratio_to_box2d")
    assert ratio["value"] == 8 and ratio["high"] is None
    assert tables.interval(ratio).endswith("∞]")


def every_level():
    groups = []
    for level, model in (("id", [1] * 9 + [0]), ("speed", [1] * 2 + [0] * 8)):
        for world in ("learned", "box2d", "mujoco"):
            groups.append(episodes(model, promised=[True] * 10, level=level, world=world))
            groups.append(episodes([1] * 10, prepared_in="box2d", level=level, world=world))
    errors = [
        {
            "task": "Strike",
            "model": "table",
            "level": level,
            "metric": "velocity_error",
            "value": v,
            "low": v,
            "high": v,
            "n": 9,
        }
        for level, v in (("id", 0.14), ("speed", 0.41))
    ]
    speed = {"model": "table", "batch": 64, "metric": "frames_per_s", "value": 1210.0, "n": 5}
    return rows_of(*groups) + errors + [speed]


class Page(HTMLParser):
    """Collects what a browser would fetch, and checks that tags close."""

    VOID = {"meta", "link", "img", "br", "hr", "input", "source", "path", "use", "rect"}

    def __init__(self):
        super().__init__()
        self.fetched, self.open, self.tags, self.attributes = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]
        for name, value in attributes:
            if name in ("src", "srcset", "poster", "data") or (
                name == "href" and tag in ("link", "image", "script")
            ):
                self.fetched.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def content(**changes):
    rows = every_level()
    video = report.Video(
        "phantom", "a title", "Phantom success", "why", "data:video/mp4;base64,AAAA", model=MODEL
    )
    parts = dict(
        meta=results_io.meta("worldsim demo", 0),
        rows=rows,
        done="This run played.",
        commands="make demo",
        videos=[video],
    )
    return report.Content(**{**parts, **changes})


@pytest.mark.parametrize("with_reference", [False, True])
def test_page_stands_alone(with_reference):
    reference = ({"machine": "M", "commit": "abc"}, every_level()) if with_reference else None
    text = report.render(content(reference=reference))
    plain = text.replace("\N{NO-BREAK SPACE}", " ")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.fetched and all(address.startswith("data:") for address in page.fetched)
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)", text), "styles must load nothing"
    assert "90 % of 10 ordinary starts solved, 100 % with exact physics" in plain
    assert "20 % against 100 % at its worst level, faster" in plain
    assert ("Reference results: commit" in text) is with_reference


EVIL = "<script>alert(1)</script><img src=//evil.example onerror=x>\"'&$x^2$"


def test_text_from_outside_is_escaped():
    """Names of tasks, levels, policies and models, notes, commands: in words, tables, figures and files."""
    rows = [
        {k: f"{v}{EVIL}" if k in ("task", "level", "policy", "model") else v for k, v in row.items()}
        for row in every_level()
    ]
    bad = report.Video("phantom", *[EVIL] * 3, "data:video/mp4;base64,AAAA", "", *[EVIL] * 3)
    text = report.render(
        content(rows=rows, videos=[bad], done=EVIL, commands="a && b <c>", notes=[EVIL], title=EVIL)
    )
    page = Page()
    page.feed(text)
    assert page.open == [] and page.tags.count("script") == 1 and "img" not in page.tags
    assert all(address.startswith("data:") for address in page.fetched)
    assert not any(name.startswith("on") for name in page.attributes)
    assert "a &amp;&amp; b &lt;c&gt;" in text and "&lt;script&gt;alert(1)" in text
    (sealed,) = re.findall(r"script-src 'sha256-([^']+)'", text)
    (script,) = re.findall(r"<script>(.*)</script>", text, re.S)
    assert sealed == base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def test_every_figure_has_its_data_beside_it():
    text = report.render(content())
    page = Page()
    page.feed(text)
    assert page.tags.count("svg") == page.attributes.count("download") >= 2
    files = re.findall(r'href="data:text/csv;charset=utf-8;base64,([^"]+)" download="([^"]+)', text)
    success = next(data for data, name in files if "success by level" in name)
    head, *lines = csv.reader(io.StringIO(base64.b64decode(success).decode()))
    drawn = results_io.select(every_level(), metric="success")
    assert head[:2] == ["task", "policy"] and len(lines) == len(drawn)
    assert [float(line[head.index("value")]) for line in lines] == pytest.approx([r["value"] for r in drawn])


def test_no_text_in_a_file_is_taken_for_a_formula():
    table = tables.Table("", ["policy", "value"], [["=cmd()", "-0.5"], ["@x", "−"]])
    text = base64.b64decode(bridge_tables.csv_uri(table).partition(",")[2]).decode()
    assert text.splitlines() == ["policy,value", "'=cmd(),-0.5", "'@x,−"]


def test_page_without_any_record():
    assert "Too little has been recorded" in report.render(content(rows=[], videos=[]))


def test_too_large_a_page_is_refused(tmp_path):
    video = report.Video("ordinary", "t", "Solved", "c", "data:video/mp4;base64," + "A" * report.LIMIT)
    with pytest.raises(ValueError, match=r"videos 15\.0, .*; give it fewer videos"):
        report.write(tmp_path / "report.html", content(videos=[video]))
    page = report.render(content()) + "<svg>" + "A" * report.LIMIT + "</svg>"
    with pytest.raises(
        ValueError, match=r"figures 15\.\d, .*; give it fewer models, tasks, levels or policies"
    ):
        report.write_page(tmp_path / "report.html", page)
    assert list(tmp_path.iterdir()) == []


def test_figures_are_stored_in_less_and_draw_the_same():
    """Every mark stays where it was, to a hundredth of a point, in the style that it had; words do too."""
    rows = every_level()
    whole = figures.svg(figures.success(rows, "Strike"), "a  title, 1.23456 <")
    small = report_sections.compact(whole)
    assert len(small) < 0.7 * len(whole) and "a  title, 1.23456 &lt;</title>" in small
    rules = dict(re.findall(r"\.(s\w+)\{([^}]*)\}", small))
    marks = []
    for text in (whole, re.sub(r'class="(s\w+)"', lambda found: f'style="{rules[found[1]]}"', small)):
        found = re.findall(r'<use [^>]*x="([\d.]+)" y="([\d.]+)" style="([^"]*)"', text)
        marks.append([(round(float(x), 2), round(float(y), 2), style) for x, y, style in found])
    assert marks[0] == marks[1] and len(marks[0]) >= 2 * 2 * 3


def test_figures_are_drawn_for_some_of_many_models_and_tables_hold_all():
    rows = [{**r, "model": f"m{i}"} if "model" in r else r for i in range(20) for r in every_level()]
    rows = list({results_io.key(r): r for r in rows}.values())
    found = {section.id: section for section in report_sections.sections(content(rows=rows, videos=[]))}
    drawn, held = found["success"].plots, found["success"].tables
    assert len(drawn) == report_sections.TOLD_APART and len(held) == 20
    assert "Drawn for 6 of 20 models; the tables hold all." in drawn[0].caption


def test_reference_results_speak_for_their_own_tasks_and_levels_alone():
    """This run's rows on a task that the reference lacks, here Push, count as they are."""
    fair = {"prepared_in": "box2d"}
    own = [r | {"task": "Push"} for r in rows_of(episodes([1, 1, 0, 0]), episodes([1] * 4, **fair))]
    strike = rows_of(episodes([0] * 4), episodes([1] * 4, level="size", **fair))
    reference = [r for r in every_level() if r.get("level") == "id"]
    mixed = content(rows=[*own, *strike], reference=({}, reference), videos=[])
    assert all(r in mixed.known for r in own)
    kept = [r for r in mixed.known if r in strike]
    assert kept and {r["level"] for r in kept if r["metric"] == "success"} == {"size"}
    text = report.render(mixed).replace("\N{NO-BREAK SPACE}", " ")
    assert "Push: 50 % of 4 ordinary starts solved" in text and "Strike: 90 % of 10 ordinary" in text
    assert "Push, table, this run: success" in text and "Strike, table, reference results: success" in text
    (told,) = (one for one in advise(mixed.known) if one.task == "Push")
    assert "cem loses 0.50" in told.train.why


def test_of_several_samples_the_start_is_the_unit():
    """Ten starts, each solved in none or all of its five samples: as sure as ten, not as fifty."""
    solved = [1] * 5 + [0] * 5
    many = [r for k in range(5) for r in episodes(solved, sample=k, world="learned")]
    row = one(rows_of(many), metric="success")
    single = one(rows_of(episodes(solved, world="learned")), metric="success")
    assert row["value"] == 0.5 and row["n"] == 10
    assert row["high"] - row["low"] == pytest.approx(single["high"] - single["low"], abs=0.15)
    fair = episodes([1] * 10, world="learned", prepared_in="box2d")
    assert one(rows_of(many, fair), metric="success_difference_to_box2d")["n"] == 10


def test_proof_table():
    rows = rows_of(
        episodes([1] * 9, policy="oracle", prepared_in=""), episodes([0] * 9, policy="noop", prepared_in="")
    )
    fall = {
        "task": "Strike",
        "level": "id",
        "policy": "cem",
        "prepared_in": "wrong",
        "world": "box2d",
        "factor": 0.5,
    }
    rows.append(fall | {"metric": "success_fall", "value": 0.4, "low": 0.3, "high": 0.5, "n": 9})
    (line,) = tables.proof(rows).lines
    assert line == [
        "Strike, in-distribution",
        "100 [66, 100]",
        "0 [0, 34]",
        "–",
        "–",
        "–",
        "40 [30, 50]",
        "9",
    ]


def test_figures_show_every_cell():
    rows = every_level()
    figure = figures.success(rows, "Strike")
    assert [axis.get_title() for axis in figure.axes] == ["in-distribution", "faster"]
    marks = sum(len(line.get_xdata()) == 1 for axis in figure.axes for line in axis.lines)
    assert marks == 2 * 2 * 3
    text = figures.svg(figure, "A < B")
    assert text.startswith("<svg") and "<title>A &lt; B</title>" in text and "#010203" not in text


def test_choice_of_videos_is_spread_and_leaves_room_for_solved_ones():
    phantom = episodes([0] * 9, promised=[True] * 9) + episodes([0] * 2, promised=[True] * 2, level="speed")
    solved = episodes([0] * 9 + [1] * 5, promised=[True] * 14)[9:]
    refused = episodes([0] * 3, promised=[False] * 3, task="Catch")
    chosen = publish.choose({"table": phantom + solved + refused}, 6)
    assert [(r.level, r.success) for _, r in chosen[:2]] == [("id", False), ("speed", False)]
    assert [r.success for _, r in chosen] == [False] * 4 + [True] * 2
    assert len(publish.choose({"table": phantom}, 6)) == 6
    both = publish.choose({"table": phantom, "other": phantom}, 6)
    assert [name for name, _ in both[:4]] == ["table", "table", "other", "other"]
    assert publish.choose({}, 6) == []


def test_side_by_side_and_mp4():
    frames = torch.ones(5, 3, 64, 64)
    frames[:, :2, 20:30, 20:30] = 0
    panels = [videos.Panel("learned", frames, divergence=2), videos.Panel("Box2D", frames)]
    pictures = videos.side_by_side(panels)
    assert pictures.dtype == np.uint8 and pictures.shape[0] == 5
    orange = (pictures == np.array([196, 60, 0])).all(-1).any((1, 2))
    assert orange.tolist() == [False, False, True, True, True]
    data = videos.mp4(pictures)
    assert data[4:8] == b"ftyp" and len(data) < 100_000
    with pytest.raises(ValueError, match="equal numbers"):
        videos.side_by_side([panels[0], videos.Panel("Box2D", frames[:3])])
