/** Seconds as m:ss, or h:mm:ss from an hour on. An unknown length is a dash. */
export function clock(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export function percent(share) {
  return `${Math.floor(share * 100)} %`;
}

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

export function day(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.valueOf()) ? "" : date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** What to call a track or clip: its title, else the name of its file. */
export function nameOf(media) {
  return media.title || media.filename || "Untitled";
}

/** `value` as a sentence; null where it is no text. */
export function sentence(value) {
  if (typeof value !== "string" || !value) return null;
  return value[0].toUpperCase() + value.slice(1) + (/[.!?…]$/.test(value) ? "" : ".");
}

const STAGES = {
  queued: "Queued",
  started: "Started",
  extracting: "Extracting",
  embedding: "Embedding",
  ready: "Ready",
};

export const stageNames = Object.entries(STAGES);

export function stageText(stage, progress) {
  const name = STAGES[stage] ?? stage;
  return stage === "extracting" && progress !== null && progress !== undefined ? `${name} ${percent(progress)}` : name;
}
