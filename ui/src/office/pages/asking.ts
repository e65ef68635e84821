/** The questions that several pages ask, each with one name in the cache. */
import { useQuery } from "@tanstack/react-query";
import { useNow } from "../../design";
import { office, useMay, useSession, type Fetch, type Schemas, type Wanted } from "../kit";

export type Payment = Schemas["PaymentModel"];
export type Refund = Schemas["RefundModel"];
export type Approval = Schemas["ApprovalAnswer"];
export type Dispute = Schemas["DisputeModel"];
export type Order = Schemas["OrderAnswer"];
export type Customer = Schemas["CustomerModel"];
export type Account = Schemas["AccountModel"];
export type Transfer = Schemas["TransferModel"];

/** Return the conditions of a list as the API takes them. Days are those of whoever reads. */
export function conditions(filters: Readonly<Record<string, string>>): Record<string, string> {
  const said: Record<string, string> = {};
  for (const [name, value] of Object.entries(filters)) {
    if (value === "") continue;
    if (name.endsWith("_from")) said[name] = new Date(`${value}T00:00:00`).toISOString();
    else if (name.endsWith("_until")) said[name] = dayAfter(value);
    else said[name] = value;
  }
  return said;
}

function dayAfter(day: string): string {
  const after = new Date(`${day}T00:00:00`);
  after.setDate(after.getDate() + 1);
  return after.toISOString();
}

function page({ filters, limit, after }: Wanted): Record<string, string | number> {
  return { ...conditions(filters), limit, ...(after ? { starting_after: after } : {}) };
}

export const payments: Fetch<Payment> = (wanted) =>
  office("get", "/v1/payments", { query: page(wanted), signal: wanted.signal });
export const refunds: Fetch<Refund> = (wanted) =>
  office("get", "/v1/refunds", { query: page(wanted), signal: wanted.signal });
export const approvals: Fetch<Approval> = (wanted) =>
  office("get", "/v1/approvals", { query: page(wanted), signal: wanted.signal });
export const disputes: Fetch<Dispute> = (wanted) =>
  office("get", "/v1/disputes", { query: page(wanted), signal: wanted.signal });
export const orders: Fetch<Order> = (wanted) =>
  office("get", "/v1/orders", { query: page(wanted), signal: wanted.signal });
export const customers: Fetch<Customer> = (wanted) =>
  office("get", "/v1/customers", { query: page(wanted), signal: wanted.signal });
export const accounts: Fetch<Account> = (wanted) =>
  office("get", "/v1/accounts", { query: page(wanted), signal: wanted.signal });
export const transfers: Fetch<Transfer> = (wanted) =>
  office("get", "/v1/transfers", { query: page(wanted), signal: wanted.signal });

/** Return a question's name: what is one merchant's in one mode is never another's. */
export function useNamed(): (...name: readonly unknown[]) => readonly unknown[] {
  const { who } = useSession();
  return (first, ...rest) => [first, who.tenant, who.mode, ...rest];
}

/** Return what a member is called; an id stays an id for who may not know. */
export function useNameOf(): (id: string) => string {
  const may = useMay();
  const named = useNamed();
  const members = useQuery({
    queryKey: named("members"),
    queryFn: ({ signal }) => office("get", "/v1/members", { query: { limit: 100 }, signal }),
    enabled: may("members.read"),
    staleTime: 60_000,
  });
  return (id) => members.data?.data.find((one) => one.id === id)?.name ?? id;
}

const DAY_MILLISECONDS = 86_400_000;

/** Return the last days until tonight, as UTC counts them: the same all day long. */
export function useLastDays(count: number): { readonly since: string; readonly until: string } {
  const tonight = Math.floor(useNow() / DAY_MILLISECONDS) + 1;
  return {
    since: new Date((tonight - count) * DAY_MILLISECONDS).toISOString(),
    until: new Date(tonight * DAY_MILLISECONDS).toISOString(),
  };
}

/** Return every day from one moment until another, as UTC counts them. */
export function daysBetween(since: string, until: string): readonly string[] {
  const days: string[] = [];
  const end = new Date(until).getTime();
  for (
    let at = Math.floor(new Date(since).getTime() / DAY_MILLISECONDS) * DAY_MILLISECONDS;
    at < end;
    at += DAY_MILLISECONDS
  ) {
    days.push(new Date(at).toISOString());
  }
  return days;
}
