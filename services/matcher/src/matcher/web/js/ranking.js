import { make } from "./dom.js";
import { clock, nameOf } from "./format.js";

/** The ranked tracks as a list of buttons. `onPlay` gets a result of the API's; `onEnd` is told that more are wanted. */
export class Ranking {
  #list;
  #onPlay;
  #onEnd;

  constructor(list, { onPlay, onEnd }) {
    this.#list = list;
    this.#onPlay = onPlay;
    this.#onEnd = onEnd;
  }

  clear() {
    this.#list.replaceChildren();
  }

  append(results) {
    this.#list.append(...results.map((result) => make("li", {}, this.#row(result))));
  }

  /** Puts the focus on the next (1) or the one before (-1), starting at the first. */
  walk(step) {
    const rows = this.#rows();
    const now = rows.indexOf(document.activeElement);
    const current = now >= 0 ? now : rows.findIndex((row) => row.getAttribute("aria-pressed") === "true");
    const next = current < 0 ? 0 : current + step;
    if (next >= rows.length) this.#onEnd();
    rows[next]?.focus();
  }

  /** Marks the track that is in the player; null for none. */
  mark(audioId, playing) {
    for (const row of this.#rows()) {
      const chosen = row.dataset.id === String(audioId);
      row.setAttribute("aria-pressed", String(chosen));
      row.classList.toggle("sounding", chosen && playing);
    }
  }

  #rows() {
    return [...this.#list.querySelectorAll("button")];
  }

  #row(result) {
    const { rank, score, distance, start_s: start, audio } = result;
    const fill = make("span", { class: "fill" });
    fill.style.inlineSize = `${Math.min(1, Math.max(0, score)) * 100}%`;
    return make(
      "button",
      {
        type: "button", class: "ranked", "data-id": audio.id, "data-start": start, "aria-pressed": "false",
        onclick: () => this.#onPlay(result),
      },
      make("span", { class: "rank" }, String(rank)),
      make("span", { class: "what" },
        make("span", { class: "title" }, nameOf(audio)),
        make("span", { class: "artist" }, audio.artist || "Unknown artist")),
      make("span", { class: "score", title: `distance ${distance.toFixed(3)}` },
        make("span", { class: "bar", "aria-hidden": "true" }, fill),
        make("span", {}, make("span", { class: "offscreen" }, "score "), score.toFixed(3))),
      make("span", { class: "start" }, "from ", clock(start)),
      make("span", { class: "length" }, make("span", { class: "offscreen" }, "length "), clock(audio.duration_s)),
    );
  }
}
