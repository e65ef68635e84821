/** The checkout: `/checkout/cs_…` for one payer, `/checkout/plink_…` for whoever follows a link. */
import { opened, soon } from "./first"; // Before everything else: it asks.
import "../design/tokens.css";
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { chosenLocale, speak, Spoken } from "../words";
import { Checkout } from "./Checkout";
import { Link } from "./Link";
import { isLink, read, readPlace, write } from "./place";

const LANGUAGE = "bezant.language";

function Whole() {
  const [place, setPlace] = useState(opened);
  return isLink(place.id) ? (
    <Link place={place} onOpen={() => setPlace(readPlace())} />
  ) : (
    <Checkout place={place} />
  );
}

const locale = chosenLocale(location.search, [read(LANGUAGE), ...navigator.languages]);
write(LANGUAGE, locale);
speak(locale);
const root = document.getElementById("root");
if (root) {
  void soon().then(() => {
    createRoot(root).render(
      <StrictMode>
        <Spoken.Provider value={locale}>
          <Whole />
        </Spoken.Provider>
      </StrictMode>,
    );
  });
}
