"use strict";
(() => {
  // Tables: a click on a head sorts by its column; numbers start with the largest.
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    const key = (row, i) => {
      const cell = row.cells[i];
      return cell.dataset.v === undefined ? cell.textContent.trim() : Number(cell.dataset.v);
    };
    heads.forEach((head, i) => {
      const button = document.createElement("button");
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
  }

  // Charts: one cursor for all, whose values stand in the legends. The values are
  // those of the data tables.
  const charts = [...document.querySelectorAll(".chart")].map((figure) => ({
    figure,
    plot: figure.querySelector(".plot"),
    cursor: figure.querySelector(".cursor"),
    legend: [...figure.querySelectorAll(".legend [data-col]")],
    rows: figure.querySelector(".data tbody").rows,
  }));
  const seconds = (clock) => clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  const box = document.querySelector(".charts");
  if (box) {
    const end = Number(box.dataset.end);
    const starts = [...charts[0].rows].map((row) => seconds(row.cells[0].textContent));
    const clear = () => {
      box.classList.remove("pointed");
      for (const c of charts) c.legend.forEach((l) => { l.querySelector("b").textContent = ""; });
    };
    const point = (event) => {
      const plot = event.target.closest(".plot");
      if (!plot) return clear();
      const r = plot.getBoundingClientRect();
      const share = Math.min(Math.max((event.clientX - r.left) / r.width, 0), 1);
      let i = starts.findIndex((s) => s > share * end);
      i = i < 0 ? starts.length - 1 : Math.max(i - 1, 0);
      box.classList.add("pointed");
      for (const c of charts) {
        c.cursor.setAttribute("x1", share * 100 + "%");
        c.cursor.setAttribute("x2", share * 100 + "%");
        c.legend.forEach((l) => { l.querySelector("b").textContent = c.rows[i] ? c.rows[i].cells[l.dataset.col].textContent : ""; });
      }
    };
    box.addEventListener("pointermove", point);
    box.addEventListener("pointerleave", clear);
  }

  // On paper every exchange is shown.
  addEventListener("beforeprint", () => {
    for (const d of document.querySelectorAll("details.failure")) d.open = true;
  });
})();
