/** A payment link: what is offered to whoever follows it. Paying opens a checkout of their own. */
import { useEffect, useMemo, useState } from "react";
import { apiOf, Problem, type Answer } from "../api/client";
import { Amount, Button, Notice } from "../design";
import { Frame, Sheet } from "./Checkout";
import { moveTo, type Place } from "./place";
import { useCheckoutWords } from "./words";

type Offer = Answer<"get", "/v1/payment_links/{link}">;
const AGAIN_MILLISECONDS = 2_000;

export function Link({ place, onOpen }: { readonly place: Place; readonly onOpen: () => void }) {
  const words = useCheckoutWords();
  const api = useMemo(() => apiOf({ credential: () => `Bearer ${place.secret}` }), [place.secret]);
  const [offer, setOffer] = useState<Offer | null>(null);
  const [state, setState] = useState<"asking" | "unknown" | "offline" | "opening" | "closed">(
    "asking",
  );
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = new AbortController();
    const ask = async (): Promise<void> => {
      try {
        setOffer(
          await api("get", "/v1/payment_links/{link}", {
            path: { link: place.id },
            signal: stop.signal,
          }),
        );
        setState("asking");
      } catch (failure) {
        if (stop.signal.aborted) return;
        if (failure instanceof Problem && !failure.mayBeRepeated) setState("unknown");
        else {
          setState("offline");
          timer = setTimeout(() => void ask(), AGAIN_MILLISECONDS);
        }
      }
    };
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [api, place.id]);

  if (state === "unknown") {
    return (
      <Sheet title={words.unknown_page_title}>
        <p>{words.unknown_page}</p>
      </Sheet>
    );
  }
  if (!offer) {
    return <Sheet title={state === "offline" ? words.down_title : words.loading} busy />;
  }
  if (!offer.open || state === "closed") {
    return (
      <Sheet title={words.link_title}>
        <p>{words.link_closed}</p>
      </Sheet>
    );
  }
  const open = async (): Promise<void> => {
    setState("opening");
    try {
      const made = await api("post", "/v1/payment_links/{link}/open", { path: { link: place.id } });
      moveTo(made.id, made.client_secret);
      onOpen();
    } catch (failure) {
      setState(failure instanceof Problem && !failure.mayBeRepeated ? "closed" : "offline");
    }
  };
  return (
    <Frame test={offer.mode === "test"}>
      <header className="flex flex-col gap-1">
        <h1 className="text-16 font-plain text-soft">{offer.description || words.amount_due}</h1>
        <p className="text-28 font-strong">
          <Amount money={offer.amount} />
        </p>
      </header>
      {state === "offline" ? (
        <Notice tone="waiting" live="alert" title={words.lost_title}>
          <p>{words.lost_before}</p>
        </Notice>
      ) : null}
      <Button weight="primary" size="payer" busy={state === "opening"} onClick={() => void open()}>
        {words.link_go}
      </Button>
    </Frame>
  );
}
