/** What stands in the rail, by what people do. Who lacks a permission does not see the entry. */
import { useMemo } from "react";
import { useWords } from "../words";
import { useDevelopersRail } from "./developers/pages";
import type { RailGroup } from "./kit";
import { useOperationsRail } from "./operations/pages";
import { CATALOGUE } from "./words";

export function useRail(): readonly RailGroup[] {
  const words = useWords(CATALOGUE);
  const developers = useDevelopersRail();
  const operations = useOperationsRail();
  return useMemo(
    () => [
      {
        label: words.groupMoney,
        entries: [
          { to: "/", label: words.home, icon: "info", permission: "session.read" },
          { to: "/payments", label: words.payments, icon: "card", permission: "payments.read" },
          { to: "/refunds", label: words.refunds, icon: "refund", permission: "payments.read" },
          { to: "/approvals", label: words.approvals, icon: "check", permission: "approvals.read" },
          { to: "/disputes", label: words.disputes, icon: "warning", permission: "payments.read" },
          { to: "/orders", label: words.orders, icon: "file", permission: "orders.read" },
          {
            to: "/customers",
            label: words.customers,
            icon: "wallet",
            permission: "customers.read",
          },
        ],
      },
      {
        label: words.groupBook,
        entries: [
          { to: "/books", label: words.books, icon: "bank", permission: "ledger.read" },
          { to: "/accounts", label: words.accounts, icon: "coin", permission: "ledger.read" },
          { to: "/transfers", label: words.transfers, icon: "forward", permission: "ledger.read" },
        ],
      },
      developers,
      operations,
    ],
    [words, developers, operations],
  );
}
