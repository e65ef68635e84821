// A visitor with Chromium checks receipts on the page and tells what was shown and what was asked for.
// node page.mjs BROWSER ADDRESS RECEIPTS STEP
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [browserPath, address, receipts, step] = process.argv.slice(2);
const sound = (name) => readFileSync(`${receipts}/${name}`);
const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 360, height: 740 } });
const asked = [];
const complaints = [];
page.on("request", (request) => asked.push(request.url()));
page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
page.on("pageerror", (error) => complaints.push(String(error)));

async function answer() {
  const shown = page.locator("#answer");
  await shown.waitFor({ state: "visible", timeout: 60_000 });
  return {
    word: await shown.getAttribute("data-answer"),
    why: await page.locator("#why").textContent(),
    text: await shown.innerText(),
  };
}

async function chosen(buffer, field = "#receipt") {
  await page.evaluate(() => (document.getElementById("answer").hidden = true));
  await page.setInputFiles(field, { name: "a.json", mimeType: "application/json", buffer });
  return answer();
}

const told = { flips: [] };
await page.goto(`${address}/check`);
told.compact = await chosen(sound("compact.receipt.json"));
told.dual = await chosen(sound("dual.receipt.json"));
told.wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
for (const name of ["compact.receipt.json", "dual.receipt.json"]) {
  const content = sound(name);
  for (let at = 7; at < content.length; at += Number(step)) {
    const changed = Buffer.from(content);
    changed[at] ^= 1 << at % 8;
    told.flips.push((await chosen(changed)).word);
  }
}
const { proof, opening, ...bare } = JSON.parse(sound("compact.receipt.json"));
told.bare = await chosen(written(bare));
const stripped = proof.split("\n").filter((line) => line.length < 5_000).join("\n");
told.stripped = await chosen(written({ ...bare, opening, proof: stripped }));

await page.evaluate(() => (document.getElementById("answer").hidden = true));
const dropped = await page.evaluateHandle((text) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([text], "dropped.json"));
  return transfer;
}, sound("dual.receipt.json").toString());
await page.dispatchEvent("#drop", "drop", { dataTransfer: dropped });
told.dropped = await answer();

await page.goto(`${address}/check#/receipt.json`);
told.named = await answer();
await page.goto(`${address}/check#//elsewhere.example/receipt.json`);
await page.reload();
await page.waitForLoadState("networkidle");
told.elsewhere = await page.locator("#answer").isVisible();

const keys = JSON.parse(sound("keys.json"));
told.kept = await ownKeys(keys);
told.strangers = await ownKeys({ ...keys, receipts: [] });
told.unreadable = await ownKeys({ ...keys, quorum: 9 });
await page.goto(`${address}/check`);
await page.route("**/audit/keys", (route) => route.abort());
complaints.push("---");
told.silent = await chosen(sound("compact.receipt.json"));

async function ownKeys(found) {
  await page.goto(`${address}/check`);
  await page.locator("summary").click();
  await page.setInputFiles("#keys", { name: "k.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(found)) });
  return chosen(sound("compact.receipt.json"));
}

/** Writes a receipt file as it must be written: members in order, everything in ASCII. */
function written(file) {
  const names = ["disclosures", "event", "opening", "payload", "proof", "protected", "receipt", "salt", "signature", "signatures"];
  const text = JSON.stringify(file, names);
  const ascii = text.replace(/[^\x20-\x7e]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return Buffer.from(`${ascii}\n`);
}

await browser.close();
console.log(JSON.stringify({ ...told, asked, complaints }));
