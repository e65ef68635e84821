/** The questions about clients and signers. */
import { office, type Fetch, type Schemas, type Wanted } from "../../kit";

export type Client = Schemas["ClientAnswer"];
export type Signer = Schemas["SignerAnswer"];

function asked({ limit, after }: Wanted) {
  return { limit, ...(after ? { starting_after: after } : {}) };
}

export const clients: Fetch<Client> = (wanted) =>
  office("get", "/v1/clients", { query: asked(wanted), signal: wanted.signal });
export const signers: Fetch<Signer> = (wanted) =>
  office("get", "/v1/signers", { query: asked(wanted), signal: wanted.signal });
