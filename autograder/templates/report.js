"use strict";
// A click on a column's head sorts the table by it, a second click the other way round.
const collator = new Intl.Collator("en", { numeric: true });

function key(row, column, numeric) {
  const cell = row.cells[column];
  const text = cell.dataset.value ?? cell.textContent.trim();
  return numeric ? (text === "" ? null : Number(text)) : text;
}

function compare(a, b, direction) {
  if (a === null || b === null) return (a === null) - (b === null); // what is missing stays last
  return direction * (typeof a === "number" ? a - b : collator.compare(a, b));
}

function sort(table, head) {
  const heads = [...table.tHead.rows[0].cells];
  const column = heads.indexOf(head);
  const numeric = head.dataset.sort === "number";
  const upwards = head.getAttribute("aria-sort") !== "ascending";
  const rows = [...table.tBodies[0].rows].map((row) => [key(row, column, numeric), row]);
  rows.sort((a, b) => compare(a[0], b[0], upwards ? 1 : -1));
  table.tBodies[0].append(...rows.map(([, row]) => row));
  for (const other of heads) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", upwards ? "ascending" : "descending");
  table.classList.add("sorted");
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, head));
    head.append(button);
  }
}
