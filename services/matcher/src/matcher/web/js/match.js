import { fetchJson, patiently, pause, request, withQuery } from "./api.js";
import { byId, make } from "./dom.js";
import { clock, count, nameOf } from "./format.js";
import { errorLine, showError } from "./notices.js";
import { Ranking } from "./ranking.js";
import { showStages } from "./stages.js";

const PAGE = 25;
const SHORTEST_WAIT_S = 0.25;

/** One clip: its stages while it is worked on, then its ranking and the player. */
export class MatchView {
  #player;
  #ranking;
  #id = null;
  #cursor = null;
  #open = null;
  #loading = false;
  #onDone;

  constructor(player, { onDone }) {
    this.#player = player;
    this.#onDone = onDone;
    this.#ranking = new Ranking(byId("ranking"), { onPlay: (result) => this.#play(result), onEnd: () => this.#more() });
    byId("ranking-more").addEventListener("click", () => this.#more());
    byId("rank-again").addEventListener("click", () => this.#again());
    player.addEventListener("change", () => this.#ranking.mark(player.track?.id ?? null, player.playing));
  }

  get id() {
    return this.#id;
  }

  close() {
    this.#open?.abort();
    this.#id = null;
    this.#player.unload();
    this.#reset();
    byId("match").hidden = true;
  }

  /** Shows clip `id`, following its stages until it is ranked, has failed, or another view takes over. */
  async open(id) {
    this.close();
    this.#id = id;
    this.#open = new AbortController();
    byId("match").hidden = false;
    byId("match-title").textContent = "Clip";
    await this.#guarded(async (signal) => {
      const { body: clip } = await fetchJson(`/videos/${encodeURIComponent(id)}`, { signal });
      this.#showClip(clip);
      await this.#follow(signal);
    });
  }

  walk(step) {
    if (!byId("ranked").hidden) this.#ranking.walk(step);
  }

  /** Says that the ranking shown is of an earlier library. */
  libraryChanged() {
    if (!byId("ranked").hidden) byId("stale").hidden = false;
  }

  async #again() {
    await this.#guarded((signal) => this.#follow(signal));
    byId("match-title").focus();
  }

  async #follow(signal) {
    const path = withQuery(`/match/${encodeURIComponent(this.#id)}`, { limit: PAGE });
    for (;;) {
      const answer = await fetchJson(path, { signal });
      if (answer.status === 200) return this.#showRanking(answer.body);
      showStages(byId("stages"), answer.body.stage, answer.body.progress);
      await pause(Math.max(SHORTEST_WAIT_S, answer.retryAfter ?? 1), signal);
    }
  }

  async #more() {
    if (!this.#cursor || this.#loading) return;
    this.#loading = true;
    const path = withQuery(`/match/${encodeURIComponent(this.#id)}`, { limit: PAGE, cursor: this.#cursor });
    const signal = this.#open.signal;
    try {
      const { body } = await patiently(() => request(path, { signal }), { signal, tries: 3 });
      this.#append(body);
    } catch (error) {
      if (error.name !== "AbortError") showError(error, "The next tracks");
    } finally {
      this.#loading = false;
    }
  }

  /** Runs a part of this view; its errors stand in the view, and nothing is said once another view took over. */
  async #guarded(part) {
    const { signal } = this.#open;
    try {
      await part(signal);
    } catch (error) {
      if (error.name !== "AbortError" && !signal.aborted) this.#showProblem(error);
    }
  }

  #showClip(clip) {
    byId("match-title").textContent = nameOf(clip);
    document.title = `${nameOf(clip)} · Needledrop`;
    byId("player").hidden = false;
    this.#player.load(clip.url, clip.duration_s);
  }

  #showRanking(answer) {
    const { model, total } = answer;
    byId("stages").hidden = true;
    byId("stale").hidden = true;
    byId("ranked").hidden = false;
    byId("ranked-empty").hidden = total > 0;
    this.#ranking.clear();
    const words = `${count(total, "track")}, ranked by ${model.kind} (${model.bundle})`;
    byId("ranked-about").replaceChildren(words);
    if (model.untrained_backbones) byId("ranked-about").append(" ", make("span", { class: "badge" }, "untrained backbones"));
    this.#append(answer);
    this.#onDone();
  }

  #append(answer) {
    this.#cursor = answer.next_cursor;
    byId("ranking-more").hidden = !this.#cursor;
    this.#ranking.append(answer.results);
    this.#ranking.mark(this.#player.track?.id ?? null, this.#player.playing);
  }

  #showProblem(error) {
    const sentence = make("p", {}, errorLine(error));
    const hint = make("p", { class: "quiet" }, error.status === 404 ? "It may have been deleted." : "Try another clip.");
    byId("stages").hidden = true;
    byId("player").hidden = true;
    byId("match-error").replaceChildren(sentence, hint);
    byId("match-error").hidden = false;
    this.#onDone();
  }

  #play(result) {
    if (this.#player.track?.id === result.audio.id) this.#player.toggle();
    else this.#player.cue({ ...result.audio, start_s: result.start_s });
    byId("now").title = `${nameOf(result.audio)}, ${clock(result.audio.duration_s)}`;
  }

  #reset() {
    this.#cursor = null;
    this.#ranking.clear();
    for (const id of ["player", "player-note", "stages", "match-error", "ranked", "stale", "ranking-more"]) byId(id).hidden = true;
    document.title = "Needledrop";
  }
}
