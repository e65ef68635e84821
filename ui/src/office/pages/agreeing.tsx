/** Four eyes: what waits for somebody, and a second person's yes or no to it. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button, Identifier, Moment, Notice } from "../../design";
import { useWords } from "../../words";
import { Act, Answered, Facts, office, Section, TextArea, useMay, useSession } from "../kit";
import { pathOfId } from "../kit/palette";
import { CATALOGUE } from "../words";
import { useNamed, useNameOf, type Approval } from "./asking";
import { ApprovalStatus } from "./standing";

export function ApprovalPanel({ id }: { readonly id: string }) {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const approval = useQuery({
    queryKey: named("approval", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/approvals/{approval}", { path: { approval: id }, signal }),
  });
  return (
    <Section
      title={words.approval}
      end={approval.data ? <Verdicts approval={approval.data} /> : null}
    >
      <Answered of={approval}>{(found) => <ApprovalFacts approval={found} />}</Answered>
    </Section>
  );
}

function ApprovalFacts({ approval }: { readonly approval: Approval }) {
  const words = useWords(CATALOGUE);
  const nameOf = useNameOf();
  const about = pathOfId(approval.subject);
  return (
    <div className="flex flex-col gap-3">
      <p className="m-0 flex flex-wrap gap-x-4">
        <ApprovalStatus state={approval.state} />
        <span>{approval.summary}</span>
      </p>
      <Facts
        facts={[
          [words.about, about ? <Link to={about}>{approval.subject}</Link> : approval.subject],
          [words.proposedBy, nameOf(approval.proposed_by)],
          [words.proposed, <Moment at={approval.proposed_at} />],
          [words.expires, <Moment at={approval.expires_at} />],
          [words.needs, words.people(approval.approvers)],
          [words.approverMay, <Identifier>{approval.permission}</Identifier>],
        ]}
      />
      {approval.decisions.length > 0 ? (
        <ul className="m-0 flex list-none flex-col gap-1 p-0">
          {approval.decisions.map((one) => (
            <li key={one.person} className="flex flex-wrap gap-x-3">
              <span className="font-strong">{words.said(nameOf(one.person), one.verdict)}</span>
              {one.reason ? <span>{one.reason}</span> : null}
              <Moment at={one.decided_at} className="text-soft" />
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}

type Verdict = "approve" | "reject";

function Verdicts({ approval }: { readonly approval: Approval }) {
  const words = useWords(CATALOGUE);
  const queries = useQueryClient();
  const may = useMay();
  const { who } = useSession();
  const [asked, setAsked] = useState<Verdict | null>(null);
  const [reason, setReason] = useState("");
  if (approval.state !== "open" || !may("approvals.write")) return null;
  const own = approval.proposed_by === who.subject;
  const able = may(approval.permission) && !own;
  return (
    <div className="flex flex-wrap items-center gap-2">
      {own ? <span className="text-13 text-soft">{words.ownProposal}</span> : null}
      <Button onClick={() => setAsked("reject")}>{own ? words.withdraw : words.reject}</Button>
      {able ? (
        <Button weight="primary" onClick={() => setAsked("approve")}>
          {words.approve}
        </Button>
      ) : null}
      {asked ? (
        <Act
          title={asked === "approve" ? words.approveTitle : words.rejectTitle}
          act={asked === "approve" ? words.approve : words.reject}
          danger={asked === "reject"}
          onClose={() => setAsked(null)}
          onAct={async () => {
            await office(
              "post",
              asked === "approve"
                ? "/v1/approvals/{approval}/approve"
                : "/v1/approvals/{approval}/reject",
              { path: { approval: approval.id }, body: { reason } },
            );
            await queries.invalidateQueries();
          }}
        >
          <Notice tone="waiting">
            <p className="font-strong">{approval.summary}</p>
          </Notice>
          <TextArea
            label={words.reasonMaybe}
            value={reason}
            maxLength={500}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
        </Act>
      ) : null}
    </div>
  );
}
