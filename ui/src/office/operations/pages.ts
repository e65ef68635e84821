/** The pages of operations: their paths, what shows them, and their places in the rail. */
import { lazy, useMemo } from "react";
import { useWords } from "../../words";
import type { RailGroup } from "../kit";
import type { OfficePage } from "../pages";
import { CATALOGUE } from "./words";

export const OPERATIONS: readonly OfficePage[] = [
  { path: "/sandbox", permission: "sandbox.read", component: lazy(() => import("./sandbox")) },
  { path: "/team", permission: "members.read", component: lazy(() => import("./team")) },
  { path: "/vault", permission: "audit.read", component: lazy(() => import("./vault")) },
  { path: "/routing", permission: "settings.read", component: lazy(() => import("./routing")) },
  { path: "/fees", permission: "settings.read", component: lazy(() => import("./fees")) },
  { path: "/fees/$id", permission: "settings.read", component: lazy(() => import("./feeschange")) },
  { path: "/system", permission: "metrics.read", component: lazy(() => import("./system")) },
  { path: "/settings", permission: "orders.read", component: lazy(() => import("./settings")) },
];

export function useOperationsRail(): RailGroup {
  const words = useWords(CATALOGUE);
  return useMemo(
    () => ({
      label: words.operations,
      entries: [
        { to: "/sandbox", label: words.sandbox, icon: "warning", permission: "sandbox.read" },
        { to: "/team", label: words.team, icon: "wallet", permission: "members.read" },
        { to: "/vault", label: words.vault, icon: "lock", permission: "audit.read" },
        { to: "/routing", label: words.routing, icon: "forward", permission: "settings.read" },
        { to: "/fees", label: words.fees, icon: "coin", permission: "settings.read" },
        { to: "/system", label: words.system, icon: "info", permission: "metrics.read" },
        { to: "/settings", label: words.settings, icon: "file", permission: "orders.read" },
      ],
    }),
    [words],
  );
}
