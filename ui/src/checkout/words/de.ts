/** What the checkout says, in German. */
import { counted, type Translated } from "../../words";
import type { en } from "./en";

export const de: Translated<typeof en> = {
  title: (merchant) => `Zahlung an ${merchant}`,
  loading: "Ihre Zahlung wird geladen",
  language: "Sprache",
  test_mode: "Testmodus: Hier bezahlt niemand etwas.",
  pay_whom: "Sie bezahlen",
  amount_due: "Zu zahlender Betrag",
  what_for: "Für",
  order: "Bestellung",
  next: "Danach bekommen Sie einen Beleg, den jeder prüfen kann.",

  way: "Wie möchten Sie bezahlen?",
  card: "Karte",
  paypal: "PayPal",
  bank_transfer: "Überweisung",
  crypto: "Krypto",
  card_number: "Kartennummer",
  expires: "Gültig bis",
  expires_hint: "Monat und Jahr, wie auf der Karte",
  expires_placeholder: "MM / JJ",
  code: "Prüfnummer",
  code_hint: "3 Ziffern auf der Rückseite",
  code_hint_amex: "4 Ziffern auf der Vorderseite",
  card_stays: "Ihre Kartennummer geht nur an den Tresor. Der Händler sieht sie nie.",
  paypal_next: "Sie bestätigen bei PayPal und kommen dann hierher zurück.",
  bank_transfer_next: "Sie bekommen Konto und Verwendungszweck und überweisen von Ihrer Bank.",
  crypto_next: "Sie bekommen eine Adresse und den genauen Betrag.",
  pay: (amount) => `${amount} bezahlen`,
  go_on_with: (way, amount) => `Weiter mit ${way}: ${amount}`,
  paying: "Die Zahlung läuft",
  preparing: "Wird vorbereitet",

  number_missing: "Geben Sie die Nummer Ihrer Karte ein.",
  number_wrong: "Das ist keine Kartennummer. Bitte prüfen Sie die Ziffern.",
  number_short: "Es fehlen noch Ziffern.",
  date_missing: "Geben Sie Monat und Jahr Ihrer Karte ein.",
  date_wrong: "Das ist kein Monat mit Jahr. Schreiben Sie zum Beispiel 04 / 30.",
  date_over: "Diese Karte ist abgelaufen. Bitte nehmen Sie eine andere.",
  code_missing: "Geben Sie die Prüfnummer ein.",
  code_wrong: (digits) => `Die Prüfnummer hat ${digits} Ziffern.`,
  card_of_other_mode: "Diese Karte geht hier nicht. Im Testmodus gehen nur Testkarten.",

  declined_title: "Die Zahlung wurde abgelehnt",
  nothing_charged: "Es wurde nichts abgebucht.",
  declined_authentication_failed:
    "Ihre Bank konnte nicht bestätigen, dass Sie es sind. Versuchen Sie es noch einmal " +
    "oder zahlen Sie anders.",
  declined_authentication_required:
    "Ihre Bank möchte bestätigen, dass Sie es sind. Versuchen Sie es noch einmal und " +
    "folgen Sie ihren Schritten.",
  declined_card_declined:
    "Ihre Bank hat diese Karte abgelehnt. Nehmen Sie eine andere oder fragen Sie Ihre Bank.",
  declined_do_not_honor:
    "Ihre Bank hat diese Karte ohne Angabe von Gründen abgelehnt. Fragen Sie Ihre Bank " +
    "oder nehmen Sie eine andere.",
  declined_expired_card: "Diese Karte ist abgelaufen. Bitte nehmen Sie eine andere.",
  declined_incorrect_cvc: "Die Prüfnummer passt nicht zur Karte. Bitte prüfen Sie sie.",
  declined_incorrect_number: "Die Kartennummer stimmt nicht. Bitte prüfen Sie sie.",
  declined_insufficient_funds:
    "Auf dem Konto ist nicht genug Geld. Nehmen Sie eine andere Karte oder ein anderes Konto.",
  declined_limit_exceeded:
    "Das Limit der Karte reicht nicht. Fragen Sie Ihre Bank oder nehmen Sie eine andere Karte.",
  declined_method_not_supported: "Diese Zahlungsart geht hier nicht. Bitte wählen Sie eine andere.",
  declined_payer_cancelled:
    "Die Zahlung wurde abgebrochen. Sie können es noch einmal versuchen oder anders zahlen.",
  declined_processing_error:
    "Bei der Bank ist etwas schiefgegangen. Bitte versuchen Sie es gleich noch einmal.",
  declined_returned: "Ihre Bank hat die Zahlung zurückgegeben. Bitte zahlen Sie anders.",
  declined_try_again_later:
    "Die Bank kann gerade nicht antworten. Bitte versuchen Sie es später noch einmal.",
  declined_other: "Nehmen Sie eine andere Karte oder eine andere Zahlungsart.",

  lost_title: "Die Verbindung ist abgerissen",
  lost_paying:
    "Wir fragen nach, was aus Ihrer Zahlung wurde. Bitte warten Sie; doppelt zahlen " +
    "können Sie hier nicht.",
  lost_before:
    "Ihre Karte wurde nicht belastet. Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.",
  lost_reading: "Wir versuchen es weiter. Was Sie bezahlt haben, bleibt bezahlt.",
  back_title: "Die Verbindung ist wieder da",
  wait_title: "Zu viele Versuche",
  wait: (seconds) =>
    counted("de", seconds, {
      one: "Versuchen Sie es in # Sekunde noch einmal.",
      other: "Versuchen Sie es in # Sekunden noch einmal.",
    }),
  refused_title: "Das hat nicht geklappt",
  refused_code: "Grund",
  try_again: "Noch einmal versuchen",

  step_title: "Noch ein Schritt bei Ihrer Bank",
  step: "Ihre Bank möchte bestätigen, dass Sie es sind. Vorher wird nichts abgebucht.",
  step_go: "Weiter zu Ihrer Bank",
  approve_title: "Noch ein Schritt bei PayPal",
  approve: "Bestätigen Sie die Zahlung bei PayPal. Vorher wird nichts abgebucht.",
  approve_go: "Weiter zu PayPal",
  new_window: "Öffnet ein neues Fenster. Kommen Sie danach hierher zurück.",
  apart_title: "Dieser Schritt ist getan",
  apart: "Sie können dieses Fenster schließen. Das Ergebnis steht beim Händler.",
  we_notice: "Diese Seite merkt von selbst, wenn es erledigt ist.",
  checking: "Wir fragen, was Ihre Bank gesagt hat",

  transfer_title: "Überweisen Sie von Ihrer Bank",
  transfer:
    "Überweisen Sie genau diesen Betrag mit genau diesem Verwendungszweck. Die Seite " +
    "merkt, wenn er da ist; Sie dürfen sie schließen.",
  transfer_scan: "Mit Ihrer Bank-App einlesen",
  transfer_open: "Ihre Bank öffnen",
  account_owner: "Kontoinhaber",
  iban: "IBAN",
  bic: "BIC",
  reference: "Verwendungszweck",
  amount: "Betrag",

  crypto_title: (asset) => `${asset} senden`,
  crypto_about: "Senden Sie genau diesen Betrag in diesem Netz, bevor die Zeit um ist.",
  crypto_scan: "Adresse mit Ihrer Wallet einlesen",
  crypto_open: "Seite der Wallet öffnen",
  crypto_page: "Die Seite des Anbieters zeigt Adresse und genauen Betrag.",
  network: "Netz",
  address: "Adresse",
  time_left: "Verbleibende Zeit",
  time_over: "Die Zeit für diese Zahlung ist um. Bitte senden Sie nichts mehr.",

  processing_title: "Wir warten auf die Antwort",
  processing:
    "Ihre Zahlung ist unterwegs. Bitte zahlen Sie nicht noch einmal; das Ergebnis steht " +
    "gleich hier.",
  unknown_title: "Wir wissen es noch nicht",
  unknown:
    "Der Anbieter hat nicht geantwortet. Wir fragen, bis wir es wissen. Bitte zahlen Sie " +
    "nicht noch einmal.",

  paid_title: "Bezahlt",
  already_title: "Das ist schon bezahlt",
  held_title: "Bestätigt",
  held: "Der Betrag ist vorgemerkt. Der Händler bucht ihn ab, wenn er Ihre Bestellung verschickt.",
  part_refunded_title: "Bezahlt, teilweise erstattet",
  refunded_title: "Bezahlt und erstattet",
  paid: "Bezahlt",
  refunded: "Erstattet",
  paid_with: "Bezahlt mit",
  paid_on: "Datum",
  receipt: "Beleg",
  receipt_refund: "Beleg der Erstattung",
  receipt_soon: "Ihr Beleg entsteht gerade.",
  receipt_later: "Ihr Beleg entsteht, wenn der Händler den Betrag abgebucht hat.",
  receipt_keep: "Heben Sie diese Datei auf: Jeder kann sie ohne uns prüfen.",
  receipt_open: "Beleg zeigen",
  receipt_file: "Herunterladen (JSON)",
  receipt_pdf: "Herunterladen (PDF)",
  receipt_check: "Diesen Beleg prüfen",
  back_to_shop: "Zurück zum Händler",
  payment_id: "Zahlung",

  expired_title: "Diese Kasse ist geschlossen",
  expired:
    "Ihre Zeit ist um, oder der Händler hat sie beendet. Es wurde nichts abgebucht. " +
    "Bitten Sie den Händler um einen neuen Link.",
  link_title: "Dieser Link ist geschlossen",
  link_closed:
    "Er ist aufgebraucht oder abgelaufen. Es wurde nichts abgebucht. Bitten Sie den " +
    "Händler um einen neuen.",
  link_go: "Weiter zur Zahlung",
  unknown_page_title: "Hier gibt es nichts zu bezahlen",
  unknown_page:
    "Die Adresse ist nicht vollständig, oder diese Kasse gehört zu einem anderen Fenster." +
    " Öffnen Sie den Link des Händlers noch einmal.",
  down_title: "Wir können diese Seite gerade nicht laden",
  down: "Es wurde nichts abgebucht. Wir versuchen es weiter.",
  no_way: "Dieser Betrag kann hier gerade nicht bezahlt werden. Bitte sagen Sie es dem Händler.",

  sign_in_title: "Zum Bezahlen anmelden",
  sign_in: "Der Händler bittet Sie, sich vorher anzumelden.",
  sign_in_go: "Anmelden",
  sign_in_failed: "Die Anmeldung hat nicht geklappt. Es wurde nichts abgebucht.",
  signed_in: "Sie sind angemeldet.",
  cancel: "Abbrechen und zurück",
  copy: "Kopieren",
  copied: "Kopiert",
};
