/** Checks a webhook's signature as Standard Webhooks says, with the browser's own cryptography. */
export interface Shown {
  readonly secret: string;
  readonly id: string;
  /** Seconds since 1970. */
  readonly at: string;
  readonly signature: string;
  readonly body: string;
}
export type Verdict = "genuine" | "old" | "forged" | "unreadable";

const PREFIX = "whsec_";
const TOLERANCE_SECONDS = 300;

export async function checked(shown: Shown, nowMilliseconds: number): Promise<Verdict> {
  const secret = shown.secret.trim();
  const key = secret.startsWith(PREFIX) ? bytesOf(secret.slice(PREFIX.length)) : null;
  if (!key || key.length === 0 || !/^\d{1,12}$/.test(shown.at.trim())) return "unreadable";
  const imported = await crypto.subtle.importKey(
    "raw",
    key,
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["verify"],
  );
  const content = new TextEncoder().encode(`${shown.id.trim()}.${shown.at.trim()}.${shown.body}`);
  for (const one of shown.signature.trim().split(/\s+/)) {
    const given = one.startsWith("v1,") ? bytesOf(one.slice(3)) : null;
    if (given && (await crypto.subtle.verify("HMAC", imported, given, content))) {
      const age = Math.abs(nowMilliseconds / 1_000 - Number(shown.at));
      return age > TOLERANCE_SECONDS ? "old" : "genuine";
    }
  }
  return "forged";
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
  } catch {
    return null;
  }
}
