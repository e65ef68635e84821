/**
 * Where this page stands: which checkout, with which secret, in whose frame.
 *
 * The secret comes after the `#`, which browsers keep to themselves, and is taken out of the
 * address
 * at once. It is kept for this window only, so that loading the page again finds it.
 */
import { asRecord } from "./narrow";

export interface Place {
  readonly id: string;
  readonly secret: string;
  readonly embedded: boolean;
  /** The origin of the page around the frame; empty if there is none. */
  readonly parent: string;
  readonly vault: string;
}

/** Stands in the address of a window that was opened beside a frame, for a step elsewhere. */
export const APART = "apart";

/** Whether this window has done its work: the frame beside it goes on. */
export function isApart(): boolean {
  return new URLSearchParams(location.search).has(APART);
}

export function isLink(id: string): boolean {
  return id.startsWith("plink_");
}

export function readPlace(): Place {
  const given = given_();
  const id = location.pathname.split("/")[2] ?? "";
  const embedded = given["embedded"] === true;
  const hash = location.hash.slice(1);
  const told = embedded ? new URLSearchParams(hash) : null;
  const shown = told ? (told.get("secret") ?? "") : decodeURIComponent(hash);
  if (hash) history.replaceState(null, "", location.pathname + location.search);
  if (shown.startsWith(`${id}_secret_`)) keepSecret(id, shown);
  return {
    id,
    secret: isLink(id) ? id : read(`bezant.secret.${id}`),
    embedded,
    parent: originOf(told?.get("parent") ?? ""),
    vault: typeof given["vault"] === "string" ? given["vault"] : "",
  };
}

/** Stand at another checkout from now on: a link has opened one. */
export function moveTo(id: string, secret: string): void {
  keepSecret(id, secret);
  history.replaceState(null, "", `/checkout/${id}${location.search}`);
}

export function keepSecret(id: string, secret: string): void {
  write(`bezant.secret.${id}`, secret);
}

/** Read what this window keeps; a browser that keeps nothing answers nothing. */
export function read(name: string): string {
  try {
    return sessionStorage.getItem(name) ?? "";
  } catch {
    return memory.get(name) ?? "";
  }
}

/** Keep something for this window; an empty text forgets it. */
export function write(name: string, value: string): void {
  memory.set(name, value);
  try {
    if (value) sessionStorage.setItem(name, value);
    else sessionStorage.removeItem(name);
  } catch {
    // A frame may be refused its own memory; then a reload asks for the link again.
  }
}

const memory = new Map<string, string>();

function given_(): Readonly<Record<string, unknown>> {
  const told = document.querySelector<HTMLMetaElement>('meta[name="bezant"]')?.content ?? "{}";
  return asRecord(JSON.parse(told));
}

function originOf(text: string): string {
  try {
    const { origin } = new URL(text);
    return origin === "null" ? "" : origin;
  } catch {
    return "";
  }
}
