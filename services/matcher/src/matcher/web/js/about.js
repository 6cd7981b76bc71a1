import { fetchJson } from "./api.js";
import { byId } from "./dom.js";
import { count } from "./format.js";

const UNTRAINED =
  "The backbones of this model are untrained: seeded stand-ins take the place of trained networks. " +
  "The ranking shows that the system works, not what music goes with a picture.";
const NO_MODEL = "No model is registered yet, so nothing can be ranked.";

/** Says how many tracks there are, which version this is, and plainly where the model is a stand-in. */
export async function showAbout() {
  const { body } = await fetchJson("/about");
  const { model, tracks, version } = body;
  const notice = byId("untrained");
  notice.textContent = model ? UNTRAINED : NO_MODEL;
  notice.hidden = Boolean(model) && !model.untrained_backbones;
  byId("version").textContent = `Needledrop ${version}`;
  byId("library-about").textContent = counts(tracks);
}

function counts({ ready, queued, failed }) {
  const parts = [`${count(ready, "track")} ready`];
  if (queued) parts.push(`${queued} in progress`);
  if (failed) parts.push(`${failed} failed`);
  return parts.join(" · ");
}
