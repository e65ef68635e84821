/** Calls of providers in English: what there is to say. */
import type { Silence } from "./kinds";

const SILENCE: Readonly<Record<Silence, string>> = {
  not_sent: "Not reached",
  silent: "No answer",
};

export const en = {
  kept:
    "Of what went wrong or took long, the calls themselves stand in the story; in test mode also " +
    "of what went well. Only ids, codes and amounts are shown; a dot counts what is not. Of " +
    "everything else there is the hash, which shows later that an answer was not changed.",
  key: "Our key for it",
  answerBytes: "The whole answer",
  request: "Request",
  answer: "Answer",
  noBody: "nothing but the address",
  noAnswer: "nothing came",
  answered: (status: number) => `Answered ${status}`,
  notAnswered: (silence: Silence) => SILENCE[silence],
  took: (milliseconds: number) => `${milliseconds} ms`,
  bytes: (count: number) => `${count} bytes`,
};
