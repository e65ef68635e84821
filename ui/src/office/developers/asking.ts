/** The questions of the developers' pages. */
import { office, type Fetch, type Schemas, type Wanted } from "../kit";

export type Endpoint = Schemas["EndpointAnswer"];
export type Delivery = Schemas["DeliveryAnswer"];
export type Told = Schemas["EventAnswer"];
export type Seen = Schemas["RequestAnswer"];
export type Key = Schemas["KeyAnswer"];

/** Return what a list is asked for; `since` and `until` are days of whoever reads. */
function asked({ filters, limit, after }: Wanted, moment: string): Record<string, string | number> {
  const said: Record<string, string | number> = { limit };
  for (const [name, value] of Object.entries(filters)) {
    if (value === "") continue;
    if (name === "since") said[`${moment}[gte]`] = midnight(value, 0);
    else if (name === "until") said[`${moment}[lt]`] = midnight(value, 1);
    else said[name] = value;
  }
  if (after) said["starting_after"] = after;
  return said;
}

function midnight(day: string, later: number): string {
  const at = new Date(`${day}T00:00:00`);
  at.setDate(at.getDate() + later);
  return at.toISOString();
}

export const endpoints: Fetch<Endpoint> = (wanted) =>
  office("get", "/v1/webhook_endpoints", {
    query: asked(wanted, "created"),
    signal: wanted.signal,
  });
export const deliveries: Fetch<Delivery> = (wanted) =>
  office("get", "/v1/webhook_deliveries", {
    query: asked(wanted, "created"),
    signal: wanted.signal,
  });
export const events: Fetch<Told> = (wanted) =>
  office("get", "/v1/events", { query: asked(wanted, "created"), signal: wanted.signal });
export const requests: Fetch<Seen> = (wanted) =>
  office("get", "/v1/requests", { query: asked(wanted, "at"), signal: wanted.signal });
export const keys: Fetch<Key> = (wanted) =>
  office("get", "/v1/keys", { query: asked(wanted, "created"), signal: wanted.signal });
