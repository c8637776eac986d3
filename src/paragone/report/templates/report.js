"use strict";
// Theme: the system's, until the reader chooses. The script runs before the page is painted, so it does not flicker.
const page = document.documentElement;
try {
  const chosen = localStorage.getItem("paragone-theme");
  if (chosen) page.dataset.theme = chosen;
} catch { /* a page opened as a file may have no storage */ }

document.addEventListener("DOMContentLoaded", () => {
  themes(document.getElementById("theme"));
  document.querySelectorAll("table.sortable").forEach(sortable);
  board([...document.querySelectorAll("details.claim")], [...document.querySelectorAll(".counts .chip")]);
  enlarge(document.getElementById("large"));
  document.querySelectorAll(".compare").forEach(sideBySide);
  addEventListener("hashchange", reveal);
  reveal();
});

function themes(button) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const next = (page.dataset.theme || system) === "dark" ? "light" : "dark";
    page.dataset.theme = next;
    try { localStorage.setItem("paragone-theme", next); } catch { /* the choice lasts as long as the page */ }
  });
}

// A table is sorted by a column (ascending, descending, and back to the families) and cut to some families. The floor
// stays on top, what is missing comes last.
function sortable(table) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sort(table, body, original, headers, column));
  });
  filter(table, original);
}

function sort(table, body, original, headers, column) {
  const header = headers[column];
  const before = header.getAttribute("aria-sort");
  const next = before === null ? "ascending" : before === "ascending" ? "descending" : null;
  headers.forEach((other) => other.removeAttribute("aria-sort"));
  table.classList.toggle("sorted", next !== null);
  if (next === null) { body.replaceChildren(...original); return; }
  header.setAttribute("aria-sort", next);
  const sign = next === "ascending" ? 1 : -1;
  const models = original.filter((row) => row.classList.contains("model"));
  models.sort((a, b) => compare(a.cells[column], b.cells[column], header.classList.contains("num"), sign));
  body.replaceChildren(...original.filter((row) => row.classList.contains("floor")), ...models);
}

function compare(a, b, numeric, sign) {
  if (!numeric) return sign * a.textContent.localeCompare(b.textContent);
  const missing = (cell) => cell.dataset.value === undefined;
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  return sign * (Number(a.dataset.value) - Number(b.dataset.value));
}

// Choices: buttons of which any number may be pressed; none pressed shows everything.
function choices(buttons, show) {
  for (const button of buttons) {
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") === "true" ? "false" : "true");
      const pressed = buttons.filter((other) => other.getAttribute("aria-pressed") === "true");
      show(pressed.map((other) => other.dataset.choice));
    });
  }
}

function filter(table, rows) {
  const families = [...new Set(rows.map((row) => row.dataset.family).filter(Boolean))];
  if (families.length < 2) return;
  const bar = document.createElement("div");
  bar.className = "filter";
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Families to show");
  const buttons = families.map((family) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "chip", textContent: family });
    button.dataset.choice = family;
    return button;
  });
  bar.append("Show only: ", ...buttons);
  table.closest(".box").before(bar);
  choices(buttons, (chosen) => {
    for (const row of rows) {
      const family = row.classList.contains("heading") ? row.textContent : row.dataset.family;
      row.hidden = chosen.length > 0 && Boolean(family) && !chosen.includes(family);
    }
  });
}

// The board: the counts choose verdicts.
function board(claims, counts) {
  const buttons = counts.map((chip) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: chip.className, textContent: chip.textContent });
    button.dataset.choice = chip.dataset.verdict;
    chip.replaceWith(button);
    return button;
  });
  const waiting = document.querySelector("details.waiting");
  choices(buttons, (chosen) => {
    for (const claim of claims) claim.hidden = chosen.length > 0 && !chosen.includes(claim.dataset.verdict);
    if (!waiting) return;
    waiting.hidden = [...waiting.querySelectorAll(".claim")].every((claim) => claim.hidden);
    waiting.open = chosen.length > 0 && !waiting.hidden;
  });
}

// Two rows' pictures side by side: of the same kind and seed. The address keeps the choice.
function sideBySide(frame) {
  const figures = [...frame.querySelectorAll("figure")];
  if (figures.length < 2) return;
  const values = (key) => [...new Set(figures.map((figure) => figure.dataset[key]))].filter((value) => value !== "");
  const titles = new Map(figures.map((figure) => [figure.dataset.row, figure.dataset.title]));
  const form = document.createElement("form");
  form.className = "choose";
  const wanted = new URLSearchParams(location.search);
  const choose = (name, label, options, first) => {
    const holder = document.createElement("label");
    const select = document.createElement("select");
    for (const [value, text] of options) select.add(new Option(text, value));
    const known = options.map(([value]) => value);
    select.value = known.includes(wanted.get(name)) ? wanted.get(name) : first;
    holder.append(label, select);
    holder.hidden = options.length < 2;
    form.append(holder);
    select.addEventListener("change", show);
    return select;
  };
  const rows = [...titles];
  const left = choose("left", "Left", rows, rows[0][0]);
  const right = choose("right", "Right", rows, rows[1][0]);
  const kind = choose("show", "Show", values("kind").map((value) => [value, value]), values("kind")[0]);
  const seeds = values("seed");
  const seed = choose("seed", "Seed", seeds.map((value) => [value, value]), seeds[0]);
  const none = document.createElement("p");
  none.className = "none";
  frame.before(form);
  frame.append(none);
  function find(row) {
    const pictures = figures.filter((figure) => figure.dataset.row === row && figure.dataset.kind === kind.value);
    return pictures.find((figure) => figure.dataset.seed === seed.value) || pictures.find((figure) => figure.dataset.seed === "");
  }
  function show() {
    const shown = [left, right].map((select) => find(select.value));
    for (const figure of figures) {
      figure.hidden = !shown.includes(figure);
      figure.classList.toggle("second", figure === shown[1] && figure !== shown[0]);
    }
    const lacking = [left, right].filter((_, i) => !shown[i]).map((select) => titles.get(select.value));
    none.hidden = lacking.length === 0;
    none.textContent = `No such picture: ${lacking.join(", ")}.`;
    const query = new URLSearchParams({ left: left.value, right: right.value, show: kind.value, seed: seed.value });
    try { history.replaceState(null, "", `?${query}`); } catch { /* a page opened as a file may have no history */ }
  }
  show();
}

// A link to a claim opens it.
function reveal() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const closed = [];
  for (let part = target || null; part; part = part.parentElement) {
    if (part instanceof HTMLDetailsElement && !part.open) closed.push(part);
  }
  for (const part of closed) part.open = true;
  if (closed.length) target.scrollIntoView();
}

// A picture, enlarged.
function enlarge(large) {
  for (const link of document.querySelectorAll("a.zoom")) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      const image = link.querySelector("img");
      large.querySelector("img").src = image.src;
      large.querySelector("img").alt = image.alt;
      large.querySelector("p").textContent = image.alt;
      large.showModal();
    });
  }
  large.addEventListener("click", (event) => { if (event.target === large) large.close(); });
}
