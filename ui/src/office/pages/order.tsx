/** One order and the payments that pay it. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Amount, Moment } from "../../design";
import { useWords } from "../../words";
import { Answered, DetailPage, Facts, office, Rows, Section, useIdInPath } from "../kit";
import { CATALOGUE } from "../words";
import { useNamed } from "./asking";
import { usePaymentColumns } from "./payments";
import { OrderStanding } from "./standing";

const PAYMENTS_SHOWN = 100;

export default function OrderPage() {
  const words = useWords(CATALOGUE);
  const id = useIdInPath();
  const named = useNamed();
  const columns = usePaymentColumns();
  const order = useQuery({
    queryKey: named("order", id),
    queryFn: ({ signal }) => office("get", "/v1/orders/{order}", { path: { order: id }, signal }),
  });
  const paying = useQuery({
    queryKey: named("payments", "of order", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/payments", { query: { order: id, limit: PAYMENTS_SHOWN }, signal }),
  });
  return (
    <DetailPage
      title={words.order}
      id={id}
      back={{ to: "/orders", label: words.orders }}
      status={order.data ? <OrderStanding status={order.data.status} /> : null}
    >
      <Answered of={order}>
        {(found) => (
          <Section title={words.money}>
            <Facts
              facts={[
                [words.amount, <Amount money={found.amount} className="text-20 font-strong" />],
                [words.setAside, <Amount money={found.held} />],
                [words.paid, <Amount money={found.paid} />],
                [words.refunded, <Amount money={found.refunded} />],
                [words.disputed, <Amount money={found.disputed} />],
                [words.description, found.description],
                [words.reference, found.reference],
                found.customer !== "" && [
                  words.customer,
                  found.customer.startsWith("cus_") ? (
                    <Link to={`/customers/${found.customer}`}>{found.customer}</Link>
                  ) : (
                    found.customer
                  ),
                ],
                [words.created, <Moment at={found.created_at} />],
                [words.changed, <Moment at={found.updated_at} />],
              ]}
            />
          </Section>
        )}
      </Answered>
      <Section title={words.payments}>
        <Answered of={paying}>
          {(found) =>
            found.data.length === 0 ? (
              <p className="m-0 text-soft">{words.noPaymentsHere}</p>
            ) : (
              <Rows
                name="payments"
                title={words.payments}
                columns={columns}
                rows={found.data}
                to={(one) => `/payments/${one.id}`}
              />
            )
          }
        </Answered>
      </Section>
    </DetailPage>
  );
}
