/** A public key that somebody pastes: looked at while they do, and again by the API. */
import { useState } from "react";
import { Problem } from "../../../api/client";
import { useWords } from "../../../words";
import { TextArea } from "../../kit";
import { CATALOGUE } from "./words";
import type { KeyMistake } from "./words/kinds";

const PEM = /^-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PUBLIC KEY-----$/;
/** How the keys that are taken begin (RFC 5280, SubjectPublicKeyInfo), in base64. */
const BEGINNINGS: readonly (readonly [kind: string, begins: RegExp])[] = [
  ["P-256", /^MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgA/],
  ["Ed25519", /^MCowBQYDK2VwAyEA/],
  ["RSA", /^MII.{3}ANBgkqhkiG9w0BAQEFAAOC/],
];
const MADE_FOR: Readonly<Record<string, string>> = { EC: "P-256", OKP: "Ed25519", RSA: "RSA" };

export interface Looked {
  readonly mistake?: KeyMistake;
  /** What kind of key it is, when it is one. */
  readonly kind?: string;
}

/** Tell what is wrong with a pasted key, or what kind it is. */
export function lookedAt(text: string, takesJson: boolean): Looked {
  const typed = text.trim();
  if (/PRIVATE KEY-----|"(d|k)"\s*:/.test(typed)) return { mistake: "private" };
  if (takesJson && typed.startsWith("{")) return ofJson(typed);
  const body = PEM.exec(typed)?.[1]?.replace(/\s/g, "");
  if (body === undefined) return { mistake: "unreadable" };
  const found = BEGINNINGS.find(([, begins]) => begins.test(body));
  return found ? { kind: found[0] } : { mistake: "kind" };
}

function ofJson(typed: string): Looked {
  try {
    const told = JSON.parse(typed) as { keys?: { kty?: string }[]; kty?: string };
    const kinds = (told.keys ?? [told]).map((one) => MADE_FOR[one.kty ?? ""]);
    if (kinds.length === 0) return { mistake: "unreadable" };
    return kinds.every(Boolean) ? { kind: kinds.join(", ") } : { mistake: "kind" };
  } catch {
    return { mistake: "unreadable" };
  }
}

export interface PastedKey {
  readonly text: string;
  readonly isGood: boolean;
  readonly field: React.ReactNode;
  /** Say beside the field what the API refused; anything else is thrown on. */
  readonly explained: <Answer>(asked: Promise<Answer>) => Promise<Answer>;
}

/** A field for a public key, with what is wrong beside it. */
export function usePastedKey({ takesJson }: { readonly takesJson: boolean }): PastedKey {
  const words = useWords(CATALOGUE);
  const [text, setText] = useState("");
  const [refused, setRefused] = useState(false);
  const looked = text.trim() ? lookedAt(text, takesJson) : {};
  const mistake = refused ? "kind" : looked.mistake;
  return {
    text: text.trim(),
    isGood: looked.kind !== undefined,
    explained: async (asked) => {
      try {
        return await asked;
      } catch (failure) {
        if (failure instanceof Problem)
          setRefused(failure.mistakes.some((one) => one.field === "public_key"));
        throw failure;
      }
    },
    field: (
      <TextArea
        label={words.publicKey}
        value={text}
        rows={5}
        dir="ltr"
        required
        spellCheck={false}
        className="[&_textarea]:font-mono [&_textarea]:text-13"
        hint={
          looked.kind
            ? words.keyFits(looked.kind)
            : takesJson
              ? words.publicKeyOrSet
              : words.publicKeyHint
        }
        wrong={mistake ? words.mistake(mistake) : undefined}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setRefused(false);
        }}
      />
    ),
  };
}
