"use strict";
(() => {
  const about = JSON.parse(document.getElementById("about").textContent);
  const at = (id) => document.getElementById(id);
  const open = about.model === "open";
  const put = (el, text) => { if (el.textContent !== text) el.textContent = text; };
  const number = (v, digits) => {
    if (v === null || v === undefined || Number.isNaN(v)) return "\u2013";
    const a = Math.abs(v);
    const d = digits ?? (a === 0 || a >= 99.95 ? 0 : a < 9.995 ? 2 : 1);
    return v.toLocaleString("en-US", { minimumFractionDigits: d, maximumFractionDigits: d });
  };
  const clock = (s) => {
    s = Math.max(0, Math.round(s));
    const two = (n) => String(n).padStart(2, "0");
    const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    return h ? h + ":" + two(m) + ":" + two(s % 60) : m + ":" + two(s % 60);
  };
  const percent = (part, all) => (all ? number((100 * part) / all) : "\u2013");

  // Colours are those of the style, in either theme.
  const probe = document.createElement("i");
  probe.hidden = true;
  document.body.append(probe);
  const color = (name, alpha) => {
    probe.style.color = alpha ? "color-mix(in srgb, var(--" + name + ") " + alpha + "%, transparent)" : "var(--" + name + ")";
    return getComputedStyle(probe).color;
  };

  // Points come in order; one that starts where the last did takes its place.
  let points = [];
  let state = null;
  const charts = [];
  const columns = {
    attempts: (p) => p.n / p.len, failed: (p) => p.failed / p.len, users: (p) => p.users,
    p50: (p) => p.ms && p.ms.p50, p95: (p) => p.ms && p.ms.p95, p99: (p) => p.ms && p.ms.p99,
  };

  function chart(id, names) {
    const figure = at(id), box = figure.querySelector(".canvas"), legend = [...figure.querySelectorAll(".legend b")];
    const axis = { stroke: () => color("soft"), font: "11.5px " + getComputedStyle(document.body).fontFamily, ticks: { show: false }, grid: { stroke: () => color("faint"), width: 1 } };
    const size = () => ({ width: Math.max(box.clientWidth, 50), height: box.clientHeight });
    const u = new uPlot({
      ...size(), padding: [10, 20, 0, 0], legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 }, sync: { key: "lt" } },
      scales: {
        x: { time: false, range: (_, min, max) => [0, Math.max(max || 0, Math.min(about.seconds, 60), 1)] },
        y: { range: (_, min, max) => [0, Math.max(max || 0, 1) * 1.08] },
      },
      axes: [
        { ...axis, size: 24, space: 80, incrs: [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400], values: (_, vs) => vs.map(clock) },
        { ...axis, size: 48, gap: 6, space: 32, values: (_, vs) => vs.map((v) => (v >= 1e4 ? v / 1e3 + "k" : String(Math.round(v * 100) / 100))) },
      ],
      series: [{}, ...names.map((n) => ({
        stroke: () => color(n), width: n === "p95" ? 2 : 1.6, points: { show: (u, _, from, to) => to - from < 2, size: 5, fill: () => color(n) },
        fill: n === "attempts" || n === "users" || n === "failed" ? () => color(n, 14) : undefined,
      }))],
      hooks: {
        setCursor: [(u) => show(u.cursor.left >= 0 ? u.cursor.idx : null)],
        drawClear: [(u) => { // where something happened
          u.ctx.save();
          u.ctx.strokeStyle = color("event");
          u.ctx.setLineDash([3, 4]);
          u.ctx.beginPath();
          for (const p of points) {
            if (!p.events) continue;
            const x = Math.round(u.valToPos(p.t + p.len, "x", true));
            u.ctx.moveTo(x, u.bbox.top);
            u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
          }
          u.ctx.stroke();
          u.ctx.restore();
        }],
      },
    }, [[], ...names.map(() => [])], box);
    u.root.setAttribute("aria-hidden", "true");
    new ResizeObserver(() => u.setSize(size())).observe(box);
    charts.push({ u, names, legend });
  }
  function show(i) { // the values under the cursor, else the last ones
    const p = points[i ?? points.length - 1];
    for (const c of charts) c.names.forEach((n, k) => put(c.legend[k], p ? number(columns[n](p), n === "users" ? 0 : undefined) : ""));
  }
  chart("g-rate", ["attempts", "failed"]);
  chart("g-time", ["p50", "p95", "p99"]);
  chart("g-users", ["users"]);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((c) => c.u.redraw(false)));

  function draw() {
    const x = points.map((p) => p.t + p.len);
    for (const c of charts) c.u.setData([x, ...c.names.map((n) => points.map(columns[n]))]);
    if (charts[0].u.cursor.left < 0 || charts[0].u.cursor.left === undefined) show(null);
    const longest = Math.round(points.reduce((m, p) => Math.max(m, p.len), 0));
    at("merged").hidden = longest < 2;
    if (longest >= 2) put(at("merged"), "A long run: some points stand for up to " + longest + " s, and their percentiles are those of the worst of these seconds.");
    const marks = points.flatMap((p) => (p.events || []).map((e) => [p.t + p.len, e]));
    at("marks").replaceChildren(...marks.slice(-20).map(([t, e]) => {
      const li = document.createElement("li"), n = document.createElement("span");
      n.className = "num";
      n.textContent = clock(t);
      li.append(n, " ", e);
      return li;
    }));
    const p = points.findLast((p) => p.len >= 0.25);
    if (!p) return;
    put(at("s-users"), number(p.users, 0));
    put(at("s-rate"), number((p.n - p.failed) / p.len));
    put(at("s-fps"), number(p.failed / p.len));
    put(at("s-p95"), number(p.ms && p.ms.p95));
    put(at("s-p"), p.ms ? "P50 " + number(p.ms.p50) + ", P99 " + number(p.ms.p99) : "nothing succeeded in the last second");
  }

  const tones = { pass: "pass", fail: "fail", inconclusive: "open", invalid: "invalid", warn: "open" };
  const words = { pass: "holds", fail: "broken", inconclusive: "not proven yet", invalid: "invalid", none: "no data yet", warn: "warns" };
  const periods = { warmup: "warm-up", measured: "measuring", drain: "ending" };
  const row = (cells) => {
    const tr = document.createElement("tr");
    for (const [text, kind, pill] of cells) {
      const td = document.createElement("td");
      if (kind) td.className = kind;
      const inner = document.createElement(pill === undefined ? "bdi" : "span");
      if (pill !== undefined) inner.className = "pill " + pill;
      inner.textContent = text;
      td.append(inner);
      tr.append(td);
    }
    return tr;
  };

  function update() {
    const s = state;
    const phase = s.stopping ? "stopping" : s.paused ? "paused" : periods[s.period] || s.period;
    put(at("phase"), phase);
    at("phase").className = "pill " + (s.stopping || s.paused ? "open" : s.period === "measured" ? "pass" : "");
    put(at("clock"), clock(s.t) + " of " + clock(about.seconds));
    document.title = clock(s.t) + " " + phase + ": " + about.scenario;
    at("done").style.width = Math.min(100, (100 * s.t) / about.seconds) + "%";
    put(at("s-target"), open ? "for " + number(s.target) + " iterations/s" : "of " + number(s.target, 0) + " wanted");
    put(at("s-error"), percent(s.failed, s.n));
    put(at("s-total"), number(s.failed, 0) + " of " + number(s.n, 0) + " failed");
    put(at("s-cpu"), s.cpu === undefined ? "\u2013" : number(s.cpu, 0));
    put(at("s-own"), open ? number(s.dropped, 0) + " dropped, " + number(s.unsent, 0) + " unsent" : "");
    if (s.edited) {
      put(at("edited"), "Edited by hand: this run can no longer pass, and is compared with nothing.");
      at("edited").classList.add("now");
    }
    const over = s.stopping || s.period === "drain";
    put(at("pause"), s.paused ? "Resume" : "Pause");
    for (const el of document.querySelectorAll(".controls button, .controls input")) el.disabled = over;
    if (at("to") !== document.activeElement && !at("to").dataset.typed) at("to").value = open ? Math.round(s.target * 100) / 100 : s.target;

    at("thresholds").hidden = s.thresholds.length === 0;
    at("thresholds").querySelector("tbody").replaceChildren(...s.thresholds.map((t) => row([[t.expression, ""], [t.value || "\u2013", "r"], [words[t.verdict] || t.verdict, "", tones[t.verdict] || ""]])));
    const rows = at("endpoints").tBodies[0].rows;
    s.endpoints.forEach((e, i) => {
      const cells = rows[i].cells;
      rows[i].className = e.n ? "" : "idle";
      if (!e.n) return;
      const ms = e.ms || {};
      [number(e.n, 0), number(e.rate), number(e.failed, 0), percent(e.failed, e.n) + " %", number(ms.p50), number(ms.p95), number(ms.p99)].forEach((text, k) => put(cells[k + 1], text));
      cells[3].className = cells[4].className = e.failed ? "r bad" : "r";
    });
    at("none").hidden = s.failures.length > 0;
    at("failures").hidden = s.failures.length === 0;
    at("failures").querySelector("tbody").replaceChildren(...s.failures.map((f) => row([[f.class.replace(/^status_/, "status "), "kind"], [f.endpoint, "name"], [number(f.n, 0), "r"]])));
  }

  // The load's control.
  const problem = (text) => { put(at("problem"), text); at("problem").hidden = !text; };
  async function command(what) {
    try {
      const r = await fetch("control", { method: "POST", headers: { "Content-Type": "application/json", "X-LT-Token": about.token }, body: JSON.stringify(what) });
      problem(r.ok ? "" : (await r.text()).trim());
    } catch {
      problem("lt does not answer: the run may have ended");
    }
  }
  at("pause").addEventListener("click", () => command({ do: state.paused ? "resume" : "pause" }));
  at("to").addEventListener("input", () => { at("to").dataset.typed = "1"; });
  at("set").addEventListener("submit", (e) => {
    e.preventDefault();
    delete at("to").dataset.typed;
    command({ do: "set", to: at("to").valueAsNumber });
  });
  let sure = 0;
  at("stop").addEventListener("click", () => {
    const calm = () => { clearTimeout(sure); sure = 0; put(at("stop"), "Stop the run"); at("stop").classList.remove("sure"); };
    if (sure) {
      calm();
      command({ do: "stop" });
      return;
    }
    put(at("stop"), "Really stop?");
    at("stop").classList.add("sure");
    sure = setTimeout(calm, 4000);
  });

  // What is sent. A connection that broke is made again, and goes on after what
  // has come; one that was refused is tried again.
  function connect() {
    const source = new EventSource("events");
    source.addEventListener("run", (e) => { if (JSON.parse(e.data) !== about.id) location.reload(); });
    source.addEventListener("points", (e) => {
      for (const p of JSON.parse(e.data)) {
        while (points.length && points[points.length - 1].t >= p.t) points.pop();
        points.push(p);
      }
      if (points.length > 7200) { // lt keeps fewer
        points = [];
        source.close();
        connect();
        return;
      }
      draw();
    });
    source.addEventListener("state", (e) => { state = JSON.parse(e.data); update(); });
    source.addEventListener("end", (e) => {
      const end = JSON.parse(e.data);
      source.close();
      put(at("phase"), "ended: " + end.verdict);
      for (const el of document.querySelectorAll(".controls button, .controls input")) el.disabled = true;
      if (end.report) location.replace("report");
    });
    source.onerror = () => {
      put(at("phase"), "not connected");
      at("phase").className = "pill open";
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 5000);
    };
  }
  connect();
})();
