/** The payment waits: for the payer at their bank or wallet, or for a provider's answer. */
import { useEffect, useState, type ReactNode } from "react";
import { Amount, Busy, CopyText, Icon, LinkButton, Notice } from "../design";
import { shownCountdown } from "../words/formats";
import { webAddress } from "./narrow";
import type { Page, Session } from "./payment";
import type { Place } from "./place";
import { Qr } from "./Qr";
import { useCheckoutWords } from "./words";

interface WaitingProps {
  readonly place: Place;
  readonly session: Session;
  readonly page: Page;
}

export function Waiting({ place, session, page }: WaitingProps) {
  const words = useCheckoutWords();
  const action = session.next_action;
  if (session.payment_state !== "needs_action" || !action) {
    const unknown = session.payment_state === "unknown";
    return (
      <Notice
        tone={unknown ? "unknown" : "waiting"}
        live="status"
        title={
          <span className="inline-flex items-center gap-2">
            {unknown ? words.unknown_title : words.processing_title}
            <Busy />
          </span>
        }
      >
        <p>{unknown ? words.unknown : words.processing}</p>
      </Notice>
    );
  }
  switch (action.type) {
    case "bank_transfer":
      return <Transfer facts={action.facts} url={action.url} />;
    case "crypto":
      return (
        <Crypto
          facts={action.facts}
          url={action.url}
          expiresAt={action.expires_at}
          now={page.now}
        />
      );
    case "approve":
      return (
        <Step
          place={place}
          url={action.url}
          title={words.approve_title}
          about={words.approve}
          go={words.approve_go}
        />
      );
    default:
      return (
        <Step
          place={place}
          url={action.url}
          title={words.step_title}
          about={words.step}
          go={words.step_go}
        />
      );
  }
}

interface StepProps {
  readonly place: Place;
  readonly url: string;
  readonly title: string;
  readonly about: string;
  readonly go: string;
}

/** A step on somebody else's page. */
function Step({ place, url, title, about, go }: StepProps) {
  const words = useCheckoutWords();
  const address = webAddress(url);
  const apart = place.embedded ? { target: "_blank", rel: "noopener" } : {};
  return (
    <Heading title={title} about={about}>
      {address ? (
        <LinkButton href={address} weight="primary" size="payer" className="w-full" {...apart}>
          {go}
          <Icon name={place.embedded ? "outside" : "forward"} />
        </LinkButton>
      ) : null}
      {place.embedded ? <p className="text-13 text-soft">{words.new_window}</p> : null}
      <Noticing />
    </Heading>
  );
}

interface Facts {
  readonly facts: Readonly<Record<string, string>>;
  readonly url: string;
}

function Transfer({ facts, url }: Facts) {
  const words = useCheckoutWords();
  const address = webAddress(url);
  const fact = (name: string): string => facts[name] ?? "";
  return (
    <Heading title={words.transfer_title} about={words.transfer}>
      <dl className="flex flex-col gap-3">
        <Fact name={words.amount}>
          <Amount
            money={{ amount: fact("amount"), asset: fact("currency") }}
            className="text-16 font-strong"
          />
        </Fact>
        <Fact name={words.account_owner}>
          <Copied text={fact("name")} mono={false} />
        </Fact>
        <Fact name={words.iban}>
          <Copied text={fact("iban")} shown={fact("iban").replace(/(.{4})(?=.)/g, "$1 ")} />
        </Fact>
        <Fact name={words.bic}>
          <Copied text={fact("bic")} />
        </Fact>
        <Fact name={words.reference}>
          <Copied text={fact("reference")} />
        </Fact>
      </dl>
      {fact("currency") === "EUR" ? (
        <figure className="m-0 flex flex-col items-center gap-2">
          <Qr text={transferCode(facts)} label={words.transfer_scan} />
          <figcaption className="text-13 text-soft">{words.transfer_scan}</figcaption>
        </figure>
      ) : null}
      {address ? (
        <LinkButton href={address} size="payer" className="w-full" target="_blank" rel="noopener">
          {words.transfer_open}
          <Icon name="outside" />
        </LinkButton>
      ) : null}
      <Noticing />
    </Heading>
  );
}

/** Write a transfer as banking apps read it (EPC069-12, version 002). */
function transferCode(facts: Readonly<Record<string, string>>): string {
  const { bic = "", name = "", iban = "", amount = "", reference = "" } = facts;
  return [
    "BCD",
    "002",
    "1",
    "SCT",
    bic,
    name.slice(0, 70),
    iban,
    `EUR${amount}`,
    "",
    reference,
  ].join("\n");
}

const NEAR_SECONDS = 300; // A clock that runs from the start only makes people hurry.

function Crypto({
  facts,
  url,
  expiresAt,
  now,
}: Facts & { readonly expiresAt: string | null; readonly now: string }) {
  const words = useCheckoutWords();
  const page = webAddress(url);
  const left = useSecondsLeft(expiresAt, now);
  const over = left !== null && left <= 0;
  const asset = facts["currency"] ?? "";
  const target = facts["address"] ?? "";
  return (
    <Heading
      title={words.crypto_title(asset)}
      about={target ? words.crypto_about : words.crypto_page}
    >
      {left === null ? null : over ? (
        <Notice tone="failed" live="alert">
          <p>{words.time_over}</p>
        </Notice>
      ) : (
        <p className={left < NEAR_SECONDS ? "font-strong text-waiting" : "text-soft"} role="timer">
          {words.time_left}: <bdi dir="ltr">{shownCountdown(left)}</bdi>
        </p>
      )}
      <dl className="flex flex-col gap-3">
        {facts["amount"] ? (
          <Fact name={words.amount}>
            <span className="inline-flex items-center gap-1">
              <Amount money={{ amount: facts["amount"], asset }} className="text-16 font-strong" />
              <CopyText text={facts["amount"]} shown=" " copy={words.copy} copied={words.copied} />
            </span>
          </Fact>
        ) : null}
        {facts["network"] ? <Fact name={words.network}>{facts["network"]}</Fact> : null}
        {target ? (
          <Fact name={words.address}>
            <Copied text={target} />
          </Fact>
        ) : null}
      </dl>
      {target && !over ? (
        <figure className="m-0 flex flex-col items-center gap-2">
          <Qr text={target} label={words.crypto_scan} />
          <figcaption className="text-13 text-soft">{words.crypto_scan}</figcaption>
        </figure>
      ) : null}
      {page && !over ? (
        <LinkButton
          href={page}
          weight={target ? "plain" : "primary"}
          size="payer"
          className="w-full"
          target="_blank"
          rel="noopener"
        >
          {words.crypto_open}
          <Icon name="outside" />
        </LinkButton>
      ) : null}
      <Noticing />
    </Heading>
  );
}

/** Count down by the platform's clock, which need not be the browser's. */
function useSecondsLeft(expiresAt: string | null, now: string): number | null {
  const [seen] = useState(() => ({ here: Date.now(), there: new Date(now).getTime() }));
  const [here, setHere] = useState(seen.here);
  useEffect(() => {
    const timer = setInterval(() => setHere(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  if (!expiresAt) return null;
  return (new Date(expiresAt).getTime() - seen.there - (here - seen.here)) / 1_000;
}

function Heading({
  title,
  about,
  children,
}: {
  readonly title: string;
  readonly about: string;
  readonly children: ReactNode;
}) {
  return (
    <section className="flex flex-col gap-4">
      <h2 className="text-20 font-strong">{title}</h2>
      <p>{about}</p>
      {children}
    </section>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div className="flex flex-col">
      <dt className="text-13 text-soft">{name}</dt>
      <dd className="m-0 min-w-0">{children}</dd>
    </div>
  );
}

function Copied({
  text,
  shown,
  mono = true,
}: {
  readonly text: string;
  readonly shown?: string;
  readonly mono?: boolean;
}) {
  const words = useCheckoutWords();
  return (
    <CopyText
      text={text}
      shown={shown ?? text}
      copy={`${words.copy}: ${text}`}
      copied={words.copied}
      mono={mono}
    />
  );
}

function Noticing() {
  const words = useCheckoutWords();
  return (
    <p role="status" className="flex items-center gap-2 text-13 text-soft">
      <Busy />
      <span>{words.we_notice}</span>
    </p>
  );
}
