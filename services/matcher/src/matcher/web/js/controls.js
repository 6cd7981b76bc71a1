import { byId, icon } from "./dom.js";
import { clock, nameOf } from "./format.js";

/** The player's buttons and sliders, kept to what the player does. */
export class Controls {
  #player;
  #dragging = false;

  constructor(player) {
    this.#player = player;
    byId("play").addEventListener("click", () => player.toggle());
    byId("loop").addEventListener("click", () => (player.loop = !player.loop));
    byId("volume").addEventListener("input", (event) => (player.volume = event.target.valueAsNumber));
    byId("video").addEventListener("click", () => player.toggle());
    byId("fullscreen").addEventListener("click", () => this.#fullScreen());
    this.#wireSeek(byId("seek"));
    player.addEventListener("change", () => this.#show());
    player.addEventListener("trouble", (event) => this.note(event.detail));
    byId("video").addEventListener("timeupdate", () => this.#showTime());
    byId("audio").addEventListener("timeupdate", () => this.#showTime());
    byId("fullscreen").hidden = !document.fullscreenEnabled;
  }

  note(sentence) {
    byId("player-note").textContent = sentence;
    byId("player-note").hidden = !sentence;
  }

  #wireSeek(slider) {
    slider.addEventListener("input", () => {
      this.#dragging = true;
      this.#player.seek(slider.valueAsNumber);
    });
    slider.addEventListener("change", () => (this.#dragging = false));
  }

  #fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else byId("player").requestFullscreen();
  }

  #show() {
    const { playing, track, loop, tail } = this.#player;
    byId("play").replaceChildren(icon(playing ? "pause" : "play"));
    byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    byId("loop").setAttribute("aria-pressed", String(loop));
    const words = track ? `${nameOf(track)} from ${clock(track.start_s)}${tail ? " · the track has ended" : ""}` : "Silent";
    if (byId("now").textContent !== words) byId("now").textContent = words;
    this.#showTime();
  }

  #showTime() {
    const { position, length } = this.#player;
    const slider = byId("seek");
    const spoken = `${clock(position)} of ${clock(length)}`;
    slider.max = Number.isFinite(length) ? length : 1;
    if (!this.#dragging) slider.value = position;
    slider.setAttribute("aria-valuetext", spoken);
    byId("time").textContent = `${clock(position)} / ${clock(length)}`;
  }
}
