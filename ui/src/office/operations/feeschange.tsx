/** One change of the fees: what it wants in place of what holds, and who has to agree. */
import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { useEffect } from "react";
import { Moment, Status } from "../../design";
import { useWords } from "../../words";
import { Answered, DetailPage, Facts, office, Section, useIdInPath, useMay } from "../kit";
import { ApprovalPanel } from "../pages/agreeing";
import { useNamed, useNameOf } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { AlsoChanged } from "./alsochanged";
import { FeesTable, type Change } from "./feestable";
import { CATALOGUE } from "./words";

const LOOK_MILLISECONDS = 1_000;
const TONES = {
  needs_approval: "waiting",
  in_force: "taken",
  rejected: "failed",
  overtaken: "calm",
} as const;

export default function FeesChange() {
  const words = useWords(CATALOGUE);
  const id = useIdInPath();
  const named = useNamed();
  const change = useQuery({
    queryKey: named("fees", "change", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/fees/changes/{change}", { path: { change: id }, signal }),
  });
  useUntilItHolds(change);
  return (
    <DetailPage
      title={words.feesChange}
      id={id}
      back={{ to: "/fees", label: words.fees }}
      status={
        change.data ? (
          <Status tone={TONES[change.data.state]}>{words.feesAre(change.data.state)}</Status>
        ) : null
      }
    >
      <Answered of={change} rows={6}>
        {(found) => <Told change={found} />}
      </Answered>
    </DetailPage>
  );
}

/** Once somebody has agreed it holds a moment later: look until it does, and no longer. */
function useUntilItHolds(change: UseQueryResult<Change>): void {
  const named = useNamed();
  const may = useMay();
  const queries = useQueryClient();
  const waits = change.data?.state === "needs_approval";
  const id = change.data?.approval ?? "";
  const approval = useQuery({
    queryKey: named("approval", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/approvals/{approval}", { path: { approval: id }, signal }),
    enabled: waits && id !== "" && may("approvals.read"),
  });
  const decided = waits && approval.data !== undefined && approval.data.state !== "open";
  useEffect(() => {
    if (!decided) return undefined;
    const look = () => void queries.invalidateQueries({ predicate: isAboutFees });
    const timer = setInterval(look, LOOK_MILLISECONDS);
    return () => clearInterval(timer);
  }, [decided, queries]);
}

function isAboutFees(one: { readonly queryKey: readonly unknown[] }): boolean {
  return one.queryKey[0] === "fees";
}

function Told({ change }: { readonly change: Change }) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const nameOf = useNameOf();
  const may = useMay();
  const named = useNamed();
  const fees = useQuery({
    queryKey: named("fees"),
    queryFn: ({ signal }) => office("get", "/v1/fees", { signal }),
  });
  return (
    <>
      <Section title={words.feesWanted}>
        <Facts
          facts={[
            [general.proposedBy, nameOf(change.proposed_by)],
            [general.proposed, <Moment at={change.proposed_at} />],
            change.decided_at !== null && [words.decided, <Moment at={change.decided_at} />],
          ]}
        />
        <div className="mt-3">
          <FeesTable title={words.feesWanted} fees={change.fees} />
        </div>
      </Section>
      {change.state === "needs_approval" ? (
        <Section title={words.feesNow}>
          <Answered of={fees}>
            {(found) => <FeesTable title={words.feesNow} fees={found.fees} />}
          </Answered>
        </Section>
      ) : null}
      <AlsoChanged change={change}>
        {change.approval && may("approvals.read") ? <ApprovalPanel id={change.approval} /> : null}
      </AlsoChanged>
    </>
  );
}
