"use strict";

// The state of a blind test, kept by the browser until its answers are downloaded, so that a
// reload, or a phone that closes the page, loses nothing.
class Answers {
  #key;

  constructor(kind) {
    // All pages on the file system may share one storage.
    this.#key = `audiotok page ${PAGE.id} ${kind}`;
  }

  // null if there is none.
  get() {
    try {
      return JSON.parse(localStorage.getItem(this.#key));
    } catch { // no storage, as in some private windows
      return null;
    }
  }

  set(state) {
    try {
      localStorage.setItem(this.#key, JSON.stringify(state));
    } catch {}
  }

  drop() {
    try {
      localStorage.removeItem(this.#key);
    } catch {}
  }
}

// CSV (RFC 4180) of rows, arrays of values.
function csv(rows) {
  const cell = (value) => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// A row of a table.
function tableRow(cells, kind = "td") {
  const row = document.createElement("tr");
  row.append(...cells.map((text) => {
    const cell = document.createElement(kind);
    cell.textContent = text;
    return cell;
  }));
  return row;
}
