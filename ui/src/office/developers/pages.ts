/** The developers' pages: their paths, what shows them, and their places in the rail. */
import { lazy, useMemo } from "react";
import { useWords } from "../../words";
import type { RailGroup } from "../kit";
import type { OfficePage } from "../pages";
import { CATALOGUE as PARTNERS } from "./partners/words";
import { CATALOGUE } from "./words";

export const DEVELOPERS: readonly OfficePage[] = [
  { path: "/start", permission: "requests.read", component: lazy(() => import("./start")) },
  { path: "/webhooks", permission: "webhooks.read", component: lazy(() => import("./endpoints")) },
  {
    path: "/webhooks/$id",
    permission: "webhooks.read",
    component: lazy(() => import("./endpoint")),
  },
  {
    path: "/deliveries",
    permission: "webhooks.read",
    component: lazy(() => import("./deliveries")),
  },
  {
    path: "/deliveries/$id",
    permission: "webhooks.read",
    component: lazy(() => import("./delivery")),
  },
  { path: "/tester", permission: "webhooks.read", component: lazy(() => import("./tester")) },
  { path: "/events", permission: "events.read", component: lazy(() => import("./events")) },
  { path: "/events/$id", permission: "events.read", component: lazy(() => import("./event")) },
  { path: "/requests", permission: "requests.read", component: lazy(() => import("./requests")) },
  {
    path: "/requests/$id",
    permission: "requests.read",
    component: lazy(() => import("./request")),
  },
  { path: "/keys", permission: "api_keys.read", component: lazy(() => import("./keys")) },
  { path: "/keys/$id", permission: "api_keys.read", component: lazy(() => import("./key")) },
  {
    path: "/clients",
    permission: "api_keys.read",
    component: lazy(() => import("./partners/clients")),
  },
  {
    path: "/clients/$id",
    permission: "api_keys.read",
    component: lazy(() => import("./partners/client")),
  },
  {
    path: "/signers",
    permission: "api_keys.read",
    component: lazy(() => import("./partners/signers")),
  },
  {
    path: "/signers/$id",
    permission: "api_keys.read",
    component: lazy(() => import("./partners/signer")),
  },
  { path: "/reference", permission: "requests.read", component: lazy(() => import("./reference")) },
  { path: "/console", permission: "requests.read", component: lazy(() => import("./console")) },
];

export function useDevelopersRail(): RailGroup {
  const words = useWords(CATALOGUE);
  const partners = useWords(PARTNERS);
  return useMemo(
    () => ({
      label: words.developers,
      entries: [
        { to: "/start", label: words.start, icon: "info", permission: "requests.read" },
        { to: "/keys", label: words.keys, icon: "lock", permission: "api_keys.read" },
        { to: "/clients", label: partners.clients, icon: "wallet", permission: "api_keys.read" },
        { to: "/signers", label: partners.signers, icon: "file", permission: "api_keys.read" },
        { to: "/webhooks", label: words.webhooks, icon: "outside", permission: "webhooks.read" },
        {
          to: "/deliveries",
          label: words.deliveries,
          icon: "forward",
          permission: "webhooks.read",
        },
        { to: "/tester", label: words.tester, icon: "check", permission: "webhooks.read" },
        { to: "/events", label: words.events, icon: "clock", permission: "events.read" },
        { to: "/requests", label: words.requests, icon: "search", permission: "requests.read" },
        { to: "/reference", label: words.reference, icon: "file", permission: "requests.read" },
        { to: "/console", label: words.console, icon: "question", permission: "requests.read" },
      ],
    }),
    [words, partners],
  );
}
