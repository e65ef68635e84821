/** Events: what happened, newest first. */
import { useMemo } from "react";
import { Identifier, LinkButton, Moment } from "../../design";
import { useWords } from "../../words";
import { ListPage, useMay, useSession, type Column } from "../kit";
import { CATALOGUE as GENERAL } from "../words";
import { events, type Told } from "./asking";
import { CATALOGUE } from "./words";

export default function Events() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const may = useMay();
  const { who } = useSession();
  const columns = useMemo<readonly Column<Told>[]>(
    () => [
      {
        id: "type",
        label: words.event,
        show: (one) => <Identifier>{one.type}</Identifier>,
        text: (one) => one.type,
      },
      {
        id: "subject",
        label: general.subject,
        show: (one) => <Identifier>{one.subject}</Identifier>,
        text: (one) => one.subject,
      },
      {
        id: "timestamp",
        label: general.happened,
        show: (one) => <Moment at={one.timestamp} />,
        text: (one) => one.timestamp,
      },
      {
        id: "id",
        label: general.id,
        extra: true,
        show: (one) => <Identifier>{one.id}</Identifier>,
        text: (one) => one.id,
      },
    ],
    [words, general],
  );
  return (
    <ListPage
      name="events"
      title={words.events}
      fetch={events}
      columns={columns}
      filters={[
        { name: "type", label: words.eventType },
        { name: "subject", label: general.subject },
        { name: "since", label: general.from, kind: "date" },
        { name: "until", label: general.until, kind: "date" },
      ]}
      actions={
        may("webhooks.write") && who.mode === "test" ? (
          <LinkButton href="/office/tester">{words.tester}</LinkButton>
        ) : null
      }
      to={(one) => `/events/${one.id}`}
      empty={words.noEvents}
      emptyHint={<p>{words.noEventsHint}</p>}
    />
  );
}
