// The page on which a camera is aimed. It asks this machine alone.
"use strict";
const $ = (id) => document.getElementById(id);
const chosen = () => `/cameras/${encodeURIComponent($("camera").value)}/`;
const names = { masks: "Mask", regions: "Read only here", lanes: "Lane", way: "Way" };
let aim = null;
let drawing = null;

const element = (tag, text, kind) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
};

async function ask(path, body) {
  const how = body && { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, how);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

function show() {
  const sketch = $("sketch");
  const ns = "http://www.w3.org/2000/svg";
  const shape = (tag, kind, points) => {
    const made = document.createElementNS(ns, tag);
    made.setAttribute("points", points.map((p) => p.join(",")).join(" "));
    made.setAttribute("class", kind);
    return made;
  };
  const drawn = [];
  const list = [];
  for (const kind of ["masks", "regions", "lanes"]) {
    (aim?.[kind] ?? []).forEach((points, at) => {
      drawn.push(shape("polygon", kind, points));
      list.push([kind, at, `${names[kind]} ${at + 1}`]);
    });
  }
  if (aim?.way) {
    drawn.push(shape("polyline", "way", aim.way));
    list.push(["way", 0, names.way]);
  }
  if (drawing) drawn.push(shape("polyline", drawing.kind, drawing.points));
  sketch.replaceChildren(...drawn);
  $("shapes").replaceChildren(...list.map(([kind, at, name]) => {
    const item = element("li", `${name} `);
    const button = element("button", `Remove ${name.toLowerCase()}`);
    button.type = "button";
    button.onclick = () => keep({ ...aim, [kind]: kind === "way" ? null : aim[kind].filter((_, i) => i !== at) });
    item.append(button);
    return item;
  }));
}

// Only when a camera is chosen: what somebody is typing is not taken away by what was kept meanwhile.
function fill() {
  $("heading").value = aim?.heading ?? "";
  $("lat").value = aim?.place?.[0] ?? "";
  $("lon").value = aim?.place?.[1] ?? "";
}

async function keep(next) {
  $("said").textContent = "";
  try {
    aim = await ask(`${chosen()}aim.json`, next);
    $("said").textContent = "Kept.";
  } catch (e) {
    $("said").textContent = e.message;
  }
  show();
}

function begin(kind) {
  drawing = kind && { kind, points: [] };
  $("sketch").classList.toggle("draws", Boolean(kind));
  $("done").hidden = !kind || kind === "way";
  $("cancel").hidden = !kind;
  document.querySelectorAll("[data-draw]").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.draw === kind)));
  $("hint").textContent = !kind
    ? "Choose what to draw, then click its corners in the picture."
    : kind === "way"
      ? "Click where approaching vehicles come from, then where they go."
      : "Click at least three corners, then close the shape.";
  show();
}

function finish() {
  const { kind, points } = drawing;
  if (kind !== "way" && points.length < 3) {
    $("hint").textContent = "A shape has at least three corners.";
    return;
  }
  const next = { ...aim, [kind]: kind === "way" ? points : [...aim[kind], points] };
  begin(null);
  keep(next);
}

$("sketch").addEventListener("click", (event) => {
  if (!drawing) return;
  const box = $("sketch").getBoundingClientRect();
  const part = (v) => Math.min(1, Math.max(0, Math.round(v * 1000) / 1000));
  drawing.points.push([part((event.clientX - box.left) / box.width), part((event.clientY - box.top) / box.height)]);
  if (drawing.kind === "way" && drawing.points.length === 2) finish();
  else show();
});
document.querySelectorAll("[data-draw]").forEach((b) => { b.onclick = () => begin(b.dataset.draw); });
$("done").onclick = finish;
$("cancel").onclick = () => begin(null);
$("heading-form").onsubmit = (event) => {
  event.preventDefault();
  const value = $("heading").value;
  keep({ ...aim, heading: value === "" ? null : Number(value) });
};

$("place-form").onsubmit = (event) => {
  event.preventDefault();
  const given = ["lat", "lon"].map((id) => $(id).value);
  if (given.some((v) => v === "") && given.some((v) => v !== "")) {
    $("said").textContent = "A place has a latitude and a longitude.";
    return;
  }
  keep({ ...aim, place: given[0] === "" ? null : given.map(Number) });
};

const percent = (v) => (v === null || v === undefined ? "–" : `${Math.round(v * 100)} %`);
const fit = { theft: "theft, parking, counts", parking: "parking, counts", counts: "counts", nothing: "nothing" };

async function expose(body) {
  $("exposure").textContent = "The camera is asked …";
  try {
    const found = await ask(`${chosen()}exposure.json`, body);
    $("exposure").textContent = `${body ? "Set. " : ""}Now: ${found.now}.`;
    const buttons = ["day", "night"].map((name) => {
      const plan = found.plans[name];
      const button = element("button", plan.wrong ? `${name}: ${plan.wrong}` : `Set for ${name}: ${plan.words}`);
      button.type = "button";
      button.disabled = Boolean(plan.wrong);
      button.title = (plan.short ?? []).join(" ");
      button.onclick = () => expose({ set: name });
      return button;
    });
    $("exposures").replaceChildren($("exposure-ask"), ...buttons);
  } catch (e) {
    $("exposure").textContent = e.message;
  }
}
$("exposure-ask").onclick = () => expose();

async function look() {
  try {
    const [live, doctor, hours] = await Promise.all(["live.json", "doctor.json", "survey.json"].map((p) => ask(chosen() + p)));
    $("plates").replaceChildren(...live.tracks.map((t) =>
      element("li", `Plate ${t.number}: ${t.width} px wide, ${percent(t.confidence)} sure`)));
    $("doctor").replaceChildren(...doctor.map((f) => element("li", f.say, f.good ? "good" : "bad")));
    $("hours").replaceChildren(...hours.slice(-48).reverse().map((h) => {
      const row = element("tr");
      const cells = [new Date(h.from).toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit" }), fit[h.fit], h.passes, percent(h.share),
        h.width ? Math.round(h.width.p50) : "–", h.angle ? `${Math.round(h.angle.p50)}°` : "–", h.advice ?? ""];
      row.append(...cells.map((c) => element("td", String(c))));
      return row;
    }));
  } catch {
    $("said").textContent = "The reader does not answer.";
  }
}

async function choose() {
  begin(null);
  $("film").src = `${chosen()}live.mjpg`;
  $("place").textContent = $("camera").selectedOptions[0]?.dataset.place ?? "";
  aim = await ask(`${chosen()}aim.json`);
  fill();
  show();
  look();
}

async function start() {
  const cameras = await ask("/cameras.json");
  $("camera").replaceChildren(...cameras.map((c) => {
    const option = element("option", c.camera);
    option.value = c.camera;
    option.dataset.place = c.place;
    return option;
  }));
  $("camera").onchange = choose;
  await choose();
  setInterval(look, 2000);
}
start();
