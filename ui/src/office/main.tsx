/** The office: what finance people, developers and operators see of the platform. */
import "../design/tokens.css";
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { chosenLocale, LOCALES, speak, Spoken, type Locale } from "../words";
import { Office } from "./office";
import { kept } from "./kit/kept";

function firstLocale(): Locale {
  const own = LOCALES.find((one) => one === kept("language"));
  const asked = new URLSearchParams(location.search).has("lang");
  return own && !asked ? own : chosenLocale(location.search, navigator.languages);
}

function Page() {
  const [locale, setLocale] = useState(firstLocale);
  useEffect(() => {
    speak(locale);
  }, [locale]);
  useEffect(() => {
    const changed = (event: Event) => setLocale((event as CustomEvent<Locale>).detail);
    addEventListener("bezant:language", changed);
    return () => removeEventListener("bezant:language", changed);
  }, []);
  return (
    <Spoken.Provider value={locale}>
      <Office />
    </Spoken.Provider>
  );
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Page />
    </StrictMode>,
  );
}
