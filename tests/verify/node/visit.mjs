// A payer follows the link on a receipt's page, and Chromium tells what the check page said.
// node visit.mjs BROWSER ADDRESS-OF-THE-RECEIPT-PAGE
import { chromium } from "playwright-core";

const [browserPath, address] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
const page = await browser.newPage();
const complaints = [];
page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
page.on("pageerror", (error) => complaints.push(String(error)));
await page.goto(address);
await page.getByText("your own browser").click();
const shown = page.locator("#answer");
await shown.waitFor({ state: "visible", timeout: 60_000 });
const word = await shown.getAttribute("data-answer");
const text = await shown.innerText();
await browser.close();
console.log(JSON.stringify({ word, text, complaints }));
