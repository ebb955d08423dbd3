// The operations page: ask for the figures every two seconds, and draw the lag of each group.

const SECONDS = 2;
const MOST = 150;
const WIDTH = 600;
const HEIGHT = 140;
const SVG = "http://www.w3.org/2000/svg";

const chart = document.getElementById("operations");
const svg = chart.querySelector("svg");
const legend = chart.querySelector(".admin-legend");
const told = chart.querySelector("[role=status]");
const lags = new Map();
let before = null;

function show(attribute, name, value) {
  for (const element of document.querySelectorAll(`[${attribute}="${CSS.escape(name)}"]`)) {
    element.textContent = typeof value === "number" ? value.toLocaleString(document.documentElement.lang) : value ?? "–";
  }
}

function key(partition, group) {
  return `${partition.partition}:${group.group}:${group.target}`;
}

function rateOf(name, checkpoint, at) {
  if (!before || !before.checkpoints.has(name) || at <= before.at) return null;
  return Math.max(0, Math.round((checkpoint - before.checkpoints.get(name)) / (at - before.at)));
}

function take(figures) {
  const checkpoints = new Map();
  const total = new Map();
  for (const partition of figures.partitions) {
    for (const name of ["last_position", "without_position", "stream_position", "stream_length", "foreign_entries"]) {
      show("data-figure", `${partition.partition}:${name}`, partition[name]);
    }
    for (const group of partition.groups) {
      const name = key(partition, group);
      checkpoints.set(name, group.checkpoint);
      total.set(group.group, Math.max(total.get(group.group) ?? 0, group.lag));
      for (const figure of ["checkpoint", "lag", "dead_letters"]) show("data-group", `${name}:${figure}`, group[figure]);
      show("data-group", `${name}:rate`, rateOf(name, group.checkpoint, figures.at));
    }
  }
  for (const projection of figures.projections) {
    for (const index of projection.indices) {
      show("data-index", index.name, index.of ? Math.floor((100 * index.handled) / index.of) : 100);
    }
  }
  for (const [group, lag] of total) {
    lags.set(group, [...(lags.get(group) ?? []), lag].slice(-MOST));
  }
  before = { at: figures.at, checkpoints };
}

function draw() {
  const highest = Math.max(1, ...[...lags.values()].flat());
  svg.replaceChildren();
  legend.replaceChildren();
  [...lags].forEach(([group, values], number) => {
    const line = document.createElementNS(SVG, "polyline");
    const step = WIDTH / (MOST - 1);
    const start = WIDTH - step * (values.length - 1);
    const points = values.map((lag, at) => `${start + step * at},${HEIGHT - 4 - ((HEIGHT - 8) * lag) / highest}`);
    line.setAttribute("points", points.length > 1 ? points.join(" ") : `${WIDTH - 4},${points[0].split(",")[1]} ${points[0]}`);
    line.setAttribute("class", `admin-line line-${number % 4}`);
    svg.append(line);
    const entry = document.createElement("li");
    entry.className = `line-${number % 4}`;
    entry.textContent = `${group}: ${values.at(-1).toLocaleString(document.documentElement.lang)}`;
    legend.append(entry);
  });
}

async function look() {
  if (document.hidden) return;
  try {
    const response = await fetch(chart.dataset.url, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(response.status);
    take(await response.json());
    draw();
    told.textContent = "";
  } catch {
    told.textContent = chart.dataset.lost;
  }
}

async function follow() {
  await look();
  setTimeout(follow, SECONDS * 1000);
}

follow();
