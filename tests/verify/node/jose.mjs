// A library of others verifies each classical signature of a receipt, and refuses a changed one.
// node jose.mjs RECEIPTS
import { readFileSync } from "node:fs";
import { flattenedVerify, importSPKI } from "jose";

const [receipts] = process.argv.slice(2);
const trust = JSON.parse(readFileSync(`${receipts}/keys.json`, "utf8"));
const told = [];
for (const name of ["compact.receipt.json", "dual.receipt.json"]) {
  const { payload, signatures } = JSON.parse(readFileSync(`${receipts}/${name}`, "utf8")).receipt;
  for (const one of signatures) {
    const { alg, kid, typ } = JSON.parse(Buffer.from(one.protected, "base64url"));
    if (alg !== "ES256" && alg !== "PS256") continue;
    const spki = trust.receipts.find((key) => key.kid === kid).public_key;
    const key = await importSPKI(`-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----`, alg);
    const found = await flattenedVerify({ payload, ...one }, key, { algorithms: [alg] });
    const changed = (payload[9] === "A" ? "B" : "A");
    const other = { payload: payload.slice(0, 9) + changed + payload.slice(10), ...one };
    const refused = await flattenedVerify(other, key).then(() => false, () => true);
    told.push({ name, alg, typ, claims: JSON.parse(new TextDecoder().decode(found.payload)), refused });
  }
}
console.log(JSON.stringify(told));
