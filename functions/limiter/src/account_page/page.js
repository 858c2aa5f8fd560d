// The page on which a customer sees the usage of a key. The key stays in this document: it is sent
// as a header to the same origin, and is neither stored nor put into an address.

const DAYS = 30;
const DAY_MS = 86_400_000;
const TIMEOUT_MS = 15_000;
const SVG = "http://www.w3.org/2000/svg";
const CHART = { width: 600, height: 180, bottom: 24, top: 16 };

/** Returns the first and the last day of the report, as `YYYY-MM-DD` in UTC. */
export function period(now) {
  const day = (time) => new Date(time).toISOString().slice(0, 10);
  return { from: day(now - (DAYS - 1) * DAY_MS), to: day(now) };
}

/** Returns the bars of a chart: a place and a size for each day. */
export function bars(days, chart = CHART) {
  const most = Math.max(1, ...days.map((day) => day.used));
  const step = chart.width / Math.max(1, days.length);
  const room = chart.height - chart.bottom - chart.top;

  return days.map((day, index) => {
    const height = (day.used / most) * room;
    return {
      x: index * step + step * 0.1,
      y: chart.height - chart.bottom - height,
      width: step * 0.8,
      height,
      title: `${day.date}: ${day.used}`,
    };
  });
}

/** Returns the cells of a quota's row. */
export function quotaCells(quota, format = (number) => number.toLocaleString()) {
  const [used, left] = quota.usage;
  const end = quota.ends_at ? new Date(quota.ends_at).toLocaleString() : "never";
  return [quota.name, format(used), format(left), end];
}

/** Returns what a failed response means for the customer. */
export function explain(status, retryAfter) {
  switch (status) {
    case 401:
      return "This key is unknown, expired or disabled.";
    case 403:
      return "This key may not query its usage from here.";
    case 429:
      return `There were too many queries. Try again in ${retryAfter || "a few"} seconds.`;
    case 503:
      return `The usage is not available now. Try again in ${retryAfter || "a few"} seconds.`;
    default:
      return `The usage could not be read (status ${status}).`;
  }
}

/** Asks for the usage of a key. */
export async function fetchUsage(key, header, now, fetcher = fetch) {
  const { from, to } = period(now);
  const response = await fetcher(`usage?from=${from}&to=${to}`, {
    headers: { [header]: key, accept: "application/json" },
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });

  if (!response.ok) {
    throw new Error(explain(response.status, response.headers.get("retry-after")));
  }
  return response.json();
}

function row(cells, heading = "th") {
  const line = document.createElement("tr");
  cells.forEach((text, index) => {
    const cell = document.createElement(index === 0 ? heading : "td");
    if (index === 0) cell.scope = "row";
    cell.textContent = String(text);
    line.append(cell);
  });
  return line;
}

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

function drawing(days) {
  const svg = element("svg", {
    viewBox: `0 0 ${CHART.width} ${CHART.height}`,
    role: "img",
    "aria-labelledby": "chart-title",
  });
  const base = CHART.height - CHART.bottom;
  svg.append(element("line", { class: "axis", x1: 0, x2: CHART.width, y1: base, y2: base }));

  for (const { title, ...place } of bars(days)) {
    const bar = element("rect", { class: "bar", ...place });
    bar.append(element("title", {}, title));
    svg.append(bar);
  }

  const most = Math.max(0, ...days.map((day) => day.used));
  svg.append(element("text", { class: "label", x: 0, y: 12 }, `highest: ${most.toLocaleString()}`));
  const label = (day, place) => element("text", { class: "label", y: CHART.height - 6, ...place }, day);
  if (days.length > 0) {
    svg.append(label(days[0].date, { x: 0 }));
    svg.append(label(days.at(-1).date, { x: CHART.width, "text-anchor": "end" }));
  }
  return svg;
}

function show(report) {
  document.getElementById("plan").textContent = `Plan ${report.plan ?? "(none)"}`;
  const quotas = report.quotas.map((quota) => row(quotaCells(quota)));
  document.getElementById("quotas").replaceChildren(...quotas);
  const days = report.days.map((day) => row([day.date, day.used, day.calls, day.refused]));
  document.getElementById("days").replaceChildren(...days);
  document.getElementById("chart").replaceChildren(drawing(report.days));
  document.getElementById("report").hidden = false;
}

function start() {
  const form = document.getElementById("query");
  const message = document.getElementById("message");
  const button = form.querySelector("button");
  const header = document.documentElement.dataset.keyHeader;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    document.getElementById("report").hidden = true;
    message.className = "";
    message.textContent = "Reading the usage …";
    button.disabled = true;

    try {
      const key = document.getElementById("key").value.trim();
      show(await fetchUsage(key, header, Date.now()));
      message.textContent = "";
    } catch (error) {
      message.className = "problem";
      message.textContent = error instanceof TypeError ? "The API does not respond." : error.message;
    } finally {
      button.disabled = false;
    }
  });
}

if (typeof document !== "undefined") start();
