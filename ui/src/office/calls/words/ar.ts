/** Calls of providers in Arabic. */
import type { Translated } from "../../../words";
import type { en } from "./en";
import type { Silence } from "./kinds";

const SILENCE: Readonly<Record<Silence, string>> = {
  not_sent: "لم يُبلَغ",
  silent: "لا جواب",
};

export const ar: Translated<typeof en> = {
  kept:
    "ما ساء أو طال تظهر نداءاته في القصة، وفي وضع الاختبار ما سار جيدًا أيضًا. " +
    "لا تُعرض إلا المعرّفات والرموز والمبالغ، والنقطة تعدّ غير ذلك. ولكل ما عدا ذلك " +
    "البصمة التي تثبت لاحقًا أن الجواب لم يتغير.",
  key: "مفتاحنا له",
  answerBytes: "الجواب كله",
  request: "الطلب",
  answer: "الجواب",
  noBody: "لا شيء سوى العنوان",
  noAnswer: "لم يأتِ شيء",
  answered: (status: number) => `أجاب ${status}`,
  notAnswered: (silence: Silence) => SILENCE[silence],
  took: (milliseconds: number) => `${milliseconds} م.ث`,
  bytes: (count: number) => `${count} بايت`,
};
