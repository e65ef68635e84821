/** Home: what came in, what is owed, what waits for somebody, and whether all is well. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Amount, Identifier, Panel, Status, type Tone } from "../../design";
import { useWords } from "../../words";
import { Answered, Facts, Heading, office, Section, useMay } from "../kit";
import { CATALOGUE } from "../words";
import { isNothing } from "./amounts";
import { useLastDays, useNamed } from "./asking";
import { Course } from "./course";

const DAYS = 30;
const COUNTED_MAX = 100;
const DELIVERY_DAYS = 7;

export default function Home() {
  const words = useWords(CATALOGUE);
  const may = useMay();
  return (
    <>
      <Heading title={words.home} />
      <div className="flex flex-col gap-4">
        <Needs />
        {may("payments.read") ? <Brought /> : null}
        {may("payments.read") ? <Course filters={{}} /> : null}
        {may("ledger.read") ? <Balances /> : null}
        <Health />
      </div>
    </>
  );
}

/** What the last days brought, an asset each. */
function Brought() {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const span = useLastDays(DAYS);
  const stats = useQuery({
    queryKey: named("stats", "brought", span.since),
    queryFn: ({ signal }) => office("get", "/v1/stats", { query: span, signal }),
  });
  return (
    <Section title={words.broughtTitle(DAYS)}>
      <Answered of={stats}>
        {(found) =>
          found.assets.length === 0 ? (
            <p className="m-0 text-soft">{words.noPayments}</p>
          ) : (
            <div className="flex flex-col gap-4">
              {found.assets.map((one) => {
                const decided = one.succeeded + one.declined;
                return (
                  <Facts
                    key={one.asset}
                    facts={[
                      [
                        words.captured,
                        <Amount money={one.captured} className="text-20 font-strong" />,
                      ],
                      [
                        words.successRate,
                        decided === 0
                          ? "–"
                          : words.percent(Math.round((100 * one.succeeded) / decided)),
                      ],
                      [words.payments, String(one.payments)],
                      !isNothing(one.refunded) && [words.refunded, <Amount money={one.refunded} />],
                      !isNothing(one.disputed) && [words.disputed, <Amount money={one.disputed} />],
                      [words.fees, <Amount money={one.fees} />],
                    ]}
                  />
                );
              })}
            </div>
          )
        }
      </Answered>
    </Section>
  );
}

function Balances() {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const balances = useQuery({
    queryKey: named("balances"),
    queryFn: ({ signal }) => office("get", "/v1/balances", { signal }),
  });
  return (
    <Section title={words.balances}>
      <Answered of={balances}>
        {(found) =>
          found.data.length === 0 ? (
            <p className="m-0 text-soft">{words.noBalances}</p>
          ) : (
            <Facts
              facts={found.data.map((one) => [
                words.chartAccount(one.account, one.of.startsWith("mer_") ? "" : one.of),
                <Amount
                  key={`${one.account} ${one.of} ${one.amount.asset}`}
                  money={one.amount}
                  className="text-20 font-strong"
                />,
              ])}
            />
          )
        }
      </Answered>
    </Section>
  );
}

/** What waits for somebody. Each is counted by itself, so that a slow one holds nobody up. */
function Needs() {
  const words = useWords(CATALOGUE);
  const may = useMay();
  const named = useNamed();
  const approvals = useQuery({
    queryKey: named("needs", "approvals"),
    queryFn: ({ signal }) =>
      office("get", "/v1/approvals", { query: { state: "open", limit: COUNTED_MAX }, signal }),
    enabled: may("approvals.read"),
  });
  const disputes = useQuery({
    queryKey: named("needs", "disputes"),
    queryFn: ({ signal }) =>
      office("get", "/v1/disputes", { query: { state: "opened", limit: COUNTED_MAX }, signal }),
    enabled: may("payments.read"),
  });
  const unknown = useQuery({
    queryKey: named("needs", "unknown"),
    queryFn: ({ signal }) =>
      office("get", "/v1/payments", { query: { state: "unknown", limit: COUNTED_MAX }, signal }),
    enabled: may("payments.read"),
  });
  // What nobody sent again for a week, nobody will.
  const { since } = useLastDays(DELIVERY_DAYS);
  const undelivered = useQuery({
    queryKey: named("needs", "deliveries", since),
    queryFn: ({ signal }) =>
      office("get", "/v1/webhook_deliveries", {
        query: { state: "failed", "created[gte]": since, limit: COUNTED_MAX },
        signal,
      }),
    enabled: may("webhooks.read"),
  });
  const needs = [
    {
      of: approvals,
      to: "/approvals",
      search: { state: "open" },
      say: words.approvalsWait,
      tone: "waiting",
    },
    {
      of: disputes,
      to: "/disputes",
      search: { state: "opened" },
      say: words.disputesWait,
      tone: "waiting",
    },
    {
      of: unknown,
      to: "/payments",
      search: { state: "unknown" },
      say: words.unknownWait,
      tone: "unknown",
    },
    {
      of: undelivered,
      to: "/deliveries",
      search: { state: "failed", since: since.slice(0, 10) },
      say: words.deliveriesFailed,
      tone: "failed",
    },
  ] as const;
  const waiting = needs.filter((one) => (one.of.data?.data.length ?? 0) > 0);
  const asked = needs.some((one) => one.of.isFetched || one.of.isFetching);
  if (!asked) return null;
  return (
    <Panel aria-labelledby="needs">
      <h2 id="needs" className="m-0 mb-2 text-16 font-strong">
        {words.needsYou}
      </h2>
      {waiting.length === 0 ? <p className="m-0 text-soft">{words.nothingWaits}</p> : null}
      <ul className="m-0 flex list-none flex-col gap-2 p-0">
        {waiting.map((one) => (
          <li key={one.to + one.say(1)}>
            <Link to={one.to} search={one.search as never}>
              <Status tone={one.tone as Tone}>{one.say(one.of.data?.data.length ?? 0)}</Status>
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Health() {
  const words = useWords(CATALOGUE);
  const integrity = useQuery({
    queryKey: ["integrity"],
    queryFn: ({ signal }) => office("get", "/audit/integrity", { signal }),
    staleTime: 60_000,
  });
  return (
    <Section title={words.health}>
      <Answered of={integrity}>
        {(found) => (
          <div className="flex flex-col gap-3">
            <p className="m-0">
              <Status tone={found.trouble ? "failed" : "taken"}>
                {found.trouble ? words.proofTrouble : words.proofWell}
              </Status>
            </p>
            {found.trouble ? <p className="m-0 text-failed">{found.trouble}</p> : null}
            <Facts
              facts={[
                [words.logEntries, String(found.size)],
                [words.logRoot, <Identifier className="text-12">{found.root}</Identifier>],
              ]}
            />
          </div>
        )}
      </Answered>
    </Section>
  );
}
