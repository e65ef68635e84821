/** One dispute: what is asked back and why, and what speaks against it. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Amount, Button, Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import {
  Act,
  Answered,
  DetailPage,
  Facts,
  office,
  Section,
  TextArea,
  useIdInPath,
  useMay,
} from "../kit";
import { CATALOGUE } from "../words";
import { useNamed, type Dispute } from "./asking";
import { DisputeStatus } from "./standing";

/** What providers ask for most, by the names they have for it. */
const ASKED_FOR = [
  "product_description",
  "refund_refusal_explanation",
  "shipping_tracking_number",
  "uncategorized_text",
] as const;
export type EvidenceName = (typeof ASKED_FOR)[number];

export default function DisputePage() {
  const words = useWords(CATALOGUE);
  const id = useIdInPath();
  const named = useNamed();
  const may = useMay();
  const [answering, setAnswering] = useState(false);
  const dispute = useQuery({
    queryKey: named("dispute", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/disputes/{dispute}", { path: { dispute: id }, signal }),
  });
  const open = dispute.data?.state === "opened" && may("payments.write");
  return (
    <DetailPage
      title={words.dispute}
      id={id}
      back={{ to: "/disputes", label: words.disputes }}
      status={dispute.data ? <DisputeStatus state={dispute.data.state} /> : null}
      actions={
        open ? (
          <Button weight="primary" onClick={() => setAnswering(true)}>
            {words.sendEvidence}
          </Button>
        ) : null
      }
    >
      <Answered of={dispute}>
        {(found) => (
          <>
            <Section title={words.money}>
              <Facts
                facts={[
                  [words.amount, <Amount money={found.amount} className="text-20 font-strong" />],
                  [words.payment, <Link to={`/payments/${found.payment}`}>{found.payment}</Link>],
                  [words.reason, found.reason],
                  [words.provider, found.provider],
                  found.evidence_due_at !== null && [
                    words.answerBy,
                    <Moment at={found.evidence_due_at} />,
                  ],
                  [words.opened, <Moment at={found.opened_at} />],
                  [words.reference, <Identifier>{found.reference}</Identifier>],
                ]}
              />
            </Section>
            <Section title={words.evidence}>
              {Object.keys(found.evidence).length === 0 ? (
                <p className="m-0 text-soft">{words.noEvidence}</p>
              ) : (
                <Facts
                  facts={Object.entries(found.evidence).map(
                    ([name, text]) => [name, text] as const,
                  )}
                />
              )}
            </Section>
          </>
        )}
      </Answered>
      {answering && dispute.data ? (
        <Answer dispute={dispute.data} onClose={() => setAnswering(false)} />
      ) : null}
    </DetailPage>
  );
}

function Answer({ dispute, onClose }: { readonly dispute: Dispute; readonly onClose: () => void }) {
  const words = useWords(CATALOGUE);
  const queries = useQueryClient();
  const [texts, setTexts] = useState<Readonly<Partial<Record<EvidenceName, string>>>>({});
  const given = Object.entries(texts).filter(([, text]) => text.trim() !== "");
  return (
    <Act
      title={words.sendEvidence}
      act={words.sendEvidence}
      blocked={given.length === 0}
      onClose={onClose}
      onAct={async (key) => {
        await office("post", "/v1/disputes/{dispute}/evidence", {
          path: { dispute: dispute.id },
          body: { evidence: Object.fromEntries(given) },
          key,
        });
        await queries.invalidateQueries();
      }}
    >
      <p className="m-0">{words.evidenceMeans}</p>
      {ASKED_FOR.map((one) => (
        <TextArea
          key={one}
          label={words.evidenceName(one)}
          value={texts[one] ?? ""}
          maxLength={5_000}
          onChange={(event) => setTexts({ ...texts, [one]: event.currentTarget.value })}
        />
      ))}
    </Act>
  );
}
