import { bar, byId, make, setBar } from "./dom.js";
import { percent } from "./format.js";
import { errorLine } from "./notices.js";
import { upload } from "./upload.js";

const AT_ONCE = 2;

/** Runs tasks in turn, a few at a time. */
export class Turns {
  #waiting = [];
  #running = 0;

  add(task) {
    this.#waiting.push(task);
    this.#next();
  }

  async #next() {
    if (this.#running >= AT_ONCE || !this.#waiting.length) return;
    this.#running += 1;
    try {
      await this.#waiting.shift()();
    } finally {
      this.#running -= 1;
      this.#next();
    }
  }
}

/** Sends one clip, with its progress in `#clip-upload`; `onSent` gets the server's record. */
export class ClipUpload {
  #panel = byId("clip-upload");
  #current = null;
  #onSent;

  constructor(onSent) {
    this.#onSent = onSent;
  }

  async send(file) {
    this.#current?.abort();
    const current = new AbortController();
    this.#current = current;
    const progress = bar(0, "Uploaded");
    const share = make("span", { class: "share" });
    const cancel = make("button", { type: "button", class: "link", onclick: () => current.abort() }, "Cancel");
    this.#show("busy", make("span", {}, `Uploading ${file.name}`), progress, share, cancel);
    const onProgress = (value) => {
      setBar(progress, value);
      share.textContent = percent(value);
    };
    try {
      const clip = await upload("/videos", file, { onProgress, signal: current.signal });
      this.#hide();
      this.#onSent(clip);
    } catch (error) {
      if (this.#current !== current) return;
      if (error.name === "AbortError") this.#hide();
      else this.#fail(error, file);
    }
  }

  #fail(error, file) {
    const again = make("button", { type: "button", class: "link", onclick: () => this.send(file) }, "Try again");
    const dismiss = make("button", { type: "button", class: "link", onclick: () => this.#hide() }, "Dismiss");
    this.#show("bad", make("span", {}, `${file.name}: `, errorLine(error)), again, dismiss);
  }

  #show(state, ...children) {
    this.#panel.className = `upload ${state}`;
    this.#panel.replaceChildren(...children);
    this.#panel.hidden = false;
  }

  #hide() {
    this.#panel.hidden = true;
    this.#panel.replaceChildren();
  }
}
