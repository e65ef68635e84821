// Reads one receipt file for each line of paths on its input and answers a line for each.
// node cases.mjs ASSETS KEYS
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [assets, keys] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${assets}/${name}`).href);
const [{ verifyReceipt }, { readTrust }, reading] = await Promise.all(
  ["check-receipt.js", "check-log.js", "check-reading.js"].map(load),
);
const trust = await readTrust(readFileSync(keys, "utf8"));
for await (const path of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const found = await verifyReceipt(reading.textOf(readFileSync(path)), trust);
    answer = { word: "valid", hidden: found.hidden, signed: found.algorithms };
  } catch (error) {
    const known = error instanceof reading.Invalid ? "invalid" : error instanceof reading.Incomplete && "incomplete";
    answer = { word: known || "failed", why: error.message };
  }
  console.log(JSON.stringify(answer));
}
