/* The matchday tab: asks for what is new each second, draws it, and keeps what it has when the run is over.
   Everything that comes from outside is written as text, never as markup. */
(() => {
  const DATA = new URL("data", document.currentScript.src);
  const ASK_MS = 1000;
  const GONE_AFTER = 3;

  const rps = v => v >= 100 ? v.toFixed(0) : v.toFixed(1);
  const ms = v => v < 10 ? (v * 1000).toFixed(v < 0.01 ? 1 : 0) + " ms" : v.toFixed(1) + " s";
  const percent = v => (v * 100).toFixed(v < 0.1 ? 2 : 1) + " %";
  const count = v => String(Math.round(v));
  // `slack` is what a figure may lie beside its band unsaid: bands can have no width, and a second has few requests.
  // `row` is the place of the measured figure in a row of the data; replicas come as changes of their own.
  const CHARTS = [
    { key: "rate_rps", title: "Offered rate", unit: "requests/s", row: 1, show: rps, least: 10, slack: v => Math.max(1, 0.02 * v) },
    { key: "goodput_rps", title: "Goodput", unit: "good answers/s", row: 2, show: rps, least: 10, slack: v => Math.max(1, 0.02 * v) },
    { key: "p95_s", title: "p95 latency", unit: "from the intended send time", row: 3, show: ms, least: 0.01, slack: v => 0.001 + 0.02 * v },
    { key: "failed_ratio", title: "Failures", unit: "share of requests", row: 4, show: percent, least: 0.01, most: 1, slack: () => 0.005 },
    { key: "replicas", title: "Replicas", unit: "ready pods", show: count, least: 2, steps: true, slack: () => 0 },
  ];

  /* What is known of the run. It outlives the element, which Locust makes anew each time the tab is chosen. */
  const run = { cursor: "", head: null, rows: [], replicas: [], now: {}, missed: 0, asked: false };
  const shown = new Set();
  let timer = 0, asking = false;

  async function ask() {
    clearTimeout(timer);
    if (asking) return; // an answer is under way; two would bring the same seconds twice
    asking = true;
    let more = false;
    try {
      const url = new URL(DATA);
      if (run.cursor) url.searchParams.set("since", run.cursor);
      const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (!answer.ok) throw new Error(answer.statusText);
      const said = await answer.json();
      more = said.more;
      take(said);
    } catch {
      run.missed += 1;
    }
    asking = false;
    run.asked = true;
    if (shown.size) timer = setTimeout(ask, more ? 0 : ASK_MS);
    for (const element of shown) element.draw();
  }

  function take(said) {
    if (said.fresh) Object.assign(run, { rows: [], replicas: [] });
    if (said.head) run.head = said.head;
    run.rows.push(...said.rows);
    run.replicas.push(...said.replicas);
    Object.assign(run, { now: said.now, cursor: said.cursor, missed: 0 });
  }

  const elapsed = () => Math.max(0, run.now.t_s ?? 0);
  const phases = () => run.head?.phases ?? [];
  const duration = () => phases().at(-1)?.end_s ?? null;
  const span = () => duration() === null ? Math.max(60, elapsed()) : Math.max(duration(), elapsed());

  /* Index of the last of the ascending `values` that is not above `limit`; -1 when all are. */
  function last(values, limit, get = v => v) {
    let low = 0, high = values.length;
    while (low < high) { const middle = (low + high) >> 1; if (get(values[middle]) <= limit) low = middle + 1; else high = middle; }
    return low - 1;
  }

  function predictedAt(chart, t) {
    const p = run.head?.predicted;
    if (!p) return null;
    const starts = chart.steps ? p.replicas_s : p.time_s, i = last(starts, t);
    if (i < 0 || (!chart.steps && t >= starts[i] + p.bucket_s)) return null;
    return p[chart.key][i];
  }

  /* The measured figure of the row that second `t` falls into. */
  function measuredAt(chart, t) {
    if (chart.steps) { const i = last(run.replicas, t, c => c[0]); return i < 0 || t > elapsed() + 1 ? null : run.replicas[i][2]; }
    const i = last(run.rows, t, r => r[0]) + (run.rows.length && run.rows[0][0] > t ? 1 : 0);
    const row = i >= 0 && run.rows[i] && run.rows[i][0] >= t ? run.rows[i] : run.rows[i + 1];
    return row ? row[chart.row] : null;
  }

  const measuredPoints = chart => chart.steps
    ? run.replicas.map(c => [Math.min(c[0], elapsed()), c[2]])
    : run.rows.map((r, i) => [(r[0] + (i ? run.rows[i - 1][0] : 0)) / 2, r[chart.row]]);

  function predictedPoints(chart) {
    const p = run.head?.predicted;
    if (!p) return [];
    return chart.steps
      ? p.replicas_s.map((t, i) => [t, p.replicas[i]])
      : p.time_s.map((t, i) => [t + p.bucket_s / 2, p[chart.key][i]]);
  }

  /* A round step so that about `wanted` of them reach `most`. */
  function stepFor(most, wanted, rounds = [1, 2, 5]) {
    const scale = 10 ** Math.floor(Math.log10(most / wanted));
    return [...rounds, 10].map(r => r * scale).find(s => most / s <= wanted) ?? 10 * scale;
  }
  function secondsStep(most, wanted) {
    return [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400].find(s => most / s <= wanted) ?? 28800;
  }
  const clock = s => { s = Math.max(0, Math.floor(s)); const two = n => String(n).padStart(2, "0");
    return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`; };

  const SVG = "http://www.w3.org/2000/svg";
  function make(tag, attributes = {}, ...inside) {
    const element = ["svg", "path", "line", "rect", "g"].includes(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    element.append(...inside);
    return element;
  }
  const say = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const put = (element, name, value) => { if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value); };

  const W = 1000, H = 200;

  class Chart {
    constructor(chart, page) {
      Object.assign(this, { chart, page });
      const id = `t-${chart.key}`;
      this.readout = make("p", { class: "readout" });
      this.back = make("g"); this.grid = make("g");
      this.band = make("path", { class: "band" });
      this.median = make("path", { class: "line predicted" });
      this.wanted = make("path", { class: "line wanted" });
      this.line = make("path", { class: "line measured" });
      this.at = make("line", { class: "at", y1: 0, y2: H });
      this.ticks = make("div", { "aria-hidden": "true" });
      this.area = make("div", { class: "area", tabindex: 0, role: "slider", "aria-labelledby": id, "aria-valuemin": 0 },
        make("svg", { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", "aria-hidden": "true" },
          this.back, this.grid, this.band, this.wanted, this.line, this.median, this.at), this.ticks);
      this.body = make("tbody");
      const names = ["time", "measured", ...(chart.steps ? ["desired", "in rotation"] : []), "predicted low", "median", "high"];
      this.details = make("details", {}, make("summary", {}, "The data as a table", make("span", { class: "unseen" }, `: ${chart.title}`)),
        make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `${chart.title}, data` },
          make("table", {}, make("thead", {}, make("tr", {}, ...names.map(n => make("th", { scope: "col" }, n)))), this.body)));
      this.details.addEventListener("toggle", () => this.fill());
      this.figure = make("figure", { "aria-labelledby": id },
        make("h3", { id }, `${chart.title} `, make("span", { class: "soft small" }, chart.unit)), this.readout, this.area, this.details);
      this.area.addEventListener("pointermove", event => this.point(event));
      this.area.addEventListener("pointerdown", event => this.point(event));
      this.area.addEventListener("pointerleave", () => page.look(null));
      this.area.addEventListener("blur", () => page.look(null));
      this.area.addEventListener("keydown", event => this.key(event));
    }

    point(event) {
      const box = this.area.getBoundingClientRect();
      this.page.look(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * span());
    }

    key(event) {
      const from = this.page.looked ?? elapsed(), step = Math.max(1, Math.round(span() / 100));
      const to = { ArrowLeft: from - step, ArrowRight: from + step, ArrowDown: from - step, ArrowUp: from + step,
        PageUp: from + 10 * step, PageDown: from - 10 * step, Home: 0, End: span(), Escape: null }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      this.page.look(to === null ? null : Math.min(span(), Math.max(0, to)));
    }

    draw() {
      const { chart } = this, x = t => (t / span()) * W;
      const measured = measuredPoints(chart), predicted = predictedPoints(chart);
      let most = chart.least;
      for (const [, v] of measured) if (v > most) most = v;
      for (const [, v] of predicted) if (v && v[2] > most) most = v[2];
      if (chart.steps) for (const c of run.replicas) most = Math.max(most, c[1]);
      const step = chart.steps ? Math.max(1, stepFor(most, 4)) : stepFor(most, 4);
      const top = Math.min(chart.most ?? Infinity, Math.ceil(most / step * 1.0001) * step), y = v => H - (v / top) * H;
      const end = Math.max(duration() ?? 0, elapsed());
      const stairs = points => points.flatMap(([t, v], i) => [[t, v], [points[i + 1]?.[0] ?? end, v]]);
      const path = points => { let pen = "M", d = "";
        for (const [t, v] of points) { if (v === null) { pen = "M"; continue; } d += `${pen}${x(t).toFixed(1)} ${y(v).toFixed(1)}`; pen = "L"; } return d; };
      const soFar = points => points.length ? [...points.flatMap(([t, v], i) => i ? [[t, points[i - 1][1]], [t, v]] : [[t, v]]), [elapsed(), points.at(-1)[1]]] : [];
      const whole = chart.steps ? stairs(predicted) : predicted;
      put(this.median, "d", path(whole.map(([t, v]) => [t, v && v[1]])));
      put(this.band, "d", this.bandPath(whole, x, y));
      put(this.line, "d", path(chart.steps ? soFar(measured) : measured));
      if (chart.steps) put(this.wanted, "d", path(soFar(run.replicas.map(c => [Math.min(c[0], elapsed()), c[1]]))));
      const key = [span(), top, step, this.area.clientWidth < 420, phases().length].join();
      if (key !== this.key_) { this.key_ = key; this.frame(x, y, top, step); }
      this.read();
      this.fill();
    }

    bandPath(points, x, y) {
      let d = "", piece = [];
      const close = () => { if (piece.length > 1) d += "M" + [...piece.map(([t, v]) => [t, v[2]]), ...piece.toReversed().map(([t, v]) => [t, v[0]])]
        .map(([t, v]) => `${x(t).toFixed(1)} ${y(v).toFixed(1)}`).join("L") + "Z"; piece = []; };
      for (const point of points) if (point[1]) piece.push(point); else close();
      close();
      return d;
    }

    frame(x, y, top, step) {
      this.back.replaceChildren(...phases().flatMap(p => [
        ...(p.surge ? [make("rect", { class: "surge-span", x: x(p.start_s), width: x(p.end_s) - x(p.start_s), y: 0, height: H })] : []),
        ...(p.start_s > 0 ? [make("line", { class: "start", x1: x(p.start_s), x2: x(p.start_s), y1: 0, y2: H })] : [])]));
      const levels = [], times = [], narrow = this.area.clientWidth < 420;
      for (let i = 0; i * step <= top * 1.0001; i++) levels.push(i * step);
      const every = secondsStep(span(), narrow ? 4 : 8);
      for (let t = 0; t <= span(); t += every) times.push(t);
      this.grid.replaceChildren(...levels.map(v => make("line", { class: "grid", x1: 0, x2: W, y1: y(v), y2: y(v) })));
      const round = v => this.chart.key === "failed_ratio" ? `${+(v * 100).toFixed(2)} %` : this.chart.key === "p95_s"
        ? (top < 1 ? `${+(v * 1000).toFixed(2)} ms` : `${+v.toFixed(2)} s`) : v >= 10000 ? `${+(v / 1000).toFixed(1)}k` : String(+v.toFixed(2));
      this.ticks.replaceChildren(
        ...levels.map(v => make("span", { class: "tick y", style: `bottom:${v / top * 100}%` }, round(v))),
        ...times.map(t => make("span", { class: t / span() > 0.95 ? "tick x last" : "tick x", style: `left:${t / span() * 100}%` }, clock(t))));
    }

    /* The figures at the moment looked at; without one, those of the last second. */
    read() {
      const { chart, page } = this, live = page.looked === null;
      const t = live ? (chart.steps ? elapsed() : middleOfLast()) : page.looked;
      const measured = measuredAt(chart, t), known = predictedAt(chart, t), when = live ? this.freshness() : `at ${clock(t)}`;
      const first = measured === null ? null : make("b", {}, `measured ${chart.show(measured)}`);
      const second = known && make("i", {}, `predicted ${chart.show(known[1])}`);
      const around = known ? ` (${chart.show(known[0])} to ${chart.show(known[2])})` : "";
      const parts = [`${when}: `, first ?? "nothing measured", ...(second ? [", ", second, around] : [])];
      const text = parts.map(p => p.textContent ?? p).join("");
      if (this.readout.textContent !== text) this.readout.replaceChildren(...parts);
      put(this.area, "aria-valuemax", Math.round(span()));
      put(this.area, "aria-valuenow", Math.round(t));
      put(this.area, "aria-valuetext", text);
      const place = (page.looked ?? elapsed()) / span() * W;
      put(this.at, "x1", place.toFixed(1)); put(this.at, "x2", place.toFixed(1));
    }

    /* The last second whose answers are all in is a while ago when the server has a queue. */
    freshness() {
      if (run.missed >= GONE_AFTER) return "last";
      const end = run.rows.at(-1)?.[0] ?? elapsed();
      return this.chart.steps || elapsed() - end < 2 ? "now" : `at ${clock(middleOfLast())}, the last second with all its answers`;
    }

    /* The table, one row a bucket of the prediction or, beyond it, a measured second; only while it is open. */
    fill() {
      if (!this.details.open) return;
      const rows = this.chart.steps ? this.changes() : this.seconds();
      while (this.body.rows.length > rows.length) this.body.lastChild.remove();
      rows.forEach((cells, i) => {
        const row = this.body.rows[i] ?? this.body.appendChild(make("tr", {}, ...cells.map((_, k) => make(k ? "td" : "th", k ? {} : { scope: "row" }))));
        cells.forEach((text, k) => say(row.cells[k], text));
      });
    }

    seconds() {
      const { chart } = this, show = v => v === null || v === undefined ? "–" : chart.show(v);
      const known = run.head?.predicted, beyond = known ? known.time_s.at(-1) + known.bucket_s : 0;
      const told = (t, at) => { const p = predictedAt(chart, at); return [clock(t), show(measuredAt(chart, at)), ...[0, 1, 2].map(k => show(p && p[k]))]; };
      return [...(known ? known.time_s.map(t => told(t, t + known.bucket_s / 2)) : []),
        ...run.rows.map((r, i) => [i ? run.rows[i - 1][0] : 0, r[0]]).filter(([start]) => start >= beyond - 0.5).map(([start, stop]) => told(start, (start + stop) / 2))];
    }

    changes() {
      const times = [...new Set([...(run.head?.predicted?.replicas_s ?? []), ...run.replicas.map(c => c[0])])].sort((a, b) => a - b);
      return times.map(t => {
        const p = predictedAt(this.chart, t), i = t <= elapsed() + 1 ? last(run.replicas, t, c => c[0]) : -1, c = run.replicas[i];
        return [clock(t), ...(c ? [c[2], c[1], c[3]] : ["–", "–", "–"]).map(String), ...[0, 1, 2].map(k => p ? count(p[k]) : "–")];
      });
    }
  }

  function middleOfLast() {
    const end = run.rows.at(-1)?.[0] ?? 0, start = run.rows.at(-2)?.[0] ?? 0;
    return (start + end) / 2;
  }

  function swatch(kind) {
    const inside = kind === "band" ? make("rect", { class: "band", x: 0, y: 2, width: 30, height: 10 }) : make("path", { class: `line ${kind}`, d: "M0 7H30" });
    return make("svg", { viewBox: "0 0 30 14", "aria-hidden": "true" }, inside);
  }

  class Page extends HTMLElement {
    looked = null;

    connectedCallback() {
      if (!this.shadowRoot) this.build();
      shown.add(this);
      ask();
      if (run.asked) this.draw();
    }

    disconnectedCallback() { shown.delete(this); }

    build() {
      const root = this.attachShadow({ mode: "open" }), sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
      this.title_ = make("h2"); this.clock = make("p", { class: "clock soft" });
      this.state = make("p", { class: "state", role: "status", hidden: true });
      this.aloud = make("p", { class: "unseen", "aria-live": "polite" });
      this.phases = make("ol", { class: "phases", "aria-label": "Phases" });
      this.went = make("i");
      this.tiles = make("dl", { class: "tiles" });
      this.legend = make("ul", { class: "legend", "aria-hidden": "true" },
        make("li", {}, swatch("measured"), "measured"), make("li", { class: "of-prediction" }, swatch("predicted"), "predicted median"),
        make("li", { class: "of-prediction" }, swatch("band"), "predicted, 5 % to 95 %"), make("li", {}, swatch("wanted"), "replicas desired"));
      this.charts = CHARTS.map(chart => new Chart(chart, this));
      this.frozen = make("section", { class: "frozen", "aria-label": "The prediction" });
      root.append(make("div", { class: "page" },
        make("div", { class: "top" }, this.title_, this.clock), this.state, this.aloud, this.phases,
        make("div", { class: "went", "aria-hidden": "true" }, this.went), this.tiles, this.legend,
        make("div", { class: "charts" }, ...this.charts.map(c => c.figure), this.frozen)));
      new ResizeObserver(() => this.draw()).observe(this);
      document.addEventListener("click", () => setTimeout(() => this.dress()));
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(() => this.dress()));
    }

    look(t) { this.looked = t; for (const chart of this.charts) chart.read(); }

    /* Dark or light as the page around it is: Locust has a button for that. */
    dress() {
      const behind = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g)?.map(Number) ?? [255, 255, 255];
      const dark = behind[3] === 0 ? matchMedia("(prefers-color-scheme: dark)").matches : 0.299 * behind[0] + 0.587 * behind[1] + 0.114 * behind[2] < 128;
      this.toggleAttribute("dark", dark);
    }

    draw() {
      this.dress();
      const { now, head } = run, known = head?.predicted;
      say(this.title_, known?.scenario ?? "matchday");
      const whole = duration(), left = whole === null ? null : Math.max(0, whole - elapsed());
      const gone = run.missed >= GONE_AFTER;
      say(this.clock, now.t_s === undefined ? "waiting for the first second"
        : `${clock(elapsed())} elapsed` + (gone || left === null ? "" : left ? `, ${clock(left)} remaining` : ", the schedule is over"));
      this.drawState();
      this.drawPhases();
      this.drawTiles();
      for (const item of this.legend.querySelectorAll(".of-prediction")) item.hidden = !known, item.style.display = known ? "" : "none";
      for (const chart of this.charts) chart.draw();
      this.drawFrozen(known);
    }

    drawState() {
      const early = duration() === null || elapsed() < duration() - 1;
      const over = run.missed < GONE_AFTER ? ""
        : early ? "The generator answers no more: the run was stopped, or ended early. What came until then stays on this page."
        : "The run is over. What it did stays on this page; the report compares it with the prediction.";
      this.state.hidden = !over;
      say(this.state, over);
    }

    drawPhases() {
      const all = phases(), current = run.now.phase, key = all.map(p => p.name).join("\n");
      if (key !== this.phasesKey) {
        this.phasesKey = key;
        this.phases.replaceChildren(...all.map(p => make("li", { class: p.surge ? "surge" : "", style: `flex-grow:${Math.max(0.001, p.end_s - p.start_s)}`, title: `${p.name}: ${clock(p.start_s)} to ${clock(p.end_s)}` }, p.name)));
      }
      const t = elapsed(), at = current === undefined ? -1 : all.findLastIndex(p => p.name === current && p.start_s <= t + 1);
      [...this.phases.children].forEach((item, i) => {
        item.classList.toggle("past", i < at);
        if (i === at) put(item, "aria-current", "step"); else item.removeAttribute("aria-current");
      });
      this.went.style.width = `${Math.min(1, t / span()) * 100}%`;
      if (current && current !== this.spoken) { this.spoken = current; say(this.aloud, `Phase ${current}`); }
    }

    drawTiles() {
      const { now, head } = run, known = head?.predicted, row = run.rows.at(-1), tiles = [];
      tiles.push(["Phase", now.phase ?? "–", now.outstanding === undefined || now.outstanding === null ? "" : `outstanding requests: ${now.outstanding}`]);
      for (const chart of CHARTS) {
        const t = chart.steps ? elapsed() : middleOfLast(), v = chart.steps ? run.replicas.at(-1)?.[2] ?? null : row?.[chart.row] ?? null;
        const p = predictedAt(chart, t), place = v === null || !p ? null : v < p[0] - chart.slack(p[0]) ? "▼ below the band" : v > p[2] + chart.slack(p[2]) ? "▲ above the band" : "● inside the band";
        tiles.push([chart.title, v === null ? "–" : chart.show(v) + (chart.row < 3 ? "/s" : ""), place ?? (known ? "nothing to compare yet" : ""), place ? (place[0] === "●" ? "in" : "out") : ""]);
      }
      const lag = now.lag_p99_s ?? null;
      const late = lag === null ? "" : lag > head.lag_invalid_s ? "▲ too late: invalid so far" : lag > head.lag_degraded_s ? "▲ late: degraded so far" : "● on time: valid so far";
      tiles.push(["Generator's lag, p99", lag === null ? "–" : ms(lag), late, lag === null ? "" : lag > head.lag_degraded_s ? "out" : "in"]);
      const workers = now.workers ?? null, lost = workers !== null && workers < now.most_workers && elapsed() < (duration() ?? Infinity);
      tiles.push(["Workers", workers === null ? "–" : workers === now.most_workers ? count(workers) : `${workers} of ${now.most_workers}`, workers === null ? "" : lost ? "▲ some send no more" : "● all at work", lost ? "out" : "in"]);
      if (this.tiles.children.length !== tiles.length)
        this.tiles.replaceChildren(...tiles.map(() => make("div", { class: "tile" }, make("dt"), make("dd", { class: "big" }), make("dd", { class: "note" }))));
      tiles.forEach(([name, value, note, css], i) => {
        const [dt, big, small] = this.tiles.children[i].children;
        say(dt, name); say(big, value); say(small, note);
        put(small, "class", `note ${css ?? ""}`);
      });
    }

    drawFrozen(known) {
      const text = known ? known.sha256 : "", key = `${Boolean(run.head)}${text}`;
      if (!run.head || key === this.frozenKey) return;
      this.frozenKey = key;
      if (!known) return this.frozen.replaceChildren(make("p", { class: "soft" }, "This run has no prediction: only what is measured is shown."));
      const word = known.intact === true ? "prediction.json still is what was frozen before the first request." : known.intact === false
        ? "▲ prediction.json is no longer what was frozen." : "It was not frozen: this is the hash of the file as it is.";
      this.frozen.replaceChildren(make("h3", {}, "Frozen prediction, SHA-256"), make("p", {}, make("code", {}, text)),
        make("p", { class: known.intact === false ? "out" : "soft small" }, word),
        make("p", { class: "soft small" }, run.head.by_intended
          ? "A request counts in the second it was meant for, in the prediction and here; a measured second is drawn when all its answers are in."
          : "A measured second counts what was sent and what was answered in it; the prediction counts a request in the second it was meant for. The report at the end compares like with like."));
    }
  }

  customElements.define("matchday-live", Page);
})();
