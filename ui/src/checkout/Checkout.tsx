/**
 * The payer's page: who is paid, what for, and whatever comes next. One column, the amount on top.
 */
import { useEffect, useState, type ReactNode } from "react";
import { Amount, Busy, Button, LinkButton, Notice } from "../design";
import { LOCALES, NAMES, useLocale, type Locale } from "../words";
import { Done } from "./Done";
import { tell, useFrameHeight } from "./frame";
import { webAddress } from "./narrow";
import { Paying } from "./Paying";
import { usePayment, type Page, type Payment, type Session } from "./payment";
import { isApart, type Place } from "./place";
import { beginSignIn, finishSignIn, isBack } from "./signing";
import { Waiting } from "./Waiting";
import { useCheckoutWords } from "./words";

export function Checkout({ place }: { readonly place: Place }) {
  const payment = usePayment(place);
  const words = useCheckoutWords();
  const { session, page } = payment;
  useFrameHeight(place);
  const state = session?.state ?? "";
  const paid = state === "complete" && payment.paidHere;
  useEffect(() => {
    if (state === "complete") tell(place, "complete");
    if (state === "expired") tell(place, "expired");
  }, [place, state]);
  useEffect(() => {
    // Whoever listens hears first what it came to.
    if (paid) document.getElementById("outcome")?.focus();
  }, [paid]);
  const merchant = page?.merchant ?? "";
  useEffect(() => {
    if (merchant) document.title = words.title(merchant);
  }, [merchant, words]);

  if (payment.unknown && isApart()) {
    return (
      <Sheet title={words.apart_title}>
        <p>{words.apart}</p>
      </Sheet>
    );
  }
  if (payment.unknown) {
    return (
      <Sheet title={words.unknown_page_title}>
        <p>{words.unknown_page}</p>
      </Sheet>
    );
  }
  if (!session || !page) {
    return (
      <Sheet title={payment.offline ? words.down_title : words.loading} busy>
        {payment.offline ? <p role="status">{words.down}</p> : null}
      </Sheet>
    );
  }
  return (
    <Frame test={session.mode === "test"}>
      <Summary session={session} page={page} />
      {payment.offline && payment.doing === "nothing" ? (
        <Notice tone="waiting" live="status" title={words.lost_title}>
          <p>{words.lost_reading}</p>
        </Notice>
      ) : null}
      <Story place={place} session={session} page={page} payment={payment} />
    </Frame>
  );
}

interface StoryProps {
  readonly place: Place;
  readonly session: Session;
  readonly page: Page;
  readonly payment: Payment;
}

function Story({ place, session, page, payment }: StoryProps) {
  const words = useCheckoutWords();
  switch (session.state) {
    case "complete":
      return <Done place={place} session={session} page={page} paidHere={payment.paidHere} />;
    case "pending":
      return <Waiting place={place} session={session} page={page} />;
    case "expired": {
      const back = webAddress(session.cancel_url) ?? webAddress(session.return_url);
      return (
        <section className="flex flex-col gap-4" aria-labelledby="outcome">
          <h2 id="outcome" className="text-20 font-strong">
            {words.expired_title}
          </h2>
          <p>{words.expired}</p>
          {back ? (
            <LinkButton href={back} size="payer" rel="noreferrer">
              {words.back_to_shop}
            </LinkButton>
          ) : null}
        </section>
      );
    }
    default:
      return <Open place={place} session={session} page={page} payment={payment} />;
  }
}

/** It may be paid: by anybody, or by a customer who has signed in. */
function Open({ place, session, page, payment }: StoryProps) {
  const words = useCheckoutWords();
  const [token, setToken] = useState("");
  const [failed, setFailed] = useState(false);
  const [busy, setBusy] = useState(isBack);
  const realm = session.sign_in;
  useEffect(() => {
    if (!realm || !isBack()) return;
    finishSignIn(realm)
      .then(setToken, () => setFailed(true))
      .finally(() => setBusy(false));
  }, [realm]);
  const cancel = webAddress(session.cancel_url);
  if (realm && !token) {
    return (
      <section className="flex flex-col gap-4">
        <h2 className="text-20 font-strong">{words.sign_in_title}</h2>
        <p>{words.sign_in}</p>
        {failed ? (
          <Notice tone="failed" live="alert">
            <p>{words.sign_in_failed}</p>
          </Notice>
        ) : null}
        <Button
          weight="primary"
          size="payer"
          busy={busy}
          onClick={() => {
            setBusy(true);
            beginSignIn(realm).catch(() => {
              setFailed(true);
              setBusy(false);
            });
          }}
        >
          {words.sign_in_go}
        </Button>
      </section>
    );
  }
  return (
    <div className="flex flex-col gap-4">
      {token ? <p role="status">{words.signed_in}</p> : null}
      <Paying place={place} session={session} page={page} payment={payment} token={token} />
      {cancel && !place.embedded && payment.doing === "nothing" ? (
        <p className="text-center">
          <a href={cancel} rel="noreferrer" className="inline-block py-3">
            {words.cancel}
          </a>
        </p>
      ) : null}
    </div>
  );
}

function Summary({ session, page }: { readonly session: Session; readonly page: Page }) {
  const words = useCheckoutWords();
  return (
    <header className="flex flex-col gap-1">
      <h1 className="text-16 font-plain text-soft">
        {words.pay_whom} <strong className="font-strong text-ink">{page.merchant}</strong>
      </h1>
      <p className="text-28 font-strong" aria-label={words.amount_due}>
        <Amount money={session.amount} />
      </p>
      {session.description ? <p className="text-16">{session.description}</p> : null}
      {session.state === "open" ? <p className="text-13 text-soft">{words.next}</p> : null}
    </header>
  );
}

/** A page with one thing to say. */
export function Sheet({
  title,
  busy = false,
  children,
}: {
  readonly title: string;
  readonly busy?: boolean;
  readonly children?: ReactNode;
}) {
  return (
    <Frame>
      <h1 className="flex items-center gap-3 text-20 font-strong">
        {busy ? <Busy /> : null}
        {title}
      </h1>
      {children}
    </Frame>
  );
}

export function Frame({
  test = false,
  children,
}: {
  readonly test?: boolean;
  readonly children: ReactNode;
}) {
  const words = useCheckoutWords();
  return (
    <div className="mx-auto flex max-w-[440px] flex-col gap-6 px-4 py-6 sm:py-10">
      {test ? (
        <p
          className="flex items-center gap-2 rounded bg-sunken px-3 py-2 text-13 text-waiting"
          role="note"
        >
          {words.test_mode}
        </p>
      ) : null}
      <main className="flex flex-col gap-6">{children}</main>
      <Languages />
    </div>
  );
}

function Languages() {
  const words = useCheckoutWords();
  const spoken = useLocale();
  return (
    <nav aria-label={words.language} className="flex flex-wrap justify-center gap-1 text-13">
      {LOCALES.filter((one) => one !== spoken).map((one: Locale) => (
        <a
          key={one}
          href={`?lang=${one}`}
          hrefLang={one}
          lang={one}
          className="inline-flex min-h-10 items-center px-2"
        >
          {NAMES[one]}
        </a>
      ))}
    </nav>
  );
}
