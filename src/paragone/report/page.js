"use strict";
// Theme: the system's, until the reader chooses.
const rootElement = document.documentElement;
try {
  const chosen = localStorage.getItem("paragone-theme");
  if (chosen) rootElement.dataset.theme = chosen;
} catch { /* a page opened as a file may have no storage */ }
document.getElementById("theme").addEventListener("click", () => {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const next = (rootElement.dataset.theme || system) === "dark" ? "light" : "dark";
  rootElement.dataset.theme = next;
  try { localStorage.setItem("paragone-theme", next); } catch { /* the choice lasts as long as the page */ }
});

// Sorting: ascending, descending, and back to the families. The floor stays on top, what is missing comes last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => header.querySelector("button").addEventListener("click", () => {
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
  }));
}

function compare(a, b, numeric, sign) {
  if (!numeric) return sign * a.textContent.localeCompare(b.textContent);
  const missing = (cell) => cell.dataset.value === undefined;
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  return sign * (Number(a.dataset.value) - Number(b.dataset.value));
}

// A wall, enlarged.
const large = document.getElementById("large");
for (const button of document.querySelectorAll("button.wall")) {
  button.addEventListener("click", () => {
    const image = button.querySelector("img");
    large.querySelector("img").src = image.src;
    large.querySelector("img").alt = image.alt;
    large.querySelector("p").textContent = image.alt;
    large.showModal();
  });
}
large.addEventListener("click", (event) => { if (event.target === large) large.close(); });
