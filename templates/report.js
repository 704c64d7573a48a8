"use strict";
(() => {
  const make = (tag, className, text) => {
    const e = document.createElement(tag);
    if (className) e.className = className;
    if (text) e.textContent = text;
    return e;
  };

  // Tables: a click on a head sorts by its column; numbers start with the largest.
  // A word typed above filters the rows by their names.
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    const key = (row, i) => {
      const cell = row.cells[i];
      return cell.dataset.v === undefined ? cell.textContent.trim() : Number(cell.dataset.v);
    };
    heads.forEach((head, i) => {
      if (head.classList.contains("plain")) return;
      const button = make("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const text = typeof key(body.rows[0], i) === "string";
        const up = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "descending" : text;
        heads.forEach((h) => h.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const order = up ? 1 : -1;
        const rows = [...body.rows];
        rows.sort((a, b) => {
          const x = key(a, i), y = key(b, i);
          return order * (text ? x.localeCompare(y) : x - y);
        });
        body.append(...rows);
      });
    });
    if (body.rows.length > 3) {
      const bar = make("p", "filter"), input = make("input"), shown = make("output");
      input.type = "search";
      input.placeholder = "Filter endpoints";
      input.setAttribute("aria-label", "Filter endpoints by name or verdict");
      bar.append(input, shown);
      table.parentElement.before(bar);
      input.addEventListener("input", () => {
        const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
        let n = 0;
        for (const row of body.rows) {
          const text = (row.cells[0].textContent + " " + row.cells[1].textContent).toLowerCase();
          row.hidden = !words.every((w) => text.includes(w));
          if (!row.hidden) n++;
        }
        shown.textContent = words.length ? n + " of " + body.rows.length + " endpoints" : "";
      });
    }
  }

  // Theme: the system's, until somebody chooses.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const themed = []; // what draws again when colours change
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const bar = document.querySelector(".toc .wrap");
  if (bar) {
    const button = make("button", "theme");
    button.type = "button";
    const label = () => { button.textContent = isDark() ? "Light theme" : "Dark theme"; };
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      label();
      themed.forEach((f) => f());
    });
    dark.addEventListener("change", () => { label(); themed.forEach((f) => f()); });
    label();
    bar.append(button);
  }

  // Charts over time: drawn again by uPlot, with zoom and one cursor for all. The
  // drawings beneath stay for readers of the page's text, and for paper.
  const data = document.getElementById("plots");
  const box = document.querySelector(".charts");
  if (data && box && typeof uPlot === "function") draw(JSON.parse(data.textContent));

  function draw(p) {
    if (!p) return;
    const probe = make("i");
    probe.hidden = true;
    document.body.append(probe);
    const known = new Map();
    const color = (name) => {
      if (!known.has(name)) {
        probe.style.color = "var(--" + name + ")";
        known.set(name, getComputedStyle(probe).color);
      }
      return known.get(name);
    };
    themed.push(() => known.clear());
    const clock = (s) => {
      s = Math.round(s);
      const two = (n) => String(n).padStart(2, "0");
      const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
      return h ? h + ":" + two(m) + ":" + two(s % 60) : m + ":" + two(s % 60);
    };
    const number = (v) => {
      const a = Math.abs(v);
      const digits = a === 0 || a >= 99.95 ? 0 : a < 0.9995 ? 3 : a < 9.995 ? 2 : 1;
      return v.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    };
    const tick = (v) => (v >= 1e6 ? v / 1e6 + "M" : v >= 1e4 ? v / 1e3 + "k" : String(Math.round(v * 1000) / 1000));
    const charts = [];
    const all = [0, p.end];
    let zoomed = false, busy = false;

    const reset = make("button", "reset", "Reset zoom");
    reset.type = "button";
    reset.hidden = true;
    const help = make("p", "hint zoom", "Drag over a chart to zoom all of them; double-click to see the whole run. ");
    help.append(reset);
    box.before(help);

    const heat = document.querySelector("#chart-heat .plot");
    const zoom = (min, max) => {
      if (busy) return;
      busy = true;
      zoomed = min > 0 || max < p.end;
      reset.hidden = !zoomed;
      box.classList.toggle("zoomed", zoomed);
      for (const c of charts) c.setScale("x", { min, max });
      if (heat) {
        heat.querySelector("svg").setAttribute("viewBox", (min / p.end) * 10000 + " 0 " + ((max - min) / p.end) * 10000 + " 1000");
        for (const e of heat.querySelectorAll(":scope > [data-x]")) {
          const at = ((e.dataset.x / 100) * p.end - min) / (max - min);
          e.style.display = at < -0.001 || at > 1.001 ? "none" : "";
          if (e.tagName === "rect") {
            const from = Math.max(at, 0), to = Math.min(at + (e.dataset.w / 100) * p.end / (max - min), 1);
            e.style.display = to > from ? "" : "none";
            e.setAttribute("x", from * 100 + "%");
            e.setAttribute("width", Math.max(to - from, 0) * 100 + "%");
            continue;
          }
          for (const a of e.tagName === "text" ? ["x"] : ["x1", "x2"]) e.setAttribute(a, at * 100 + "%");
        }
      }
      busy = false;
    };
    reset.addEventListener("click", () => zoom(...all));

    const shades = { warmup: ["band", 0.06], drain: ["band", 0.1], outage: ["failed", 0.16], notrun: ["band", 0.03] };
    const bands = (u) => {
      const { ctx } = u;
      ctx.save();
      ctx.beginPath();
      ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      ctx.clip();
      for (const b of p.bands) {
        const [name, alpha] = shades[b.class] || ["band", 0.06];
        const x = u.valToPos(b.from, "x", true);
        ctx.globalAlpha = alpha;
        ctx.fillStyle = color(name);
        ctx.fillRect(x, u.bbox.top, u.valToPos(b.to, "x", true) - x, u.bbox.height);
      }
      ctx.restore();
    };
    const over = (c) => (u) => {
      const { ctx } = u, ratio = devicePixelRatio;
      ctx.save();
      ctx.font = "600 " + 11.5 * ratio + "px " + getComputedStyle(document.body).fontFamily;
      for (const m of p.marks) {
        const x = u.valToPos(m.at, "x", true);
        if (x < u.bbox.left - 1 || x > u.bbox.left + u.bbox.width + 1) continue;
        ctx.strokeStyle = color("event");
        ctx.lineWidth = ratio;
        ctx.setLineDash([2 * ratio, 3 * ratio]);
        ctx.beginPath();
        ctx.moveTo(x, u.bbox.top);
        ctx.lineTo(x, u.bbox.top + u.bbox.height);
        ctx.stroke();
        ctx.fillStyle = color("ink");
        ctx.textAlign = "center";
        ctx.textBaseline = "bottom";
        ctx.fillText(m.flag, x, u.bbox.top - 2 * ratio);
      }
      if (c.limit) {
        const y = u.valToPos(c.limit.at, "y", true);
        ctx.strokeStyle = ctx.fillStyle = color("fail");
        ctx.lineWidth = 1.25 * ratio;
        ctx.setLineDash([5 * ratio, 4 * ratio]);
        ctx.beginPath();
        ctx.moveTo(u.bbox.left, y);
        ctx.lineTo(u.bbox.left + u.bbox.width, y);
        ctx.stroke();
        ctx.font = 11.5 * ratio + "px " + getComputedStyle(document.body).fontFamily;
        ctx.textAlign = "right";
        ctx.textBaseline = "bottom";
        ctx.setLineDash([]);
        ctx.lineJoin = "round";
        ctx.lineWidth = 3 * ratio;
        ctx.strokeStyle = color("card");
        ctx.strokeText(c.limit.label, u.bbox.left + u.bbox.width - 4 * ratio, y - 3 * ratio);
        ctx.fillText(c.limit.label, u.bbox.left + u.bbox.width - 4 * ratio, y - 3 * ratio);
      }
      ctx.restore();
    };
    const alpha = (name) => color(name).replace("rgb(", "rgba(").replace(")", ", 0.15)");

    for (const c of p.charts) {
      const figure = document.getElementById("chart-" + c.id);
      const frame = figure.querySelector(".frame");
      const svg = figure.querySelector(".plot");
      const legend = [...figure.querySelectorAll(".legend b")];
      const style = getComputedStyle(frame);
      const left = parseFloat(style.paddingLeft), right = parseFloat(style.paddingRight), bottom = parseFloat(style.paddingBottom);
      const height = svg.getBoundingClientRect().height + bottom + 14;
      const axis = { stroke: () => color("soft"), font: "11.5px " + getComputedStyle(document.body).fontFamily, ticks: { show: false }, grid: { stroke: () => color("faint"), width: 1 } };
      const u = new uPlot({
        width: frame.clientWidth, height, padding: [14, right, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: true, y: false, dist: 6 }, points: { size: 6 }, sync: { key: "lt", filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } } },
        scales: {
          x: { time: false, range: (_, min, max) => (min === p.x[0] && max === p.x[p.x.length - 1] ? all : [min, max]) },
          y: { distr: c.log ? 3 : 1, range: [c.low, c.high] },
        },
        axes: [
          { ...axis, size: bottom, space: 115, incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400], values: (_, vs) => vs.map((v) => (v === null ? "" : clock(v))) },
          { ...axis, size: left, gap: 6, splits: () => c.ticks, filter: (_, vs) => vs, values: (_, vs) => vs.map(tick) },
        ],
        series: [{}, ...c.series.map((s) => ({
          stroke: () => color(s.class), width: s.class === "p95" ? 2 : 1.6, dash: s.dashed ? [6, 4] : undefined,
          fill: s.filled ? () => alpha(s.class) : undefined, points: { show: false },
        }))],
        hooks: {
          drawClear: [bands],
          draw: [over(c)],
          setScale: [(u, key) => { if (key === "x" && !busy) zoom(u.scales.x.min, u.scales.x.max); }],
          setCursor: [(u) => {
            const i = u.cursor.idx;
            legend.forEach((b, k) => {
              const v = u.cursor.left >= 0 && i !== null && i !== undefined ? u.data[k + 1][i] : null;
              b.textContent = v === null || v === undefined ? "" : number(v);
            });
            if (heat) {
              const on = u.cursor.left >= 0;
              const line = heat.querySelector(".cursor");
              line.style.opacity = on ? 0.6 : 0;
              if (on) for (const a of ["x1", "x2"]) line.setAttribute(a, (u.cursor.left / u.over.clientWidth) * 100 + "%");
            }
          }],
        },
      }, [p.x, ...c.series.map((s) => s.values)], frame);
      u.root.setAttribute("aria-hidden", "true");
      frame.classList.add("live");
      charts.push(u);
      themed.push(() => u.redraw(false));
      new ResizeObserver(() => {
        if (frame.clientWidth && frame.clientWidth !== u.width) u.setSize({ width: frame.clientWidth, height });
      }).observe(frame);
    }
  }

  // On paper every exchange is shown.
  addEventListener("beforeprint", () => {
    for (const d of document.querySelectorAll("details.failure")) d.open = true;
  });
})();
