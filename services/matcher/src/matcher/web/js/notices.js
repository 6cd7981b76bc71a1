import { network } from "./api.js";
import { byId, make } from "./dom.js";
import { sentence } from "./format.js";

/** The sentence of an error, and its code for whoever looks it up. */
export function errorLine(error) {
  return make("span", { class: "error" }, sentence(error.detail ?? error.message), " ", make("code", {}, error.code ?? "internal"));
}

/** Shows an error at the top of the page until it is dismissed. */
export function showError(error, about = "") {
  const close = make("button", { type: "button", class: "link" }, "Dismiss");
  const notice = make("p", { class: "notice bad" }, about ? `${about}: ` : "", errorLine(error), " ", close);
  close.addEventListener("click", () => notice.remove());
  byId("errors").append(notice);
}

export function watchConnection() {
  const line = byId("connection");
  network.addEventListener("trouble", ({ detail: { error, wait } }) => {
    line.textContent = `${error.message} Trying again in ${Math.ceil(wait)} s (${error.code}).`;
    line.hidden = false;
  });
  network.addEventListener("fine", () => {
    line.hidden = true;
  });
}
