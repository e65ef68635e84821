/** Clients, bei denen man sich anmeldet, und Partner, die unterschreiben, auf Deutsch. */
import type { Translated } from "../../../../words";
import type { en } from "./en";
import type { ClientKind, KeyMistake } from "./kinds";

const KIND: Readonly<Record<ClientKind, string>> = {
  page: "Seite oder App",
  server: "Server, bei dem man sich anmeldet",
  program: "Eigenes Programm",
};
const KIND_MEANS: Readonly<Record<ClientKind, string>> = {
  page: "Läuft auf irgendeinem Gerät und kann kein Geheimnis wahren; es zählt nur die Adresse.",
  server: "Schickt Leute zum Anmelden her und beweist mit seinem Schlüssel, dass er es ist.",
  program: "Fragt von sich aus, ohne dass sich jemand anmeldet. Es darf, was seine Rolle darf.",
};
const MISTAKE: Readonly<Record<KeyMistake, string>> = {
  private:
    "Das ist die private Hälfte. Behalten Sie sie für sich und fügen Sie die öffentliche ein.",
  unreadable:
    "Ein öffentlicher Schlüssel beginnt mit -----BEGIN PUBLIC KEY----- und ist vollständig.",
  kind: "Ein Schlüssel ist P-256, Ed25519 oder RSA mit mindestens 2048 Bit.",
};

export const de: Translated<typeof en> = {
  clients: "OpenID-Clients",
  client: "OpenID-Client",
  addClient: "Client eintragen",
  noClients: "Noch keine Clients",
  noClientsHint: "Tragen Sie einen ein: Man meldet sich bei ihm an, oder er holt selbst Token.",
  clientNameHint: "Das liest, wer gefragt wird, ob er ihn einlässt.",
  clientId: "Client-Kennung",
  issuer: "Aussteller",
  method: "Wie er sich beweist",
  methodName: (method: string): string =>
    method === "none"
      ? "Gar nicht: nur durch seine Adresse"
      : method === "private_key_jwt"
        ? "Mit seinem Schlüssel"
        : "Mit seinem Zertifikat",
  addresses: "Wohin man zurückkehrt",
  addressesHint: "Eine je Zeile, genau wie benutzt: https, oder dieser Rechner selbst.",
  noAddress: (one: string) => `Dorthin kann niemand zurückgeschickt werden: ${one}`,
  logoutAddresses: "Wohin es nach dem Abmelden geht",
  publicKey: "Öffentlicher Schlüssel",
  publicKeyHint: "Nur die öffentliche Hälfte, in PEM. Die private verlässt Ihren Server nie.",
  publicKeyOrSet: "Nur die öffentliche Hälfte: PEM oder ein JSON Web Key.",
  mistake: (mistake: KeyMistake) => MISTAKE[mistake],
  keyFits: (kind: string) => `Ein Schlüssel der Art ${kind}.`,
  keyNames: "Seine Schlüssel",
  scopes: "Darf erbitten",
  scopesMean: "Ohne alles erfährt er, wer sich angemeldet hat, und sonst nichts.",
  scopesOfProgram: "Ohne alles darf es, was seine Rolle darf.",
  bindsTokens: "Seine Token sind ohne seinen Schlüssel nichts wert (DPoP)",
  asksConsent: "Fragt die Leute zuerst",
  yes: "Ja",
  no: "Nein",
  fromFile: "Die Datei eines Realms",
  registered: "Eingetragen",
  ended: "Beendet",
  end: "Beenden",
  endMeans: "Er und alle seine Token werden sofort abgelehnt. Das lässt sich nicht zurücknehmen.",
  anotherKey: "Anderer Schlüssel",
  anotherKeyMeans: "Was er vorher bekam, gilt weiter, bis es abläuft: höchstens eine Stunde.",
  keepOld: "Sein jetziger Schlüssel gilt bis zum nächsten weiter",
  clientKind: (kind: ClientKind) => KIND[kind],
  clientKindMeans: (kind: ClientKind) => KIND_MEANS[kind],
  signers: "Unterzeichner",
  signer: "Unterzeichner",
  addSigner: "Unterzeichner hinzufügen",
  noSigners: "Noch keine Unterzeichner",
  noSignersHint:
    "Ein Partner, der seine Anfragen unterschreibt (RFC 9421), braucht kein Geheimnis.",
  signerNameHint: "Wessen Schlüssel es ist: Dann wissen Sie, welchen Sie sperren.",
  keyId: "Schlüsselkennung",
  keyIdMeans: "Was der Partner als keyid in die Unterschrift schreibt.",
  algorithm: "Verfahren",
  revokeMeans:
    "Was er unterschreibt, wird sofort abgelehnt, und seine Zertifikate auch, für immer.",
};
