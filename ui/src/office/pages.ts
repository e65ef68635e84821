/**
 * Every page of the office: its path, what somebody must be allowed to see it, and where it is.
 *
 * A page is loaded when somebody opens it. A path has at most a word and an id.
 */
import { lazy, type ComponentType, type LazyExoticComponent } from "react";
import { DEVELOPERS } from "./developers/pages";
import { OPERATIONS } from "./operations/pages";

export interface OfficePage {
  readonly path: string;
  readonly permission: string;
  readonly component: LazyExoticComponent<ComponentType>;
}

function page(
  path: string,
  permission: string,
  load: () => Promise<{ readonly default: ComponentType }>,
): OfficePage {
  return { path, permission, component: lazy(load) };
}

export const PAGES: readonly OfficePage[] = [
  page("/", "", () => import("./pages/home")),
  page("/payments", "payments.read", () => import("./pages/payments")),
  page("/payments/$id", "payments.read", () => import("./pages/payment")),
  page("/refunds", "payments.read", () => import("./pages/refunds")),
  page("/refunds/$id", "payments.read", () => import("./pages/refund")),
  page("/approvals", "approvals.read", () => import("./pages/approvals")),
  page("/approvals/$id", "approvals.read", () => import("./pages/approval")),
  page("/orders", "orders.read", () => import("./pages/orders")),
  page("/orders/$id", "orders.read", () => import("./pages/order")),
  page("/disputes", "payments.read", () => import("./pages/disputes")),
  page("/disputes/$id", "payments.read", () => import("./pages/dispute")),
  page("/customers", "customers.read", () => import("./pages/customers")),
  page("/customers/$id", "customers.read", () => import("./pages/customer")),
  page("/accounts", "ledger.read", () => import("./pages/accounts")),
  page("/accounts/$id", "ledger.read", () => import("./pages/account")),
  page("/transfers", "ledger.read", () => import("./pages/transfers")),
  page("/transfers/$id", "ledger.read", () => import("./pages/transfer")),
  page("/books", "ledger.read", () => import("./pages/books")),
  ...DEVELOPERS,
  ...OPERATIONS,
];
