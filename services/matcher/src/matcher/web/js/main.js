import { showAbout } from "./about.js";
import { Clips } from "./clips.js";
import { Controls } from "./controls.js";
import { byId } from "./dom.js";
import { catchStrayDrops, dropzone } from "./dropzone.js";
import { Library } from "./library.js";
import { MatchView } from "./match.js";
import { showError, watchConnection } from "./notices.js";
import { Player } from "./player.js";
import { signedIn } from "./signin.js";
import { ClipUpload } from "./uploads.js";

const ABOUT_AT_MOST_EVERY_MS = 500;

const player = new Player(byId("video"), byId("audio"));
const controls = new Controls(player);
const match = new MatchView(player, { onDone: () => attempt(() => clips.load(match.id)) });
const clips = new Clips({ onDelete: clipGone });
const library = new Library({ onCounts: refreshAbout, onChange: () => match.libraryChanged() });
const clipUpload = new ClipUpload(clipSent);
let aboutTimer = null;

watchConnection();
const opened = signedIn();
dropzone(byId("clip"), byId("clip-file"), onceOpen(sendClip));
dropzone(byId("library"), byId("track-files"), onceOpen(addTracks));
catchStrayDrops(["audio/", "video/"], onceOpen((files) => (files.every((file) => file.type.startsWith("audio/")) ? addTracks : sendClip)(files)));
await opened;
window.addEventListener("hashchange", arrive);
window.addEventListener("keydown", onKey);
window.addEventListener("keyup", keepSpace);
refreshAbout();
attempt(() => library.load());
route();

function route() {
  const [, id] = /^#\/match\/([\w-]+)$/.exec(window.location.hash) ?? [];
  byId("home").hidden = Boolean(id);
  controls.note("");
  if (id) match.open(id);
  else match.close();
  attempt(() => clips.load(match.id));
}

/** The new view begins where the reader looks, and where a screen reader reads. */
function arrive() {
  route();
  byId("clip").scrollIntoView();
  if (match.id) byId("match-title").focus({ preventScroll: true });
}

/** Files given before the server has answered wait for it. */
function onceOpen(take) {
  return async (files) => {
    await opened;
    take(files);
  };
}

function addTracks(files) {
  library.add(files);
}

function sendClip(files) {
  byId("clip").scrollIntoView();
  clipUpload.send(files[0]);
  if (files.length > 1) showError({ code: "one_clip", detail: `One clip at a time: “${files[0].name}” was taken.` });
}

function clipSent(clip) {
  const hash = `#/match/${encodeURIComponent(clip.id)}`;
  if (window.location.hash === hash) arrive();
  else window.location.hash = hash;
}

function clipGone(id) {
  if (match.id === id) window.location.hash = "#/";
  else attempt(() => clips.load(match.id));
}

function onKey(event) {
  const asked = byId("confirm").open || !byId("signin").hidden;
  const busy = event.ctrlKey || event.metaKey || event.altKey || asked || match.id === null;
  const inside = event.target.closest("input, button, a, select, textarea");
  const walking = inside?.closest("#ranking") || !inside;
  if (busy || (inside?.matches("input") && event.key !== "j" && event.key !== "k")) return;
  if (event.key === "j" || (event.key === "ArrowDown" && walking)) match.walk(1);
  else if (event.key === "k" || (event.key === "ArrowUp" && walking)) match.walk(-1);
  else if (event.key === " " && (!inside || inside.closest("#ranking"))) player.toggle();
  else return;
  event.preventDefault();
}

/** Browsers click a button when Space comes up; in the ranking Space has just paused. */
function keepSpace(event) {
  if (event.key === " " && event.target.closest("#ranking")) event.preventDefault();
}

/** Many tracks may finish at once; their numbers are read once. */
function refreshAbout() {
  aboutTimer ??= setTimeout(() => {
    aboutTimer = null;
    attempt(showAbout);
  }, ABOUT_AT_MOST_EVERY_MS);
}

async function attempt(call) {
  try {
    await call();
  } catch (error) {
    if (error.name !== "AbortError") showError(error);
  }
}
