"use strict";
/* What the pages gain from scripts: sorting and filters, charts with a choice of cost, a run's details, copied commands.
   Every page is whole without it. */
(() => {
  const data = window.carrousel ?? {};
  const MANY = 50, SOME = 8;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const make = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  /* tables */
  const tables = new Map();
  const plain = (row, column) => (row.cells[column].dataset.search ?? row.cells[column].textContent).trim();

  function enhance(table) {
    const rows = table.tBodies[0].rows.length;
    if (rows < 2 || !window.DataTable) return;
    const holder = table.closest(".tabled");
    const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    const chosen = (holder.dataset.filters ?? "").split("|").filter((name) => names.includes(name) && rows > 3);
    const values = chosen.map((name) => [...new Set([...table.tBodies[0].rows].map((row) => plain(row, names.indexOf(name))))]);
    const made = new window.DataTable(table, {
      order: [], paging: rows > MANY, pageLength: MANY, lengthMenu: [25, 50, 200, 1000], autoWidth: false, searching: rows > SOME || chosen.length > 0,
      info: rows > SOME, language: { search: "Search", lengthMenu: "_MENU_ rows a page" },
      layout: { topStart: rows > SOME ? "search" : null, topEnd: rows > SOME ? "info" : null, bottomStart: rows > MANY ? "pageLength" : null, bottomEnd: rows > MANY ? "paging" : null },
    });
    const region = table.closest(".scroll"), inner = table.closest(".dt-layout-table");
    if (inner) { /* what scrolls is the table, not the search above it */
      for (const name of ["role", "aria-label", "tabindex"]) { inner.setAttribute(name, region.getAttribute(name)); region.removeAttribute(name); }
      region.classList.add("live");
    }
    const row = make("div", { class: "filters" });
    tables.set(table, { made, names, filters: {}, row });
    chosen.forEach((name, k) => {
      if (values[k].length < 2 || values[k].length > 400) return;
      const select = make("select", { "aria-label": name }, new Option(`all ${values[k].length}`, ""), ...values[k].map((value) => new Option(value.length > 70 ? `${value.slice(0, 69)}…` : value, value)));
      select.addEventListener("change", () => choose(table, name, select.value));
      row.append(make("label", {}, name, select));
      tables.get(table).filters[name] = select;
    });
    if (chosen.length) holder.prepend(row);
  }

  /* Shows the rows whose entry in one column fits, all of them for an empty value. What no select can say is said by a button that takes it away. */
  function choose(table, name, value, fits = (text) => text === value) {
    const { made, names, filters, row } = tables.get(table);
    const column = names.indexOf(name), select = filters[name];
    if (select) select.value = value;
    [...row.querySelectorAll("button.chip")].filter((chip) => chip.dataset.column === name).forEach((chip) => chip.remove());
    if (value && select?.value !== value) {
      if (select) select.value = "";
      const chip = make("button", { type: "button", class: "chip", "data-column": name, title: "Show all again" }, `${name}: ${value} ×`);
      chip.addEventListener("click", () => choose(table, name, ""));
      row.append(chip);
    }
    made.column(column).search.fixed("chosen", value ? (text, entry, index) => fits(plain(made.row(index).node(), column)) : null).draw();
  }

  /* charts */
  const number = (share) => (share ? ".3~%" : "~g");

  const SHORT = 150; /* from the smallest to the largest value of a log axis */
  const decades = ([low, high]) => {
    const first = Math.floor(Math.log10(low)), powers = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, k) => 10 ** (first + k));
    return powers.flatMap((power) => (high < SHORT * low ? [power, 2 * power, 5 * power] : [power])).filter((value) => low <= value && value <= high);
  };

  /* words in lines of at most so many letters, as the height of a chart has room for them */
  const lines = (text, most) => text.split(" ").reduce((made, word) => (made.length && `${made.at(-1)} ${word}`.length <= most ? [...made.slice(0, -1), `${made.at(-1)} ${word}`] : [...made, word.slice(0, most)]), []);

  function extent(values, logarithmic) {
    const low = Math.min(...values), high = Math.max(...values), room = (high - low) * 0.06 || Math.abs(high) * 0.05 || 0.05;
    return logarithmic ? [low / 1.2, high * 1.2] : [low - room, high + room];
  }

  function spec(panel, looks, wanted, width, height) {
    const cost = wanted.cost, cells = panel.points.map((point) => point.cell);
    const priced = (rows) => rows.filter((row) => row[cost.name] !== null && row[cost.name] !== undefined);
    const points = priced(panel.points).map((point) => ({ ...point, able: point.front.includes(cost.name), dim: wanted.cells.size > 0 && !wanted.cells.has(point.cell) }));
    if (!points.length) return null;
    if (panel.logarithmic) { /* an interval that reaches 0 has no end on this axis: it is drawn to below all scores */
      const foot = 0.7 * Math.min(...[...points, ...panel.runs].flatMap((point) => [point.score, point.low]).filter((value) => value > 0));
      for (const point of points) if (point.low !== null) point.low = Math.max(point.low, foot);
    }
    const able = new Set(points.filter((point) => point.able).map((point) => point.cell));
    const runs = priced(panel.runs).map((run) => ({ ...run, able: able.has(run.cell), dim: wanted.cells.size > 0 && !wanted.cells.has(run.cell) }));
    const xs = points.map((point) => point[cost.name]), low = Math.min(...xs), high = Math.max(...xs);
    const logarithmic = low > 0 && high / low > 3, room = (high - low) * 0.12 || Math.abs(high) * 0.2 || 1;
    const domain = logarithmic ? [low / 1.35, high * 1.35] : [Math.max(0, low - room), high + room];
    const ends = [...points, ...runs].flatMap((each) => [each.score, each.low ?? each.score, each.high ?? each.score]);
    const [least, most] = extent([...ends, ...panel.lines.map((line) => line.score)], panel.logarithmic);
    const published = wanted.published ? panel.published.filter((figure) => wanted.unsure || figure.known !== "unsure").map((figure) => ({ ...figure, x: domain[1], at: Math.min(Math.max(figure.score, least), most), form: figure.score > most ? "triangle-up" : figure.score < least ? "triangle-down" : "diamond" })) : [];
    const x = { field: cost.name, type: "quantitative", title: cost.unit ? `${cost.label}, ${cost.unit}` : cost.label, scale: { type: logarithmic ? "log" : "linear", domain, nice: false, ...(logarithmic ? {} : { zero: false }) }, axis: { format: cost.name === "time" ? "~g" : "~s", tickCount: 5, labelOverlap: true, grid: false, ...(cost.name === "time" ? {} : { tickMinStep: 1 }) } };
    const title = [...lines(`test ${panel.measure}`, Math.floor(height / 8)).slice(0, 3), `${panel.better} is better`];
    const y = { field: "score", type: "quantitative", title, scale: { type: panel.logarithmic ? "log" : "linear", domain: [least, most], nice: false, ...(panel.logarithmic ? {} : { zero: false }) }, axis: { format: number(panel.share), tickCount: 5, labelOverlap: true, ...(panel.logarithmic ? { values: decades([least, most]) } : {}) } };
    const colour = { field: "cell", type: "nominal", legend: null, scale: { domain: cells, range: cells.map((cell) => looks[cell].colour) } };
    const shape = { field: "cell", type: "nominal", legend: null, scale: { domain: cells, range: cells.map((cell) => looks[cell].shape) } };
    const strength = (full, pale) => ({ condition: [{ test: "datum.dim", value: 0.08 }, { test: "datum.able", value: full }], value: pale });
    const line = points.filter((point) => point.able).sort((a, b) => a[cost.name] - b[cost.name]);
    const layers = [
      ...panel.lines.map((baseline) => ({ data: { values: [baseline] }, mark: { type: "rule", strokeDash: baseline.whole ? [2, 3] : [6, 4], color: css("--soft") }, encoding: { y, tooltip: [{ field: "label", title: "baseline" }, { field: "score", title: panel.measure, format: panel.share ? ".1%" : ".4~g" }] } })),
      ...panel.lines.map((baseline) => ({ data: { values: [baseline] }, mark: { type: "text", align: baseline.whole ? "left" : "right", dx: baseline.whole ? 4 : -4, dy: -6, fontSize: 11, color: css("--soft") }, encoding: { y, x: { value: baseline.whole ? 0 : "width" }, text: { field: "label" } } })),
      { data: { values: line }, mark: { type: "line", interpolate: "step-after", color: css("--soft"), strokeWidth: 1.2 }, encoding: { x, y } },
      { data: { values: points.filter((point) => point.low !== null) }, mark: { type: "rule", strokeWidth: 2 }, encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color: colour, opacity: strength(1, 0.35) } },
      ...(wanted.runs ? [{ data: { values: runs }, mark: { type: "point", filled: true, size: 22, cursor: "pointer" }, encoding: { x, y, color: colour, shape, opacity: strength(0.5, 0.2), href: { field: "href" }, tooltip: [{ field: "cell" }, { field: "score", title: "one run", format: panel.share ? ".2%" : ".4~g" }] } }] : []),
      { data: { values: points }, mark: { type: "point", filled: true, size: 90, cursor: "pointer" }, encoding: { x, y, color: colour, shape, opacity: strength(1, 0.35), href: { field: "href" }, tooltip: [{ field: "cell" }, { field: "said", title: panel.measure }, { field: cost.name, title: cost.label, format: ",.4~g" }] } },
      ...(published.length ? [{ data: { values: published }, mark: { type: "point", filled: false, size: 80, strokeWidth: 1.6, color: css("--ink") }, encoding: { x: { ...x, field: "x" }, y: { ...y, field: "at" }, shape: { field: "form", type: "nominal", legend: null, scale: null }, tooltip: [{ field: "label", title: "published" }, { field: "known" }] } }] : []),
    ];
    return { $schema: "https://vega.github.io/schema/vega-lite/v6.json", width, height, autosize: { type: "fit", contains: "padding" }, background: null, layer: layers, config: theme() };
  }

  function theme() {
    const ink = css("--ink"), soft = css("--soft"), grid = css("--grid");
    return { font: "system-ui, sans-serif", axis: { labelColor: ink, titleColor: soft, titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 12, gridColor: grid, domainColor: soft, tickColor: soft }, view: { stroke: null } };
  }

  const wanted = { cost: null, runs: true, published: true, unsure: false, cells: new Set() };

  async function draw(figure) {
    const panel = data.page.panels[figure.dataset.chart];
    if (!panel) return;
    const holder = figure.querySelector(".drawn");
    const width = Math.max(240, holder.clientWidth);
    const made = spec(panel, data.page.looks, wanted, width, Math.round(Math.min(width * 0.68, 420)));
    holder.classList.add("live");
    if (!made) {
      holder.replaceChildren(make("p", { class: "settings" }, `No run of this task has its ${wanted.cost.label} recorded.`));
      return;
    }
    const place = make("div");
    const said = panel.points.map((point) => `${point.cell}: ${point.said}`).join("; ");
    await window.vegaEmbed(place, { ...made, description: `Test ${panel.measure} against ${wanted.cost.label} on ${panel.title}. ${said}` }, { actions: false, renderer: "svg", mode: "vega-lite" });
    holder.replaceChildren(place);
    figure.dataset.drawn = wanted.cost.name;
  }

  function charts() {
    const figures = [...document.querySelectorAll("figure[data-chart]")];
    if (!window.vegaEmbed || !data.page?.panels || !figures.length) return;
    wanted.cost = data.page.costs[0];
    const visible = new Set();
    const again = () => visible.forEach(draw);
    const seen = new IntersectionObserver((entries) => entries.forEach((entry) => {
      if (!entry.isIntersecting) visible.delete(entry.target);
      else if (!visible.has(entry.target)) { visible.add(entry.target); draw(entry.target); }
    }), { rootMargin: "300px" });
    figures.forEach((figure) => seen.observe(figure));
    document.querySelectorAll("form[data-controls]").forEach((form) => {
      form.hidden = false;
      form.addEventListener("change", () => {
        wanted.cost = data.page.costs.find((cost) => cost.name === form.elements.cost.value);
        wanted.runs = form.elements.runs.checked;
        wanted.published = form.elements.published.checked;
        wanted.unsure = form.elements.unsure.checked;
        again();
      });
    });
    document.querySelectorAll("[data-legend] li").forEach((entry) => {
      const button = make("button", { type: "button", "aria-pressed": "false", title: "Show this cell alone, or beside others that are chosen" }, ...entry.childNodes);
      button.addEventListener("click", () => {
        const cell = entry.dataset.cell, on = !wanted.cells.has(cell);
        on ? wanted.cells.add(cell) : wanted.cells.delete(cell);
        button.setAttribute("aria-pressed", on);
        again();
      });
      entry.replaceChildren(button);
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    let timer;
    addEventListener("resize", () => { clearTimeout(timer); timer = setTimeout(again, 150); });
  }

  /* copying */
  function copyable(element, text) {
    const button = make("button", { type: "button", class: "copy" }, "copy");
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(text); } catch { fallback(text); }
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
    element.after(button);
  }

  function fallback(text) {
    const area = make("textarea", { class: "unseen" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  /* runs */
  const loaded = new Map();

  function chunk(which) {
    if (!loaded.has(which)) loaded.set(which, new Promise((resolve, reject) => {
      const script = make("script", { src: `data/runs-${which}.js` });
      script.addEventListener("load", resolve);
      script.addEventListener("error", reject);
      document.head.append(script);
    }));
    return loaded.get(which);
  }

  const flat = (value, path = "") => Object.entries(value).flatMap(([key, inner]) => inner !== null && typeof inner === "object" && !Array.isArray(inner) ? flat(inner, `${path}${key}.`) : [[path + key, Array.isArray(inner) ? JSON.stringify(inner) : String(inner)]]);
  const listed = (value) => make("dl", {}, ...flat(value).flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));

  function curve(points) {
    const box = [560, 150], xs = points.map((p) => p[0]), ys = points.map((p) => p[2]);
    const scale = (value, values, size) => { const low = Math.min(...values), high = Math.max(...values); return high === low ? size / 2 : ((value - low) / (high - low)) * size; };
    const path = points.map((p, k) => `${k ? "L" : "M"}${(scale(p[0], xs, box[0] - 20) + 10).toFixed(1)},${(box[1] - 10 - scale(p[2], ys, box[1] - 20)).toFixed(1)}`).join("");
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${box[0]} ${box[1]}`);
    svg.setAttribute("class", "curve");
    svg.setAttribute("role", "img");
    const said = `Validation score from ${ys[0]} at step ${xs[0]} to ${ys.at(-1)} at step ${xs.at(-1)}, between ${Math.min(...ys)} and ${Math.max(...ys)}`;
    svg.setAttribute("aria-label", said);
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", path);
    line.setAttribute("fill", "none");
    line.setAttribute("stroke", "currentColor");
    line.setAttribute("stroke-width", "1.6");
    svg.append(line);
    return make("div", {}, svg, make("p", { class: "settings" }, `${said}.`));
  }

  async function show(file) {
    const dialog = document.getElementById("run"), row = document.getElementById(`run-${file}`) ?? rowOf(file);
    if (!dialog || !row) return;
    await chunk(row.dataset.chunk);
    const run = window.carrousel.runs[file];
    const command = make("code", {}, run.command);
    const body = dialog.querySelector(".body");
    body.replaceChildren(make("h2", { id: "run-title" }, `Run ${file}`), make("p", {}, run.status), make("p", {}, command));
    copyable(command, run.command);
    if (run.curve.length > 1) body.append(make("h3", {}, "Curve"), curve(run.curve));
    body.append(make("h3", {}, "Settings"), listed(run.spec), make("h3", {}, "Where"), listed(run.where));
    if (!dialog.open) dialog.showModal();
  }

  function rowOf(file) {
    const table = document.querySelector("table[data-runs]"), held = tables.get(table);
    return held ? held.made.rows().nodes().toArray().find((row) => row.id === `run-${file}`) : null;
  }

  function follow() {
    const table = document.querySelector("table[data-runs]");
    if (!table) return;
    const hash = decodeURIComponent(location.hash.slice(1).includes("=") ? "" : location.hash.slice(1));
    if (hash.startsWith("run-")) { show(hash.slice(4)); return; }
    const asked = new URLSearchParams(location.hash.slice(1).replace(/\+/g, "%2B"));
    if (asked.has("run")) show(asked.get("run"));
    const wanted = ["task", "cell", "engine", "status"].filter((name) => asked.has(name));
    if (!tables.has(table) || !wanted.length) return;
    const { made, names } = tables.get(table), labels = JSON.parse(document.getElementById("run").dataset.tasks);
    made.search("");
    names.forEach((name) => choose(table, name, ""));
    for (const name of wanted) {
      const value = name === "task" ? labels[asked.get(name)] ?? asked.get(name) : asked.get(name);
      if (name === "status") choose(table, name, value, (text) => text.startsWith(value) && text.endsWith((asked.get("why") ?? "").trim()));
      else choose(table, name === "task" ? "task or shape" : name, value);
    }
    if (asked.has("kind")) choose(table, "task or shape", asked.get("kind"), (text) => text.startsWith(`${asked.get("kind")} (`));
  }

  function runs() {
    const table = document.querySelector("table[data-runs]");
    if (!table) return;
    table.addEventListener("click", (event) => {
      const link = event.target.closest("a[href^='#run-']");
      if (link) { event.preventDefault(); history.replaceState(null, "", link.hash); show(link.hash.slice(5)); return; }
    });
    const buttons = () => table.querySelectorAll("tbody th > a:only-child").forEach((link) => copyable(link, link.closest("tr").querySelector("td.command code").textContent)); /* beside the number: the command lies far to the right */
    buttons();
    tables.get(table)?.made.on("draw", buttons);
    addEventListener("hashchange", follow);
    follow();
  }

  /* the tab of this page into view; scrollIntoView would move where the Tab key begins */
  function centre(bar, tab) {
    if (!bar || !tab) return;
    const [outer, inner] = [bar, tab].map((each) => each.getBoundingClientRect());
    bar.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
  }

  /* a link to a part that is folded away opens it */
  function unfold() {
    document.getElementById(decodeURIComponent(location.hash.slice(1)))?.querySelector(":scope > details")?.setAttribute("open", "");
  }

  /* a site that is being watched: a script that says when it was written, asked for again and again */
  function watch() {
    const place = document.documentElement.dataset.watch;
    if (!place) return;
    let first = null;
    (window.carrousel ??= {}).watched = (written) => { first ??= written; if (written !== first) location.reload(); };
    const ask = () => {
      const script = make("script", { src: `${place}?${Date.now()}` });
      script.addEventListener("load", () => script.remove());
      document.head.append(script);
    };
    ask();
    setInterval(ask, 4000);
  }

  document.addEventListener("DOMContentLoaded", () => {
    watch();
    centre(document.querySelector("header nav"), document.querySelector("header nav a[aria-current]"));
    document.querySelectorAll("table[data-enhance]").forEach(enhance);
    document.querySelectorAll("[data-copy]").forEach((code) => copyable(code, code.textContent));
    charts();
    runs();
    unfold();
    addEventListener("hashchange", unfold);
    document.documentElement.dataset.ready = "yes";
  });
})();
