import { network, request } from "./api.js";
import { byId } from "./dom.js";
import { errorLine } from "./notices.js";

/** Resolves once the server answers this page: at once where it asks for no key, or after signing in. */
export async function signedIn() {
  byId("signin").addEventListener("submit", signIn);
  byId("signout").addEventListener("click", signOut);
  network.addEventListener("locked", ask);
  try {
    const { body } = await request("/session");
    byId("signout").hidden = !body?.signed_in;
    byId("signout").title = body?.signed_in ? `Signed in with the key “${body.name}”` : "";
  } catch (error) {
    if (error.status === 401) await new Promise(() => {}); // The page is loaded anew after signing in.
  }
}

function ask() {
  byId("signin").hidden = false;
  for (const part of document.querySelectorAll("main, .notices, footer")) part.hidden = true;
  byId("signin-key").focus();
}

async function signIn(event) {
  event.preventDefault();
  const field = byId("signin-key");
  try {
    await request("/session", { method: "POST", headers: { Authorization: `Bearer ${field.value.trim()}` } });
    window.location.reload();
  } catch (error) {
    byId("signin-error").replaceChildren(errorLine(error));
    field.select();
  }
}

async function signOut() {
  try {
    await request("/session", { method: "DELETE" });
  } finally {
    window.location.reload();
  }
}
