/** One transfer: its sides as T-accounts, and where it stands in the book. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Moment } from "../../design";
import { useWords } from "../../words";
import { Answered, DetailPage, Facts, office, Section, TAccounts, useIdInPath } from "../kit";
import { pathOfId } from "../kit/palette";
import { CATALOGUE } from "../words";
import { useNamed } from "./asking";

export default function TransferPage() {
  const words = useWords(CATALOGUE);
  const id = useIdInPath();
  const named = useNamed();
  const transfer = useQuery({
    queryKey: named("ledger", "transfer", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/transfers/{transfer}", { path: { transfer: id }, signal }),
  });
  return (
    <DetailPage title={words.transfer} id={id} back={{ to: "/transfers", label: words.transfers }}>
      <Answered of={transfer}>
        {(found) => {
          const about = pathOfId(found.reference);
          return (
            <>
              <Section title={words.postings}>
                {found.legs.length === 0 ? (
                  <p className="m-0 text-soft">{words.noLegs}</p>
                ) : (
                  <TAccounts
                    sides={found.legs.map((leg) => ({
                      ...leg,
                      to: `/accounts/${leg.account}`,
                      why: found.reason,
                    }))}
                  />
                )}
              </Section>
              <Section title={words.rawFacts}>
                <Facts
                  facts={[
                    [words.kind, words.transferKind(found.kind)],
                    [words.reason, found.reason],
                    [
                      words.reference,
                      about ? <Link to={about}>{found.reference}</Link> : found.reference,
                    ],
                    [words.recorded, <Moment at={found.recorded_at} />],
                    [words.happened, <Moment at={found.occurred_at} />],
                    [words.subject, found.subject],
                    ...Object.entries(found.metadata).map(
                      ([name, value]) => [name, value] as const,
                    ),
                  ]}
                />
              </Section>
            </>
          );
        }}
      </Answered>
    </DetailPage>
  );
}
