/* Tables sort by a column, filter by a word, turn their pages and are downloaded, where there is a script. What stands
   in a cell is compared, and written to a sheet, by its data-value, as a number where it is one. */
"use strict";

const PAGE = 50, FEW = 8, MARK = "\ufeff";
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/, NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;
const words = document.body.dataset;
const order = new Intl.Collator(document.documentElement.lang, { numeric: true });

function textOf(cell) {
  const copy = cell.cloneNode(true);
  for (const br of copy.querySelectorAll("br")) br.replaceWith(" ");
  return copy.textContent.trim().replace(/\s+/g, " ");
}
const valueOf = (cell) => cell.dataset.value ?? textOf(cell);

function compare(one, other) {
  return NUMBER.test(one) && NUMBER.test(other) ? one - other : order.compare(one, other);
}

function make(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/* What is not known comes last, whichever way. */
function sortBy(table, head, show) {
  const at = head.cellIndex, body = table.tBodies[0];
  const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", way < 0 ? "descending" : "ascending");
  const rows = [...body.rows].map((row) => [valueOf(row.cells[at]), row]);
  rows.sort(([a], [b]) => (a === "") - (b === "") || way * compare(a, b));
  body.append(...rows.map(([, row]) => row));
  show(0);
}

function addSorting(table, show) {
  for (const head of table.tHead.rows[0].cells) {
    const button = make("button", { type: "button", className: "sort" }, ...head.childNodes);
    button.addEventListener("click", () => sortBy(table, head, show));
    head.append(button);
  }
}

function makeFilter(table, show) {
  const field = make("input", { type: "search", className: "filter", placeholder: words.filter });
  field.setAttribute("aria-label", words.filter);
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    show(0);
  });
  return field;
}

/* A number as it is; a text in quotes, and marked as one where a spreadsheet would reckon with it. */
function write(cell) {
  const value = valueOf(cell);
  if (cell.dataset.value !== undefined && NUMBER.test(value)) return value;
  return `"${(FORMULA.test(value) ? "'" : "") + value.replaceAll('"', '""')}"`;
}

/* The rows that are left by the filter, in the order that is seen, of all pages. */
function download(table) {
  const rows = [table.tHead.rows[0], ...[...table.tBodies[0].rows].filter((row) => !row.hidden)];
  const sheet = rows.map((row) => [...row.cells].map(write).join(",") + "\r\n").join("");
  const url = URL.createObjectURL(new Blob([MARK + sheet], { type: "text/csv;charset=utf-8" }));
  make("a", { href: url, download: `${textOf(table.caption)}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/* Of a table that is longer elsewhere, all of it is from there. */
function makeSheet(table) {
  if (table.dataset.csv) return make("a", { href: table.dataset.csv, download: "", textContent: words.csv });
  const button = make("button", { type: "button", className: "plain", textContent: words.csv });
  button.addEventListener("click", () => download(table));
  return button;
}

function makePager(table) {
  const told = make("span"), back = make("button", { type: "button", textContent: words.back });
  const next = make("button", { type: "button", textContent: words.next });
  const pager = make("div", { className: "pager" }, back, told, next);
  let page = 0;
  told.setAttribute("role", "status");
  const show = (asked) => {
    const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden);
    const last = Math.max(Math.ceil(rows.length / PAGE) - 1, 0), numbers = new Intl.NumberFormat(document.documentElement.lang);
    page = Math.min(Math.max(asked, 0), last);
    rows.forEach((row, at) => row.toggleAttribute("data-off", Math.floor(at / PAGE) !== page));
    const from = Math.min(page * PAGE + 1, rows.length), to = Math.min((page + 1) * PAGE, rows.length);
    const [first, until, all] = [from, to, rows.length].map((n) => numbers.format(n));
    told.textContent = words.rows.replace("{from}", first).replace("{to}", until).replace("{of}", all);
    back.setAttribute("aria-disabled", page === 0);
    next.setAttribute("aria-disabled", page === last);
  };
  back.addEventListener("click", () => show(page - 1));
  next.addEventListener("click", () => show(page + 1));
  return [pager, show];
}

function enrich(within) {
  for (const table of within.querySelectorAll("table[data-rich]:not([data-done])")) {
    const frame = table.closest(".wide"), rows = table.tBodies[0].rows.length, [pager, show] = makePager(table);
    table.dataset.done = "";
    addSorting(table, show);
    show(0);
    frame.before(make("div", { className: "tools" }, ...(rows > FEW ? [makeFilter(table, show)] : []), makeSheet(table)));
    if (rows > PAGE) frame.after(pager);
  }
}

/* Where the database is away: looks every five seconds, and shows the page once there is one. */
async function lookAgain(address) {
  const answer = await fetch(address).catch(() => null);
  if (answer && answer.status !== 503) location.replace(address);
  else setTimeout(lookAgain, 5000, address);
}

enrich(document);
const again = document.querySelector("[data-again]");
if (again) setTimeout(lookAgain, 5000, again.dataset.again);
document.addEventListener("htmx:load", (event) => enrich(event.detail.elt));
