// A receipt file, checked as `bezant-verify receipt` checks it: every signature that is demanded, the
// fields that are shown, and the proof that the log committed to it.

import {
  Incomplete, Invalid, base64url, fromBase64url, hasExactly, hex, list, object, readJson, readObject,
  string, textOf, utf8, written,
} from "./check-reading.js";
import { openEntry, verifyProof } from "./check-log.js";
import { fits, sha256 } from "./check-signatures.js";

const TYP = "bezant-receipt+jws";
const VERSION = 1;
const FILE_CHARACTERS_MAX = 1_000_000;
const SIGNATURES_MAX = 4;
const MEMBERS = ["disclosures", "opening", "proof", "receipt"];
const FEED = "receipts";
const ISSUED = "receipt.issued";
const POST_QUANTUM = new Set(["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]);

/** Returns what a receipt shows; throws `Invalid`, or `Incomplete` where something is missing. */
export async function verifyReceipt(text, trust) {
  const file = readFile(text);
  const signed = readSigned(file.receipt);
  const algorithms = await verifySigned(signed, trust.receipts);
  const { claims, hidden } = await shown(signed.claims, file.disclosures ?? []);
  if (claims.v !== VERSION) throw new Invalid("the receipt is of a version that is not known here");
  const postQuantum = algorithms.some((algorithm) => POST_QUANTUM.has(algorithm));
  const proven = await logged(file, signed, trust);
  if (!proven && !postQuantum)
    throw new Incomplete("a compact receipt needs its proof: the ML-DSA-87 signature is in it");
  return { claims, hidden, algorithms, proven };
}

function readFile(text) {
  if (text.length > FILE_CHARACTERS_MAX) throw new Invalid("the file is too long");
  const given = readObject(text);
  if (!("receipt" in given) || Object.keys(given).some((name) => !MEMBERS.includes(name)))
    throw new Invalid(`a receipt file has ${MEMBERS.join(", ")}`);
  if (`${written(given)}\n` !== text)
    throw new Invalid("a receipt file is written without spaces and with sorted names");
  return given;
}

function readSigned(value) {
  const given = object(value, "the receipt is no signed object");
  if (!hasExactly(given, ["payload", "signatures"]))
    throw new Invalid("a signed object has a payload and signatures, nothing else");
  const parts = list(given.signatures, "signatures are a list").map((row) => {
    if (!hasExactly(object(row, "a signature is an object"), ["protected", "signature"]))
      throw new Invalid("a signature has a protected header and nothing unprotected");
    return { head: string(row.protected, "a header is text"), signature: string(row.signature, "it is text") };
  });
  if (parts.length < 1 || parts.length > SIGNATURES_MAX)
    throw new Invalid(`there are 1 to ${SIGNATURES_MAX} signatures`);
  const payload = string(given.payload, "a payload is text");
  return { payload, parts, claims: readObject(textOf(fromBase64url(payload))) };
}

/** Returns the algorithms of those who signed, if they are exactly those who must have. */
async function verifySigned({ payload, parts, claims }, keys) {
  const demanded = demands(claims);
  const found = new Map();
  for (const { head, signature } of parts) {
    const header = readObject(textOf(fromBase64url(head)));
    if (!hasExactly(header, ["alg", "kid", "typ"]) || header.typ !== TYP)
      throw new Invalid(`the header is not one of a ${TYP}`);
    const key = keys.get(string(header.kid, "a key's name is text"));
    if (!key) throw new Invalid(`${header.kid} is a key that is not known here`);
    if (key.algorithm !== header.alg) throw new Invalid(`${key.kid} does not sign with ${header.alg}`);
    if (found.has(key.kid)) throw new Invalid(`${key.kid} signed twice`);
    const message = utf8(`${head}.${payload}`);
    if (!(await fits(key.algorithm, key.spki, message, fromBase64url(signature))))
      throw new Invalid(`the signature of ${key.kid} does not fit`);
    found.set(key.kid, key.algorithm);
  }
  const agrees = demanded.size === found.size && [...demanded].every(([kid, alg]) => found.get(kid) === alg);
  if (!agrees) throw new Invalid("the signatures are not those that what is signed demands");
  return [...found.values()].sort();
}

function demands(claims) {
  const rows = list(claims.sigs, "what is signed does not say who must have signed");
  const demanded = new Map();
  for (const row of rows) {
    const { alg, kid } = object(row, "what is signed does not say who must have signed");
    if (demanded.has(kid)) throw new Invalid("what is signed demands a signature twice");
    demanded.set(string(kid, "a key's name is text"), string(alg, "an algorithm's name is text"));
  }
  if (!demanded.size) throw new Invalid("what is signed does not say who must have signed");
  return demanded;
}

/** Puts the fields that are shown in their place. */
async function shown(signed, disclosures) {
  const { _sd: known = [], _sd_alg: algorithm = "sha-256", ...claims } = signed;
  if (algorithm !== "sha-256") throw new Invalid("hidden fields are named by SHA-256");
  const left = [...list(known, "hidden fields are named by SHA-256")];
  for (const one of list(disclosures, "disclosures are a list")) {
    const at = left.indexOf(base64url(await sha256(utf8(string(one, "a shown field is text")))));
    if (at < 0) throw new Invalid("a field is shown that was not signed, or twice");
    left.splice(at, 1);
    const field = list(readJson(textOf(fromBase64url(one))), "a shown field is salt, name and value");
    if (field.length !== 3) throw new Invalid("a shown field is salt, name and value");
    const name = string(field[1], "a field's name is text");
    if (Object.hasOwn(claims, name)) throw new Invalid("a shown field stands beside another of its name");
    Object.defineProperty(claims, name, { value: field[2], enumerable: true });
  }
  return { claims, hidden: left.length };
}

/** A proof that is there must be whole, even where the receipt does not need it. */
async function logged(file, signed, trust) {
  if (file.proof === undefined && file.opening === undefined) return null;
  if (typeof file.proof !== "string" || file.opening === undefined)
    throw new Invalid("a proof and its opening come together");
  const proven = await verifyProof(file.proof, trust);
  const event = await openEntry(proven.entry, file.opening);
  // Others may put a digest of their choice into an event of theirs; only this feed speaks for us.
  const { feed, type } = proven.entry;
  if (feed !== FEED || type !== ISSUED || event.type !== type)
    throw new Invalid("the entry does not say that a receipt was issued");
  const named = object(event.data ?? null, "the entry is of another receipt").receipt;
  if (named !== (await digest(signed))) throw new Invalid("the entry is of another receipt");
  return proven;
}

/** Returns what the log's event says of a receipt: it covers every signature. */
async function digest({ payload, parts }) {
  const signatures = parts.map(({ head, signature }) => `${head}.${signature}`).sort();
  return hex(await sha256(utf8(["bezant receipt 1", payload, ...signatures].join("\n"))));
}
