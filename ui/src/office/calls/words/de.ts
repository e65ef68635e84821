/** Calls of providers in German. */
import type { Translated } from "../../../words";
import type { en } from "./en";
import type { Silence } from "./kinds";

const SILENCE: Readonly<Record<Silence, string>> = {
  not_sent: "Nicht erreicht",
  silent: "Keine Antwort",
};

export const de: Translated<typeof en> = {
  kept:
    "Was schiefging oder lange dauerte, steht mit seinen Aufrufen im Verlauf; im Testbetrieb " +
    "auch, was gut ging. Gezeigt werden nur Kennungen, Codes und Beträge: Ein Punkt zählt alles " +
    "andere. Von allem Übrigen gibt es die Prüfsumme, die später zeigt, dass eine Antwort " +
    "unverändert ist.",
  key: "Unser Schlüssel dafür",
  answerBytes: "Die ganze Antwort",
  request: "Anfrage",
  answer: "Antwort",
  noBody: "nichts als die Adresse",
  noAnswer: "es kam nichts",
  answered: (status: number) => `Antwort ${status}`,
  notAnswered: (silence: Silence) => SILENCE[silence],
  took: (milliseconds: number) => `${milliseconds} ms`,
  bytes: (count: number) => `${count} Bytes`,
};
