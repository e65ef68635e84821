/**
 * The card's three fields. What is wrong is said beside each, when typing stops or the field is
 * left.
 */
import {
  useEffect,
  useRef,
  useState,
  type ChangeEvent,
  type FormEvent,
  type ReactNode,
} from "react";
import { Field, Icon } from "../design";
import type { Problem } from "../api/client";
import {
  brandOf,
  caretAfter,
  codeDigits,
  codeFault,
  dateFault,
  digitsOf,
  expiryOf,
  grouped,
  numberFault,
  withStroke,
} from "./cards";
import type { Card } from "./payment";
import { useCheckoutWords, type Words } from "./words";

const LEFT_MILLISECONDS = 300;
const STOPPED_MILLISECONDS = 900; // Typing has stopped when nothing was typed for this long.

type Name = "number" | "date" | "code";
type Shown = Readonly<Record<Name, boolean>>;
const NONE: Shown = { number: false, date: false, code: false };

interface CardFieldsProps {
  readonly now: Date;
  /** What the vault would not take. */
  readonly problem: Problem | null;
  readonly onSubmit: (card: Card) => void;
  readonly onType: () => void;
  readonly children: ReactNode;
}

export function CardFields({ now, problem, onSubmit, onType, children }: CardFieldsProps) {
  const words = useCheckoutWords();
  const [number, setNumber] = useState("");
  const [date, setDate] = useState("");
  const [code, setCode] = useState("");
  const [shown, setShown] = useState<Shown>(NONE);
  const fields = {
    number: useRef<HTMLInputElement>(null),
    date: useRef<HTMLInputElement>(null),
    code: useRef<HTMLInputElement>(null),
  };

  const digits = digitsOf(number);
  const brand = brandOf(digits);
  const faults = {
    number: numberFault(number),
    date: dateFault(date, now),
    code: codeFault(code, brand),
  };
  const said = {
    number: faults.number ? words[faults.number] : null,
    date: faults.date ? words[faults.date] : null,
    code:
      faults.code === "code_wrong"
        ? words.code_wrong(codeDigits(brand))
        : faults.code
          ? words.code_missing
          : null,
  };
  const refused = fromVault(problem, words);

  // A field that is empty or half typed is left alone until its turn; one that was filled is
  // judged.
  useEffect(() => {
    const timer = setTimeout(() => {
      setShown((before) => ({
        number: before.number || (number !== "" && faults.number !== "number_short"),
        date: before.date || date.replace(/\D/g, "").length >= 4,
        code: before.code || code.length >= codeDigits(brand),
      }));
    }, STOPPED_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [number, date, code, brand, faults.number]);

  // A moment later: whoever leaves by pressing the button would find it moved from under the
  // finger.
  const left = (name: Name, value: string) => () => {
    if (value !== "")
      setTimeout(() => setShown((before) => ({ ...before, [name]: true })), LEFT_MILLISECONDS);
  };
  const typed = (name: Name) => {
    setShown((before) => ({ ...before, [name]: false }));
    if (problem) onType();
  };

  const typeNumber = (event: ChangeEvent<HTMLInputElement>): void => {
    const input = event.currentTarget;
    const before = digitsOf(
      input.value.slice(0, input.selectionStart ?? input.value.length),
    ).length;
    const written = grouped(input.value);
    setNumber(written);
    typed("number");
    requestAnimationFrame(() => {
      const place = caretAfter(written, before);
      if (document.activeElement === input) input.setSelectionRange(place, place);
    });
  };

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const first = (["number", "date", "code"] as const).find((name) => faults[name]);
    if (first) {
      setShown({ number: true, date: true, code: true });
      fields[first].current?.focus();
      return;
    }
    const expiry = expiryOf(date);
    if (expiry)
      onSubmit({ number: digits, exp_month: expiry.month, exp_year: expiry.year, cvc: code });
  };

  const wrong = (name: Name): string | undefined =>
    refused[name] ?? (shown[name] ? (said[name] ?? undefined) : undefined);
  return (
    <form noValidate onSubmit={submit} className="flex flex-col gap-4">
      <Field
        size="payer"
        label={words.card_number}
        name="cardnumber"
        inputMode="numeric"
        autoComplete="cc-number"
        dir="ltr"
        required
        value={number}
        onChange={typeNumber}
        onBlur={left("number", number)}
        inputRef={fields.number}
        wrong={wrong("number")}
        end={
          brand ? (
            <span className="text-13 font-strong">{BRAND_NAMES[brand]}</span>
          ) : (
            <Icon name="card" />
          )
        }
      />
      <div className="grid grid-cols-2 gap-4">
        <Field
          size="payer"
          label={words.expires}
          name="exp-date"
          inputMode="numeric"
          autoComplete="cc-exp"
          dir="ltr"
          required
          maxLength={9}
          placeholder={words.expires_placeholder}
          value={date}
          onChange={(event) => {
            const value = event.currentTarget.value;
            setDate((before) => withStroke(value, before));
            typed("date");
          }}
          onBlur={left("date", date)}
          inputRef={fields.date}
          wrong={wrong("date")}
        />
        <Field
          size="payer"
          label={words.code}
          name="cvc"
          inputMode="numeric"
          autoComplete="cc-csc"
          dir="ltr"
          required
          maxLength={4}
          value={code}
          onChange={(event) => {
            setCode(event.currentTarget.value.replace(/\D/g, ""));
            typed("code");
          }}
          onBlur={left("code", code)}
          inputRef={fields.code}
          hint={brand === "amex" ? words.code_hint_amex : words.code_hint}
          wrong={wrong("code")}
        />
      </div>
      <p className="flex items-start gap-2 text-13 text-soft">
        <Icon name="lock" className="size-4" />
        <span>{words.card_stays}</span>
      </p>
      {children}
    </form>
  );
}

const BRAND_NAMES = {
  visa: "Visa",
  mastercard: "Mastercard",
  amex: "Amex",
  discover: "Discover",
  diners: "Diners",
  jcb: "JCB",
  unionpay: "UnionPay",
} as const;

/** Return what the vault said about a field, in our words. */
function fromVault(problem: Problem | null, words: Words): Partial<Record<Name, string>> {
  switch (problem?.code) {
    case "card_number_invalid":
      return { number: words.number_wrong };
    case "card_of_other_mode":
      return { number: words.card_of_other_mode };
    case "card_expired":
      return { date: words.date_over };
    case "card_date_invalid":
      return { date: words.date_wrong };
    case "cvc_invalid":
      return { code: words.code_wrong(3) };
    default:
      return {};
  }
}

/** Whether the fields themselves say what is wrong. */
export function isAboutCard(problem: Problem): boolean {
  return [
    "card_number_invalid",
    "card_of_other_mode",
    "card_expired",
    "card_date_invalid",
    "cvc_invalid",
  ].includes(problem.code);
}
