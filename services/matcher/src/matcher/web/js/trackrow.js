import { bar, icon, make } from "./dom.js";
import { clock, nameOf, percent, stageText } from "./format.js";
import { errorLine } from "./notices.js";

/** A track of the library. `onDelete` is called by its button. */
export function trackRow(track, { onDelete }) {
  const name = nameOf(track);
  const drop = make("button", { type: "button", class: "icon", "aria-label": `Delete ${name}`, onclick: onDelete }, icon("trash"));
  return row(
    { "data-id": track.id, "data-status": track.status },
    make("span", { class: "title" }, name),
    make("span", { class: "under" }, ...state(track)),
    drop,
  );
}

/** A file on its way; give the answer's `progress` the share sent. */
export function sendingRow(name, { onCancel }) {
  const line = make("span", { class: "under" }, "Waiting to upload");
  const cancel = make("button", { type: "button", class: "link", onclick: onCancel }, "Cancel");
  const element = row({ "data-status": "uploading" }, make("span", { class: "title" }, name), line, cancel);
  const progress = (share) => line.replaceChildren(`Uploading ${percent(share)}`, bar(share, `Uploaded of ${name}`));
  return { element, progress };
}

export function unsentRow(name, error, { onAgain, onDismiss }) {
  return row(
    { "data-status": "failed" },
    make("span", { class: "title" }, name),
    make("span", { class: "under" }, errorLine(error)),
    make("span", {},
      make("button", { type: "button", class: "link", onclick: onAgain }, "Try again"), " ",
      make("button", { type: "button", class: "link", onclick: onDismiss }, "Dismiss")),
  );
}

function row(attributes, ...children) {
  return make("li", attributes, ...children);
}

function state(track) {
  if (track.status === "failed") return [errorLine(track.error ?? { code: "internal", detail: "It could not be processed." })];
  if (track.status === "ready") return [track.artist || "Unknown artist", " · ", clock(track.duration_s)];
  const words = stageText(track.stage, track.progress);
  return track.stage === "extracting" ? [words, bar(track.progress, "Extracted")] : [words];
}
