/** قوائم الواجهة المغلقة بالعربية. */
import type {
  AccountState,
  AccountType,
  ApprovalState,
  AttemptState,
  DeclineCode,
  DeliveryState,
  DisputeState,
  EvidenceName,
  MethodKind,
  Operation,
  OrderStatus,
  PaymentState,
  ReceiptOutcome,
  RefundState,
  TransferKind,
  WrongAmount,
} from "./kinds";

export const PAYMENT_STATE: Readonly<Record<PaymentState, string>> = {
  created: "تنتظر طريقة دفع",
  processing: "لدى المزوّد",
  needs_action: "تنتظر الدافع",
  unknown: "غير معلومة بعد",
  authorized: "محجوزة",
  partly_captured: "محصّلة جزئيًا",
  succeeded: "نجحت",
  declined: "رُفضت",
  voided: "أُطلقت",
  expired: "انتهت",
  failed: "فشلت",
};
export const REFUND_STATE: Readonly<Record<RefundState, string>> = {
  needs_approval: "يحتاج موافقة",
  processing: "لدى المزوّد",
  unknown: "غير معلوم بعد",
  succeeded: "أُعيد",
  failed: "فشل",
  rejected: "رُفض",
};
export const DISPUTE_STATE: Readonly<Record<DisputeState, string>> = {
  opened: "يحتاج ردًا",
  under_review: "قيد البت",
  won: "كُسب",
  lost: "خُسر",
};
export const ORDER_STATUS: Readonly<Record<OrderStatus, string>> = {
  open: "مفتوح",
  authorized: "محجوز",
  part_paid: "مدفوع جزئيًا",
  paid: "مدفوع",
  overpaid: "مدفوع بزيادة",
  part_refunded: "مسترد جزئيًا",
  refunded: "مسترد",
};
export const APPROVAL_STATE: Readonly<Record<ApprovalState, string>> = {
  open: "تنتظر",
  approved: "ووفق عليها",
  rejected: "رُفضت",
  expired: "انتهت",
  spent: "نُفّذت",
};
export const METHOD_KIND: Readonly<Record<MethodKind, string>> = {
  bank_account: "حساب مصرفي",
  bank_transfer: "تحويل مصرفي",
  card: "بطاقة",
  crypto: "عملة مشفرة",
  paypal: "PayPal",
};
export const ACCOUNT_TYPE: Readonly<Record<AccountType, string>> = {
  asset: "أصل",
  liability: "التزام",
  equity: "حقوق ملكية",
  income: "إيراد",
  expense: "مصروف",
};
export const ACCOUNT_STATE: Readonly<Record<AccountState, string>> = {
  open: "مفتوح",
  frozen: "مجمّد",
  closed: "مغلق",
};
export const TRANSFER_KIND: Readonly<Record<TransferKind, string>> = {
  post: "قيد",
  reversal: "عكس قيد",
  hold: "حجز",
  capture: "تحصيل حجز",
  void: "إطلاق حجز",
  expiry: "انتهاء حجز",
  opening: "فتح حساب",
  change: "تغيير حساب",
};
export const DELIVERY_STATE: Readonly<Record<DeliveryState, string>> = {
  pending: "ينتظر",
  delivered: "سُلّم",
  failed: "فشل",
};
export const AMOUNT_WRONG: Readonly<Record<WrongAmount, string>> = {
  malformed: "اكتب مبلغًا مثل 19.99.",
  tooFine: "لهذه العملة منازل عشرية أقل.",
  nothing: "المبلغ صفر.",
  tooMuch: "هذا أكثر مما هو متاح.",
};
export const EVIDENCE_NAME: Readonly<Record<EvidenceName, string>> = {
  product_description: "ما بيع",
  refund_refusal_explanation: "لماذا لا استرداد",
  shipping_tracking_number: "رقم الشحنة",
  uncategorized_text: "ما يقال ضده أيضًا",
};
export const DECLINED_BECAUSE: Readonly<Record<DeclineCode, string>> = {
  authentication_failed: "لم يستطع الدافع إثبات هويته",
  authentication_required: "على الدافع إثبات هويته",
  card_declined: "رفض المصرف البطاقة",
  do_not_honor: "رفض المصرف دون سبب",
  expired_card: "انتهت صلاحية البطاقة",
  fraud_suspected: "يشتبه المصرف باحتيال",
  incorrect_cvc: "رمز الأمان خاطئ",
  incorrect_number: "الرقم خاطئ",
  insufficient_funds: "المال غير كافٍ",
  limit_exceeded: "بُلغ الحد",
  lost_or_stolen: "البطاقة مفقودة أو مسروقة",
  method_not_supported: "المزوّد لا يقبل هذا",
  payer_cancelled: "ألغى الدافع",
  processing_error: "حدث خطأ لدى المزوّد",
  returned: "أُعيدت الدفعة",
  try_again_later: "يطلب المصرف المحاولة لاحقًا",
  other: "رُفضت لسبب آخر",
};
export const OPERATIONS: Readonly<Record<Operation, string>> = {
  charge: "خصم",
  capture: "تحصيل",
  void: "إطلاق",
  refund: "استرداد",
};
export const ATTEMPTS: Readonly<Record<AttemptState, string>> = {
  sent: "أُرسل",
  waiting: "ينتظر",
  unknown: "غير معلوم بعد",
  done: "تم",
  declined: "رُفض",
  failed: "فشل",
};
export const ABOUT: Readonly<Record<"payment" | "refund", string>> = {
  payment: "دفعة",
  refund: "استرداد",
};
export const OUTCOMES: Readonly<Record<ReceiptOutcome, string>> = {
  succeeded: "نجح",
  declined: "رُفض",
  voided: "أُطلق",
  expired: "انتهى",
  failed: "فشل",
  rejected: "رُفض",
};
export const CHART: Readonly<Record<string, string>> = {
  psp_receivable: "مستحق من المزوّد",
  cash_at_bank: "نقد في المصرف",
  merchant_payable: "مستحق لك",
  refund_payable: "استردادات موعودة",
  dispute_reserve: "محجوز للنزاعات",
  dispute_receivable: "محتجز لدى المزوّد في نزاع",
  fees_earned: "رسومنا",
  fees_paid: "رسوم المزوّدين",
  suspense: "غير مفسّر بعد",
};
export const PAYMENTS = {
  zero: "لا مدفوعات",
  one: "دفعة واحدة",
  two: "دفعتان",
  few: "# مدفوعات",
  many: "# دفعة",
  other: "# دفعة",
};
export const ACCOUNTS = {
  zero: "لا حسابات",
  one: "حساب واحد",
  two: "حسابان",
  few: "# حسابات",
  many: "# حسابًا",
  other: "# حساب",
};
export const ENTRIES = {
  zero: "لا قيود",
  one: "قيد واحد",
  two: "قيدان",
  few: "# قيود",
  many: "# قيدًا",
  other: "# قيد",
};
export const APPROVALS_WAIT = {
  zero: "لا موافقات تنتظر",
  one: "موافقة واحدة تنتظر",
  two: "موافقتان تنتظران",
  few: "# موافقات تنتظر",
  many: "# موافقة تنتظر",
  other: "# موافقة تنتظر",
};
export const DISPUTES_WAIT = {
  zero: "لا نزاعات",
  one: "نزاع واحد يحتاج ردًا",
  two: "نزاعان يحتاجان ردًا",
  few: "# نزاعات تحتاج ردًا",
  many: "# نزاعًا يحتاج ردًا",
  other: "# نزاع يحتاج ردًا",
};
export const UNKNOWN_WAIT = {
  zero: "لا مدفوعات مجهولة",
  one: "دفعة واحدة لا نعلم نتيجتها بعد",
  two: "دفعتان لا نعلم نتيجتهما بعد",
  few: "# مدفوعات لا نعلم نتيجتها بعد",
  many: "# دفعة لا نعلم نتيجتها بعد",
  other: "# دفعة لا نعلم نتيجتها بعد",
};
export const UNDELIVERED = {
  zero: "لا تسليمات فاشلة",
  one: "تسليم واحد فشل نهائيًا",
  two: "تسليمان فشلا نهائيًا",
  few: "# تسليمات فشلت نهائيًا",
  many: "# تسليمًا فشل نهائيًا",
  other: "# تسليم فشل نهائيًا",
};
export const VERIFIED_BAD = {
  zero: "لا فروق",
  one: "رصيد واحد لا ينتج من قيوده",
  two: "رصيدان لا ينتجان من قيودهما",
  few: "# أرصدة لا تنتج من قيودها",
  many: "# رصيدًا لا ينتج من قيوده",
  other: "# رصيد لا ينتج من قيوده",
};
