/** التطبيقات التي يُدخَل إليها، والشركاء الذين يوقّعون، بالعربية. */
import type { Translated } from "../../../../words";
import type { en } from "./en";
import type { ClientKind, KeyMistake } from "./kinds";

const KIND: Readonly<Record<ClientKind, string>> = {
  page: "صفحة أو تطبيق",
  server: "خادم يدخل إليه الناس",
  program: "برنامج لكم",
};
const KIND_MEANS: Readonly<Record<ClientKind, string>> = {
  page: "يعمل على جهاز أحدهم ولا يحفظ سرًا؛ لا يُعرف إلا بعنوانه.",
  server: "يرسل الناس إلى هنا ليدخلوا، ويثبت بمفتاحه أنه هو السائل.",
  program: "يسأل من تلقاء نفسه دون أن يدخل أحد. يستطيع ما يستطيعه دوره.",
};
const MISTAKE: Readonly<Record<KeyMistake, string>> = {
  private: "هذا هو النصف الخاص. احتفظ به لنفسك والصق النصف العام.",
  unreadable: "يبدأ المفتاح العام بـ -----BEGIN PUBLIC KEY----- ويُنسخ كاملًا.",
  kind: "المفتاح P-256 أو Ed25519 أو RSA بـ 2048 بتًا على الأقل.",
};

export const ar: Translated<typeof en> = {
  clients: "تطبيقات OpenID",
  client: "تطبيق OpenID",
  addClient: "تسجيل تطبيق",
  noClients: "لا تطبيقات بعد",
  noClientsHint: "سجّل واحدًا فيدخل الناس إليه من هنا، أو يطلب الرموز بنفسه.",
  clientNameHint: "يقرؤه من يُسأل هل يسمح له.",
  clientId: "معرّف التطبيق",
  issuer: "المُصدِر",
  method: "كيف يثبت هويته",
  methodName: (method: string): string =>
    method === "none"
      ? "لا يثبتها: بعنوانه فقط"
      : method === "private_key_jwt"
        ? "بمفتاحه"
        : "بشهادته",
  addresses: "إلى أين يعود الناس",
  addressesHint: "عنوان في كل سطر كما يُستعمل تمامًا: https أو هذا الجهاز نفسه.",
  noAddress: (one: string) => `لا يمكن إعادة الناس إلى ${one}`,
  logoutAddresses: "إلى أين يذهبون بعد الخروج",
  publicKey: "المفتاح العام",
  publicKeyHint: "النصف العام فقط بصيغة PEM. النصف الخاص لا يغادر خادمك.",
  publicKeyOrSet: "النصف العام فقط: PEM أو JSON Web Key.",
  mistake: (mistake: KeyMistake) => MISTAKE[mistake],
  keyFits: (kind: string) => `مفتاح من نوع ${kind}.`,
  keyNames: "مفاتيحه",
  scopes: "يستطيع أن يطلب",
  scopesMean: "بدون شيء يعرف من دخل ولا شيء غير ذلك.",
  scopesOfProgram: "بدون شيء يستطيع كل ما يستطيعه دوره.",
  bindsTokens: "رموزه لا تساوي شيئًا بدون مفتاحه (DPoP)",
  asksConsent: "يسأل الناس أولًا",
  yes: "نعم",
  no: "لا",
  fromFile: "ملف نطاق",
  registered: "مسجّل",
  ended: "منتهٍ",
  end: "إنهاء",
  endMeans: "يُرفض فورًا هو وكل رموزه. لا يمكن التراجع.",
  anotherKey: "مفتاح آخر",
  anotherKeyMeans: "ما أُعطي له من قبل يبقى حتى ينتهي: ساعة على الأكثر.",
  keepOld: "يبقى مفتاحه الحالي حتى المفتاح التالي",
  clientKind: (kind: ClientKind) => KIND[kind],
  clientKindMeans: (kind: ClientKind) => KIND_MEANS[kind],
  signers: "موقّعو الطلبات",
  signer: "موقّع طلبات",
  addSigner: "إضافة موقّع",
  noSigners: "لا موقّعين بعد",
  noSignersHint: "الشريك الذي يوقّع طلباته (RFC 9421) لا يحتاج إلى سر منا.",
  signerNameHint: "مفتاح مَن هو: فتعرف أيها تلغي.",
  keyId: "معرّف المفتاح",
  keyIdMeans: "ما يكتبه الشريك في keyid داخل التوقيع.",
  algorithm: "الخوارزمية",
  revokeMeans: "يُرفض فورًا كل ما يوقّعه، وشهاداته أيضًا، إلى الأبد.",
};
