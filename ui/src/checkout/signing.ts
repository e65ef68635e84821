/**
 * Signing in as `payment-frontend` (authorization code with PKCE, RFC 7636).
 *
 * The access token stays in the memory of this page: loading it again signs in again, which takes a
 * moment while the issuer still knows the customer.
 */
import { asRecord, webAddress } from "./narrow";
import { read, write } from "./place";

const CLIENT = "payment-frontend";
const WAITING = "bezant.signing";

interface Found {
  readonly authorize: string;
  readonly token: string;
}

async function discover(realm: string): Promise<Found> {
  const answer = await fetch(
    `/realms/${encodeURIComponent(realm)}/.well-known/openid-configuration`,
  );
  const told = asRecord(await answer.json());
  const authorize = webAddress(String(told["authorization_endpoint"]));
  const token = webAddress(String(told["token_endpoint"]));
  if (!answer.ok || !authorize || !token) throw new Error("the issuer cannot be found");
  // The issuer answers under our own origin as well, wherever customers reach it otherwise.
  return { authorize, token: new URL(token).pathname };
}

function chance(): string {
  return encoded(crypto.getRandomValues(new Uint8Array(32)));
}

function encoded(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** Go to the issuer; the browser comes back to this address. */
export async function beginSignIn(realm: string): Promise<void> {
  const { authorize } = await discover(realm);
  const verifier = chance();
  const state = chance();
  const hashed = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const back = location.origin + location.pathname;
  write(WAITING, JSON.stringify({ verifier, state, back }));
  const url = new URL(authorize);
  url.search = new URLSearchParams({
    client_id: CLIENT,
    redirect_uri: back,
    response_type: "code",
    scope: "openid",
    state,
    code_challenge: encoded(new Uint8Array(hashed)),
    code_challenge_method: "S256",
  }).toString();
  location.assign(url);
}

/** Return whether the browser has just come back from the issuer. */
export function isBack(): boolean {
  const told = new URLSearchParams(location.search);
  return told.has("state") && (told.has("code") || told.has("error")) && read(WAITING) !== "";
}

/** Turn what the browser came back with into an access token. */
export async function finishSignIn(realm: string): Promise<string> {
  const told = new URLSearchParams(location.search);
  const kept = asRecord(JSON.parse(read(WAITING) || "{}"));
  write(WAITING, "");
  history.replaceState(null, "", location.pathname);
  const code = told.get("code");
  if (!code || told.get("state") !== kept["state"])
    throw new Error("this is not what we asked for");
  const { token } = await discover(realm);
  const answer = await fetch(token, {
    method: "POST",
    credentials: "omit",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: CLIENT,
      code,
      redirect_uri: String(kept["back"]),
      code_verifier: String(kept["verifier"]),
    }),
  });
  const given = asRecord(await answer.json());
  if (!answer.ok || typeof given["access_token"] !== "string")
    throw new Error("no token was given");
  return given["access_token"];
}
