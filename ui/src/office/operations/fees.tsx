/** What payments cost merchants: the rules that hold, others to ask for, and what one would pay. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button, Identifier, Notice } from "../../design";
import { useWords } from "../../words";
import { Answered, Heading, Nothing, office, Section, useMay } from "../kit";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { Draft } from "./feesdraft";
import { FeesPreview } from "./feespreview";
import { FeesTable, type Change, type Fee } from "./feestable";
import { CATALOGUE } from "./words";

export default function Fees() {
  const words = useWords(CATALOGUE);
  const may = useMay();
  const named = useNamed();
  const [draft, setDraft] = useState<readonly Fee[] | null>(null);
  const [asked, setAsked] = useState<Change | null>(null);
  const fees = useQuery({
    queryKey: named("fees"),
    queryFn: ({ signal }) => office("get", "/v1/fees", { signal }),
  });
  return (
    <>
      <Heading title={words.fees}>
        {fees.data && draft === null && may("settings.write") ? (
          <Button weight="primary" onClick={() => setDraft(fees.data.fees)}>
            {words.changeFees}
          </Button>
        ) : null}
      </Heading>
      <div className="flex flex-col gap-4">
        <p className="m-0 max-w-160 text-soft">{words.feesMean}</p>
        {asked ? <Asked change={asked} /> : null}
        <Answered of={fees} rows={6}>
          {(found) => (
            <>
              <Section title={words.feesNow}>
                {found.fees.length === 0 ? (
                  <Nothing title={words.noFees} />
                ) : (
                  <FeesTable title={words.feesNow} fees={found.fees} />
                )}
              </Section>
              {draft ? (
                <Draft
                  fees={draft}
                  now={found.fees}
                  onChange={setDraft}
                  onEnd={(change) => {
                    setDraft(null);
                    setAsked(change);
                  }}
                />
              ) : (
                <FeesPreview fees={found.fees} about={words.byFeesNow} />
              )}
              {may("approvals.read") ? <Waiting /> : null}
            </>
          )}
        </Answered>
      </div>
    </>
  );
}

function Asked({ change }: { readonly change: Change }) {
  const words = useWords(CATALOGUE);
  const waits = change.state === "needs_approval";
  return (
    <Notice tone={waits ? "waiting" : "taken"} title={words.feesAre(change.state)} live="status">
      <p>{waits ? words.feesWaitMeans : words.feesHoldMeans}</p>
      <p>
        <Link to={`/fees/${change.id}`}>{words.openChange}</Link>
      </p>
    </Notice>
  );
}

/** The changes that wait for somebody else's agreement. */
function Waiting() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const named = useNamed();
  const open = useQuery({
    queryKey: named("approvals", "terms"),
    queryFn: ({ signal }) =>
      office("get", "/v1/approvals", {
        query: { state: "open", kind: "terms", limit: 100 },
        signal,
      }),
  });
  return (
    <Section title={words.feesWaiting}>
      <Answered of={open} rows={1}>
        {(found) =>
          found.data.length === 0 ? (
            <p className="m-0 text-soft">{words.noFeesWaiting}</p>
          ) : (
            <ul className="m-0 flex list-none flex-col gap-2 p-0">
              {found.data.map((one) => (
                <li key={one.id} className="flex flex-wrap items-baseline gap-x-4">
                  <Link to={`/fees/${one.subject}`}>{words.openChange}</Link>
                  <bdi lang="en" className="whitespace-normal [overflow-wrap:anywhere]">
                    {one.summary}
                  </bdi>
                  <Link to={`/approvals/${one.id}`}>{general.approval}</Link>
                  <Identifier className="text-12">{one.id}</Identifier>
                </li>
              ))}
            </ul>
          )
        }
      </Answered>
    </Section>
  );
}
