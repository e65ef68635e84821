/**
 * The API, typed by its own description (`schema.ts`, derived from `/openapi.json`).
 *
 *   const api = apiOf({ credential: () => `Bearer ${secret}` });
 *   const session = await api("get", "/v1/checkout_sessions/{session}", { path: { session: id } });
 *
 * A refusal is a `Problem`. When no answer came, or one that does not tell what became of the
 * request, that is `Lost`: asking again with the same key is safe, and assuming anything is not.
 */
import type { paths } from "./schema";

export type Method = "get" | "post" | "put" | "patch" | "delete";
type Operation<Path extends keyof paths, By extends Method> = paths[Path][By];
export type PathOf<By extends Method> = {
  [Path in keyof paths]: Operation<Path, By> extends { responses: unknown } ? Path : never;
}[keyof paths];

type Json<Response> = Response extends { content: { "application/json": infer Body } }
  ? Body
  : undefined;
type Good<Responses> = Responses[Extract<keyof Responses, 200 | 201 | 202 | 204>];
/** What an operation answers. */
export type Answer<By extends Method, Path extends PathOf<By>> =
  Operation<Path, By> extends { responses: infer Responses } ? Json<Good<Responses>> : never;
/** What an operation takes. */
export type Body<By extends Method, Path extends PathOf<By>> =
  Operation<Path, By> extends { requestBody: { content: { "application/json": infer Content } } }
    ? Content
    : never;
type Parameters<By extends Method, Path extends PathOf<By>, Place extends string> =
  Operation<Path, By> extends { parameters: Record<Place, infer Given> } ? Given : never;
type Query<By extends Method, Path extends PathOf<By>> =
  Operation<Path, By> extends { parameters: { query?: infer Given } } ? NonNullable<Given> : never;
type Needed<Name extends string, Given> = [Given] extends [never]
  ? unknown
  : { readonly [Only in Name]: Given };

/** What is asked: placeholders, body, and whatever the operation needs besides. */
export type Asked<By extends Method, Path extends PathOf<By>> = Needed<
  "path",
  Parameters<By, Path, "path">
> &
  Needed<"body", Body<By, Path>> & {
    readonly query?: Query<By, Path>;
    /**
     * The idempotency key: the same key and request have one effect, however often they are sent.
     */
    readonly key?: string;
    readonly signal?: AbortSignal;
    /** Another credential than the client's own, for this one call. */
    readonly credential?: string;
  };

export interface Mistake {
  readonly code: string;
  readonly detail: string;
  readonly field?: string;
}

/** A refusal, as the API tells it (RFC 9457). */
export class Problem extends Error {
  override readonly name = "Problem";
  constructor(
    readonly status: number,
    /** Keeps its meaning for ever; this is what code may look at. */
    readonly code: string,
    readonly detail: string,
    readonly requestId: string,
    readonly mistakes: readonly Mistake[],
    readonly retryAfterSeconds: number | null,
    readonly facts: Readonly<Record<string, string>>,
  ) {
    super(`${code}: ${detail}`);
  }

  /** Nothing was decided: the same request, with the same key, may be sent again. */
  get mayBeRepeated(): boolean {
    return this.status === 409 || this.status === 429 || this.status >= 500;
  }
}

/** No answer came. What was asked may have happened, or not. */
export class Lost extends Error {
  override readonly name = "Lost";
}

export interface Access {
  /** Where the API is; our own origin if not said. */
  readonly base?: string;
  /** What goes into `authorization`; nothing if the browser's own session speaks. */
  readonly credential?: () => string | null;
  readonly timeoutMilliseconds?: number;
}

const TIMEOUT_MILLISECONDS = 60_000; // Providers take their time; payers wait so long.

export type Api = <By extends Method, Path extends PathOf<By>>(
  method: By,
  path: Path,
  asked: Asked<By, Path>,
) => Promise<Answer<By, Path>>;

interface Loose {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly key?: string;
  readonly signal?: AbortSignal;
  readonly credential?: string;
}

/** Return the function that asks the API. */
export function apiOf(access: Access = {}): Api {
  const ask = async (method: Method, path: string, asked: Loose): Promise<unknown> => {
    const headers = new Headers({ accept: "application/json" });
    const credential = asked.credential ?? access.credential?.() ?? null;
    if (credential) headers.set("authorization", credential);
    if (asked.key) headers.set("idempotency-key", asked.key);
    if (asked.body !== undefined) headers.set("content-type", "application/json");
    const limit = AbortSignal.timeout(access.timeoutMilliseconds ?? TIMEOUT_MILLISECONDS);
    const init: RequestInit = {
      method: method.toUpperCase(),
      headers,
      credentials: credential ? "omit" : "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: asked.signal ? AbortSignal.any([asked.signal, limit]) : limit,
    };
    if (asked.body !== undefined) init.body = JSON.stringify(asked.body);
    return await answered(
      () => fetch((access.base ?? "") + filled(path, asked), init),
      asked.signal,
    );
  };
  return ask as Api;
}

async function answered(send: () => Promise<Response>, signal?: AbortSignal): Promise<unknown> {
  let response: Response;
  let text: string;
  try {
    response = await send();
    text = await response.text();
  } catch (failure) {
    if (signal?.aborted) throw failure;
    throw new Lost("no answer came");
  }
  const content: unknown = parsed(text);
  if (response.ok && content !== undefined) return content;
  if (response.ok && text === "") return undefined;
  if (isRecord(content) && typeof content["code"] === "string") throw problemOf(response, content);
  // A proxy's page, or half an answer: it says nothing about what became of the request.
  throw new Lost(`an answer of status ${response.status} that cannot be read`);
}

function problemOf(response: Response, told: Readonly<Record<string, unknown>>): Problem {
  const listed = Array.isArray(told["errors"]) ? told["errors"].filter(isRecord) : [told];
  const mistakes = listed.map((one) => ({
    code: text(one["code"]),
    detail: text(one["detail"]),
    ...(typeof one["field"] === "string" ? { field: one["field"] } : {}),
  }));
  const wait = Number(response.headers.get("retry-after") ?? Number.NaN);
  const facts = isRecord(told["facts"]) ? told["facts"] : {};
  return new Problem(
    response.status,
    text(told["code"]),
    text(told["detail"]),
    text(told["request_id"]),
    mistakes,
    Number.isFinite(wait) ? wait : null,
    Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, text(value)])),
  );
}

function filled(path: string, asked: Loose): string {
  const address = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(asked.path?.[name] ?? ""),
  );
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked.query ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) query.append(name, String(one));
    }
  }
  const written = query.toString();
  return written ? `${address}?${written}` : address;
}

function parsed(written: string): unknown {
  try {
    return JSON.parse(written) as unknown;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Return a new idempotency key. */
export function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
}
