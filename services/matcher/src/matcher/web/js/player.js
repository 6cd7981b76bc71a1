import { TAIL_S, fault, reload, settled, until } from "./media.js";

const TIGHT_S = 0.02;
const LOOSE_S = 0.25;
const STEEPEST_RATE = 0.1;
const CHECK_MS = 100;

/**
 * Plays a muted clip and a track together: the track is at `start_s` while the clip is at 0. Fires "change", and "trouble"
 * with a sentence, empty once it is over. A small drift is taken up by the clip's rate, which nobody hears; a large one by starting both again.
 */
export class Player extends EventTarget {
  #video;
  #audio;
  #track = null;
  #clipLength = NaN;
  #wanted = false;
  #gathering = false;
  #ticket = 0;
  #blind = false;
  #pictureTrouble = "";
  #loop = true;

  constructor(video, audio) {
    super();
    this.#video = video;
    this.#audio = audio;
    video.muted = true;
    video.loop = this.#loop;
    video.addEventListener("seeking", () => this.#gather());
    video.addEventListener("ended", () => this.pause());
    video.addEventListener("error", () => this.#losePicture());
    audio.addEventListener("error", () => this.#loseSound());
    audio.addEventListener("ended", () => this.#blind && this.#turnBlind());
    for (const media of [video, audio]) {
      media.addEventListener("waiting", () => this.#wanted && !this.#gathering && !this.#silent && this.#gather());
      media.addEventListener("pause", () => this.#pausedElsewhere(media) && this.pause());
      media.addEventListener("durationchange", () => this.#changed());
    }
    document.addEventListener("visibilitychange", () => this.#align());
    setInterval(() => this.#align(), CHECK_MS);
  }

  get playing() {
    return this.#wanted;
  }

  get track() {
    return this.#track;
  }

  /** True while the clip runs on after the end of the track. */
  get tail() {
    return !this.#blind && this.#track !== null && this.#silent;
  }

  get position() {
    const blind = this.#track ? Math.max(0, this.#audio.currentTime - this.#track.start_s) : 0;
    return this.#blind ? blind : this.#video.currentTime;
  }

  get length() {
    return this.#blind || !Number.isFinite(this.#video.duration) ? this.#clipLength : this.#video.duration;
  }

  get loop() {
    return this.#loop;
  }

  set loop(value) {
    this.#loop = value;
    this.#video.loop = value;
    this.#changed();
  }

  set volume(value) {
    this.#audio.volume = value;
  }

  /** Puts a clip in, with no track. `seconds`: its length where the browser can't read it. */
  load(url, seconds) {
    this.unload();
    this.#clipLength = seconds ?? NaN;
    this.#video.src = url;
  }

  unload() {
    this.#ticket += 1;
    this.#gathering = false;
    this.#blind = false;
    this.#pictureTrouble = "";
    this.#track = null;
    this.pause();
    for (const media of [this.#video, this.#audio]) {
      media.removeAttribute("src");
      media.load();
    }
    this.#changed();
  }

  /** Plays `track` ({url, start_s}) with the clip, from the clip's start. */
  cue(track) {
    this.#track = track;
    this.#audio.src = track.url;
    this.#wanted = true;
    this.#trouble(this.#pictureTrouble);
    if (!this.#blind && this.#video.currentTime !== 0) this.#video.currentTime = 0;
    this.#gather();
  }

  /** Goes on from where it stands. What could not be loaded is asked for again. */
  play() {
    this.#wanted = true;
    if (this.#audio.error) reload(this.#audio, this.#audio.currentTime);
    if (this.#video.error) this.#retryPicture();
    if (this.#video.ended) this.#video.currentTime = 0;
    this.#gather();
  }

  pause() {
    this.#wanted = false;
    this.#halt();
    this.#changed();
  }

  toggle() {
    if (this.#wanted) this.pause();
    else this.play();
  }

  seek(position) {
    if (!this.#blind) this.#video.currentTime = position;
    else if (this.#track) this.#audio.currentTime = this.#track.start_s + position;
    this.#changed();
  }

  get #target() {
    return (this.#track?.start_s ?? 0) + this.#video.currentTime;
  }

  get #silent() {
    return !this.#track || (!this.#blind && this.#target >= this.#audio.duration - TAIL_S);
  }

  /** Stops both, waits until both can go on from the clip's position, and starts them in one go. */
  async #gather() {
    const ticket = ++this.#ticket;
    this.#gathering = true;
    this.#halt();
    this.#changed();
    if (!this.#blind) await settled(this.#video);
    if (this.#track) await this.#aim(ticket);
    if (ticket !== this.#ticket) return;
    this.#gathering = false;
    if (this.#wanted) await this.#start(ticket);
    this.#changed();
  }

  async #aim(ticket) {
    await until(this.#audio, () => this.#audio.readyState >= HTMLMediaElement.HAVE_METADATA);
    if (ticket !== this.#ticket) return;
    const target = this.#blind ? Math.max(this.#audio.currentTime, this.#track.start_s) : this.#target;
    if (!this.#silent && Math.abs(this.#audio.currentTime - target) > TIGHT_S / 4) this.#audio.currentTime = target;
    if (!this.#silent) await settled(this.#audio);
  }

  async #start(ticket) {
    const starting = [];
    if (!this.#silent) starting.push(this.#audio.play());
    if (!this.#blind) starting.push(this.#video.play());
    const outcomes = await Promise.allSettled(starting);
    const refused = outcomes.some((outcome) => outcome.reason?.name === "NotAllowedError");
    if (ticket !== this.#ticket) return;
    if (refused) {
      this.pause();
      this.#trouble("The browser wants a click first: press play.");
    } else if (outcomes.every((outcome) => outcome.status === "fulfilled")) {
      if (!this.#blind) this.#pictureTrouble = "";
      this.#trouble(this.#pictureTrouble);
    }
  }

  #halt() {
    this.#video.pause();
    this.#audio.pause();
    this.#video.playbackRate = 1;
  }

  #align() {
    if (!this.#wanted || this.#gathering || document.hidden || this.#audio.error) return;
    if (this.#blind) {
      if (this.position >= this.#clipLength) this.#turnBlind();
      return;
    }
    if (this.#silent) {
      if (!this.#audio.paused) this.#audio.pause();
      this.#setRate(1);
      this.#changed();
      return;
    }
    const drift = this.#audio.currentTime - this.#target;
    if (this.#audio.paused || Math.abs(drift) > LOOSE_S) this.#gather();
    else this.#setRate(Math.abs(drift) < TIGHT_S ? 1 : 1 + Math.min(STEEPEST_RATE, Math.max(-STEEPEST_RATE, drift)));
  }

  #setRate(rate) {
    if (Math.abs(this.#video.playbackRate - rate) > 0.004) this.#video.playbackRate = rate;
  }

  #pausedElsewhere(media) {
    const expected = !this.#wanted || this.#gathering || !media.paused || media.ended;
    return !expected && !(media === this.#audio && this.#silent);
  }

  #turnBlind() {
    if (!this.#loop) this.pause();
    this.#audio.currentTime = this.#track.start_s;
    if (this.#loop) this.#gather();
  }

  #retryPicture() {
    const { position } = this;
    this.#blind = false;
    reload(this.#video, position);
  }

  async #losePicture() {
    if (!this.#video.getAttribute("src")) return;
    this.#blind = true;
    if (this.#track) this.#gather();
    const { error } = this.#video;
    const why = (await fault(this.#video, "clip")) ?? "This browser can't show the clip's format.";
    if (this.#video.error !== error) return;
    this.#pictureTrouble = `${why} The tracks play without the picture.`;
    this.#trouble(this.#pictureTrouble);
  }

  async #loseSound() {
    if (!this.#audio.getAttribute("src")) return;
    this.pause();
    const { error } = this.#audio;
    const why = (await fault(this.#audio, "track")) ?? "This browser can't play the track's format.";
    if (this.#audio.error === error) this.#trouble(why);
  }

  #trouble(sentence) {
    this.dispatchEvent(new CustomEvent("trouble", { detail: sentence }));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
