// Draws the API's description, which lies beside this page, with OpenAPI Explorer.
import "/assets/openapi-explorer.min.js";

const place = document.getElementById("reference");
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const explorer = document.createElement("openapi-explorer");
const looks = {
  "spec-url": new URL("openapi.json", location.href).pathname,
  "server-url": location.origin,
  "hide-server-selection": "true",
  "hide-defaults": "false",
  "explorer-location": location.pathname,
  "primary-color": dark ? "#e0b356" : "#b8862b",
  "bg-color": dark ? "#0f1120" : "#fbfaf7",
  "text-color": dark ? "#e9e7e1" : "#14172b",
  "nav-bg-color": "#14172b",
  "nav-text-color": "#e9e7e1",
};
for (const [name, value] of Object.entries(looks)) explorer.setAttribute(name, value);
place.append(explorer);
