/**
 * The payment itself: what is known of it, and the one way to pay.
 *
 * A try is written down before it is sent, with its key, and crossed out when its answer is known.
 * So neither a second press, nor loading the page again, nor a lost connection pays twice: all of
 * them send the same try again, and the same try has one effect.
 */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { apiOf, freshKey, Lost, Problem, type Api } from "../api/client";
import { ask, firstAsked, firstTold, type Page, type Session, type Told } from "./first";
import { asRecord } from "./narrow";
import { APART, read, write, type Place } from "./place";

export type { Page, Session };
export type Way = "card" | "paypal" | "bank_transfer" | "crypto" | "bank_account";

export interface Try {
  readonly key: string;
  readonly method: Way;
  readonly card: string;
}

export interface Card {
  readonly number: string;
  readonly exp_month: number;
  readonly exp_year: number;
  readonly cvc: string;
}

/**
 * What happens just now: nothing, a card on its way to the vault, or a try whose answer is
 * awaited.
 */
export type Doing = "nothing" | "putting_away" | "paying";

/** What is wrong, if something is. */
export type Trouble =
  { readonly kind: "lost_before" } | { readonly kind: "refused"; readonly problem: Problem } | null;

export interface Payment {
  readonly session: Session | null;
  readonly page: Page | null;
  readonly doing: Doing;
  readonly trouble: Trouble;
  /** No answer comes at the moment; it is tried again. */
  readonly offline: boolean;
  /** It cannot be shown: there is no such checkout, or not in this window. */
  readonly unknown: boolean;
  /** It was paid here and now, not on an earlier visit. */
  readonly paidHere: boolean;
  readonly pay: (means: {
    readonly way: Way;
    readonly card?: Card;
    readonly token?: string;
  }) => Promise<void>;
  readonly forgetTrouble: () => void;
}

const PAUSES_MILLISECONDS = [500, 1_000, 2_000, 4_000, 8_000]; // Between tries without an answer.
const SOON_MILLISECONDS = 1_500;
const LATER_MILLISECONDS = 5_000;
const SOON_LOOKS = 20; // Half a minute of looking often, then less: a transfer takes days.
const RECEIPT_LOOKS = 40;

export function usePayment(place: Place): Payment {
  const api = useMemo(() => apiOf({ credential: () => `Bearer ${place.secret}` }), [place.secret]);
  const vault = useMemo(
    () => apiOf({ base: place.vault, credential: () => `Bearer ${place.secret}` }),
    [place.secret, place.vault],
  );
  // While a try of an earlier visit is unsettled, nothing is offered.
  const [first] = useState(() => (tryLeft(place) ? null : firstTold(place.id)));
  const [session, setSession] = useState<Session | null>(first?.session ?? null);
  const [page, setPage] = useState<Page | null>(first?.page ?? null);
  const [doing, setDoing] = useState<Doing>("nothing");
  const [trouble, setTrouble] = useState<Trouble>(null);
  const [offline, setOffline] = useState(false);
  const [unknown, setUnknown] = useState(false);
  const [paidHere, setPaidHere] = useState(false);
  const busy = useRef(false);
  const path = useMemo(() => ({ session: place.id }), [place.id]);

  const take = useCallback((told: Session) => {
    setSession((before) => {
      if (told.state === "complete" && before && before.state !== "complete") setPaidHere(true);
      return told;
    });
  }, []);

  const load = useCallback(
    async (asked?: Promise<Told>) => {
      try {
        const told = await (asked ?? ask(api, place.id));
        setOffline(false);
        setPage(told.page);
        if (!busy.current) take(told.session);
      } catch (failure) {
        if (failure instanceof Problem && !failure.mayBeRepeated) setUnknown(true);
        else setOffline(true);
      }
    },
    [api, place.id, take],
  );

  /** Send a try until its answer is known; each time it is the same one. */
  const settle = useCallback(
    async (attempt: Try, credential?: string) => {
      const name = tryName(place);
      write(name, JSON.stringify(attempt));
      setDoing("paying");
      setTrouble(null);
      const body = {
        client_secret: place.secret,
        method: attempt.method,
        card: attempt.card,
        saved: "",
        return_url: returnAddress(place),
      };
      const asked = { path, body, key: attempt.key, ...(credential ? { credential } : {}) };
      for (let round = 0; ; round += 1) {
        try {
          const told = await api("post", "/v1/checkout_sessions/{session}/confirm", asked);
          write(name, "");
          setOffline(false);
          take(told);
          leaveFor(place, told);
          break;
        } catch (failure) {
          if (failure instanceof Problem && !failure.mayBeRepeated) {
            write(name, "");
            setOffline(false);
            setTrouble({ kind: "refused", problem: failure });
            break;
          }
          setOffline(failure instanceof Lost);
          await pause(round, failure instanceof Problem ? failure.retryAfterSeconds : null);
        }
      }
      busy.current = false;
      setDoing("nothing");
      await load();
    },
    [api, load, path, place, take],
  );

  const pay = useCallback<Payment["pay"]>(
    async ({ way, card, token }) => {
      if (busy.current) return; // The second press of a double click.
      busy.current = true;
      setTrouble(null);
      const credential = token ? `Bearer ${token}` : undefined;
      let put = "";
      if (card) {
        setDoing("putting_away");
        try {
          put = await putAway(vault, card, place.id, credential);
        } catch (failure) {
          busy.current = false;
          setDoing("nothing");
          setTrouble(
            failure instanceof Problem
              ? { kind: "refused", problem: failure }
              : { kind: "lost_before" },
          );
          return;
        }
      }
      await settle({ key: freshKey(), method: way, card: put }, credential);
    },
    [place.id, settle, vault],
  );

  // A try whose answer this window did not see is sent again before anything else is offered.
  const begun = useRef(false);
  useEffect(() => {
    if (!place.secret || begun.current) return;
    begun.current = true;
    const left = tryLeft(place);
    busy.current = left !== null;
    void load(firstAsked(place.id)).then(() => (left ? settle(left) : undefined));
  }, [load, place, settle]);

  useLooking(session, page, offline, load);
  return {
    session,
    page,
    doing,
    trouble,
    offline,
    unknown: unknown || !place.secret,
    paidHere,
    pay,
    forgetTrouble: useCallback(() => setTrouble(null), []),
  };
}

/**
 * Look again while something is awaited: an answer, a receipt, the end of the time, the
 * connection.
 */
function useLooking(
  session: Session | null,
  page: Page | null,
  offline: boolean,
  load: () => Promise<void>,
): void {
  const looks = useRef(0);
  const state = session?.state ?? "";
  // A try that was declined has a receipt as well; what is awaited is the one of the payment.
  const receipts = page?.receipts.filter((one) => one.outcome === "succeeded").length ?? 0;
  useEffect(() => {
    looks.current = 0;
  }, [state]);
  const awaited =
    offline ||
    session === null ||
    state === "pending" ||
    (state === "complete" && receipts === 0 && session.payment_state === "succeeded");
  const ends = session && state === "open" ? new Date(session.expires_at).getTime() : null;
  useEffect(() => {
    if (!awaited && ends === null) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;
    const look = (): void => {
      looks.current += 1;
      void load().finally(next);
    };
    const next = (): void => {
      clearTimeout(timer);
      if (over) return;
      if (!awaited) {
        const left = (ends ?? 0) - Date.now() + SOON_MILLISECONDS;
        // Longer than this, browsers' timers do not count.
        timer = setTimeout(look, Math.min(Math.max(left, LATER_MILLISECONDS), 2_000_000_000));
        return;
      }
      if (state === "complete" && !offline && looks.current > RECEIPT_LOOKS) return;
      timer = setTimeout(look, looks.current < SOON_LOOKS ? SOON_MILLISECONDS : LATER_MILLISECONDS);
    };
    const now = (): void => {
      if (document.visibilityState === "visible" && awaited) look();
    };
    next();
    addEventListener("online", now);
    document.addEventListener("visibilitychange", now);
    return () => {
      over = true;
      clearTimeout(timer);
      removeEventListener("online", now);
      document.removeEventListener("visibilitychange", now);
    };
  }, [awaited, ends, load, offline, state]);
}

async function putAway(
  vault: Api,
  card: Card,
  session: string,
  credential?: string,
): Promise<string> {
  const body = { ...card, checkout_session: session };
  const told = await vault("post", "/v1/payments/tokenize", {
    body,
    ...(credential ? { credential } : {}),
  });
  return told.token;
}

/**
 * Go where the payer has to go next, such as the bank's own page; a frame cannot take them there.
 */
function leaveFor(place: Place, session: Session): void {
  const action = session.next_action;
  if (place.embedded || !action || !(action.type === "redirect" || action.type === "approve"))
    return;
  if (/^https?:\/\//.test(action.url)) location.assign(action.url);
}

function returnAddress(place: Place): string {
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  if (location.protocol !== "https:" && !local) return "";
  return `${location.origin}/checkout/${place.id}${place.embedded ? `?${APART}` : ""}`;
}

function tryName(place: Place): string {
  return `bezant.try.${place.id}`;
}

/** Return the try whose answer this window did not see, if there is one. */
function tryLeft(place: Place): Try | null {
  const written = read(tryName(place));
  if (!written) return null;
  const told = asRecord(JSON.parse(written));
  if (typeof told["key"] !== "string" || typeof told["method"] !== "string") return null;
  return { key: told["key"], method: told["method"] as Way, card: String(told["card"] ?? "") };
}

async function pause(round: number, asked: number | null): Promise<void> {
  const own = PAUSES_MILLISECONDS[Math.min(round, PAUSES_MILLISECONDS.length - 1)] ?? 0;
  await new Promise<void>((done) => {
    const timer = setTimeout(finish, asked === null ? own : Math.max(asked * 1_000, own));
    function finish(): void {
      clearTimeout(timer);
      removeEventListener("online", finish);
      done();
    }
    addEventListener("online", finish);
  });
}
