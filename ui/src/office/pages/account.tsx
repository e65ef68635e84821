/** One account: what it holds, and every entry with the balance it left behind. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Amount, Button, Icon, Identifier, LinkButton, Moment } from "../../design";
import { useWords } from "../../words";
import type { Money } from "../../words/formats";
import {
  Answered,
  DetailPage,
  Facts,
  office,
  Rows,
  Section,
  useIdInPath,
  useSaid,
  type Column,
  type PageOf,
  type Schemas,
} from "../kit";
import { CATALOGUE } from "../words";
import { useAccountName } from "./accounts";
import { useNamed } from "./asking";

/** A line of a statement; the API describes it as a page or a file, so its shape stands here. */
interface Told {
  readonly transfer: string;
  readonly kind: Schemas["TransferKind"];
  readonly side: "debit" | "credit";
  readonly amount: Money;
  readonly balance: Money;
  readonly recorded_at: string;
  readonly reference: string;
  readonly reason: string;
}
type Line = Told & { readonly id: string };
const LINES_SHOWN = 50;

export default function AccountPage() {
  const words = useWords(CATALOGUE);
  const id = useIdInPath();
  const named = useNamed();
  const nameOf = useAccountName();
  const account = useQuery({
    queryKey: named("ledger", "account", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/accounts/{account}", { path: { account: id }, signal }),
  });
  const balance = useQuery({
    queryKey: named("ledger", "balance", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/accounts/{account}/balance", { path: { account: id }, signal }),
  });
  return (
    <DetailPage
      title={account.data ? nameOf(account.data) : words.account}
      id={id}
      back={{ to: "/accounts", label: words.accounts }}
    >
      <Section title={words.balance}>
        <Answered of={balance} rows={2}>
          {(found) => (
            <Facts
              facts={[
                [words.posted, <Amount money={found.posted} className="text-20 font-strong" />],
                [words.held, <Amount money={found.held} />],
                [words.available, <Amount money={found.available} />],
                found.floor !== null && [words.floor, <Amount money={found.floor} />],
                account.data ? [words.type, words.accountType(account.data.type)] : null,
                account.data ? [words.state, words.accountState(account.data.state)] : null,
              ]}
            />
          )}
        </Answered>
      </Section>
      <Statement id={id} />
    </DetailPage>
  );
}

function Statement({ id }: { readonly id: string }) {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const [said, say] = useSaid();
  const after = said["after"] ?? "";
  const lines = useQuery({
    queryKey: named("ledger", "statement", id, after),
    queryFn: async ({ signal }) => {
      const page = await office("get", "/v1/accounts/{account}/statement", {
        path: { account: id },
        query: { limit: LINES_SHOWN, ...(after ? { starting_after: after } : {}) },
        signal,
      });
      const told = page as PageOf<Told>;
      return { ...told, data: told.data.map((one): Line => ({ ...one, id: one.transfer })) };
    },
    placeholderData: keepPreviousData,
  });
  const columns: readonly Column<Line>[] = [
    {
      id: "recorded_at",
      label: words.recorded,
      show: (one) => <Moment at={one.recorded_at} />,
      text: (one) => one.recorded_at,
    },
    {
      id: "reason",
      label: words.reason,
      show: (one) => one.reason || words.transferKind(one.kind),
      text: (one) => one.reason,
    },
    {
      id: "reference",
      label: words.reference,
      show: (one) => (one.reference ? <Identifier>{one.reference}</Identifier> : "–"),
      text: (one) => one.reference,
    },
    {
      id: "debit",
      label: words.debit,
      end: true,
      show: (one) => (one.side === "debit" ? <Amount money={one.amount} /> : null),
      text: (one) => (one.side === "debit" ? one.amount.amount : ""),
    },
    {
      id: "credit",
      label: words.credit,
      end: true,
      show: (one) => (one.side === "credit" ? <Amount money={one.amount} /> : null),
      text: (one) => (one.side === "credit" ? one.amount.amount : ""),
    },
    {
      id: "balance",
      label: words.balanceAfter,
      end: true,
      show: (one) => <Amount money={one.balance} className="font-strong" />,
      text: (one) => one.balance.amount,
    },
  ];
  return (
    <Section
      title={words.statement}
      end={
        <LinkButton
          href={`/v1/accounts/${encodeURIComponent(id)}/statement?format=csv&limit=100`}
          download={`${id}.csv`}
        >
          CSV
        </LinkButton>
      }
    >
      <Answered of={lines} rows={6}>
        {(found) =>
          found.data.length === 0 ? (
            <p className="m-0 text-soft">{words.noEntries}</p>
          ) : (
            <Rows
              name="statement"
              title={words.statement}
              columns={columns}
              rows={found.data}
              to={(one) => `/transfers/${one.transfer}`}
              foot={
                <span className="flex flex-wrap gap-2">
                  {after ? <Button onClick={() => say({})}>{words.firstPage}</Button> : null}
                  {found.has_more ? (
                    <Button
                      onClick={() =>
                        say({ after: found.data[found.data.length - 1]?.transfer ?? "" })
                      }
                    >
                      {words.nextPage}
                      <Icon name="forward" className="size-4" />
                    </Button>
                  ) : null}
                </span>
              }
            />
          )
        }
      </Answered>
    </Section>
  );
}
