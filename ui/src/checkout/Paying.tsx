/** How to pay: the ways there are, and for a card its fields. The button says the amount. */
import { useState } from "react";
import { Button, Icon, Notice, Radio, RadioGroup, type IconName } from "../design";
import { useLocale } from "../words";
import { shownMoney } from "../words/formats";
import { CardFields, isAboutCard } from "./CardFields";
import { read, write, type Place } from "./place";
import type { Page, Payment, Session, Way } from "./payment";
import { useCheckoutWords, type Words } from "./words";

const SHOWN: readonly Way[] = ["card", "paypal", "bank_transfer", "crypto"];
const SIGNS: Readonly<Record<string, IconName>> = {
  card: "card",
  paypal: "wallet",
  bank_transfer: "bank",
  crypto: "coin",
};

interface PayingProps {
  readonly place: Place;
  readonly session: Session;
  readonly page: Page;
  readonly payment: Payment;
  readonly token: string;
}

export function Paying({ place, session, page, payment, token }: PayingProps) {
  const words = useCheckoutWords();
  const ways = SHOWN.filter((way) => page.ways.includes(way));
  const [chosen, setChosen] = useState<Way | null>(() => kept(place, ways));
  const way = chosen && ways.includes(chosen) ? chosen : ways[0];
  if (!way) return <Notice tone="waiting">{words.no_way}</Notice>;
  const choose = (one: Way): void => {
    setChosen(one);
    write(`bezant.way.${place.id}`, one);
    payment.forgetTrouble();
  };
  const amount = { amount: session.amount.amount, asset: session.amount.asset };
  const means = { way, ...(token ? { token } : {}) };
  return (
    <div className="flex flex-col gap-6">
      <Declined session={session} busy={payment.doing !== "nothing"} />
      {ways.length > 1 ? (
        <RadioGroup legend={words.way}>
          {ways.map((one) => (
            <Radio
              key={one}
              name="way"
              value={one}
              label={named(one, words)}
              checked={one === way}
              disabled={payment.doing !== "nothing"}
              onChange={() => choose(one)}
              sign={<Icon name={SIGNS[one] ?? "coin"} className="text-soft" />}
            />
          ))}
        </RadioGroup>
      ) : null}
      {way === "card" ? (
        <CardFields
          now={new Date(page.now)}
          problem={payment.trouble?.kind === "refused" ? payment.trouble.problem : null}
          onType={payment.forgetTrouble}
          onSubmit={(card) => void payment.pay({ ...means, card })}
        >
          <Troubles payment={payment} />
          <PayButton
            payment={payment}
            label={(shown) => words.pay(shown)}
            amount={amount}
            submits
          />
        </CardFields>
      ) : (
        <div className="flex flex-col gap-4">
          <p>{about(way, words)}</p>
          <Troubles payment={payment} />
          <PayButton
            payment={payment}
            label={(shown) => words.go_on_with(named(way, words), shown)}
            amount={amount}
            onPress={() => void payment.pay(means)}
          />
        </div>
      )}
    </div>
  );
}

interface PayButtonProps {
  readonly payment: Payment;
  readonly label: (amount: string) => string;
  readonly amount: { readonly amount: string; readonly asset: string };
  readonly submits?: boolean;
  readonly onPress?: () => void;
}

function PayButton({ payment, label, amount, submits = false, onPress }: PayButtonProps) {
  const words = useCheckoutWords();
  const locale = useLocale();
  const doing = payment.doing;
  return (
    <Button
      weight="primary"
      size="payer"
      className="w-full"
      type={submits ? "submit" : "button"}
      busy={doing !== "nothing"}
      onClick={onPress}
    >
      {doing === "paying"
        ? words.paying
        : doing === "putting_away"
          ? words.preparing
          : label(shownMoney(amount, locale))}
    </Button>
  );
}

/** What went wrong with the last try, unless it stands beside a field. */
function Troubles({ payment }: { readonly payment: Payment }) {
  const words = useCheckoutWords();
  const { trouble, offline, doing } = payment;
  if (offline && doing === "paying") {
    return (
      <Notice tone="unknown" live="alert" title={words.lost_title}>
        <p>{words.lost_paying}</p>
      </Notice>
    );
  }
  if (!trouble) return null;
  if (trouble.kind === "lost_before") {
    return (
      <Notice tone="waiting" live="alert" title={words.lost_title}>
        <p>{words.lost_before}</p>
      </Notice>
    );
  }
  const { problem } = trouble;
  if (isAboutCard(problem)) return null;
  const waits = problem.status === 429 && problem.retryAfterSeconds !== null;
  return (
    <Notice tone="failed" live="alert" title={waits ? words.wait_title : words.refused_title}>
      <p>{waits ? words.wait(Math.ceil(problem.retryAfterSeconds ?? 1)) : words.nothing_charged}</p>
      <p className="text-12 text-soft">
        {words.refused_code}: <code className="font-mono">{problem.code}</code>
      </p>
    </Notice>
  );
}

/** The bank's no, and what may help. */
function Declined({ session, busy }: { readonly session: Session; readonly busy: boolean }) {
  const words = useCheckoutWords();
  if (!session.declined || busy) return null;
  return (
    <Notice tone="failed" live="alert" title={words.declined_title}>
      <p>{advice(session.declined, words)}</p>
      <p>{words.nothing_charged}</p>
      <p className="text-12 text-soft">
        {words.refused_code}: <code className="font-mono">{session.declined}</code>
      </p>
    </Notice>
  );
}

/** Say what may help. Who holds a stolen card learns no more than that the bank said no. */
function advice(code: string, words: Words): string {
  switch (code) {
    case "authentication_failed":
      return words.declined_authentication_failed;
    case "authentication_required":
      return words.declined_authentication_required;
    case "card_declined":
    case "fraud_suspected":
    case "lost_or_stolen":
      return words.declined_card_declined;
    case "do_not_honor":
      return words.declined_do_not_honor;
    case "expired_card":
      return words.declined_expired_card;
    case "incorrect_cvc":
      return words.declined_incorrect_cvc;
    case "incorrect_number":
      return words.declined_incorrect_number;
    case "insufficient_funds":
      return words.declined_insufficient_funds;
    case "limit_exceeded":
      return words.declined_limit_exceeded;
    case "method_not_supported":
      return words.declined_method_not_supported;
    case "payer_cancelled":
      return words.declined_payer_cancelled;
    case "processing_error":
      return words.declined_processing_error;
    case "returned":
      return words.declined_returned;
    case "try_again_later":
      return words.declined_try_again_later;
    default:
      return words.declined_other;
  }
}

export function named(way: string, words: Words): string {
  switch (way) {
    case "card":
      return words.card;
    case "paypal":
      return words.paypal;
    case "bank_transfer":
      return words.bank_transfer;
    case "crypto":
      return words.crypto;
    default:
      return way;
  }
}

function about(way: Way, words: Words): string {
  return way === "paypal"
    ? words.paypal_next
    : way === "crypto"
      ? words.crypto_next
      : words.bank_transfer_next;
}

function kept(place: Place, ways: readonly Way[]): Way | null {
  return ways.find((one) => one === read(`bezant.way.${place.id}`)) ?? null;
}
