/** Approvals: what waits for a second person. */
import { useMemo } from "react";
import { Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import { ListPage, type Column } from "../kit";
import { CATALOGUE } from "../words";
import { approvals, useNameOf, type Approval } from "./asking";
import { APPROVAL_STATES, ApprovalStatus } from "./standing";

export default function Approvals() {
  const words = useWords(CATALOGUE);
  const nameOf = useNameOf();
  const columns = useMemo<readonly Column<Approval>[]>(
    () => [
      {
        id: "summary",
        label: words.what,
        show: (one) => <span className="font-strong">{one.summary}</span>,
        text: (one) => one.summary,
      },
      {
        id: "state",
        label: words.state,
        show: (one) => <ApprovalStatus state={one.state} />,
        text: (one) => one.state,
      },
      {
        id: "proposed_by",
        label: words.proposedBy,
        show: (one) => nameOf(one.proposed_by),
        text: (one) => one.proposed_by,
      },
      {
        id: "proposed_at",
        label: words.proposed,
        show: (one) => <Moment at={one.proposed_at} />,
        text: (one) => one.proposed_at,
      },
      {
        id: "expires_at",
        label: words.expires,
        show: (one) => <Moment at={one.expires_at} />,
        text: (one) => one.expires_at,
      },
      {
        id: "kind",
        label: words.kind,
        extra: true,
        show: (one) => one.kind,
        text: (one) => one.kind,
      },
      {
        id: "subject",
        label: words.about,
        extra: true,
        show: (one) => <Identifier>{one.subject}</Identifier>,
        text: (one) => one.subject,
      },
      {
        id: "id",
        label: words.id,
        extra: true,
        show: (one) => <Identifier>{one.id}</Identifier>,
        text: (one) => one.id,
      },
    ],
    [words, nameOf],
  );
  return (
    <ListPage
      name="approvals"
      title={words.approvals}
      fetch={approvals}
      columns={columns}
      filters={[
        {
          name: "state",
          label: words.state,
          choices: APPROVAL_STATES.map((one) => ({ value: one, label: words.approvalState(one) })),
        },
      ]}
      views={[
        { name: words.all, filters: {} },
        { name: words.approvalState("open"), filters: { state: "open" } },
      ]}
      to={(one) => `/approvals/${one.id}`}
      empty={words.noApprovals}
      emptyHint={<p>{words.noApprovalsHint}</p>}
    />
  );
}
