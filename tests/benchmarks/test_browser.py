"""The report in a real browser, without a window: scripts run, nothing overflows, print opens what is folded.

Where no Chromium is found these tests are skipped.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass

import pytest
from PIL import Image

from benchmarks import results_io
from benchmarks.bridging.gap import TABLE
from benchmarks.reports import report

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --enable-logging=stderr"
).split()
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed here")

#: acts as a reader does, and leaves what came of it on the root element; see `test_the_page_works`
READER = """<script>
const told = document.documentElement.dataset, $ = (what) => document.querySelector(what);
told.beyond = document.documentElement.scrollWidth - innerWidth;
told.width = innerWidth;
const column = (n) => [...$(".advice").tBodies[0].rows].map((row) => row.cells[n].textContent).join("|");
$(".advice th:nth-child(3) button").click();
told.sorted = column(2);
$(".advice th:nth-child(3) button").click();
told.reversed = column(2);
told.aria = $(".advice th:nth-child(3)").ariaSort;
$(".plot .enlarge").click();
const svg = $("dialog svg"), before = svg.getAttribute("viewBox");
told.enlarged = $("dialog").open;
const wheel = { deltaY: -400, clientX: 200, clientY: 300, cancelable: true };
$(".stage").dispatchEvent(new WheelEvent("wheel", wheel));
told.zoomed = svg.viewBox.baseVal.width < Number(before.split(" ")[2]);
$("dialog").dispatchEvent(new KeyboardEvent("keydown", { key: "0" }));
told.whole = svg.getAttribute("viewBox") === before;
$("dialog").close();
const kind = $(".filters select");
kind.selectedIndex = 1;
kind.dispatchEvent(new Event("change"));
told.shown = $(".filters span").textContent;
dispatchEvent(new Event("beforeprint"));
told.folded = document.querySelectorAll("details:not([open])").length;
dispatchEvent(new Event("afterprint"));
told.again = document.querySelectorAll("details[open]").length;
setTimeout(() => {
  told.returned = $(".plot .scroll svg") === svg;
  parent.postMessage({ ...told }, "*");
}, 50);
</script>"""
#: a frame as wide as a phone, which windows need not be; it takes what the page in it tells
FRAME = """<!doctype html><html><body style="margin:0">
<script>
const told = document.documentElement.dataset;
addEventListener("message", (event) => Object.assign(told, event.data));
</script>
<iframe src="page.html" style="border:0; width:{width}px; height:{height}px"></iframe></body></html>"""


@dataclass
class Visit:
    """What a browser left of a page: its elements in the end, and what it complained of."""

    page: str
    complaints: list[str]

    def __getitem__(self, name):
        (value,) = re.findall(rf'<html[^>]* data-{name}="([^"]*)"', self.page)
        return value


def browse(path, home, *options):
    asked = [BROWSER, *OPTIONS, f"--user-data-dir={home}", *options, path.as_uri()]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=120, check=True)
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line or "Uncaught" in line]
    return Visit(done.stdout, complaints)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A page of two models, two levels and two videos."""
    rows = []
    for level, real in (("id", 0.9), ("speed", 0.2)):
        for model in ("table", "a model with a long name, as users give them"):
            place = {
                "task": "Strike",
                "level": level,
                "policy": "cem",
                "prepared_in": "learned",
                "model": model,
            }
            for metric, world in (
                ("success", "learned"),
                ("success", "box2d"),
                *((m, "box2d") for m in TABLE),
            ):
                rows.append(
                    {**place, "world": world, "metric": metric, "value": 0.25 if world == "box2d" else 1.0}
                )
            loss = {"metric": "success_difference_to_box2d", "world": "box2d", "value": real - 1}
            rows.append({**place, **loss})
        rows.append({**place, "prepared_in": "box2d", "world": "box2d", "metric": "success", "value": 1.0})
        del rows[-1]["model"]
    rows = [{**r, "low": r["value"] - 0.05, "high": r["value"] + 0.05, "n": 200} for r in rows]
    clips = [
        report.Video(kind, "title", tag, "caption", "data:video/mp4;base64,AAAA", "", "table", "Strike", "id")
        for kind, tag in (("phantom", "Phantom success"), ("ordinary", "Solved"))
    ]
    meta = results_io.meta("worldsim bridge", 0)
    content = report.Content(meta, rows, "This run played.", "worldsim bridge", clips, ["a note"])
    return report.write(tmp_path_factory.mktemp("page") / "report.html", content)


@pytest.mark.parametrize("width, height", [(390, 844), (1280, 900)])
def test_the_page_works(path, tmp_path, width, height):
    """Its own script runs under its policy without a complaint; then a reader's, for which that is lifted."""
    size = f"--window-size={width},{height}"
    shot = tmp_path / "page.png"
    assert browse(path, tmp_path / "a", size, f"--screenshot={shot}").complaints == []
    picture = Image.open(shot)
    assert picture.size == (width, height) and len(picture.convert("L").getcolors()) > 20
    text = re.sub(r"<meta http-equiv[^>]*>", "", path.read_text())
    (tmp_path / "page.html").write_text(text.replace("</body>", READER + "</body>"))
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.format(width=width, height=height))
    seen = browse(frame, tmp_path / "b", size, "--virtual-time-budget=3000", "--dump-dom")
    assert seen.complaints == [] and seen["ready"] == "yes"
    assert int(seen["width"]) == width and int(seen["beyond"]) <= 0
    assert seen["sorted"] == "|".join(sorted(seen["sorted"].split("|"))) and seen["aria"] == "descending"
    assert seen["reversed"].split("|")[0] == seen["sorted"].split("|")[-1] != seen["sorted"].split("|")[0]
    for what in ("enlarged", "zoomed", "whole", "returned"):
        assert seen[what] == "true", what
    assert seen["shown"] == "1 of 2 videos"
    assert seen["folded"] == "0" and seen["again"] == "0"


def test_the_page_prints(path, tmp_path):
    file = tmp_path / "page.pdf"
    assert browse(path, tmp_path / "a", f"--print-to-pdf={file}").complaints == []
    assert file.read_bytes().startswith(b"%PDF")


def test_a_foreign_script_does_not_run(path, tmp_path):
    """Were anything ever to slip through the escaping, the page's own policy stops it."""
    evil = "<script>document.documentElement.dataset.evil = 'ran'</script><img src=x onerror='alert(1)'>"
    page = tmp_path / "page.html"
    page.write_text(path.read_text().replace("</body>", evil + "</body>"))
    seen = browse(page, tmp_path / "a", "--dump-dom")
    assert "data-evil" not in seen.page.partition(">")[0] + seen.page[:400] and seen["ready"] == "yes"
    assert any("Content Security Policy" in line for line in seen.complaints)
