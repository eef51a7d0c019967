/* Tables sort by a column and filter by a word, where there is a script. What stands in a cell is compared by its
   data-value, as a number where it is one. */
"use strict";

const valueOf = (cell) => cell.dataset.value ?? cell.textContent.trim();

function compare(one, other) {
  const [a, b] = [valueOf(one), valueOf(other)];
  const [x, y] = [Number(a), Number(b)];
  return a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y) ? x - y : a.localeCompare(b);
}

function sortBy(table, head) {
  const at = head.cellIndex, body = table.tBodies[0];
  const falls = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", falls ? "descending" : "ascending");
  const rows = [...body.rows].sort((one, other) => compare(one.cells[at], other.cells[at]));
  body.append(...(falls ? rows.reverse() : rows));
}

function addSorting(table) {
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sortBy(table, head));
    head.append(button);
  }
}

function addFilter(table) {
  const field = document.createElement("input");
  field.type = "search";
  field.className = "filter";
  field.placeholder = table.dataset.filter;
  field.setAttribute("aria-label", table.dataset.filter);
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
  table.closest(".wide").before(field);
}

function enrich(within) {
  for (const table of within.querySelectorAll("table[data-rich]:not([data-done])")) {
    table.dataset.done = "";
    addSorting(table);
    if (table.dataset.filter && table.tBodies[0].rows.length > 8) addFilter(table);
  }
}

enrich(document);
document.addEventListener("htmx:load", (event) => enrich(event.detail.elt));
