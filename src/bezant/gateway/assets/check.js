// The page on which a visitor's own browser checks a receipt. The file never leaves the browser; what
// is asked for is this platform's keys, and a receipt of this platform if the address names one.

import { Incomplete, Invalid, Numeral, textOf } from "./check-reading.js";
import { verifyReceipt } from "./check-receipt.js";
import { readTrust } from "./check-log.js";

const FILE_BYTES_MAX = 4_000_000;
const WORDS = { valid: "Valid", invalid: "Invalid", incomplete: "Cannot be decided here" };
const NOT_SHOWN = [
  "that what happened is true: only that it was recorded, and when it was at the latest",
  "that the log shows everybody the same: only witnesses you trust show that",
];
const KEYS_FROM_HERE =
  "that the keys are the platform's: this page took them from the platform itself; compare them with a copy that you kept";
const KEYS_FROM_YOU = "that the keys are the platform's: you took them from where you took them";

const page = Object.fromEntries(
  ["drop", "receipt", "keys", "answer", "word", "why", "facts", "lacks"].map((id) => [id, document.getElementById(id)]),
);
let kept = null;
let turn = 0;

page.receipt.addEventListener("change", () => checkFile(page.receipt.files[0]));
page.keys.addEventListener("change", () => kept && check(kept));
page.drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  page.drop.classList.add("over");
});
page.drop.addEventListener("dragleave", () => page.drop.classList.remove("over"));
page.drop.addEventListener("drop", (event) => {
  event.preventDefault();
  page.drop.classList.remove("over");
  checkFile(event.dataTransfer.files[0]);
});
for (const name of ["dragover", "drop"]) // Beside the field a browser would open the file and leave.
  document.addEventListener(name, (event) => event.preventDefault());
window.addEventListener("hashchange", checkNamed);
checkNamed();

/** Checks the receipt that the address names behind its `#`: a path of this platform, nothing else. */
function checkNamed() {
  const path = location.hash.slice(1);
  if (/^\/(?![/\\])/.test(path)) check(() => fetched(path, "the receipt"));
}

function checkFile(file) {
  if (file) check(() => contentOf(file));
}

/** Reads a receipt, checks it, and shows what was found; only the newest question is answered. */
async function check(read) {
  kept = read;
  const mine = (turn += 1);
  page.answer.hidden = true;
  const answer = await answered(read);
  if (mine === turn) show(answer);
}

async function answered(read) {
  const own = page.keys.files[0];
  const lacks = [...NOT_SHOWN, own ? KEYS_FROM_YOU : KEYS_FROM_HERE];
  try {
    const receipt = textOf(await read());
    const keys = textOf(await (own ? contentOf(own) : fetched("/audit/keys", "the platform's keys")));
    const found = await verifyReceipt(receipt, await readTrust(keys));
    return { word: "valid", why: "", facts: factsOf(found), lacks };
  } catch (error) {
    if (error instanceof Invalid) return { word: "invalid", why: error.message, facts: [], lacks };
    const why = error instanceof Incomplete ? error.message : `this page failed: ${error.message}`;
    return { word: "incomplete", why, facts: [], lacks };
  }
}

async function contentOf(file) {
  if (file.size > FILE_BYTES_MAX) throw new Invalid("the file is too long");
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new Incomplete(`${file.name} cannot be read`);
  }
}

async function fetched(path, what) {
  try {
    const answer = await fetch(path, { credentials: "omit", mode: "same-origin", redirect: "error" });
    if (!answer.ok) throw new Incomplete(`${what} cannot be read: this platform answered ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  } catch (error) {
    if (error instanceof Incomplete) throw error;
    throw new Incomplete(`${what} cannot be read: this platform does not answer`);
  }
}

function factsOf({ claims, hidden, algorithms, proven }) {
  const facts = Object.entries(claims)
    .filter(([name]) => !["sigs", "v"].includes(name))
    .map(([name, value]) => [name.replaceAll("_", " "), told(value)]);
  facts.push(["hidden fields", String(hidden)], ["signed with", algorithms.join(", ")]);
  if (proven) {
    facts.push(["log", `${proven.origin}, entry ${proven.index} of ${proven.size}`]);
    facts.push(["log signed with", "Ed25519, ML-DSA-87"]);
    facts.push(["witnesses", proven.witnesses.join(", ") || "none"]);
  }
  return facts;
}

function told(value) {
  if (value instanceof Numeral) return value.text;
  if (typeof value !== "object" || value === null) return String(value);
  return JSON.stringify(value, (_, one) => (one instanceof Numeral ? one.text : one));
}

function show({ word, why, facts, lacks }) {
  page.answer.dataset.answer = word;
  page.word.textContent = WORDS[word];
  page.why.textContent = why;
  const rows = facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]);
  page.facts.replaceChildren(...rows);
  page.lacks.replaceChildren(...lacks.map((one) => element("li", one)));
  page.answer.hidden = false;
  page.answer.focus();
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
