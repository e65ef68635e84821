/** One refund: where it stands, and who still has to agree. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Amount, Identifier, Moment, Notice } from "../../design";
import { useWords } from "../../words";
import { Answered, DetailPage, Facts, office, Section, useIdInPath, useMay } from "../kit";
import { CATALOGUE } from "../words";
import { ApprovalPanel } from "./agreeing";
import { useNamed, useNameOf } from "./asking";
import { RefundStatus } from "./standing";

export default function RefundPage() {
  const words = useWords(CATALOGUE);
  const id = useIdInPath();
  const named = useNamed();
  const nameOf = useNameOf();
  const may = useMay();
  const refund = useQuery({
    queryKey: named("refund", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/refunds/{refund}", { path: { refund: id }, signal }),
  });
  return (
    <DetailPage
      title={words.refund}
      id={id}
      back={{ to: "/refunds", label: words.refunds }}
      status={refund.data ? <RefundStatus state={refund.data.state} /> : null}
    >
      <Answered of={refund}>
        {(found) => (
          <>
            {found.state === "needs_approval" ? (
              <Notice tone="waiting" title={words.waitsForSecond}>
                <p>{words.waitsForSecondMeans}</p>
              </Notice>
            ) : null}
            {found.state === "unknown" ? (
              <Notice tone="unknown" title={words.unknownTitle}>
                <p>{words.unknownMeans}</p>
              </Notice>
            ) : null}
            {found.failure ? (
              <Notice tone="failed" title={words.refundFailed}>
                <p>{found.failure}</p>
              </Notice>
            ) : null}
            <Section title={words.money}>
              <Facts
                facts={[
                  [words.amount, <Amount money={found.amount} className="text-20 font-strong" />],
                  [words.payment, <Link to={`/payments/${found.payment}`}>{found.payment}</Link>],
                  [words.reason, found.reason],
                  [words.askedBy, nameOf(found.requested_by)],
                  [words.created, <Moment at={found.created_at} />],
                  [words.changed, <Moment at={found.updated_at} />],
                  [
                    words.reference,
                    found.reference ? <Identifier>{found.reference}</Identifier> : "",
                  ],
                ]}
              />
            </Section>
            {found.approval && may("approvals.read") ? <ApprovalPanel id={found.approval} /> : null}
          </>
        )}
      </Answered>
    </DetailPage>
  );
}
