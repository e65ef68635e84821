/** One event: what it says, and who was told. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import { Answered, DetailPage, Facts, office, Rows, Section, useIdInPath } from "../kit";
import { pathOfId } from "../kit/palette";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { useDeliveryColumns } from "./deliveries";
import { Code } from "./code";
import { CATALOGUE } from "./words";

export default function EventPage() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const id = useIdInPath();
  const named = useNamed();
  const columns = useDeliveryColumns();
  const event = useQuery({
    queryKey: named("events", id, "whole"),
    queryFn: ({ signal }) =>
      office("get", "/v1/events/{event}", {
        path: { event: id },
        query: { "expand[]": ["deliveries"] },
        signal,
      }),
  });
  return (
    <DetailPage
      title={event.data?.type ?? words.event}
      id={id}
      back={{ to: "/events", label: words.events }}
    >
      <Answered of={event}>
        {(found) => {
          const about = pathOfId(found.subject);
          return (
            <>
              <Section title={general.whatIsKnown}>
                <Facts
                  facts={[
                    [
                      general.subject,
                      about ? (
                        <Link to={about}>{found.subject}</Link>
                      ) : (
                        <Identifier>{found.subject}</Identifier>
                      ),
                    ],
                    [general.happened, <Moment at={found.timestamp} />],
                    [words.version, String(found.version)],
                  ]}
                />
              </Section>
              <Section title={general.webhooksSent}>
                {(found.deliveries ?? []).length === 0 ? (
                  <p className="m-0 text-soft">{general.nobodyTold}</p>
                ) : (
                  <Rows
                    name="deliveries"
                    title={general.webhooksSent}
                    columns={columns}
                    rows={found.deliveries ?? []}
                    to={(one) => `/deliveries/${one.id}`}
                  />
                )}
              </Section>
              <Section title={general.rawFacts}>
                <Code text={JSON.stringify(found.data, null, 2)} label={general.rawFacts} />
              </Section>
            </>
          );
        }}
      </Answered>
    </DetailPage>
  );
}
