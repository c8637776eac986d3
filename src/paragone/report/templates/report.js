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
  choices(buttons, (chosen) => {
    for (const claim of claims) claim.hidden = chosen.length > 0 && !chosen.includes(claim.dataset.verdict);
  });
}

// A link to a claim opens it.
function reveal() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
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
