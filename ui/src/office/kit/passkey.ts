/**
 * Passkeys, as the browser has them: what the API asks goes in, what it understands comes out. New
 * ones are made on the page `/security`, which everybody has, whatever else they use.
 */
import type { Schemas } from "./session";

export type Ceremony = Schemas["CeremonyAnswer"];
type Told = Schemas["PasskeyLogInBody"]["credential"];

/** Tell whether this browser can use passkeys at all. */
export function hasPasskeys(): boolean {
  return (
    "PublicKeyCredential" in globalThis && "parseRequestOptionsFromJSON" in PublicKeyCredential
  );
}

/** Somebody closed the question, or had no passkey for us. */
export class Declined extends Error {
  override readonly name = "Declined";
}

/** Ask for a passkey. */
export async function shownPasskey(asked: Ceremony): Promise<Told> {
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(
    asked.publicKey as unknown as PublicKeyCredentialRequestOptionsJSON,
  );
  return written(await declinable(navigator.credentials.get({ publicKey: options })));
}

async function declinable(asked: Promise<Credential | null>): Promise<Credential | null> {
  try {
    return await asked;
  } catch {
    throw new Declined();
  }
}

function written(credential: Credential | null): Told {
  if (!(credential instanceof PublicKeyCredential)) throw new Declined();
  return credential.toJSON() as Told;
}
