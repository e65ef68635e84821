/** One payment: the story, the money, then raw facts. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import {
  Amount,
  CopyText,
  Icon,
  Identifier,
  LinkButton,
  Moment,
  Notice,
  type Tone,
} from "../../design";
import { useWords } from "../../words";
import {
  Answered,
  DetailPage,
  Facts,
  office,
  Section,
  TAccounts,
  Timeline,
  useIdInPath,
  useMay,
  useSession,
  type Schemas,
  type Step,
} from "../kit";
import { CallsOf, useCalls, type Calls } from "../calls/calls";
import { CATALOGUE } from "../words";
import { isNothing } from "./amounts";
import { useNamed, useNameOf } from "./asking";
import { Moves } from "./moving";
import { DisputeStatus, PaymentStatus, RefundStatus } from "./standing";
import { Exchanges, ToldOthers } from "./telling";

type Whole = Schemas["ExpandedPaymentModel"];
type Attempt = Schemas["AttemptModel"];

export default function PaymentPage() {
  const words = useWords(CATALOGUE);
  const id = useIdInPath();
  const named = useNamed();
  const payment = useQuery({
    queryKey: named("payment", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/payments/{payment}", {
        path: { payment: id },
        query: { "expand[]": ["attempts", "refunds", "customer"] },
        signal,
      }),
  });
  return (
    <DetailPage
      title={words.payment}
      id={id}
      back={{ to: "/payments", label: words.payments }}
      status={payment.data ? <PaymentStatus state={payment.data.state} /> : null}
      actions={payment.data ? <Moves payment={payment.data} /> : null}
    >
      <Answered of={payment} rows={8}>
        {(found) => <Told payment={found} />}
      </Answered>
    </DetailPage>
  );
}

function Told({ payment }: { readonly payment: Whole }) {
  const words = useWords(CATALOGUE);
  const may = useMay();
  const calls = useCalls(payment.id);
  return (
    <>
      <Standing payment={payment} />
      <Section title={words.story}>
        <Story payment={payment} calls={calls} />
      </Section>
      {may("ledger.read") ? <Postings id={payment.id} /> : null}
      {may("receipts.read") ? <Receipts id={payment.id} /> : null}
      <Disputes id={payment.id} />
      {may("events.read") ? <ToldOthers id={payment.id} /> : null}
      <Exchanges attempts={payment.attempts ?? []} calls={calls} />
      <Raw payment={payment} />
    </>
  );
}

function Standing({ payment }: { readonly payment: Whole }) {
  const words = useWords(CATALOGUE);
  return (
    <Section title={words.money}>
      {payment.state === "unknown" ? (
        <Notice tone="unknown" title={words.unknownTitle} className="mb-3">
          <p>{words.unknownMeans}</p>
        </Notice>
      ) : null}
      {payment.declined ? (
        <Notice tone="failed" title={words.declinedBecause(payment.declined.code)} className="mb-3">
          <p>{payment.declined.advice}</p>
        </Notice>
      ) : null}
      <Facts
        facts={[
          [words.amount, <Amount money={payment.amount} className="text-20 font-strong" />],
          [words.captured, <Amount money={payment.captured} />],
          !isNothing(payment.refunded) && [words.refunded, <Amount money={payment.refunded} />],
          payment.refunds_awaiting !== null &&
            !isNothing(payment.refunds_awaiting) && [
              words.refundsAwaiting,
              <Amount money={payment.refunds_awaiting} />,
            ],
          !isNothing(payment.disputed) && [words.disputed, <Amount money={payment.disputed} />],
          [words.fee, <Amount money={payment.fee} />],
          payment.cost !== null && [words.providersFee, <Amount money={payment.cost} />],
          [words.method, payment.method ? words.methodKind(payment.method) : ""],
          [words.provider, payment.provider],
          [words.description, payment.description],
          payment.order !== "" && [
            words.order,
            payment.order.startsWith("ord_") ? (
              <Link to={`/orders/${payment.order}`}>{payment.order}</Link>
            ) : (
              payment.order
            ),
          ],
          payment.customer !== "" && [
            words.customer,
            <Link to={`/customers/${payment.customer}`}>
              {payment.customer_object?.name || payment.customer_object?.email || payment.customer}
            </Link>,
          ],
          [words.created, <Moment at={payment.created_at} />],
          [words.inBook, payment.booked ? words.yes : words.notYet],
        ]}
      />
    </Section>
  );
}

const TONES: Readonly<Record<Attempt["state"], Tone>> = {
  sent: "waiting",
  waiting: "waiting",
  unknown: "unknown",
  done: "taken",
  declined: "failed",
  failed: "failed",
};

function Story({ payment, calls }: { readonly payment: Whole; readonly calls: Calls }) {
  const words = useWords(CATALOGUE);
  const nameOf = useNameOf();
  const attempts: Step[] = (payment.attempts ?? []).map((one) => ({
    id: one.id,
    at: one.settled_at ?? one.sent_at,
    tone: TONES[one.state],
    title: (
      <>
        {words.attempt(one.operation, one.state)} · <Amount money={one.amount} />
      </>
    ),
    children: (
      <>
        <span>{words.askedProvider(one.provider, one.why)}</span>
        {one.declined ? <span>{words.declinedBecause(one.declined.code)}</span> : null}
        {one.reference ? (
          <Identifier className="text-12 text-soft">{one.reference}</Identifier>
        ) : null}
        <CallsOf calls={calls} attempt={one.id} />
      </>
    ),
  }));
  const refunds: Step[] = (payment.refunds ?? []).map((one) => ({
    id: one.id,
    at: one.created_at,
    tone: one.state === "needs_approval" ? "waiting" : "calm",
    title: (
      <Link to={`/refunds/${one.id}`}>
        {words.refundAsked} · <Amount money={one.amount} />
      </Link>
    ),
    children: (
      <>
        <RefundStatus state={one.state} />
        <span>{words.by(nameOf(one.requested_by))}</span>
        {one.reason ? <span>{one.reason}</span> : null}
      </>
    ),
  }));
  const created: Step = {
    id: "created",
    at: payment.created_at,
    tone: "calm",
    title: (
      <>
        {words.paymentAsked} · <Amount money={payment.amount} />
      </>
    ),
  };
  const steps = [created, ...attempts, ...refunds].sort((first, second) =>
    first.at < second.at ? 1 : -1,
  );
  return <Timeline steps={steps} />;
}

function Postings({ id }: { readonly id: string }) {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const postings = useQuery({
    queryKey: named("payment", id, "postings"),
    queryFn: ({ signal }) =>
      office("get", "/v1/payments/{payment}/postings", { path: { payment: id }, signal }),
  });
  const { who } = useSession();
  const ours = who.tenant === "platform";
  return (
    <Section title={words.postings}>
      <Answered of={postings}>
        {(found) =>
          found.data.length === 0 ? (
            <p className="m-0 text-soft">{words.noPostings}</p>
          ) : (
            <TAccounts
              sides={found.data.flatMap((posting) =>
                posting.sides.map((one) => ({
                  account: words.chartAccount(one.name, one.of.startsWith("mer_") ? "" : one.of),
                  side: one.side,
                  amount: one.amount,
                  why: posting.reason,
                  ...(ours ? { to: `/accounts/${one.account}` } : {}),
                })),
              )}
            />
          )
        }
      </Answered>
    </Section>
  );
}

function Receipts({ id }: { readonly id: string }) {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const receipts = useQuery({
    queryKey: named("receipts", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/receipts", { query: { payment: id, limit: 20 }, signal }),
  });
  return (
    <Section title={words.receipts}>
      <Answered of={receipts}>
        {(found) =>
          found.data.length === 0 ? (
            <p className="m-0 text-soft">{words.noReceipts}</p>
          ) : (
            <ul className="m-0 flex list-none flex-col gap-2 p-0">
              {found.data.map((one) => (
                <li key={one.id} className="flex flex-wrap items-center gap-x-4 gap-y-1">
                  <Amount money={one.amount} className="font-strong" />
                  <span>{words.receiptAbout(one.about, one.outcome)}</span>
                  <Moment at={one.issued_at} className="text-soft" />
                  <LinkButton href={one.link} target="_blank" rel="noreferrer">
                    {words.openReceipt}
                    <Icon name="outside" className="size-4" />
                  </LinkButton>
                </li>
              ))}
            </ul>
          )
        }
      </Answered>
    </Section>
  );
}

function Disputes({ id }: { readonly id: string }) {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const disputes = useQuery({
    queryKey: named("disputes", "of", id),
    queryFn: ({ signal }) => office("get", "/v1/disputes", { query: { payment: id }, signal }),
  });
  if (!disputes.data || disputes.data.data.length === 0) return null;
  return (
    <Section title={words.disputes}>
      <ul className="m-0 flex list-none flex-col gap-2 p-0">
        {disputes.data.data.map((one) => (
          <li key={one.id} className="flex flex-wrap gap-x-4">
            <Link to={`/disputes/${one.id}`}>
              <Amount money={one.amount} /> · {one.reason}
            </Link>
            <DisputeStatus state={one.state} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Raw({ payment }: { readonly payment: Whole }) {
  const words = useWords(CATALOGUE);
  const own = { ...payment, attempts: undefined, refunds: undefined, customer_object: undefined };
  const call = `curl -H 'x-api-key: sk_…' ${location.origin}/v1/payments/${payment.id}`;
  return (
    <Section title={words.rawFacts}>
      <CopyText text={call} copy={words.copy} copied={words.copied} />
      <details className="mt-2">
        <summary className="cursor-pointer text-soft">JSON</summary>
        <pre
          dir="ltr"
          tabIndex={0}
          role="region"
          aria-label="JSON"
          className="m-0 mt-2 max-h-96 overflow-auto rounded bg-sunken p-3 font-mono text-12"
        >
          {JSON.stringify(own, null, 2)}
        </pre>
      </details>
    </Section>
  );
}
