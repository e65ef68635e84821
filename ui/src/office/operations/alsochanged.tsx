/** What else an agreement to a change of the fees replaces, beside what holds: limits, routing. */
import { useQuery } from "@tanstack/react-query";
import { useMemo, type ReactNode } from "react";
import { Amount, Notice } from "../../design";
import { useWords } from "../../words";
import { Answered, office, Rows, Section, type Column, type Schemas } from "../kit";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import type { Change } from "./feestable";
import { RulesTable } from "./routing";
import { CATALOGUE } from "./words";

type Limit = Schemas["LimitModel"];
type Row = Limit & { readonly id: string };

/** Show all of it, and only then what stands below: nobody agrees to what they could not see. */
export function AlsoChanged({
  change,
  children,
}: {
  readonly change: Change;
  readonly children: ReactNode;
}) {
  const words = useWords(CATALOGUE);
  if (change.also.length === 0) return children;
  return (
    <>
      <Notice tone="waiting" title={words.alsoChanged}>
        <p>{words.alsoChangedMeans}</p>
      </Notice>
      <Others change={change}>{children}</Others>
    </>
  );
}

function Others({ change, children }: { readonly change: Change; readonly children: ReactNode }) {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const id = change.id;
  const others = useQuery({
    queryKey: named("fees", "change", id, "others"),
    queryFn: async ({ signal }) => {
      const [limits, limitsNow, terms, termsNow] = await Promise.all([
        office("get", "/v1/limits/changes/{change}", { path: { change: id }, signal }),
        office("get", "/v1/limits", { signal }),
        office("get", "/v1/terms/changes/{change}", { path: { change: id }, signal }),
        office("get", "/v1/terms", { signal }),
      ]);
      return {
        limits: limits.limits,
        limitsNow: limitsNow.limits,
        routing: terms.terms.routing,
        routingNow: termsNow.routing,
      };
    },
  });
  return (
    <Answered of={others} rows={6}>
      {(found) => (
        <>
          {change.also.includes("limits") ? (
            <>
              <Limits title={words.limitsWanted} limits={found.limits} />
              <Limits title={words.limitsNow} limits={found.limitsNow} />
            </>
          ) : null}
          {change.also.includes("routing") ? (
            <>
              <Section title={words.routingWanted}>
                <RulesTable title={words.routingWanted} rules={found.routing} />
              </Section>
              <Section title={words.routingNow}>
                <RulesTable title={words.routingNow} rules={found.routingNow} />
              </Section>
            </>
          ) : null}
          {children}
        </>
      )}
    </Answered>
  );
}

function Limits({ title, limits }: { readonly title: string; readonly limits: readonly Limit[] }) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const columns = useMemo<readonly Column<Row>[]>(() => {
    const isFor = (one: Limit) =>
      [
        one.asset,
        one.method ? general.methodKind(one.method) : "",
        one.mode ? (one.mode === "live" ? general.liveMode : general.testMode) : "",
        one.tenant ? words.ofMerchant(one.tenant) : "",
      ]
        .filter(Boolean)
        .join(", ");
    const most = (id: "per_payment" | "per_day" | "per_month", label: string) => ({
      id,
      label,
      end: true,
      show: (one: Row) =>
        one[id] ? <Amount money={{ amount: one[id], asset: one.asset }} /> : "–",
      text: (one: Row) => one[id] ?? "",
    });
    return [
      {
        id: "for",
        label: words.fits,
        show: (one) => <span className="[overflow-wrap:anywhere]">{isFor(one)}</span>,
        text: (one) => isFor(one),
      },
      most("per_payment", words.atOnce),
      most("per_day", words.inADay),
      most("per_month", words.inAMonth),
    ];
  }, [words, general]);
  return (
    <Section title={title}>
      {limits.length === 0 ? (
        <p className="m-0 text-soft">{words.noLimits}</p>
      ) : (
        <Rows
          name="limits"
          title={title}
          columns={columns}
          rows={limits.map((one, place) => ({ ...one, id: String(place) }))}
        />
      )}
    </Section>
  );
}
