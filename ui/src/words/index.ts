/**
 * Words in every language we speak. A message that one of them lacks is a type error, so the build
 * fails; there is no fallback that could show a key to somebody.
 *
 * Each page keeps its own words beside it (`checkout/words/`): `en.ts` says what there is, the
 * others are `Translated<typeof en>`. A message with something in it is a function.
 */
import { createContext, useContext } from "react";

export const LOCALES = ["en", "de", "ar"] as const;
export type Locale = (typeof LOCALES)[number];

/** How each language calls itself. */
export const NAMES: Readonly<Record<Locale, string>> = {
  en: "English",
  de: "Deutsch",
  ar: "العربية",
};

type Message = string | ((...given: never[]) => string);
export type Messages = Readonly<Record<string, Message>>;
export type Translated<Own extends Messages> = {
  readonly [Name in keyof Own]: Own[Name] extends (...given: infer Given) => string
    ? (...given: Given) => string
    : string;
};
export type Catalogue<Own extends Messages> = Readonly<Record<Locale, Translated<Own>>>;

export const Spoken = createContext<Locale>("en");

/** Return the language of the page. */
export function useLocale(): Locale {
  return useContext(Spoken);
}

/** Return the words of a catalogue in the language of the page. */
export function useWords<Own extends Messages>(catalogue: Catalogue<Own>): Translated<Own> {
  return catalogue[useLocale()];
}

/** Return the language somebody asked for by `?lang=`, else the first of theirs that we speak. */
export function chosenLocale(search: string, theirs: readonly string[]): Locale {
  const wished = [new URLSearchParams(search).get("lang") ?? "", ...theirs];
  for (const one of wished) {
    const found = LOCALES.find((known) => known === one.toLowerCase().split("-")[0]);
    if (found) return found;
  }
  return "en";
}

/** Tell the document which language it is in, and which way that is read. */
export function speak(locale: Locale): void {
  document.documentElement.lang = locale;
  document.documentElement.dir = locale === "ar" ? "rtl" : "ltr";
}

type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { readonly other: string };

/** Choose the form that a number takes in a language, and write the number where `#` stands. */
export function counted(locale: Locale, count: number, forms: Forms): string {
  const form = forms[new Intl.PluralRules(locale).select(count)] ?? forms.other;
  return form.replace("#", new Intl.NumberFormat(formatsOf(locale)).format(count));
}

/** Return what Intl is asked for: amounts keep the digits that stand on statements. */
export function formatsOf(locale: Locale): string {
  return locale === "ar" ? "ar-u-nu-latn" : locale === "en" ? "en-GB" : locale;
}
