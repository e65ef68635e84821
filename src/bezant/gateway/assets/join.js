// Takes the invitation out of the address and puts it into the form, where nobody has to copy it.
const code = decodeURIComponent(location.hash.slice(1));
const field = document.getElementById("invitation");
if (code) {
  field.value = code;
  history.replaceState(null, "", location.pathname);
}
// A code that was refused stays to be seen: perhaps it was not copied whole.
if (field.value && !document.querySelector("main > .wrong")) {
  document.getElementById("code").hidden = true;
  document.getElementById("name").focus();
}
