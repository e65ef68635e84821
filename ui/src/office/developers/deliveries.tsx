/** Deliveries: what was sent to whom, how it went, and sending it again. */
import { useMemo } from "react";
import { Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import { ListPage, type Column } from "../kit";
import { CATALOGUE as GENERAL } from "../words";
import { deliveries, type Delivery } from "./asking";
import { DELIVERY_STATES, DeliveryStatus } from "./standing";
import { CATALOGUE } from "./words";

export function useDeliveryColumns(): readonly Column<Delivery>[] {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  return useMemo<readonly Column<Delivery>[]>(
    () => [
      {
        id: "type",
        label: words.event,
        show: (one) => <Identifier>{one.type}</Identifier>,
        text: (one) => one.type,
      },
      {
        id: "state",
        label: general.state,
        show: (one) => <DeliveryStatus state={one.state} />,
        text: (one) => one.state,
      },
      {
        id: "attempts",
        label: words.attempts,
        end: true,
        show: (one) => one.attempts,
        text: (one) => String(one.attempts),
      },
      {
        id: "next_attempt_at",
        label: words.next,
        show: (one) => (one.next_attempt_at ? <Moment at={one.next_attempt_at} /> : "–"),
        text: (one) => one.next_attempt_at ?? "",
      },
      {
        id: "created_at",
        label: general.created,
        show: (one) => <Moment at={one.created_at} />,
        text: (one) => one.created_at,
      },
      {
        id: "endpoint",
        label: words.endpoint,
        extra: true,
        show: (one) => <Identifier>{one.endpoint}</Identifier>,
        text: (one) => one.endpoint,
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
}

export default function Deliveries() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  return (
    <ListPage
      name="deliveries"
      title={words.deliveries}
      fetch={deliveries}
      columns={useDeliveryColumns()}
      filters={[
        {
          name: "state",
          label: general.state,
          choices: DELIVERY_STATES.map((one) => ({
            value: one,
            label: general.deliveryState(one),
          })),
        },
        { name: "type", label: words.event },
        { name: "since", label: general.from, kind: "date" },
        { name: "until", label: general.until, kind: "date" },
      ]}
      views={[
        { name: general.all, filters: {} },
        { name: general.deliveryState("failed"), filters: { state: "failed" } },
      ]}
      to={(one) => `/deliveries/${one.id}`}
      empty={words.noDeliveries}
      emptyHint={<p>{words.noDeliveriesHint}</p>}
    />
  );
}
