/** One delivery: every attempt at it, and sending it again. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button, Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import {
  Act,
  Answered,
  DetailPage,
  Facts,
  office,
  Section,
  Timeline,
  useIdInPath,
  useMay,
} from "../kit";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { DeliveryStatus } from "./standing";
import { CATALOGUE } from "./words";

export default function DeliveryPage() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const id = useIdInPath();
  const named = useNamed();
  const may = useMay();
  const queries = useQueryClient();
  const [again, setAgain] = useState(false);
  const delivery = useQuery({
    queryKey: named("deliveries", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/webhook_deliveries/{delivery}", { path: { delivery: id }, signal }),
    refetchInterval: (query) => (query.state.data?.state === "pending" ? 2_000 : false),
  });
  return (
    <DetailPage
      title={words.delivery}
      id={id}
      back={{ to: "/deliveries", label: words.deliveries }}
      status={delivery.data ? <DeliveryStatus state={delivery.data.state} /> : null}
      actions={
        delivery.data && may("webhooks.write") ? (
          <Button weight="primary" onClick={() => setAgain(true)}>
            {words.resend}
          </Button>
        ) : null
      }
    >
      <Answered of={delivery}>
        {(found) => (
          <>
            <Section title={words.attempts}>
              {found.tries.length === 0 ? (
                <p className="m-0 text-soft">{words.noAttempts}</p>
              ) : (
                <Timeline
                  steps={[...found.tries].reverse().map((one) => ({
                    id: String(one.number),
                    at: one.started_at,
                    title: words.deliveryOutcome(one.outcome),
                    tone: one.outcome === "delivered" ? "taken" : "failed",
                    children: (
                      <>
                        <span>{words.took(one.status, one.milliseconds)}</span>
                        {one.answer ? (
                          <Identifier className="text-12">{one.answer}</Identifier>
                        ) : null}
                      </>
                    ),
                  }))}
                />
              )}
            </Section>
            <Section title={general.rawFacts}>
              <Facts
                facts={[
                  [words.event, <Link to={`/events/${found.event}`}>{found.type}</Link>],
                  [
                    words.endpoint,
                    <Link to={`/webhooks/${found.endpoint}`}>{found.endpoint}</Link>,
                  ],
                  [general.created, <Moment at={found.created_at} />],
                  found.settled_at ? [words.settled, <Moment at={found.settled_at} />] : null,
                  found.next_attempt_at
                    ? [words.next, <Moment at={found.next_attempt_at} />]
                    : null,
                ]}
              />
            </Section>
          </>
        )}
      </Answered>
      {again ? (
        <Act
          title={words.resend}
          act={words.resend}
          onClose={() => setAgain(false)}
          onAct={async () => {
            await office("post", "/v1/webhook_deliveries/{delivery}/resend", {
              path: { delivery: id },
            });
            await queries.invalidateQueries();
          }}
        >
          <p className="m-0">{words.resendMeans}</p>
        </Act>
      ) : null}
    </DetailPage>
  );
}
