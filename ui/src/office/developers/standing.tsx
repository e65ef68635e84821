/** How deliveries and answers stand, in words and in colour. */
import { Status, type Tone } from "../../design";
import { useWords } from "../../words";
import type { Schemas } from "../kit";
import { CATALOGUE as GENERAL } from "../words";
import type { Endpoint } from "./asking";
import { CATALOGUE } from "./words";

export type DeliveryState = Schemas["DeliveryState"];

const OF_DELIVERY: Readonly<Record<DeliveryState, Tone>> = {
  pending: "waiting",
  delivered: "taken",
  failed: "failed",
};
export const DELIVERY_STATES = Object.keys(OF_DELIVERY) as DeliveryState[];

export function DeliveryStatus({ state }: { readonly state: DeliveryState }) {
  return (
    <Status tone={OF_DELIVERY[state]}>
      <span className="inline-block first-letter:uppercase">
        {useWords(GENERAL).deliveryState(state)}
      </span>
    </Status>
  );
}

export function EndpointStatus({ endpoint }: { readonly endpoint: Endpoint }) {
  const words = useWords(CATALOGUE);
  if (endpoint.state !== "enabled") {
    return (
      <Status tone={endpoint.disabled_because === "owner" ? "calm" : "failed"}>
        {words.endpointOff(endpoint.disabled_because ?? "owner")}
      </Status>
    );
  }
  return endpoint.failing_since ? (
    <Status tone="failed">{words.endpointFailing}</Status>
  ) : (
    <Status tone="taken">{words.endpointOn}</Status>
  );
}

/** A status of HTTP: below 400 it went well. */
export function HttpStatus({ status }: { readonly status: number }) {
  const tone: Tone = status < 400 ? "taken" : "failed";
  return (
    <Status tone={tone}>
      <bdi dir="ltr">{status}</bdi>
    </Status>
  );
}
