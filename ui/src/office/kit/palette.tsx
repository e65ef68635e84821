/**
 * Search from anywhere: an id leads straight to its page, a word finds pages of the office, and
 * payments by description, order, customer or reference. Typing never waits for an answer.
 */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useDeferredValue, useEffect, useId, useRef, useState, type KeyboardEvent } from "react";
import { Amount, classes, Icon } from "../../design";
import { useWords } from "../../words";
import { CATALOGUE } from "../words";
import { Dialog } from "./dialog";
import type { RailGroup } from "./frame";
import { office, useMay, useSession } from "./session";

/** Where an id leads, by what it begins with. */
const LEADS: readonly (readonly [prefix: string, path: (id: string) => string])[] = [
  ["pay_", (id) => `/payments/${id}`],
  ["re_", (id) => `/refunds/${id}`],
  ["ord_", (id) => `/orders/${id}`],
  ["cus_", (id) => `/customers/${id}`],
  ["dp_", (id) => `/disputes/${id}`],
  ["apr_", (id) => `/approvals/${id}`],
  ["acct_", (id) => `/accounts/${id}`],
  ["tr_", (id) => `/transfers/${id}`],
  ["evt_", (id) => `/events/${id}`],
  ["req_", (id) => `/requests/${id}`],
  ["whe_", (id) => `/webhooks/${id}`],
  ["whd_", (id) => `/deliveries/${id}`],
  ["key_", (id) => `/keys/${id}`],
  ["cli_", (id) => `/clients/${id}`],
  ["sgn_", (id) => `/signers/${id}`],
  ["trm_", (id) => `/fees/${id}`],
];

export function pathOfId(typed: string): string | null {
  const id = typed.trim();
  if (!/^[a-z]+_[0-9A-Za-z_-]+$/.test(id)) return null;
  return LEADS.find(([prefix]) => id.startsWith(prefix))?.[1](id) ?? null;
}

interface Found {
  readonly key: string;
  readonly to: string;
  readonly label: string;
  readonly what: string;
  readonly money?: { readonly amount: string; readonly asset: string };
}

const PAYMENTS_SHOWN = 8;

export function Palette({
  rail,
  onClose,
}: {
  readonly rail: readonly RailGroup[];
  readonly onClose: () => void;
}) {
  const words = useWords(CATALOGUE);
  const may = useMay();
  const navigate = useNavigate();
  const { who } = useSession();
  const [typed, setTyped] = useState("");
  const [chosen, setChosen] = useState(0);
  const wanted = useSettled(useDeferredValue(typed.trim()));
  const listId = useId();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const payments = useQuery({
    queryKey: ["search", who.tenant, who.mode, wanted],
    queryFn: ({ signal }) =>
      office("get", "/v1/payments/search", {
        query: { query: wanted, limit: PAYMENTS_SHOWN },
        signal,
      }),
    enabled: wanted.length >= 2 && pathOfId(wanted) === null && may("payments.read"),
    retry: false,
  });
  const direct = pathOfId(typed);
  const found: readonly Found[] = [
    ...(direct ? [{ key: "id", to: direct, label: typed.trim(), what: words.openId }] : []),
    ...rail
      .flatMap((group) => group.entries)
      .filter(
        (one) =>
          may(one.permission) && one.label.toLowerCase().includes(typed.trim().toLowerCase()),
      )
      .slice(0, typed.trim() ? 6 : 20)
      .map((one) => ({ key: one.to, to: one.to, label: one.label, what: words.page })),
    ...(typed.trim() && direct === null ? (payments.data?.data ?? []) : []).map((one) => ({
      key: one.id,
      to: `/payments/${one.id}`,
      label: one.description || one.order || one.id,
      what: words.payment,
      money: one.amount,
    })),
  ];
  const at = Math.min(chosen, Math.max(0, found.length - 1));
  const open = (one: Found | undefined) => {
    if (!one) return;
    onClose();
    void navigate({ to: one.to, search: {} as never });
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setChosen(Math.max(0, Math.min(found.length - 1, at + (event.key === "ArrowDown" ? 1 : -1))));
    }
    if (event.key === "Enter") {
      event.preventDefault();
      open(found[at]);
    }
  };
  return (
    <Dialog title={words.search} onClose={onClose}>
      <input
        ref={field}
        type="text"
        role="combobox"
        aria-expanded={found.length > 0}
        aria-controls={listId}
        aria-activedescendant={found[at] ? `${listId}-${at}` : undefined}
        aria-label={words.searchFor}
        placeholder={words.searchFor}
        autoComplete="off"
        spellCheck={false}
        value={typed}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={pressed}
        className={classes(
          "h-12 w-full rounded border border-edge bg-paper px-3 text-16 text-ink",
          "placeholder:text-soft",
        )}
      />
      <ul id={listId} role="listbox" aria-label={words.found} className="m-0 mt-2 list-none p-0">
        {found.map((one, place) => (
          <li
            key={one.key}
            id={`${listId}-${place}`}
            role="option"
            aria-selected={place === at}
            onClick={() => open(one)}
            className={classes(
              "flex min-h-10 cursor-pointer flex-wrap items-center gap-x-3 rounded px-2",
              place === at ? "bg-sunken" : "hover:bg-sunken",
            )}
          >
            <Icon name="forward" className="size-4 text-soft" />
            <span className="min-w-0 flex-1 [overflow-wrap:anywhere]">{one.label}</span>
            {one.money ? <Amount money={one.money} /> : null}
            <span className="text-13 text-soft">{one.what}</span>
          </li>
        ))}
      </ul>
      <p role="status" className="m-0 mt-2 text-13 text-soft">
        {payments.isFetching
          ? words.searching
          : found.length === 0
            ? words.nothingFound
            : words.searchHint}
      </p>
    </Dialog>
  );
}

const SETTLED_MILLISECONDS = 200;

/** Return a text once it has not changed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), SETTLED_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
