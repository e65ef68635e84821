// Takes the code out of the address and puts it into the form, where nobody has to copy it.
const code = decodeURIComponent(location.hash.slice(1));
if (code) {
  document.getElementById("token").value = code;
  history.replaceState(null, "", location.pathname);
}
