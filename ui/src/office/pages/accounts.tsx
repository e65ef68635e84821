/** Accounts of the book. */
import { useMemo } from "react";
import { Identifier, Moment, Status } from "../../design";
import { useWords } from "../../words";
import { ListPage, type Column, type Schemas } from "../kit";
import { CATALOGUE } from "../words";
import { accounts, type Account } from "./asking";

const TYPES: readonly Schemas["AccountType"][] = [
  "asset",
  "liability",
  "equity",
  "income",
  "expense",
];

/** Return what an account is called: its place in the chart, whose it is, or its id. */
export function useAccountName(): (account: Account) => string {
  const words = useWords(CATALOGUE);
  return (account) =>
    account.chart ? words.chartAccount(account.chart, account.owner) : account.owner || account.id;
}

export default function Accounts() {
  const words = useWords(CATALOGUE);
  const nameOf = useAccountName();
  const columns = useMemo<readonly Column<Account>[]>(
    () => [
      {
        id: "name",
        label: words.account,
        show: (one) => <span className="font-strong">{nameOf(one)}</span>,
        text: (one) => nameOf(one),
      },
      { id: "asset", label: words.asset, show: (one) => one.asset, text: (one) => one.asset },
      {
        id: "type",
        label: words.type,
        show: (one) => words.accountType(one.type),
        text: (one) => one.type,
      },
      {
        id: "state",
        label: words.state,
        show: (one) => (
          <Status tone={one.state === "open" ? "taken" : "waiting"}>
            {words.accountState(one.state)}
          </Status>
        ),
        text: (one) => one.state,
      },
      {
        id: "opened_at",
        label: words.opened,
        show: (one) => <Moment at={one.opened_at} />,
        text: (one) => one.opened_at,
      },
      {
        id: "id",
        label: words.id,
        show: (one) => <Identifier>{one.id}</Identifier>,
        text: (one) => one.id,
      },
    ],
    [words, nameOf],
  );
  return (
    <ListPage
      name="accounts"
      title={words.accounts}
      fetch={accounts}
      columns={columns}
      filters={[
        {
          name: "type",
          label: words.type,
          choices: TYPES.map((one) => ({ value: one, label: words.accountType(one) })),
        },
        { name: "asset", label: words.asset },
        { name: "owner", label: words.owner },
      ]}
      to={(one) => `/accounts/${one.id}`}
      empty={words.noAccounts}
      emptyHint={<p>{words.noAccountsHint}</p>}
    />
  );
}
