"use strict";
/* The page is whole without this: it adds sorting, enlarging, filters, and opens what is folded for print. */
const make = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

/* Tables: a click on a head sorts by it, by number where there is one; cells without a value come last. */
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = make("button", { className: "sort", type: "button", textContent: head.textContent });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0];
      const read = (row) => {
        const text = row.cells[column].textContent.trim();
        const found = /^[+−-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?/i.exec(text);
        const number = found ? Number(found[0].replace("−", "-").replaceAll(",", "")) : NaN;
        return { row, text, number, empty: text === "" || text === "–" };
      };
      const compare = (a, b) => {
        if (a.empty || b.empty) return a.empty - b.empty;
        const order = Number.isNaN(a.number) || Number.isNaN(b.number)
          ? a.text.localeCompare(b.text) : a.number - b.number;
        return down ? -order : order;
      };
      body.append(...[...body.rows].map(read).sort(compare).map((cell) => cell.row));
    });
  });
}

/* Figures: enlarged over the whole window; wheel or pinch zooms, drag moves, keys + - 0 and arrows do the same. */
const zoom = (() => {
  const stage = make("div", { className: "stage" });
  const title = make("span");
  const button = (text, label, act) => {
    const node = make("button", { type: "button", textContent: text });
    node.setAttribute("aria-label", label);
    node.addEventListener("click", act);
    return node;
  };
  const tools = make("div", { className: "tools" }, title,
    button("−", "smaller", () => scale(1 / 1.4)), button("+", "larger", () => scale(1.4)),
    button("1:1", "whole figure", () => reset()), button("Close", "close", () => dialog.close()));
  const dialog = make("dialog", { className: "zoom" }, tools, stage);
  dialog.setAttribute("aria-label", "Enlarged figure");
  document.body.append(dialog);
  const fingers = new Map();
  let svg, place, whole, view;

  const show = (x, y, w, h) => { view = { x, y, w, h }; svg.setAttribute("viewBox", `${x} ${y} ${w} ${h}`); };
  const reset = () => show(whole.x, whole.y, whole.width, whole.height);
  const at = (x, y) => new DOMPoint(x, y).matrixTransform(svg.getScreenCTM().inverse());
  const scale = (factor, point = { x: view.x + view.w / 2, y: view.y + view.h / 2 }) => {
    const f = Math.min(Math.max(factor, view.w / whole.width), 40 * view.w / whole.width);
    show(point.x - (point.x - view.x) / f, point.y - (point.y - view.y) / f, view.w / f, view.h / f);
  };
  const move = (from, to) => show(view.x + from.x - to.x, view.y + from.y - to.y, view.w, view.h);

  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    scale(Math.exp(-event.deltaY / 400), at(event.clientX, event.clientY));
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const rest = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
    const distance = (finger) => Math.hypot(finger.clientX - rest.clientX, finger.clientY - rest.clientY);
    if (rest) scale(distance(event) / Math.max(distance(before), 1), at(rest.clientX, rest.clientY));
    else move(at(before.clientX, before.clientY), at(event.clientX, event.clientY));
    fingers.set(event.pointerId, event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
  dialog.addEventListener("keydown", (event) => {
    const step = view.w / 10, moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key === "+" || event.key === "=") scale(1.4);
    else if (event.key === "-") scale(1 / 1.4);
    else if (event.key === "0") reset();
    else if (moves[event.key]) show(view.x + moves[event.key][0], view.y + moves[event.key][1], view.w, view.h);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("close", () => { reset(); place.replaceWith(svg); fingers.clear(); });
  return (figure) => {
    svg = figure.querySelector("svg");
    whole = { x: svg.viewBox.baseVal.x, y: svg.viewBox.baseVal.y, width: svg.viewBox.baseVal.width, height: svg.viewBox.baseVal.height };
    title.textContent = svg.querySelector("title").textContent;
    place = make("div");
    place.style.height = `${svg.getBoundingClientRect().height}px`;
    svg.replaceWith(place);
    stage.replaceChildren(svg);
    dialog.showModal();
    reset();
  };
})();
for (const figure of document.querySelectorAll("figure.plot")) {
  const button = make("button", { className: "enlarge", type: "button", textContent: "Enlarge" });
  button.setAttribute("aria-label", `Enlarge: ${figure.querySelector("svg title").textContent}`);
  button.addEventListener("click", () => zoom(figure));
  figure.querySelector("figcaption").append(button);
  figure.querySelector(".scroll").addEventListener("click", () => figure.querySelector(".scroll svg") && zoom(figure));
}

/* Videos: a button and a slider below, so that nothing covers the picture; a click plays or pauses. */
for (const video of document.querySelectorAll(".gallery video")) {
  const button = make("button", { type: "button", textContent: "Play" });
  const slider = make("input", { type: "range", min: 0, max: 1, step: "any", value: 0 });
  button.setAttribute("aria-label", `Play or pause: ${video.getAttribute("aria-label")}`);
  slider.setAttribute("aria-label", "Moment");
  const toggle = () => { if (video.paused) video.play(); else video.pause(); };
  const follow = () => {
    if (video.duration) slider.value = video.currentTime / video.duration;
    if (!video.paused) requestAnimationFrame(follow);
  };
  video.controls = false;
  video.style.cursor = "pointer";
  video.addEventListener("play", () => { button.textContent = "Pause"; follow(); });
  video.addEventListener("pause", () => { button.textContent = "Play"; });
  for (const target of [video, button]) target.addEventListener("click", toggle);
  slider.addEventListener("input", () => {
    video.pause();
    video.preload = "auto";
    const seek = () => { video.currentTime = slider.value * video.duration; };
    if (video.duration) seek(); else video.addEventListener("loadedmetadata", seek, { once: true });
  });
  video.after(make("div", { className: "player" }, button, slider));
}

/* Videos: choose by what they are tagged with. */
for (const gallery of document.querySelectorAll(".gallery")) {
  const clips = [...gallery.children], chosen = {};
  const count = make("span");
  count.setAttribute("aria-live", "polite");
  const update = () => {
    for (const clip of clips) {
      clip.hidden = Object.entries(chosen).some(([name, value]) => value && clip.dataset[name] !== value);
      if (clip.hidden) clip.querySelector("video").pause();
    }
    count.textContent = `${clips.filter((clip) => !clip.hidden).length} of ${clips.length} videos`;
  };
  const filters = make("div", { className: "filters" });
  for (const name of ["kind", "task", "model", "level"]) {
    const values = [...new Set(clips.map((clip) => clip.dataset[name]))];
    if (values.length < 2) continue;
    const select = make("select", {}, make("option", { value: "", textContent: "all" }));
    select.append(...values.map((value) => make("option", { value, textContent: value })));
    select.addEventListener("change", () => { chosen[name] = select.value; update(); });
    filters.append(make("label", {}, `${name} `, select));
  }
  if (filters.childElementCount) { filters.append(count); gallery.before(filters); update(); }
}

/* Print: what is folded is opened, and folded again afterwards. */
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  opened.forEach((part) => { part.open = true; });
});
addEventListener("afterprint", () => opened.forEach((part) => { part.open = false; }));
document.documentElement.dataset.ready = "yes";
