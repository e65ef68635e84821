// Changes every nth byte of each receipt file and tells what the page's own modules said.
// node flips.mjs ASSETS RECEIPTS STEP
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [assets, receipts, step] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${assets}/${name}`).href);
const [{ verifyReceipt }, { readTrust }, reading] = await Promise.all(
  ["check-receipt.js", "check-log.js", "check-reading.js"].map(load),
);
const trust = await readTrust(readFileSync(`${receipts}/keys.json`, "utf8"));

async function said(bytes) {
  try {
    await verifyReceipt(reading.textOf(bytes), trust);
    return "valid";
  } catch (error) {
    if (error instanceof reading.Invalid) return "invalid";
    return error instanceof reading.Incomplete ? "incomplete" : `failed: ${error.stack}`;
  }
}

const told = {};
for (const name of ["compact.receipt.json", "dual.receipt.json"]) {
  const sound = readFileSync(`${receipts}/${name}`);
  const counts = { sound: await said(sound), tried: 0, odd: [] };
  for (let at = 0; at < sound.length; at += Number(step)) {
    const changed = Uint8Array.from(sound);
    changed[at] ^= 1 << (at * 5 + 3) % 8;
    counts.tried += 1;
    const answer = await said(changed);
    if (answer !== "invalid") counts.odd.push([at, answer]);
  }
  for (const end of [0, 1, sound.length >> 1, sound.length - 1])
    if ((await said(sound.subarray(0, end))) === "valid") counts.odd.push([end, "cut"]);
  told[name] = counts;
}
console.log(JSON.stringify(told));
