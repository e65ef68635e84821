/** What others were told of a payment, and what providers were asked for it. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import { Answered, Facts, office, Section, type Schemas } from "../kit";
import { WhatIsKept, type Calls } from "../calls/calls";
import { CATALOGUE } from "../words";
import { useNamed } from "./asking";

type Attempt = Schemas["AttemptModel"];

/** What others were told: the events of this payment, and who got each. */
export function ToldOthers({ id }: { readonly id: string }) {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const events = useQuery({
    queryKey: named("events", "of", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/events", { query: { subject: id, limit: 50 }, signal }),
  });
  return (
    <Section title={words.webhooksSent}>
      <Answered of={events}>
        {(found) =>
          found.data.length === 0 ? (
            <p className="m-0 text-soft">{words.noEvents}</p>
          ) : (
            <ul className="m-0 flex list-none flex-col gap-2 p-0">
              {found.data.map((one) => (
                <Sent key={one.id} event={one} />
              ))}
            </ul>
          )
        }
      </Answered>
    </Section>
  );
}

function Sent({ event }: { readonly event: Schemas["EventAnswer"] }) {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const [open, setOpen] = useState(false);
  const told = useQuery({
    queryKey: named("events", event.id, "deliveries"),
    queryFn: ({ signal }) =>
      office("get", "/v1/events/{event}", {
        path: { event: event.id },
        query: { "expand[]": ["deliveries"] },
        signal,
      }),
    enabled: open,
  });
  return (
    <li>
      <details onToggle={(toggled) => setOpen(toggled.currentTarget.open)}>
        <summary className="cursor-pointer">
          <Identifier>{event.type}</Identifier>{" "}
          <Moment at={event.timestamp} className="text-13 text-soft" />
        </summary>
        <div className="ps-5 pt-1">
          {open ? (
            <Answered of={told} rows={1}>
              {(found) =>
                (found.deliveries ?? []).length === 0 ? (
                  <p className="m-0 text-13 text-soft">{words.nobodyTold}</p>
                ) : (
                  <ul className="m-0 flex list-none flex-col gap-1 p-0 text-13">
                    {(found.deliveries ?? []).map((one) => (
                      <li key={one.id}>
                        {words.deliveryState(one.state)} · {words.attempts(one.attempts)} ·{" "}
                        <Identifier className="text-12">{one.endpoint}</Identifier>
                      </li>
                    ))}
                  </ul>
                )
              }
            </Answered>
          ) : null}
        </div>
      </details>
    </li>
  );
}

/** What went to providers and came back, by its hash; nothing of a card was ever in it. */
export function Exchanges({
  attempts,
  calls,
}: {
  readonly attempts: readonly Attempt[];
  readonly calls: Calls;
}) {
  const words = useWords(CATALOGUE);
  if (attempts.length === 0) return null;
  return (
    <Section title={words.exchanges}>
      <WhatIsKept calls={calls} />
      <ul className="m-0 flex list-none flex-col gap-3 p-0">
        {attempts.map((one) => (
          <li key={one.id}>
            <Facts
              facts={[
                [words.attemptName, <Identifier>{one.id}</Identifier>],
                [words.operation, words.attempt(one.operation, one.state)],
                [words.provider, one.provider],
                [words.result, one.result],
                [words.askedTimes, one.asked > 0 ? String(one.asked) : ""],
                [words.reference, one.reference ? <Identifier>{one.reference}</Identifier> : ""],
                [
                  words.digest,
                  one.digest ? <Identifier className="text-12">{one.digest}</Identifier> : "",
                ],
              ]}
            />
          </li>
        ))}
      </ul>
    </Section>
  );
}
