/**
 * What happens, as it happens: one stream of server-sent events for the whole office.
 *
 * An event makes the lists it concerns be asked again; what is shown always comes from the API. The
 * stream is read with `fetch` and not `EventSource`, which would need to know every kind of event
 * beforehand and tells nothing of a refusal.
 *
 * A stream that comes back by itself would keep a session alive for ever. So it pauses when nobody
 * has touched the page for a while, and the session can end as it should.
 */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useState, type ReactNode } from "react";
import { useSession } from "./session";

export type Liveness = "live" | "paused" | "lost";
const IDLE_MILLISECONDS = 8 * 60_000; // Well before a session ends for want of use.
const GATHER_MILLISECONDS = 400; // A burst of events is one question.
const AGAIN_MILLISECONDS = 2_000;

/** Which of the office's questions an event concerns, by the first word of its type. */
const CONCERNS: Readonly<Record<string, readonly string[]>> = {
  payment: ["payments", "payment", "stats", "balances", "ledger", "needs"],
  refund: ["refunds", "refund", "payments", "payment", "stats", "balances", "ledger", "needs"],
  dispute: ["disputes", "dispute", "payments", "payment", "stats", "needs"],
  approval: ["approvals", "approval", "refunds", "needs", "fees"],
  order: ["orders", "order"],
  checkout: ["orders", "order"],
  transfers: ["ledger", "balances"],
  receipt: ["receipts", "payment"],
  endpoint: ["endpoints", "deliveries"],
  webhook_endpoint: ["endpoints", "deliveries"],
  webhook_delivery: ["endpoints", "deliveries"],
  api_key: ["keys"],
  client: ["clients"],
  signer: ["signers"],
  member: ["members"],
};

const Live = createContext<Liveness>("lost");

/** Return whether what is shown follows what happens. */
export function useLiveness(): Liveness {
  return useContext(Live);
}

/** Read the stream while somebody is here, and ask again what its events concern. */
export function LiveUpdates({ children }: { readonly children: ReactNode }) {
  const { who } = useSession();
  const queries = useQueryClient();
  const [liveness, setLiveness] = useState<Liveness>("lost");
  const may = who.permissions.includes("events.read");
  useEffect(() => {
    if (!may) return undefined;
    const waiting = new Set<string>();
    let gathering: ReturnType<typeof setTimeout> | undefined;
    const heard = (type: string) => {
      const first = type.split(".")[0] ?? "";
      for (const name of CONCERNS[first] ?? [first]) waiting.add(name);
      waiting.add("events");
      waiting.add("time"); // What happens may be that somebody moved the clock.
      gathering ??= setTimeout(() => {
        gathering = undefined;
        const names = new Set(waiting);
        waiting.clear();
        void queries.invalidateQueries({ predicate: (one) => names.has(String(one.queryKey[0])) });
      }, GATHER_MILLISECONDS);
    };
    const stream = new Stream(heard, setLiveness);
    stream.open();
    return () => {
      stream.close();
      clearTimeout(gathering);
    };
  }, [may, queries, who.tenant, who.mode]);
  return <Live.Provider value={liveness}>{children}</Live.Provider>;
}

const SIGNS_OF_LIFE = ["pointerdown", "keydown", "wheel", "touchstart"] as const;

class Stream {
  private last = "";
  private touched = Date.now();
  private stopped = false;
  private reading: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly heard: (type: string) => void,
    private readonly tell: (now: Liveness) => void,
  ) {}

  open(): void {
    for (const sign of SIGNS_OF_LIFE) addEventListener(sign, this.touch, { passive: true });
    void this.read();
  }

  close(): void {
    this.stopped = true;
    for (const sign of SIGNS_OF_LIFE) removeEventListener(sign, this.touch);
    clearTimeout(this.timer);
    this.reading?.abort();
  }

  private readonly touch = (): void => {
    this.touched = Date.now();
    if (this.reading === null && !this.stopped) void this.read();
  };

  private async read(): Promise<void> {
    clearTimeout(this.timer);
    const reading = new AbortController();
    this.reading = reading;
    try {
      const after = this.last ? `?after=${encodeURIComponent(this.last)}` : "";
      const response = await fetch(`/v1/events/stream${after}`, {
        headers: { accept: "text/event-stream" },
        credentials: "same-origin",
        cache: "no-store",
        signal: reading.signal,
      });
      if (response.ok && response.body) {
        this.tell("live");
        await this.follow(response.body);
      } else if (response.status === 400 || response.status === 404) {
        this.last = ""; // That event is no longer known: from now on, then.
      }
    } catch {
      // Whatever it was, it comes back below.
    }
    this.reading = null;
    if (this.stopped) return;
    if (Date.now() - this.touched > IDLE_MILLISECONDS) {
      this.tell("paused");
      return;
    }
    this.tell("lost");
    this.timer = setTimeout(() => void this.read(), AGAIN_MILLISECONDS);
  }

  private async follow(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body
      .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
      .getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) this.take(block);
    }
  }

  private take(block: string): void {
    let type = "";
    for (const line of block.split("\n")) {
      if (line.startsWith("id: ")) this.last = line.slice(4);
      if (line.startsWith("event: ")) type = line.slice(7);
    }
    if (type) this.heard(type);
  }
}
