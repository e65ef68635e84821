/*
 * Shows a checkout in a frame of your page.
 *
 *   <div id="pay"></div>
 *   <script src="https://pay.example/checkout/embed.js"></script>
 *   <script>
 *     Bezant.checkout({ url: session.url, into: "#pay", onComplete: (session) => {…} });
 *   </script>
 *
 * `url` is the address your server was told when it opened the session. Register your page's origin
 * first (PUT /v1/checkout_settings), or the browser refuses to show the frame. What your page is
 * told says only that something happened: ask your server whether the order is paid.
 */
(() => {
  "use strict";
  const own = new URL(document.currentScript.src).origin;

  function checkout(options) {
    const url = new URL(options.url, own);
    if (url.origin !== own || !/^\/checkout\/cs_[0-9a-z]+$/.test(url.pathname)) {
      throw new TypeError("url is the address of a checkout session here");
    }
    const into = typeof options.into === "string" ? document.querySelector(options.into) : options.into;
    if (!into) throw new TypeError("into names an element of this page");

    const frame = document.createElement("iframe");
    frame.title = options.title || "Payment";
    frame.allow = "payment";
    frame.style.cssText = "width:100%;border:0;min-height:480px;color-scheme:normal";
    const told = new URLSearchParams({ secret: url.hash.slice(1), parent: location.origin });
    if (options.language) told.set("lang", options.language);
    frame.src = `${own}${url.pathname}/embedded#${told}`;

    const hear = (event) => {
      if (event.origin !== own || event.source !== frame.contentWindow) return;
      const said = event.data;
      if (!said || said.from !== "bezant-checkout") return;
      if (said.what === "height" && Number.isFinite(said.height)) {
        frame.style.height = `${Math.min(Math.max(said.height, 200), 4000)}px`;
      }
      if (said.what === "complete") options.onComplete?.(said.session);
      if (said.what === "expired") options.onExpired?.(said.session);
    };
    addEventListener("message", hear);
    into.replaceChildren(frame);
    return {
      remove() {
        removeEventListener("message", hear);
        frame.remove();
      },
    };
  }

  window.Bezant = Object.freeze({ checkout });
})();
