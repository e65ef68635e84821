/** A page about one thing: the story first, then the money, then raw facts. */
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Amount, classes, CopyText, Icon, Moment, Panel, type Tone } from "../../design";
import { useWords } from "../../words";
import type { Money } from "../../words/formats";
import { CATALOGUE } from "../words";
import { Heading } from "./heading";

interface DetailPageProps {
  readonly title: string;
  readonly id: string;
  readonly back: { readonly to: string; readonly label: string };
  readonly status?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

export function DetailPage({ title, id, back, status, actions, children }: DetailPageProps) {
  const words = useWords(CATALOGUE);
  return (
    <>
      <Heading
        title={title}
        above={
          <Link to={back.to} className="mb-1 inline-flex items-center gap-1 text-13">
            <Icon name="back" className="size-4" />
            {back.label}
          </Link>
        }
      >
        {actions}
      </Heading>
      <p className="m-0 mb-4 flex flex-wrap items-center gap-x-4 gap-y-1">
        {status}
        <CopyText text={id} copy={words.copy} copied={words.copied} />
      </p>
      <div className="flex flex-col gap-4">{children}</div>
    </>
  );
}

/** A part of a page with a heading of its own. */
export function Section({
  title,
  children,
  end,
}: {
  readonly title: string;
  readonly children: ReactNode;
  readonly end?: ReactNode;
}) {
  return (
    <Panel className="min-w-0">
      <div className="mb-3 flex flex-wrap items-center justify-between gap-2">
        <h2 className="m-0 text-16 font-strong">{title}</h2>
        {end}
      </div>
      {children}
    </Panel>
  );
}

export type Fact = readonly [label: string, value: ReactNode] | null | false;

/** Facts by name; what is absent is left out. */
export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl className="m-0 grid grid-cols-[repeat(auto-fill,minmax(200px,1fr))] gap-x-6 gap-y-3">
      {facts.map((one) =>
        one && one[1] !== null && one[1] !== "" ? (
          <div key={one[0]} className="min-w-0">
            <dt className="text-13 text-soft">{one[0]}</dt>
            <dd className="m-0 [overflow-wrap:anywhere]">{one[1]}</dd>
          </div>
        ) : null,
      )}
    </dl>
  );
}

export interface Step {
  readonly id: string;
  readonly at: string;
  readonly title: ReactNode;
  readonly tone: Tone;
  readonly children?: ReactNode;
}

const DOT: Readonly<Record<Tone, string>> = {
  taken: "bg-taken",
  waiting: "bg-waiting",
  failed: "bg-failed",
  unknown: "bg-unknown",
  calm: "bg-edge",
};

/** What happened, from the newest truth to the first intent. */
export function Timeline({ steps }: { readonly steps: readonly Step[] }) {
  return (
    <ol className="m-0 list-none p-0">
      {steps.map((one) => (
        <li key={one.id} className="relative border-s border-line pb-4 ps-5 last:pb-0">
          <span
            aria-hidden="true"
            className={classes(
              "absolute -start-[5px] top-[6px] size-[9px] rounded-full",
              DOT[one.tone],
            )}
          />
          <p className="m-0 flex flex-wrap items-baseline justify-between gap-x-4">
            <span className="min-w-0 font-strong">{one.title}</span>
            <Moment at={one.at} className="text-13 text-soft" />
          </p>
          {one.children ? (
            <div className="mt-1 flex flex-col gap-1 text-13">{one.children}</div>
          ) : null}
        </li>
      ))}
    </ol>
  );
}

export interface Side {
  readonly account: string;
  readonly side: "debit" | "credit";
  readonly amount: Money;
  readonly to?: string;
  readonly why?: string;
}

/** Postings as T-accounts: what an account got on the left, what it gave on the right. */
export function TAccounts({ sides }: { readonly sides: readonly Side[] }) {
  const words = useWords(CATALOGUE);
  const accounts = [...new Set(sides.map((one) => one.account))];
  return (
    <div className="grid grid-cols-[repeat(auto-fill,minmax(240px,1fr))] gap-4">
      {accounts.map((account) => {
        const own = sides.filter((one) => one.account === account);
        const to = own.find((one) => one.to)?.to;
        return (
          <table key={account} className="w-full table-fixed border-collapse self-start">
            <caption className="mb-1 text-start text-13 font-strong [overflow-wrap:anywhere]">
              {to ? <Link to={to}>{account}</Link> : account}
            </caption>
            <thead>
              <tr>
                <th
                  scope="col"
                  className="border-b border-edge px-2 py-1 text-start text-12 font-plain text-soft"
                >
                  {words.debit}
                </th>
                <th
                  scope="col"
                  className={classes(
                    "border-s border-b border-edge px-2 py-1 text-end text-12 font-plain",
                    "text-soft",
                  )}
                >
                  {words.credit}
                </th>
              </tr>
            </thead>
            <tbody>
              {own.map((one, place) => (
                <tr key={place} title={one.why}>
                  <td className="px-2 py-1">
                    {one.side === "debit" ? <Amount money={one.amount} /> : null}
                  </td>
                  <td className="border-s border-edge px-2 py-1 text-end">
                    {one.side === "credit" ? <Amount money={one.amount} /> : null}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        );
      })}
    </div>
  );
}
