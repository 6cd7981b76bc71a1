import { ApiError, fetchJson, pause, remove, withQuery } from "./api.js";
import { confirmDelete } from "./confirm.js";
import { byId } from "./dom.js";
import { nameOf } from "./format.js";
import { showError } from "./notices.js";
import { onMore } from "./paging.js";
import { sendingRow, trackRow, unsentRow } from "./trackrow.js";
import { upload } from "./upload.js";
import { Turns } from "./uploads.js";

const PAGE = 50;
const WATCH_FIRST = 4;
const WATCH_IN_TURN = 4;
const WATCH_EVERY_S = 1;

/** The library's list. `onCounts` is called when its numbers may have changed, `onChange` when a ranking may have. */
export class Library {
  #list = byId("tracks");
  #rows = new Map();
  #pending = [];
  #watching = false;
  #cursor = null;
  #turns = new Turns();
  #onCounts;
  #onChange;

  constructor({ onCounts, onChange }) {
    this.#onCounts = onCounts;
    this.#onChange = onChange;
    onMore(byId("tracks-more"), "The library", () => this.#page());
  }

  async load() {
    this.#cursor = null;
    await this.#page();
  }

  add(files) {
    for (const file of files) this.#send(file);
  }

  async #page() {
    const { body } = await fetchJson(withQuery("/audio", { limit: PAGE, cursor: this.#cursor }));
    this.#cursor = body.next_cursor;
    byId("tracks-more").hidden = !this.#cursor;
    for (const track of body.items) this.#put(track);
    this.#changed();
  }

  #send(file) {
    const cancelled = new AbortController();
    const sending = sendingRow(file.name, { onCancel: () => cancelled.abort() });
    const retire = (replacement) => (replacement ? sending.element.replaceWith(replacement) : sending.element.remove());
    this.#list.prepend(sending.element);
    this.#changed();
    cancelled.signal.addEventListener("abort", () => retire());
    this.#turns.add(async () => {
      if (cancelled.signal.aborted) return;
      try {
        const track = await upload("/audio", file, { onProgress: sending.progress, signal: cancelled.signal });
        this.#put(track, sending.element);
      } catch (error) {
        if (error instanceof ApiError) retire(this.#unsent(file, error));
        else if (error.name !== "AbortError") throw error;
      }
      this.#changed();
    });
  }

  #unsent(file, error) {
    const leave = () => {
      row.remove();
      this.#changed();
    };
    const again = () => {
      row.remove();
      this.#send(file);
    };
    const row = unsentRow(file.name, error, { onAgain: again, onDismiss: leave });
    return row;
  }

  /** Shows a track in its place; a new one takes the place of `instead`, or comes last, as the older ones do. */
  #put(track, instead = null) {
    const row = trackRow(track, { onDelete: () => this.#delete(track) });
    const old = this.#rows.get(track.id);
    if (instead) {
      old?.remove();
      instead.replaceWith(row);
    } else if (old) this.#swap(old, row);
    else this.#list.append(row);
    this.#rows.set(track.id, row);
    const unfinished = track.status === "queued" || track.status === "processing";
    this.#pending = this.#pending.filter((id) => id !== track.id || unfinished);
    if (unfinished && !this.#pending.includes(track.id)) this.#pending[instead ? "push" : "unshift"](track.id);
    this.#watch();
  }

  #swap(old, row) {
    const focused = old.contains(document.activeElement);
    old.replaceWith(row);
    if (focused) row.querySelector("button").focus();
  }

  async #watch() {
    if (this.#watching) return;
    this.#watching = true;
    while (this.#pending.length) {
      await pause(WATCH_EVERY_S);
      for (const id of this.#due()) await this.#refresh(id);
    }
    this.#watching = false;
  }

  /** The oldest, which are being worked on, and a few of the rest in turn: a large import asks no more than a small one. */
  #due() {
    const rest = this.#pending.splice(WATCH_FIRST, WATCH_IN_TURN);
    this.#pending.push(...rest);
    return [...this.#pending.slice(0, WATCH_FIRST), ...rest];
  }

  async #refresh(id) {
    try {
      const { body } = await fetchJson(`/audio/${encodeURIComponent(id)}`);
      if (!this.#rows.has(id)) return;
      this.#put(body);
      if (body.status === "ready") this.#onChange();
      if (body.status === "ready" || body.status === "failed") this.#changed();
    } catch (error) {
      if (error.status === 404) this.#forget(id);
      else {
        this.#pending = this.#pending.filter((other) => other !== id);
        showError(error, "The library");
      }
    }
  }

  async #delete(track) {
    if (!(await confirmDelete(`Delete “${nameOf(track)}” from the library?`))) return;
    try {
      await remove(`/audio/${encodeURIComponent(track.id)}`);
    } catch (error) {
      if (error.status !== 404) return void showError(error, nameOf(track));
    }
    this.#forget(track.id);
    this.#onChange();
  }

  #forget(id) {
    this.#pending = this.#pending.filter((other) => other !== id);
    this.#rows.get(id)?.remove();
    this.#rows.delete(id);
    this.#changed();
  }

  #changed() {
    byId("library-empty").hidden = this.#list.childElementCount > 0;
    this.#onCounts();
  }
}
