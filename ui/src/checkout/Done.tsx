/** It is paid: what was paid, and the receipt that anyone can check. */
import { Amount, Icon, LinkButton, Status } from "../design";
import { useLocale } from "../words";
import { compared, shownDay } from "../words/formats";
import { webAddress } from "./narrow";
import { named } from "./Paying";
import type { Page, Session } from "./payment";
import type { Place } from "./place";
import { useCheckoutWords, type Words } from "./words";
import type { ReactNode } from "react";

interface DoneProps {
  readonly place: Place;
  readonly session: Session;
  readonly page: Page;
  readonly paidHere: boolean;
}

export function Done({ place, session, page, paidHere }: DoneProps) {
  const words = useCheckoutWords();
  const locale = useLocale();
  const given = compared(page.refunded.amount, "0") > 0;
  const back = webAddress(session.return_url);
  return (
    <section className="flex flex-col gap-6" aria-labelledby="outcome">
      <h2 id="outcome" tabIndex={-1} className="text-20 font-strong">
        <Status tone="taken">{titled(session, page, paidHere, words)}</Status>
      </h2>
      <dl className="flex flex-col gap-3">
        <Row name={words.paid}>
          <Amount money={page.paid} className="font-strong" />
        </Row>
        {given ? (
          <Row name={words.refunded}>
            <Amount money={page.refunded} className="font-strong" />
          </Row>
        ) : null}
        {page.method ? <Row name={words.paid_with}>{means(page, words)}</Row> : null}
        {page.paid_at ? <Row name={words.paid_on}>{shownDay(page.paid_at, locale)}</Row> : null}
        <Row name={words.payment_id}>
          <code dir="ltr" className="font-mono text-12 [overflow-wrap:anywhere]">
            {session.payment}
          </code>
        </Row>
      </dl>
      {session.payment_state === "authorized" ? <p className="text-soft">{words.held}</p> : null}
      <Receipts session={session} page={page} apart={place.embedded} />
      {back && !place.embedded ? (
        <LinkButton href={back} size="payer" className="w-full" rel="noreferrer">
          <Icon name="back" />
          {words.back_to_shop}
        </LinkButton>
      ) : null}
    </section>
  );
}

function Receipts({
  session,
  page,
  apart,
}: {
  readonly session: Session;
  readonly page: Page;
  readonly apart: boolean;
}) {
  const words = useCheckoutWords();
  const target = apart ? { target: "_blank", rel: "noopener" } : {};
  const shown = page.receipts.filter((one) => one.outcome === "succeeded");
  if (shown.length === 0) {
    const soon = session.payment_state === "succeeded";
    return (
      <p role="status" className="text-soft">
        {soon ? words.receipt_soon : words.receipt_later}
      </p>
    );
  }
  return (
    <div className="flex flex-col gap-4">
      {shown.map((one) => (
        <section
          key={one.id}
          className="flex flex-col gap-3 rounded bg-raised p-4"
          aria-label={about(one, words)}
        >
          <h3 className="flex flex-wrap items-baseline justify-between gap-2 text-16 font-strong">
            <a href={one.link} {...target}>
              {about(one, words)}
            </a>
            <Amount money={one.amount} />
          </h3>
          <p className="text-13 text-soft">{words.receipt_keep}</p>
          <div className="flex flex-col gap-2">
            <LinkButton href={`${one.link}/pdf`} size="payer" download>
              <Icon name="file" />
              {words.receipt_pdf}
            </LinkButton>
            <LinkButton href={`${one.link}/file`} size="payer" download>
              <Icon name="file" />
              {words.receipt_file}
            </LinkButton>
            <LinkButton href="/check" size="payer" weight="quiet" target="_blank" rel="noopener">
              {words.receipt_check}
            </LinkButton>
          </div>
        </section>
      ))}
    </div>
  );
}

function about(receipt: Page["receipts"][number], words: Words): string {
  return receipt.about === "refund" ? words.receipt_refund : words.receipt;
}

function titled(session: Session, page: Page, paidHere: boolean, words: Words): string {
  if (compared(page.refunded.amount, "0") > 0) {
    return compared(page.refunded.amount, page.paid.amount) < 0
      ? words.part_refunded_title
      : words.refunded_title;
  }
  if (!paidHere) return words.already_title;
  return session.payment_state === "authorized" ? words.held_title : words.paid_title;
}

function means(page: Page, words: Words): ReactNode {
  if (page.method !== "card" || !page.card_last4) return named(page.method, words);
  const brand = page.card_brand.charAt(0).toUpperCase() + page.card_brand.slice(1);
  return <bdi dir="ltr">{`${brand} •••• ${page.card_last4}`}</bdi>;
}

function Row({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div className="flex flex-wrap items-baseline justify-between gap-x-4">
      <dt className="text-soft">{name}</dt>
      <dd className="m-0 min-w-0 text-end">{children}</dd>
    </div>
  );
}
