/** A question in front of the page, in the browser's own dialog: it keeps the focus inside. */
import { useId, useLayoutEffect, useRef, useState, type FormEvent, type ReactNode } from "react";
import { freshKey, Lost, Problem } from "../../api/client";
import { classes, Button, Notice } from "../../design";
import { useWords } from "../../words";
import { CATALOGUE } from "../words";
import { Failed } from "./states";
import { asksForProof, Proof } from "./stepup";

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // Before it leaves the page it is closed: then the focus goes back to where it came from.
  useLayoutEffect(() => {
    const shown = dialog.current;
    if (shown && !shown.open) shown.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={heading}
      onClose={onClose}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      className={classes(
        "m-auto max-h-[calc(100dvh-32px)] w-120 max-w-[calc(100vw-32px)] overflow-y-auto",
        "rounded border-0 bg-raised p-4 text-ink shadow-float backdrop:bg-ink/40",
      )}
    >
      <h2 id={heading} className="m-0 mb-3 text-20 font-strong">
        {title}
      </h2>
      {children}
    </dialog>
  );
}

interface ActProps {
  readonly title: string;
  /** The button says what it does and names the amount: "Refund 19.99 EUR". */
  readonly act: string;
  readonly danger?: boolean;
  /** Does it. The key stays the same however often this question is answered: one effect. */
  readonly onAct: (key: string) => Promise<void>;
  readonly onClose: () => void;
  /** Nothing is asked for while this says what is still wrong. */
  readonly blocked?: boolean;
  readonly children?: ReactNode;
}

/** A dialog that does one thing, and says so when it is not known whether it did. */
export function Act({
  title,
  act,
  danger = false,
  onAct,
  onClose,
  blocked = false,
  children,
}: ActProps) {
  const words = useWords(CATALOGUE);
  const [key] = useState(freshKey);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const doIt = () => {
    setBusy(true);
    setFailure(null);
    onAct(key)
      .then(onClose)
      .catch((reason: unknown) => setFailure(reason))
      .finally(() => setBusy(false));
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!busy && !blocked) doIt();
  };
  const unproved = asksForProof(failure);
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-3" noValidate>
        {children}
        {failure instanceof Lost || (failure instanceof Problem && failure.status === 504) ? (
          <Notice tone="unknown" title={words.notKnown} live="alert">
            <p>{words.sameAgain}</p>
          </Notice>
        ) : unproved ? (
          <Proof onProved={doIt} />
        ) : failure ? (
          <Failed failure={failure} />
        ) : null}
        <div className="flex flex-wrap justify-end gap-2">
          <Button onClick={onClose}>{words.cancel}</Button>
          <Button
            type="submit"
            weight={danger ? "danger" : "primary"}
            busy={busy}
            disabled={blocked || unproved}
          >
            {act}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
