/** One customer: what is known, what they paid, how they pay, and forgetting them. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Moment, Notice } from "../../design";
import { useWords } from "../../words";
import {
  Act,
  Answered,
  DetailPage,
  Facts,
  office,
  Rows,
  Section,
  useIdInPath,
  useMay,
} from "../kit";
import { CATALOGUE } from "../words";
import { useNamed } from "./asking";
import { usePaymentColumns } from "./payments";

const PAYMENTS_SHOWN = 50;

export default function CustomerPage() {
  const words = useWords(CATALOGUE);
  const id = useIdInPath();
  const named = useNamed();
  const may = useMay();
  const queries = useQueryClient();
  const [forgetting, setForgetting] = useState(false);
  const customer = useQuery({
    queryKey: named("customer", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/customers/{customer}", { path: { customer: id }, signal }),
  });
  const known = customer.data && !customer.data.forgotten;
  return (
    <DetailPage
      title={customer.data?.name || words.customer}
      id={id}
      back={{ to: "/customers", label: words.customers }}
      actions={
        known && may("customers.write") ? (
          <Button weight="danger" onClick={() => setForgetting(true)}>
            {words.forget}
          </Button>
        ) : null
      }
    >
      <Answered of={customer}>
        {(found) => (
          <Section title={words.whatIsKnown}>
            {found.forgotten ? (
              <Notice tone="calm" title={words.forgotten} className="mb-3" />
            ) : null}
            <Facts
              facts={[
                [words.name, found.name],
                [words.email, found.email],
                [words.created, <Moment at={found.created_at} />],
                ...Object.entries(found.metadata).map(([name, value]) => [name, value] as const),
              ]}
            />
          </Section>
        )}
      </Answered>
      {may("payments.read") ? <Paid id={id} /> : null}
      <SavedWays id={id} />
      {forgetting ? (
        <Act
          title={words.forgetTitle}
          act={words.forget}
          danger
          onClose={() => setForgetting(false)}
          onAct={async () => {
            await office("delete", "/v1/customers/{customer}", { path: { customer: id } });
            await queries.invalidateQueries();
          }}
        >
          <p className="m-0">{words.forgetMeans}</p>
        </Act>
      ) : null}
    </DetailPage>
  );
}

function Paid({ id }: { readonly id: string }) {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const columns = usePaymentColumns();
  const paid = useQuery({
    queryKey: named("payments", "of customer", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/payments", { query: { customer: id, limit: PAYMENTS_SHOWN }, signal }),
  });
  return (
    <Section title={words.payments}>
      <Answered of={paid}>
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
  );
}

function SavedWays({ id }: { readonly id: string }) {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const saved = useQuery({
    queryKey: named("customer", id, "methods"),
    queryFn: ({ signal }) =>
      office("get", "/v1/customers/{customer}/payment_methods", { path: { customer: id }, signal }),
  });
  return (
    <Section title={words.savedWays}>
      <Answered of={saved} rows={1}>
        {(found) =>
          found.data.length === 0 ? (
            <p className="m-0 text-soft">{words.noSavedWays}</p>
          ) : (
            <ul className="m-0 flex list-none flex-col gap-1 p-0">
              {found.data.map((one) => (
                <li key={one.id} className="flex flex-wrap gap-x-4">
                  <span className="font-strong">{words.methodKind(one.kind)}</span>
                  <span>{one.label}</span>
                  <Moment at={one.created_at} className="text-soft" />
                </li>
              ))}
            </ul>
          )
        }
      </Answered>
    </Section>
  );
}
