/**
 * What is asked before anything is drawn: the checkout itself. This is a script of its own, so its
 * answer is on its way while a slow device still reads the rest of the page.
 */
import { apiOf, type Answer, type Api } from "../api/client";
import { isLink, readPlace } from "./place";

export type Session = Answer<"get", "/v1/checkout_sessions/{session}">;
export type Page = Answer<"get", "/v1/checkout_sessions/{session}/page">;

/** A checkout, and what the page shows besides. */
export interface Told {
  readonly session: Session;
  readonly page: Page;
}

const PATIENCE_MILLISECONDS = 150; // A page that shows nothing for longer looks broken.

/** Where this page stood when it was opened. */
export const opened = readPlace();

let told: Told | null = null;
const asked =
  isLink(opened.id) || !opened.secret
    ? null
    : ask(apiOf({ credential: () => `Bearer ${opened.secret}` }), opened.id);
asked?.then(
  (answer) => {
    told = answer;
  },
  () => undefined, // Whoever takes the question is told, and tells the payer.
);

/** Ask for a checkout and its page, both at once. */
export async function ask(api: Api, id: string): Promise<Told> {
  const path = { session: id };
  const [session, page] = await Promise.all([
    api("get", "/v1/checkout_sessions/{session}", { path }),
    api("get", "/v1/checkout_sessions/{session}/page", { path }),
  ]);
  return { session, page };
}

/** Wait for the first answer, but not long. */
export async function soon(): Promise<void> {
  const patience = new Promise<void>((done) => setTimeout(done, PATIENCE_MILLISECONDS));
  await Promise.race([asked?.then(nothing, nothing), patience]);
}

/** Return what was asked first, if it was about this checkout. */
export function firstAsked(id: string): Promise<Told> | undefined {
  return id === opened.id && asked ? asked : undefined;
}

/** Return its answer, if that has come. */
export function firstTold(id: string): Told | null {
  return id === opened.id ? told : null;
}

function nothing(): void {
  // Good or bad, it is there.
}
