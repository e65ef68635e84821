/**
 * Proving once more who one is, for money and keys, when the last proof is some time ago.
 *
 * Who has codes or a passkey shows that; everybody else gives the password.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Problem } from "../../api/client";
import { Button, Field, Notice } from "../../design";
import { useWords } from "../../words";
import { CATALOGUE } from "../words";
import { hasPasskeys, shownPasskey } from "./passkey";
import { office, WHO } from "./session";
import { Answered, Failed } from "./states";

export function asksForProof(failure: unknown): boolean {
  return failure instanceof Problem && failure.code === "step_up_needed";
}

/** Ask for a proof, and go on with what was to be done. */
export function Proof({ onProved }: { readonly onProved: () => void }) {
  const words = useWords(CATALOGUE);
  const queries = useQueryClient();
  const security = useQuery({
    queryKey: ["security"],
    queryFn: ({ signal }) => office("get", "/v1/security", { signal }),
  });
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const prove = (by: () => Promise<unknown>) => {
    setBusy(true);
    setFailure(null);
    by()
      .then(async () => {
        await queries.invalidateQueries({ queryKey: WHO });
        onProved();
      })
      .catch((reason: unknown) => setFailure(reason))
      .finally(() => setBusy(false));
  };
  const wrong = failure instanceof Problem && failure.status === 401;
  const field = (label: string, kind: "code" | "password"): ReactNode => (
    <>
      <Field
        label={label}
        type={kind === "password" ? "password" : "text"}
        inputMode={kind === "code" ? "numeric" : "text"}
        autoComplete={kind === "code" ? "one-time-code" : "current-password"}
        value={typed}
        wrong={wrong ? words.wrongProof : undefined}
        onChange={(event) => setTyped(event.currentTarget.value)}
        onKeyDown={(event) => {
          // The form around it would send the request itself again.
          if (event.key !== "Enter" || typed === "") return;
          event.preventDefault();
          prove(() => office("post", "/v1/session/step-up", { body: { [kind]: typed } }));
        }}
      />
      <Button
        busy={busy}
        disabled={typed === ""}
        onClick={() =>
          prove(() => office("post", "/v1/session/step-up", { body: { [kind]: typed } }))
        }
      >
        {words.prove}
      </Button>
    </>
  );
  return (
    <Notice tone="waiting" title={words.proveTitle} live="status">
      <p>{words.proveMeans}</p>
      <Answered of={security} rows={1}>
        {(found) => (
          <div className="flex flex-col gap-2">
            {found.passkeys.length > 0 && hasPasskeys() ? (
              <Button
                busy={busy}
                onClick={() =>
                  prove(async () => {
                    const asked = await office("post", "/v1/session/passkey/options", {});
                    const credential = await shownPasskey(asked);
                    await office("post", "/v1/session/step-up", { body: { credential } });
                  })
                }
              >
                {words.usePasskey}
              </Button>
            ) : null}
            {found.codes
              ? field(words.code, "code")
              : found.passkeys.length === 0
                ? field(words.password, "password")
                : null}
          </div>
        )}
      </Answered>
      {failure && !wrong ? <Failed failure={failure} /> : null}
    </Notice>
  );
}
