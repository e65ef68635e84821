/** A test payment with a card of the sandbox: the quickest way to see what a scenario does. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { freshKey, Lost } from "../../api/client";
import { Button, Field, Identifier, Notice } from "../../design";
import { useWords } from "../../words";
import { Failed, office, Section, Select } from "../kit";
import { asksForProof, Proof } from "../kit/stepup";
import { PaymentStatus, type PaymentState } from "../pages/standing";
import { CATALOGUE as GENERAL } from "../words";
import { CATALOGUE } from "./words";

const CARDS = ["4242424242424242", "4000000000009995", "4000000000000259"] as const;
const EXPIRES = { exp_month: 12, exp_year: 2040, cvc: "123" } as const;

export function TestPayment() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const queries = useQueryClient();
  const [amount, setAmount] = useState("20.00");
  const [card, setCard] = useState<string>(CARDS[0]);
  const [key, setKey] = useState(freshKey);
  const wrong = /^\d{1,7}(\.\d{1,2})?$/.test(amount) ? undefined : general.amountWrong("malformed");
  const pay = useMutation({
    mutationFn: () => paid(amount, card, key),
    onSuccess: () => {
      setKey(freshKey());
      void queries.invalidateQueries();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!pay.isPending && !wrong) pay.mutate();
  };
  return (
    <Section title={words.testPayment}>
      <form onSubmit={submit} className="flex flex-col gap-3" noValidate>
        <div className="grid grid-cols-[repeat(auto-fill,minmax(200px,1fr))] gap-3">
          <Field
            label={words.amountInEuros}
            value={amount}
            inputMode="decimal"
            dir="ltr"
            wrong={wrong}
            onChange={(event) => setAmount(event.currentTarget.value)}
          />
          <Select
            label={words.card}
            value={card}
            choices={CARDS.map((one) => ({ value: one, label: words.cardNamed(one) }))}
            onChange={(event) => setCard(event.currentTarget.value)}
          />
        </div>
        <div>
          <Button type="submit" weight="primary" busy={pay.isPending} disabled={Boolean(wrong)}>
            {words.payNow}
          </Button>
        </div>
      </form>
      {pay.isError ? (
        asksForProof(pay.error) ? (
          <Proof onProved={() => pay.mutate()} />
        ) : pay.error instanceof Lost ? (
          <Notice tone="unknown" title={general.notKnown} live="alert">
            <p>{general.sameAgain}</p>
          </Notice>
        ) : (
          <Failed failure={pay.error} />
        )
      ) : null}
      {pay.data ? (
        <p role="status" className="m-0 mt-3 flex flex-wrap items-center gap-x-4">
          <PaymentStatus state={pay.data.state as PaymentState} />
          <Link to={`/payments/${pay.data.id}`}>
            <Identifier>{pay.data.id}</Identifier>
          </Link>
        </p>
      ) : null}
    </Section>
  );
}

async function paid(amount: string, number: string, key: string) {
  const card = await office("post", "/v1/payments/tokenize", {
    body: { number, ...EXPIRES, checkout_session: "" },
  });
  return await office("post", "/v1/payments", {
    key,
    body: {
      amount: { amount, asset: "EUR" },
      pay_with: { card: card.token, kind: null, saved: "" },
      capture: true,
      confirm: true,
      country: "",
      customer: "",
      description: "Test payment",
      descriptor: "",
      order: "",
      priority: "",
      return_url: "",
    },
  });
}
