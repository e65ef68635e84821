/** Clients that people sign in to, and partners who sign, in English. */
import type { ClientKind, KeyMistake } from "./kinds";

const KIND: Readonly<Record<ClientKind, string>> = {
  page: "Page or app",
  server: "Server that people sign in to",
  program: "Program of your own",
};
const KIND_MEANS: Readonly<Record<ClientKind, string>> = {
  page: "Runs on somebody's device and can keep no secret. It proves nothing but its address.",
  server: "Sends people here to sign in, and proves with its key that it is the one asking.",
  program: "Asks by itself, without anybody signing in. It may do what its role may do.",
};
const MISTAKE: Readonly<Record<KeyMistake, string>> = {
  private: "This is the private half. Keep it to yourself, and paste the public one.",
  unreadable: "A public key begins with -----BEGIN PUBLIC KEY----- and is copied whole.",
  kind: "A key is P-256, Ed25519, or RSA with at least 2048 bits.",
};

export const en = {
  clients: "OpenID clients",
  client: "OpenID client",
  addClient: "Register a client",
  noClients: "No clients yet",
  noClientsHint: "Register one, and people sign in to it here, or it asks for tokens by itself.",
  clientNameHint: "People read it when they are asked whether to let it in.",
  clientId: "Client id",
  issuer: "Issuer",
  method: "How it proves itself",
  methodName: (method: string): string =>
    method === "none"
      ? "Not at all: by its address alone"
      : method === "private_key_jwt"
        ? "With its key"
        : "With its certificate",
  addresses: "Where people come back to",
  addressesHint: "One to a line, each exactly as it is used: https, or this very machine.",
  noAddress: (one: string) => `People cannot be sent back to ${one}`,
  logoutAddresses: "Where they go after signing out",
  publicKey: "Public key",
  publicKeyHint: "The public half only, in PEM. The private half never leaves your server.",
  publicKeyOrSet: "The public half only: PEM, or a JSON Web Key.",
  mistake: (mistake: KeyMistake) => MISTAKE[mistake],
  keyFits: (kind: string) => `A key of the kind ${kind}.`,
  keyNames: "Its keys",
  scopes: "May ask for",
  scopesMean: "Without any, it learns who signed in, and nothing more.",
  scopesOfProgram: "Without any, it may do all that its role may do.",
  bindsTokens: "Its tokens are worth nothing without its key (DPoP)",
  asksConsent: "Asks people first",
  yes: "Yes",
  no: "No",
  fromFile: "A realm's file",
  registered: "Registered",
  ended: "Ended",
  end: "End",
  endMeans: "It and every token it has are refused at once. This cannot be undone.",
  anotherKey: "Another key",
  anotherKeyMeans: "What it was given before counts on until it expires, an hour at most.",
  keepOld: "The key it has counts on until the next one",
  clientKind: (kind: ClientKind) => KIND[kind],
  clientKindMeans: (kind: ClientKind) => KIND_MEANS[kind],
  signers: "Request signers",
  signer: "Request signer",
  addSigner: "Add a signer",
  noSigners: "No signers yet",
  noSignersHint: "A partner who signs its requests (RFC 9421) needs no secret of ours.",
  signerNameHint: "Whose key it is: then you know which one to revoke.",
  keyId: "Key id",
  keyIdMeans: "What the partner writes as keyid in the signature.",
  algorithm: "Algorithm",
  revokeMeans: "What it signs is refused at once, and so are its certificates, for good.",
};
