// The transparency log for whoever holds a proof: keys, signed checkpoints, and the way from an
// entry to the root (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof; RFC 9162).

import {
  Incomplete, Invalid, fromBase64, fromHex, hasExactly, hex, joined, list, object, readObject,
  same, string, utf8,
} from "./check-reading.js";
import { fitsEd25519, fitsMldsa87, sha256 } from "./check-signatures.js";

const FORMAT = "c2sp.org/tlog-proof@v1";
const DASH = "\u2014 ";
const NOTE_BYTES_MAX = 200_000;
const SIGNATURES_MAX = 32;
const PATH_MAX = 63;
const NAME = /^[^\p{C}\p{Z}\s+]+$/u;
const ED25519 = { mark: Uint8Array.of(1), bytes: 32 };
const COSIGNATURE = { mark: Uint8Array.of(4), bytes: 32 };
const MLDSA87 = { mark: joined(Uint8Array.of(0xff), utf8("ml-dsa-87")), bytes: 2592 };
const KINDS = [ED25519, COSIGNATURE, MLDSA87];

/** Reads whom to believe, as a log publishes it at `keys`. */
export async function readTrust(text) {
  try {
    const given = readObject(text);
    const keys = (name) => list(given[name] ?? [], `${name} are a list`);
    const log = await Promise.all(keys("log").map(readKey));
    const witnesses = await Promise.all(keys("witnesses").map(readKey));
    const quorum = given.quorum ?? 0;
    if (!Number.isInteger(quorum) || quorum < 0 || quorum > witnesses.length)
      throw new Invalid("so many witnesses cannot be demanded");
    if (log.some((key) => key.kind === COSIGNATURE) || witnesses.some((key) => key.kind !== COSIGNATURE))
      throw new Invalid("a witness's key is of kind 04, a log's of 01 or ML-DSA-87");
    const receipts = new Map();
    for (const one of keys("receipts")) {
      const { kid, alg, public_key: key } = object(one, "a key is an object");
      for (const part of [kid, alg, key]) string(part, "a key's parts are texts");
      receipts.set(kid, { kid, algorithm: alg, spki: fromBase64(key) });
    }
    return { origin: string(given.origin, "a log has a name"), log, witnesses, quorum, receipts };
  } catch (error) {
    if (error instanceof Invalid) throw new Incomplete(`this is no file of keys: ${error.message}`);
    throw error;
  }
}

/** Returns the entry that a proof shows to be in the log, or throws. */
export async function verifyProof(text, trust) {
  const [head, checkpoint] = halves(text, text.indexOf("\n\n"));
  const lines = head.split("\n");
  if (lines[0] !== FORMAT || lines.length < 3) throw new Invalid(`this is no ${FORMAT}`);
  const entry = fromBase64(behind("extra ", lines[1]));
  const index = whole(behind("index ", lines[2]));
  const path = lines.slice(3).map(fromBase64);
  if (path.length > PATH_MAX || path.some((step) => step.length !== 32))
    throw new Invalid("these are no hashes of SHA-256");
  const believed = await verifyCheckpoint(checkpoint, trust);
  const root = await inclusionRoot(index, believed.size, await leafHash(entry), path);
  if (!same(root, believed.root))
    throw new Invalid("the path does not lead to the root of the checkpoint");
  return { index, entry: readEntry(entry), ...believed };
}

/** Returns what an entry committed to, or throws. */
export async function openEntry(entry, opening) {
  const given = object(opening, "an opening is an object");
  if (!hasExactly(given, ["salt", "event"])) throw new Invalid("an opening is a salt and an event");
  const salt = fromHex(string(given.salt, "a salt is hex"));
  const event = string(given.event, "an event is text");
  if (salt.length !== 32) throw new Invalid("a salt has 32 bytes");
  const commitment = await sha256(utf8("bezant audit opening 1\n"), salt, utf8(event));
  if (!same(commitment, entry.commitment))
    throw new Invalid("the opening is not the one of this entry");
  return readObject(event);
}

async function verifyCheckpoint(text, trust) {
  const note = readNote(text);
  const lines = note.text.split("\n");
  if (lines.length < 4 || !lines[0]) throw new Invalid("a checkpoint has an origin, a size and a root");
  const [origin, size, root] = [lines[0], whole(lines[1]), fromBase64(lines[2])];
  if (root.length !== 32) throw new Invalid("a root is a SHA-256");
  if (origin !== trust.origin) throw new Invalid(`this is a checkpoint of ${origin}, not of ${trust.origin}`);
  const signed = await signers(note, [...trust.log, ...trust.witnesses]);
  const kinds = signed.filter((one) => trust.log.includes(one.key)).map((one) => one.key.kind);
  if (!kinds.includes(ED25519)) throw new Invalid("the log's Ed25519 signature is missing");
  if (!kinds.includes(MLDSA87)) throw new Invalid("the log's ML-DSA-87 signature is missing");
  const witnessed = signed.filter((one) => trust.witnesses.includes(one.key));
  const names = new Set(witnessed.map((one) => one.key.name));
  if (names.size < trust.quorum)
    throw new Invalid(`${names.size} witnesses signed, and ${trust.quorum} are demanded`);
  return { origin, size, root, witnesses: [...names] };
}

function readNote(note) {
  if (utf8(note).length > NOTE_BYTES_MAX) throw new Invalid("the note is too long");
  const [text, signatures] = halves(note, note.lastIndexOf("\n\n"));
  if (!text || !signatures.endsWith("\n")) throw new Invalid("this is no signed note");
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) throw new Invalid("a note has no control characters");
  const lines = signatures.slice(0, -1).split("\n").map(readLine);
  if (lines.length > SIGNATURES_MAX) throw new Invalid("the note has too many signatures");
  return { text: `${text}\n`, lines };
}

function readLine(line) {
  const parts = line.startsWith(DASH) ? line.slice(DASH.length).split(" ") : [];
  if (parts.length !== 2 || !NAME.test(parts[0]))
    throw new Invalid("a signature line is a dash, a name and base64");
  const value = fromBase64(parts[1]);
  if (value.length <= 4) throw new Invalid("a signature is longer than its key's id");
  return { name: parts[0], id: hex(value.slice(0, 4)), signature: value.slice(4) };
}

/** Returns who of these keys signed. One of theirs that does not fit spoils the note. */
async function signers(note, keys) {
  const found = [];
  for (const line of note.lines) {
    const key = keys.find((one) => one.name === line.name && one.id === line.id);
    if (!key) continue; // The specification wants unknown signatures to be passed over.
    if (found.some((one) => one.key === key)) throw new Invalid(`${key.name} signed twice with one key`);
    if (!(await signedBy(key, utf8(note.text), line.signature)))
      throw new Invalid(`the signature of ${key.name} does not fit`);
    found.push({ key });
  }
  return found;
}

async function signedBy(key, text, signature) {
  if (key.kind === MLDSA87) return fitsMldsa87(key.bytes, text, signature);
  if (key.kind === ED25519) return fitsEd25519(key.bytes, text, signature);
  if (signature.length !== 72) return false;
  const at = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
  return fitsEd25519(key.bytes, joined(utf8(`cosignature/v1\ntime ${at}\n`), text), signature.slice(8));
}

async function readKey(text) {
  const [name, id, ...rest] = string(text, "a key is text").trim().split("+");
  if (!rest.length || !NAME.test(name)) throw new Invalid("a key is name+id+base64");
  const material = fromBase64(rest.join("+"));
  const kind = KINDS.find(({ mark, bytes }) =>
    material.length === mark.length + bytes && same(material.slice(0, mark.length), mark));
  if (!kind) throw new Invalid(`the key of ${name} is of a kind that is not known here`);
  const named = await sha256(utf8(`${name}\n`), material);
  if (hex(named.slice(0, 4)) !== id) throw new Invalid(`the key of ${name} is not the one its id names`);
  return { name, id, kind, bytes: material.slice(kind.mark.length) };
}

/** Takes an entry apart; every byte of it must be where it belongs. */
function readEntry(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 1;
  const name = () => {
    const length = bytes[at] ?? 0;
    const part = bytes.slice(at + 1, at + 1 + length);
    at += 1 + length;
    if (!length || length > 100 || part.length !== length || part.some((byte) => byte > 127))
      throw new Invalid("these bytes are no entry");
    return String.fromCharCode(...part);
  };
  const number = () => {
    if (at + 8 > bytes.length) throw new Invalid("these bytes are no entry");
    at += 8;
    return view.getBigInt64(at - 8);
  };
  if (bytes[0] !== 1) throw new Invalid("the entry is of a version that is not known here");
  const [feed, position, type, occurred] = [name(), number(), name(), number()];
  const commitment = bytes.slice(at);
  if (commitment.length !== 32 || position < 1n) throw new Invalid("these bytes are no entry");
  return { feed, position, type, occurred, commitment };
}

/** Returns the root that a path leads to (RFC 9162, 2.1.3.2). */
async function inclusionRoot(index, size, leaf, path) {
  if (index >= size) throw new Invalid(`there is no index ${index} in a tree of ${size}`);
  let [node, last, root] = [index, size - 1n, leaf];
  for (const step of path) {
    if (last === 0n) throw new Invalid("the path is too long");
    if (node & 1n || node === last) {
      root = await nodeHash(step, root);
      while (!(node & 1n) && node) [node, last] = [node >> 1n, last >> 1n];
    } else {
      root = await nodeHash(root, step);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  if (last) throw new Invalid("the path is too short");
  return root;
}

const leafHash = (entry) => sha256(Uint8Array.of(0), entry);
const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

function halves(text, at) {
  if (at < 0) throw new Invalid("this is no proof and no signed note");
  return [text.slice(0, at), text.slice(at + 2)];
}

function behind(word, line) {
  if (!line.startsWith(word)) throw new Invalid("the proof brings no entry along, or no index");
  return line.slice(word.length);
}

/** Reads a whole number that has exactly one spelling. */
function whole(text) {
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(text)) throw new Invalid("this is no number");
  return BigInt(text);
}
