import { fetchJson, remove, withQuery } from "./api.js";
import { confirmDelete } from "./confirm.js";
import { byId, icon, make } from "./dom.js";
import { clock, day, nameOf, stageText } from "./format.js";
import { showError } from "./notices.js";
import { onMore } from "./paging.js";

const PAGE = 10;

/** The clips sent earlier, each a link to its ranking. `onDelete` gets the id of one that is gone. */
export class Clips {
  #list = byId("clips");
  #cursor = null;
  #current = null;
  #onDelete;

  constructor({ onDelete }) {
    this.#onDelete = onDelete;
    onMore(byId("clips-more"), "Earlier clips", () => this.#page());
  }

  /** Reads the first page again and marks clip `current`. */
  async load(current) {
    this.#current = current;
    await this.#page(true);
  }

  async #page(anew = false) {
    const { body } = await fetchJson(withQuery("/videos", { limit: PAGE, cursor: anew ? null : this.#cursor }));
    this.#cursor = body.next_cursor;
    const rows = body.items.map((clip) => this.#row(clip));
    if (anew) this.#list.replaceChildren(...rows);
    else this.#list.append(...rows);
    byId("clips-more").hidden = !this.#cursor;
    byId("earlier").hidden = this.#list.childElementCount === 0;
  }

  #row(clip) {
    const name = nameOf(clip);
    const here = clip.id === this.#current;
    const link = make("a", { href: `#/match/${encodeURIComponent(clip.id)}`, class: "title", "aria-current": here && "page" }, name);
    const drop = make("button", { type: "button", class: "icon", "aria-label": `Delete ${name}` }, icon("trash"));
    drop.addEventListener("click", () => this.#delete(clip));
    return make("li", { "data-id": clip.id, "data-status": clip.status }, link, make("span", { class: "under" }, state(clip)), drop);
  }

  async #delete(clip) {
    if (!(await confirmDelete(`Delete the clip “${nameOf(clip)}”?`))) return;
    try {
      await remove(`/videos/${encodeURIComponent(clip.id)}`);
    } catch (error) {
      if (error.status !== 404) return void showError(error, nameOf(clip));
    }
    this.#onDelete(clip.id);
  }
}

function state(clip) {
  if (clip.status === "failed") return `Failed: ${clip.error?.code ?? "internal"}`;
  if (clip.status === "ready") return `${clock(clip.duration_s)} · ${day(clip.created_at)}`;
  return stageText(clip.stage, clip.progress);
}
