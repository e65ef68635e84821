// Reads what stands in a file, strictly: everything has one spelling, and nothing is passed over.

/** Something is there that is wrong. */
export class Invalid extends Error {}

/** Nothing is wrong, and something that would show the rest is missing. */
export class Incomplete extends Error {}

/** A number that JavaScript would round: kept as it was written. */
export class Numeral {
  constructor(text) {
    this.text = text;
  }
}

const DEPTH_MAX = 64;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const SPACE = /[ \t\n\r]*/y;
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
const WRITTEN = { '"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

export function utf8(text) {
  if (/\p{Surrogate}/u.test(text)) throw new Invalid("half a character stands in it");
  return new TextEncoder().encode(text);
}

export function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Invalid("this is not text");
  }
}

export function base64(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

export function fromBase64(text) {
  let binary;
  try {
    binary = atob(text);
  } catch {
    throw new Invalid("this is not base64");
  }
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  if (base64(bytes) !== text) throw new Invalid("this base64 has more than one spelling");
  return bytes;
}

export function base64url(bytes) {
  return base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function fromBase64url(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new Invalid("this is no base64url");
  const padded = text + "=".repeat((4 - (text.length % 4)) % 4);
  return fromBase64(padded.replaceAll("-", "+").replaceAll("_", "/"));
}

export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text) {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw new Invalid("this is not hex");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function same(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** Reads JSON in which no name stands twice. */
export function readJson(text) {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.skip();
  if (reader.at !== text.length) throw new Invalid("something stands behind the JSON");
  return value;
}

export function readObject(text) {
  return object(readJson(text), "this is no JSON object");
}

export function object(value, why) {
  if (value === null || typeof value !== "object" || Array.isArray(value) || value instanceof Numeral)
    throw new Invalid(why);
  return value;
}

export function list(value, why) {
  if (!Array.isArray(value)) throw new Invalid(why);
  return value;
}

export function string(value, why) {
  if (typeof value !== "string") throw new Invalid(why);
  return value;
}

/** Tells whether an object has exactly these names. */
export function hasExactly(value, names) {
  const found = Object.keys(value);
  return found.length === names.length && names.every((name) => name in value);
}

/** Writes texts, lists and objects as a receipt file must be written. */
export function written(value) {
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
  const names = Object.keys(object(value, "a receipt file has texts, lists and objects")).sort();
  return `{${names.map((name) => `${quoted(name)}:${written(value[name])}`).join(",")}}`;
}

function quoted(text) {
  const ascii = Array.from({ length: text.length }, (_, at) => {
    const character = text[at];
    if (character in WRITTEN) return WRITTEN[character];
    if (character >= " " && character <= "~") return character;
    return `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`;
  });
  return `"${ascii.join("")}"`;
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  value(depth) {
    if (depth > DEPTH_MAX) throw new Invalid("this JSON is too deep");
    this.skip();
    const first = this.text[this.at];
    if (first === "{") return this.members(depth);
    if (first === "[") return this.items(depth);
    if (first === '"') return this.quoted();
    for (const [word, meaning] of [["true", true], ["false", false], ["null", null]])
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return meaning;
      }
    return this.number();
  }

  members(depth) {
    const found = Object.create(null);
    this.at += 1;
    if (this.took("}")) return found;
    do {
      this.skip();
      const name = this.quoted();
      if (name in found) throw new Invalid("a name stands twice");
      this.demand(":");
      found[name] = this.value(depth + 1);
    } while (this.took(","));
    this.demand("}");
    return found;
  }

  items(depth) {
    const found = [];
    this.at += 1;
    if (this.took("]")) return found;
    do found.push(this.value(depth + 1));
    while (this.took(","));
    this.demand("]");
    return found;
  }

  quoted() {
    if (this.text[this.at] !== '"') throw new Invalid("this is no JSON");
    this.at += 1;
    let found = "";
    for (;;) {
      found += this.match(PLAIN);
      const next = this.text[this.at];
      this.at += 1;
      if (next === '"') return found;
      if (next !== "\\") throw new Invalid("this is no JSON");
      found += this.escaped();
    }
  }

  escaped() {
    const kind = this.text[this.at];
    this.at += 1;
    if (kind === "u") {
      const digits = this.text.slice(this.at, this.at + 4);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new Invalid("this is no JSON");
      this.at += 4;
      return String.fromCharCode(parseInt(digits, 16));
    }
    if (kind === undefined || !Object.hasOwn(ESCAPES, kind)) throw new Invalid("this is no JSON");
    return ESCAPES[kind];
  }

  number() {
    const text = this.match(NUMBER);
    if (!text) throw new Invalid("this is no JSON");
    const value = Number(text);
    return Number.isSafeInteger(value) && String(value) === text ? value : new Numeral(text);
  }

  skip() {
    this.match(SPACE);
  }

  took(character) {
    this.skip();
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  demand(character) {
    if (!this.took(character)) throw new Invalid("this is no JSON");
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }
}
