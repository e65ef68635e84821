/** Customers: who pays. */
import { useMemo } from "react";
import { Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import { ListPage, type Column } from "../kit";
import { CATALOGUE } from "../words";
import { customers, type Customer } from "./asking";

export default function Customers() {
  const words = useWords(CATALOGUE);
  const columns = useMemo<readonly Column<Customer>[]>(
    () => [
      {
        id: "name",
        label: words.name,
        show: (one) => (
          <span className="font-strong">
            {one.forgotten ? words.forgotten : one.name || one.email || one.id}
          </span>
        ),
        text: (one) => one.name,
      },
      {
        id: "email",
        label: words.email,
        show: (one) => one.email || "–",
        text: (one) => one.email,
      },
      {
        id: "created_at",
        label: words.created,
        show: (one) => <Moment at={one.created_at} />,
        text: (one) => one.created_at,
      },
      {
        id: "id",
        label: words.id,
        extra: true,
        show: (one) => <Identifier>{one.id}</Identifier>,
        text: (one) => one.id,
      },
    ],
    [words],
  );
  return (
    <ListPage
      name="customers"
      title={words.customers}
      fetch={customers}
      columns={columns}
      filters={[{ name: "email", label: words.email }]}
      to={(one) => `/customers/${one.id}`}
      empty={words.noCustomers}
      emptyHint={<p>{words.noCustomersHint}</p>}
    />
  );
}
