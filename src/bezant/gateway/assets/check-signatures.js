// Hashes and signatures, by the browser itself; ML-DSA-87, which browsers do not know yet, by
// noble-post-quantum.

import { Incomplete, joined, same } from "./check-reading.js";
import { ml_dsa87 } from "./noble-post-quantum.min.js";

const MLDSA87_SPKI = Uint8Array.of(
  0x30, 0x82, 0x0a, 0x32, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x13,
  0x03, 0x82, 0x0a, 0x21, 0x00,
);
const ED25519_SPKI = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);
const MLDSA87_BYTES = { key: 2592, signature: 4627 };

export async function sha256(...parts) {
  return new Uint8Array(await subtle().digest("SHA-256", joined(...parts)));
}

/** Tells whether a signature fits; a key of another kind never does. */
export async function fits(algorithm, spki, message, signature) {
  switch (algorithm) {
    case "ES256": {
      const kind = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
      return signature.length === 64 && (await fitsKey(kind, spki, message, signature));
    }
    case "PS256":
      return fitsKey({ name: "RSA-PSS", hash: "SHA-256", saltLength: 32 }, spki, message, signature);
    case "EdDSA":
      return fitsKey({ name: "Ed25519" }, spki, message, signature);
    case "ML-DSA-87": {
      const head = spki.slice(0, MLDSA87_SPKI.length);
      return same(head, MLDSA87_SPKI) && fitsMldsa87(spki.slice(head.length), message, signature);
    }
    case "ML-DSA-44":
    case "ML-DSA-65":
      throw new Incomplete(`this page cannot check ${algorithm}; bezant-verify can`);
    default:
      return false;
  }
}

export function fitsEd25519(key, message, signature) {
  return fitsKey({ name: "Ed25519" }, joined(ED25519_SPKI, key), message, signature);
}

export function fitsMldsa87(key, message, signature) {
  if (key.length !== MLDSA87_BYTES.key || signature.length !== MLDSA87_BYTES.signature) return false;
  try {
    return ml_dsa87.verify(signature, message, key) === true;
  } catch {
    return false;
  }
}

async function fitsKey(kind, spki, message, signature) {
  const engine = subtle();
  try {
    const key = await engine.importKey("spki", spki, kind, false, ["verify"]);
    return (await engine.verify(kind, key, signature, message)) === true;
  } catch (error) {
    if (error.name === "NotSupportedError")
      throw new Incomplete(`this browser cannot check ${kind.name}; a newer one can, or bezant-verify`);
    return false;
  }
}

function subtle() {
  if (!globalThis.crypto?.subtle)
    throw new Incomplete("browsers check signatures only on https pages and on this machine's own");
  return globalThis.crypto.subtle;
}
