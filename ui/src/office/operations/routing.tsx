/** Routing and providers: how each fares, which rules choose, and when another one stepped in. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Identifier, Moment, Status } from "../../design";
import { useWords } from "../../words";
import { Answered, Heading, office, Rows, Section, type Column, type Schemas } from "../kit";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { CATALOGUE } from "./words";

type Faring = Schemas["FaringModel"];
type Provider = Faring["providers"][number] & { readonly id: string };
type Failover = Faring["failovers"][number] & { readonly id: string };
type Rule = Schemas["RoutingRuleModel"] & { readonly id: string };
const LOOK_MILLISECONDS = 10_000;

export default function Routing() {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const faring = useQuery({
    queryKey: named("providers"),
    queryFn: ({ signal }) => office("get", "/v1/providers", { signal }),
    refetchInterval: LOOK_MILLISECONDS,
  });
  return (
    <>
      <Heading title={words.routing} />
      <div className="flex flex-col gap-4">
        <Answered of={faring} rows={8}>
          {(found) => (
            <>
              <Providers found={found} />
              <Rules />
              <Failovers found={found} />
            </>
          )}
        </Answered>
      </div>
    </>
  );
}

function Providers({ found }: { readonly found: Faring }) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const columns = useMemo<readonly Column<Provider>[]>(() => {
    const counted = (
      id: "asked" | "done" | "declined" | "not_reached" | "open",
      label: string,
    ) => ({
      id,
      label,
      end: true,
      show: (one: Provider) => one[id],
      text: (one: Provider) => String(one[id]),
    });
    return [
      {
        id: "provider",
        label: general.provider,
        show: (one) => <span className="font-strong">{one.provider}</span>,
        text: (one) => one.provider,
      },
      {
        id: "ailing",
        label: words.health,
        show: (one) => (
          <Status tone={one.ailing ? "failed" : one.asked > 0 ? "taken" : "calm"}>
            {one.ailing ? words.ailing : one.asked > 0 ? words.well : words.notAsked}
          </Status>
        ),
        text: (one) => (one.ailing ? "ailing" : "well"),
      },
      {
        id: "methods",
        label: general.method,
        show: (one) => one.methods.map((kind) => general.methodKind(kind)).join(", "),
        text: (one) => one.methods.join(" "),
      },
      counted("asked", words.asked),
      counted("done", words.done),
      counted("declined", general.declined),
      counted("not_reached", words.notReached),
      counted("open", words.openOnes),
      {
        id: "last_at",
        label: words.lastAsked,
        show: (one) => (one.last_at ? <Moment at={one.last_at} /> : words.never),
        text: (one) => one.last_at ?? "",
      },
    ];
  }, [words, general]);
  return (
    <Section title={words.providers}>
      <p className="m-0 mb-2 text-soft">{words.providersMean(found.looked_at)}</p>
      {found.providers.length === 0 ? (
        <p className="m-0">{words.noProviders}</p>
      ) : (
        <Rows
          name="providers"
          title={words.providers}
          columns={columns}
          rows={found.providers.map((one) => ({ ...one, id: one.provider }))}
        />
      )}
    </Section>
  );
}

function Rules() {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const terms = useQuery({
    queryKey: named("terms"),
    queryFn: ({ signal }) => office("get", "/v1/terms", { signal }),
  });
  return (
    <Section title={words.rules}>
      <Answered of={terms}>
        {(found) => <RulesTable title={words.rules} rules={found.routing} />}
      </Answered>
    </Section>
  );
}

export function RulesTable({
  title,
  rules,
}: {
  readonly title: string;
  readonly rules: readonly Schemas["RoutingRuleModel"][];
}) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const columns = useMemo<readonly Column<Rule>[]>(
    () => [
      {
        id: "place",
        label: words.place,
        show: (one) => one.place,
        text: (one) => String(one.place),
      },
      {
        id: "provider",
        label: general.provider,
        show: (one) => <span className="font-strong">{one.provider}</span>,
        text: (one) => one.provider,
      },
      {
        id: "weight",
        label: words.weight,
        end: true,
        show: (one) => one.weight,
        text: (one) => String(one.weight),
      },
      {
        id: "fits",
        label: words.fits,
        show: (one) => <Identifier>{conditionsOf(one) || general.all}</Identifier>,
        text: (one) => conditionsOf(one),
      },
    ],
    [words, general],
  );
  if (rules.length === 0) return <p className="m-0 text-soft">{words.noRules}</p>;
  return (
    <Rows
      name="rules"
      title={title}
      columns={columns}
      rows={rules.map((one, place) => ({ ...one, id: String(place) }))}
    />
  );
}

function conditionsOf(rule: Rule): string {
  return [
    rule.tenant,
    rule.method ?? "",
    rule.asset,
    rule.country,
    rule.amount_min == null ? "" : `>= ${rule.amount_min}`,
    rule.amount_max == null ? "" : `<= ${rule.amount_max}`,
  ]
    .filter(Boolean)
    .join(", ");
}

function Failovers({ found }: { readonly found: Faring }) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const columns = useMemo<readonly Column<Failover>[]>(
    () => [
      {
        id: "payment",
        label: general.payment,
        show: (one) => <Identifier>{one.payment}</Identifier>,
        text: (one) => one.payment,
      },
      {
        id: "provider",
        label: general.provider,
        show: (one) => one.provider,
        text: (one) => one.provider,
      },
      {
        id: "why",
        label: words.why,
        show: (one) => <span lang="en">{one.why}</span>,
        text: (one) => one.why,
      },
      {
        id: "result",
        label: general.result,
        show: (one) => one.result || "–",
        text: (one) => one.result,
      },
      {
        id: "at",
        label: general.when,
        show: (one) => <Moment at={one.at} />,
        text: (one) => one.at,
      },
    ],
    [words, general],
  );
  return (
    <Section title={words.failovers}>
      {found.failovers.length === 0 ? (
        <p className="m-0 text-soft">{words.noFailovers}</p>
      ) : (
        <Rows
          name="failovers"
          title={words.failovers}
          columns={columns}
          rows={found.failovers.map((one) => ({ ...one, id: one.attempt }))}
        />
      )}
    </Section>
  );
}
