/** The way in: a passkey, or a name and a password, and a code where somebody has set that up. */
import { useEffect, useRef, useState, type FormEvent } from "react";
import { Problem } from "../api/client";
import { classes, Button, Field, Icon } from "../design";
import { LOCALES, NAMES, useLocale, useWords, type Locale } from "../words";
import { Failed } from "./kit";
import { keep } from "./kit/kept";
import { Declined, hasPasskeys, shownPasskey } from "./kit/passkey";
import { office, useSessionChanges } from "./kit/session";
import { CATALOGUE } from "./words";

const AS_A_BROWSER = { tenant: "", mode: "test", deliver: "cookie" } as const;

export function SignIn() {
  const words = useWords(CATALOGUE);
  const { entered } = useSessionChanges();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  useEffect(() => {
    document.title = `${words.signIn} · ${words.office}`;
  }, [words]);
  const enter = (by: () => Promise<unknown>) => {
    setBusy(true);
    setFailure(null);
    by()
      .then(entered)
      .catch((reason: unknown) => setFailure(reason instanceof Declined ? null : reason))
      .finally(() => setBusy(false));
  };
  const byPasskey = async () => {
    const asked = await office("post", "/v1/session/passkey/options", {});
    const credential = await shownPasskey(asked);
    await office("post", "/v1/session/passkey", { body: { ...AS_A_BROWSER, credential } });
  };
  return (
    <main className="mx-auto flex min-h-dvh max-w-100 flex-col justify-center gap-6 p-4">
      <header className="flex items-center gap-2">
        <Icon name="coin" className="size-8 text-gold" />
        <h1 className="m-0 text-28 font-strong">{words.signIn}</h1>
      </header>
      <div className="flex flex-col gap-4 rounded bg-raised p-4">
        {hasPasskeys() ? (
          <>
            <Button size="payer" busy={busy} onClick={() => enter(byPasskey)}>
              <Icon name="lock" />
              {words.usePasskey}
            </Button>
            <p className="m-0 text-center text-13 text-soft">{words.or}</p>
          </>
        ) : null}
        <PasswordForm busy={busy} failure={failure} onEnter={enter} />
      </div>
      <Languages />
    </main>
  );
}

function PasswordForm({
  busy,
  failure,
  onEnter,
}: {
  readonly busy: boolean;
  readonly failure: unknown;
  readonly onEnter: (by: () => Promise<unknown>) => void;
}) {
  const words = useWords(CATALOGUE);
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [asked, setAsked] = useState(false);
  const codeField = useRef<HTMLInputElement>(null);
  const refusal = failure instanceof Problem ? failure.code : "";
  useEffect(() => {
    if (refusal === "second_factor_needed") setAsked(true);
    if (refusal === "wrong_login") setAsked(false);
  }, [refusal]);
  useEffect(() => {
    if (asked) codeField.current?.focus();
  }, [asked]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onEnter(() =>
      office("post", "/v1/session", { body: { ...AS_A_BROWSER, email, password, code } }),
    );
  };
  const told = ["wrong_login", "wrong_code", "second_factor_needed"].includes(refusal);
  return (
    <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
      <Field
        label={words.email}
        type="email"
        name="email"
        autoComplete="username"
        value={email}
        size="payer"
        required
        onChange={(event) => setEmail(event.currentTarget.value)}
      />
      <Field
        label={words.password}
        type="password"
        name="password"
        autoComplete="current-password"
        value={password}
        size="payer"
        required
        wrong={refusal === "wrong_login" ? words.wrongLogin : undefined}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
      {asked ? (
        <Field
          inputRef={codeField}
          label={words.code}
          name="code"
          autoComplete="one-time-code"
          value={code}
          size="payer"
          hint={words.codeNeeded}
          wrong={refusal === "wrong_code" ? words.wrongCode : undefined}
          onChange={(event) => setCode(event.currentTarget.value)}
        />
      ) : null}
      {failure && !told ? <Failed failure={failure} /> : null}
      <Button
        type="submit"
        weight="primary"
        size="payer"
        busy={busy}
        disabled={!email || !password}
      >
        {words.signIn}
      </Button>
    </form>
  );
}

function Languages() {
  const locale = useLocale();
  const words = useWords(CATALOGUE);
  return (
    <nav aria-label={words.language} className="flex justify-center gap-4">
      {LOCALES.map((one: Locale) => (
        <button
          key={one}
          type="button"
          lang={one}
          aria-current={one === locale ? "true" : undefined}
          onClick={() => {
            keep("language", one);
            dispatchEvent(new CustomEvent("bezant:language", { detail: one }));
          }}
          className={classes(
            "min-h-8 cursor-pointer text-soft underline aria-[current]:font-strong",
            "aria-[current]:text-ink aria-[current]:no-underline",
          )}
        >
          {NAMES[one]}
        </button>
      ))}
    </nav>
  );
}
