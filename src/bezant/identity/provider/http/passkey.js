// Asks the browser for a passkey and puts what it answers into the form, which is then sent as it is.
const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const told = (found) => {
  const { response } = found;
  const fields = ["clientDataJSON", "authenticatorData", "attestationObject", "signature", "userHandle"];
  const answer = Object.fromEntries(
    fields.filter((name) => response[name]).map((name) => [name, text(response[name])]));
  if (response.getTransports) answer.transports = response.getTransports();
  return { id: found.id, rawId: text(found.rawId), type: found.type, response: answer };
};
const asked = async (form) => {
  const answer = await fetch(form.dataset.passkey, {
    method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
  if (!answer.ok) throw new Error(answer.status);
  const { publicKey } = await answer.json();
  publicKey.challenge = bytes(publicKey.challenge);
  const known = publicKey.excludeCredentials ?? publicKey.allowCredentials ?? [];
  for (const one of known) one.id = bytes(one.id);
  if (!publicKey.user) return navigator.credentials.get({ publicKey });
  publicKey.user.id = bytes(publicKey.user.id);
  return navigator.credentials.create({ publicKey });
};
for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) break;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = form.querySelector("[role=status]");
    said.textContent = "Your device asks you now.";
    try {
      form.elements.passkey.value = JSON.stringify(told(await asked(form)));
      form.submit();
    } catch {
      said.textContent = "That did not work, or was declined. Try again, or use another way.";
    }
  });
}
